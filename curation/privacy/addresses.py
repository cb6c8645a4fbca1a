"""Where somebody lives or gets parcels, in one text: streets with numbers, flats, boxes, postcodes, coordinates.

One sign is no address: "Street 12", "floor 3", "King Fahd Road" are told of shops and malls. A street counts with the
number of a house, a flat with a building or a street; and not where words say that it is a company's.
"""

import functools
import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]

# -- English, and forms of Europe --------------------------------------------------------------------------------------

_STREET = (
    r"(?:street|str|st|road|rd|avenue|ave|av|lane|ln|boulevard|blvd|crescent|cres|terrace|parade|highway|hwy|parkway"
    r"|pkwy|drive|dr)"
)
# Everyday words as well: with a capital only.
_STREET_NAMES = (
    r"(?:Close|Court|Ct|Place|Pl|Way|Square|Sq|Gardens|Gdns|Grove|Mews|Hill|Walk|Row|Circle|Cir|Trail|Loop|Quay|Rise"
    r"|View|Esplanade|Alley|Green|Park|Wharf|Heights|Meadows?|Vale)"
)
_DIRECTION = r"(?:[NSEW]\.?|[NS][EW]|North|South|East|West)"
_HOUSE = r"(?<![\w.,/$£€-])(?<![$£€] )\d{1,5}(?:[A-Za-z](?![a-z])|[-/]\d{1,4})?"
_WORD = r"[A-Za-z\u00c0-\u024f'’.-]{1,25}"
_CAPITAL = r"(?<![A-Za-z])[A-Z\u00c0-\u00de][A-Za-z\u00c0-\u024f'’-]{1,25}\.?"
_NAMED = rf"(?:(?:of|the|de|la|al|el|bin|ibn|von) |{_CAPITAL} |\d{{1,3}}(?:st|nd|rd|th) ){{1,4}}"
_KIND = (
    r"(?:flat|apartment|apt|villa|unit|suite|tower|building|bldg|block|house|plot|room|rm|floor|lane|road|street"
    r"|sector"
    r"|gate|compound|way|avenue|phase)"
)
_NUMBERED = (  # "flat 9", "Tower B", "apt. 5B", "sector G-11/2", "third floor", "4th floor"
    rf"(?<![A-Za-z])(?:(?i:{_KIND}\.?)\s?(?:(?i:no\.?|number)\s?)?#?\s?"
    r"(?:\d{1,5}[A-Za-z]?(?:/\d+)?|[A-Z]-?\d*(?:/\d+)?)(?![\w.]*\w)"
    r"|(?i:ground|first|second|third|fourth|fifth|sixth|\d{1,2}(?:st|nd|rd|th)) (?i:floor)(?![a-z]))"
)
_STREETS = (
    re.compile(
        rf"{_HOUSE},? (?:{_DIRECTION} )?{_NAMED}(?:(?i:{_STREET})\b\.?|{_STREET_NAMES}\b)"
        rf"(?: {_DIRECTION}(?![\w]))?"
    ),
    re.compile(
        rf"{_NAMED}(?:(?i:{_STREET})\b\.?|{_STREET_NAMES}\b),? (?i:no\.?|number|nr\.?|house) ?#?\d{{1,5}}[A-Za-z]?"
    ),
    re.compile(
        rf"\b(?:{_CAPITAL} )?[A-ZÄÖÜ][a-zäöüß-]{{2,25}}(?:straße|strasse|str\.|weg|gasse|platz|allee|ufer"
        rf"|damm) \d{{1,4}}\s?[a-z]?\b"
    ),
    re.compile(
        rf"{_HOUSE},? (?i:rue|avenue|boulevard|chemin|impasse|quai|via|viale|rua) (?:\w[\w'’-]* ){{0,4}}{_CAPITAL}"
    ),
    re.compile(
        rf"\b(?i:calle|carrer|avenida|avda\.?|via|rua"
        rf"|rue) (?:\w[\w'’-]* ){{0,4}}{_CAPITAL},? (?:n[º°o.]\s?)?\d{{1,4}}\b"
    ),
)
_LOWER_STREET = re.compile(rf"{_HOUSE} (?:[a-z'’]{{3,}} ){{1,3}}{_STREET}\b")  # where words say that it is an address
_PARTS = re.compile(
    rf"{_NUMBERED}(?:(?:[\s,]{{1,3}}|, (?:{_WORD} ){{1,3}}?|,? in (?:the )?)(?:{_NUMBERED}"
    rf"|(?:{_CAPITAL} ){{1,3}}(?:(?i:{_STREET})|{_STREET_NAMES})\b)){{1,5}}"
    rf"|(?:{_CAPITAL} ){{1,3}}(?:(?i:{_STREET})|{_STREET_NAMES}),? (?i:tower|flat|apt|apartment|villa|unit)\.? ?"
    r"(?:\d{1,5}[A-Za-z]?|[A-Z]\d*)\b"
)
_BOX = re.compile(
    r"(?<![A-Za-z])(?i:p\.? ?o\.? ?box|post(?:al)? box|bo[iî]te postale|postfach)\s?(?:(?i:no\.?|number)|#"
    r"|:)?\s?\d{2,7}"
    r"|(?:(?<!\w)ص ?[./] ?ب\.?|صندوق (?:ال)?بريد(?:ي)?)\s?(?:رقم)?\s?:?\s?\d{2,7}"
)
_CODES = (  # Britain; Canada; Ireland (Eircode)
    r"(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|(?:[AC-FHKNPRTV-Y]\d{2}"
    r"|D6W) ?[0-9AC-FHKNPRTV-Y]{4})"
)
_POSTCODE = re.compile(
    rf"(?i:post ?code|postal code|eircode|zip(?: ?code)?)(?i: is|:)?\s?(?P<value>(?i:{_CODES})|\d{{5}}-\d{{4}})\b"
)
_SAYS_CODE = re.compile(r"(?i:code|zip)")
_SHORT = re.compile(r"(?<![\w-])[A-Z]{4} ?\d{4}(?![\w-])")  # the national short address of Saudi Arabia
_SHORT_WORDS = re.compile(r"(?i:(?:short|national|home|my) address)|عنوان", re.IGNORECASE)
_COORDINATES = re.compile(
    r"(?<![\d.])-?\d{1,2}[.\u066b]\d{4,}°?\s?[NSns]?\s?[,;\s]\s?-?\d{1,3}[.\u066b]\d{4,}(?!\.?\d)(?:°?\s?[EWew]\b)?"
    r"|\d{1,2}°\s?\d{1,2}['′]\s?[\d.]+[\"″]\s?[NS][,\s]{1,2}\d{1,3}°\s?\d{1,2}['′]\s?[\d.]+[\"″]\s?[EW]"
)

# -- Arabic ------------------------------------------------------------------------------------------------------------

_ARABIC_END = r"(?![\u0621-\u064a])"
_ORDINAL = r"(?:ال)?(?:[أا]رضي|[أا]ول[ىي]?|ثانيه?|ثالث|رابع|خامس|سادس|سابع|ثامن|تاسع|عاشر|[أا]خير|تاني|تالت)[ةه]?"
_AREA = (
    r"(?:ب|ل|ال|بال|لل)?(?:شارع|طريق|حي|زنق[ةه]|زقاق|حار[ةه]|سك[ةه]|درب|نهج|جاد[ةه]|محل[ةه]|قطع[ةه]|بلوك"
    r"|مجاور[ةه]|مجمع|ممر)"
)
_BUILDING = r"(?:ب|ل|ال|بال|لل|و)?(?:عمار[ةه]|بناي[ةه]|برج|فيل[اةه]|مبن[ىي]|[إا]قام[ةه])"  # may have a name
_DWELLING = r"(?:ب|ل|ال|بال|لل|و)?(?:شق[ةه]|دور|طابق|منزل|بيت|دار|وحد[ةه]|غرف[ةه])"  # have numbers only
_NEXT = rf"(?!(?:{_AREA}|{_BUILDING}|{_DWELLING}|رقم|نمر[ةه]){_ARABIC_END})"
_NAME_OF = rf" {_NEXT}[\u0621-\u064a]{{2,}}(?: {_NEXT}[\u0621-\u064a]{{2,}})?"
_NUMBER = rf" ?:? ?(?:رقم |نمرة )?(?P<number>\d{{1,5}}[A-Za-z]?{_ARABIC_END}|{_ORDINAL}{_ARABIC_END})"
_ARABIC_PART = re.compile(
    rf"(?<![\u0621-\u064a])(?:(?P<named>{_AREA}|{_BUILDING}){_ARABIC_END}(?:{_NUMBER}|{_NAME_OF})"
    rf"|(?P<lived>{_DWELLING}){_ARABIC_END}{_NUMBER.replace('number', 'count')})"
)
_BUILT = re.compile(_BUILDING)
_SHORTENED = re.compile(  # as in Kuwait: block, street, lane, house
    r"(?<![\u0621-\u064a])ق(?:طع[ةه])? ?\d{1,3}[ ,]{1,2}ش(?:ارع)? ?\d{1,3}[ ,]{1,2}(?:ج(?:اد[ةه])? ?\d{1,3}[ ,]{1,2})?"
    r"(?:م(?:نزل)?|بيت) ?\d{1,4}"
)
_HOUSE_BEFORE = re.compile(r"(?<![\d.,:/\u066b-])\d{1,4} $")
_NUMBER_BEHIND = re.compile(r" ?,? ?(?:رقم |نمرة )\d{1,5}(?![\d.:/%])")
_BETWEEN = re.compile(r"(?: ?,? ?(?:رقم )?\d{1,5})?[^.!?؟\n\d:]{0,30}")  # from one sign to the next
_LEFT = re.compile(
    r"(?:(?<=^)|(?<=[:\n.]\s)|(?<=[:\n.])|(?<=في )|(?<= ))(?:(?!تمام|طيب|شكرا|نعم|حاضر|السلام|مرحبا|[أا]هلا|[أا]وك"
    r"|صح|لا,|يا )[\u0621-\u064a]{2,}(?: [\u0621-\u064a]{2,})?(?: \d{1,3})?, ?){1,2}$"
)
_ARABIC_RIGHT = re.compile(
    r"(?:,? (?!لو |من |بس |و)[\u0621-\u064a]{3,}(?: [\u0621-\u064a]{3,})?(?: \d{5})?(?=\s*(?:[.,!؟\n]|$))){1,2}"
    r"|,? \d{5}(?!\d)"
)
_TOWN = r"(?:(?:Co|St|Mt)\.|[A-Z\u00c0-\u00de][A-Za-z\u00c0-\u024f'’-]+)"
_RIGHT = re.compile(
    rf"(?:,?[ \n](?!(?:Thanks?|Please|The|This|That|I|I'm|My|We|Is|It|It's|And|But|Or|Can|Could|Call|Hi|Your|Are|Do"
    rf"|When"
    r"|What|How|Which|No|Yes|Ok|Okay|Got|Our)\b)"
    rf"(?:{_NUMBERED}|\#\d{{1,5}}[A-Za-z]?|{_CODES}|\d{{4,5}}(?:-\d{{4}})? {_CAPITAL}"
    rf"|(?:(?!(?:{_CODES})(?!\w)){_TOWN}(?!\d) ?){{1,3}}(?:\b[A-Z]{{2,3}} )?"
    r"(?:\d{4,5}(?:-\d{4})?|\d{1,2})?(?![\d\w])|[A-Z]{2,3}(?: \d{4,5}(?:-\d{4})?)?(?![\w-])|(?i:eircode) )){1,6}"
)

# -- whose it is -------------------------------------------------------------------------------------------------------

_OURS = re.compile(
    r"\b(?:our|us|branch(?:es)?|stores?|shop|showroom|restaurant|hotel|clinic|museum|venue|theat(?:re|er)|salon"
    r"|cinema|gym|mall|apartments|complex|hotels|propert(?:y|ies)|dentist|doctor"
    r"|headquarters|located|situated|location|dealer\w*|office|warehouse|(?:the|its|their) address|they are"
    r"|we(?: are|'re) (?:at|on|in)|it is at|it's at"
    r"|there is|there's|nearest)\b|فرع|فروع|معرض|محلنا|متجر|مقر|مكتبنا|عيادتنا|مطعم|فندق|مستشفى|عنواننا|موقعنا|مول",
    re.IGNORECASE,
)
_OURS_BEHIND = re.compile(
    r",? ?(?:\w+ )?(?:branch|store|shop|mall|showroom|outlet|restaurant|hotel|apartments|is an? \d|فرع)\b",
    re.IGNORECASE,
)
_THEIRS = re.compile(
    r"\b(?:my|deliver\w*|ship\w*|send|live[sd]?|living|home|moved|residence|billing|registered|on file|have you"
    r"|pick ?up from"
    r"|your (?:\w+ )?ad+ress|new ad+ress|staying|invoice)\b|عنواني|عنوانك|ساكن|سكني|بيت|توصيل|وصل|منزلي|[أا]سكن",
    re.IGNORECASE,
)
_ASKED_OURS = re.compile(
    r"\b(?:what|where|which|give|tell|send|get|have|need|know|provide)\b[^.!?]{0,40}\b(?:their|its|the|it|they"
    r"|you) ?(?:address|located|location)?"
    r"[^.!?]{0,15}(?:address|located|location)|where (?:is|are|'s) (?:it|you|they|your|the)|وين(?:كم| موقعكم"
    r"| فرعكم| الفرع)|موقعكم|عنوانكم|فرعكم",
    re.IGNORECASE,
)
_ASKED = re.compile(  # for where somebody lives
    r"\b(?:your|delivery|shipping|home|billing|full|street|mailing) (?:\w+ )?ad+ress|deliver (?:it )?to\?|عنوانك"
    r"|عنوان التوصيل"
    r"|العنوان (?:بالتفصيل|كامل)|وين (?:ساكن|نوصل)|ساكن فين",
    re.IGNORECASE,
)
_ANSWERED = re.compile(rf"{_NUMBERED}|(?i:\b{_STREET}\b)|\b{_STREET_NAMES}\b|{_AREA} |{_BUILDING} |{_DWELLING} ")
_ANSWER = 100  # characters of an answer that is the address and nothing else
_LOWER_WORDS = re.compile(r"ad+ress|deliver|live|ship|send|home|moved|house|billing", re.IGNORECASE)
_WINDOW = 60  # characters before an address that tell whose it is
_FEWEST_SIGNS = 2

# What a table's text must hold, for Polars; it passes over nothing that `addresses` finds. Bounds of ASCII words, since
# those of Unicode's words take Polars' engine thirty times as long in Arabic text, and letters of one script in each
# pattern, since one of both takes twice as long as two.
_LETTERS = r"[A-Za-z\x{c0}-\x{24f}'’.\d-]"
_BOUND = r"(?-u:\b)"
ADDRESS = (
    rf"(?i)\d[a-z]?,? (?:{_LETTERS}+ ){{1,5}}(?:{_STREET}|(?-i:{_STREET_NAMES})){_BOUND}"
    rf"|{_BOUND}(?:{_STREET}|(?-i:{_STREET_NAMES})){_BOUND}\.?,? (?:no|number|nr|house|tower|flat|apt"
    rf"|apartment|villa|unit){_BOUND}"
    rf"|{_BOUND}(?:{_KIND[3:-1]})\.?\s?(?:no\.?\s?|number\s?)?#?\s?[a-z]?-?\d"
    rf"|{_BOUND}(?:rue|chemin|impasse|quai|via|viale|rua|calle|carrer|avenida|avda){_BOUND}"
    rf"|box[\s:#.a-z]{{0,10}}\d|postfach|post ?code|postal code|eircode|zip"
    rf"|{_BOUND}(?-i:[A-Z]{{4}}) ?\d{{4}}{_BOUND}"
    r"|(?:straße|strasse|str\.|weg|gasse|platz|allee|ufer|damm) \d|bo[iî]te postale"
    r"|[\d٠-٩][.\x{66b}][\d٠-٩]{4}|\d°",
    r"(?:شارع|طريق|حي|زنق[ةه]|زقاق|حار[ةه]|سك[ةه]|درب|نهج|جاد[ةه]|محل[ةه]|قطع[ةه]|بلوك|مجاور[ةه]|مجمع|ممر"
    r"|عمار[ةه]|بناي[ةه]|برج|فيل[اةه]|مبن[ىي]"
    r"|[إا]قام[ةه]|شق[ةه]|دور|طابق|منزل|بيت|دار|وحد[ةه]|غرف[ةه])\s[^\x00]{0,40}(?:[\d٠-٩۰-۹]|طابق|دور)"
    r"|ق ?[\d٠-٩]|ص ?[./] ?ب|صندوق"
    r"|(?:^|[^\x{621}-\x{64a}])(?:ب|ل|ال|بال|لل|و)?(?:طابق|دور)\sال",
)


def addresses(text: str, before: str | None) -> Iterator[tuple[Span, str]]:
    """(place, value) of every address of a person; `before`: what was said last, None where that is not known."""
    for start, end in _places(text, before):
        value = text[start:end].rstrip(" .,")
        if not _is_ours(text, start, end, before):
            yield (start, start + len(value)), " ".join(value.casefold().split())


def _places(text: str, before: str | None) -> Iterator[Span]:
    asked = before and len(text) <= _ANSWER and _ASKED.search(before)
    if asked and _DIGIT.search(text) and "?" not in text and _ANSWERED.search(text):
        yield len(text) - len(text.lstrip()), len(text.rstrip())
    yield from _latin(text)
    yield from _arabic(text)
    yield from _anywhere(text)


def _latin(text: str) -> Iterator[Span]:
    if not (_DIGIT.search(text) or "ower" in text) or not _may_be_latin(text):
        return
    spans = [match.span() for pattern in (*_STREETS, _PARTS) for match in pattern.finditer(text)]
    if _LOWER_WORDS.search(text):
        spans += (match.span() for match in _LOWER_STREET.finditer(text))
    for start, end in _joined(text, sorted(spans)):
        closed = text[end - 1] == "." and _ABBREVIATED.search(text, start, end) is None
        more = None if closed else _RIGHT.match(text, end)
        yield start, end + len(more.group().rstrip(" ,\n")) if more else end


_ABBREVIATED = re.compile(r"\b\w{2,4}\.$")


def _joined(text: str, spans: list[Span]) -> Iterator[Span]:
    """Spans that touch or overlap as one: "Unit 4" above "119 Banksia Parade"."""
    at = 0
    while at < len(spans):
        start, end = spans[at]
        at += 1
        while at < len(spans) and spans[at][0] <= end + 2:
            end = max(end, spans[at][1])
            at += 1
        ahead = _UNIT_AHEAD.search(text, max(0, start - 20), start)
        yield (ahead.start() if ahead else start), end


_UNIT_AHEAD = re.compile(
    r"\b(?i:unit|flat|apt\.?|apartment|suite|villa|house|room) ?#?(?:\d{1,5}[A-Za-z]?|[A-Z]\d*)[, \n/]{1,2}$"
)
_DIGIT = re.compile(r"\d")
_SIGNS = frozenset(
    f"{_STREET[3:-1]}|{_KIND[3:-1]}|rue|via|viale|rua|chemin|impasse|quai|calle|carrer|avda|avenida".split("|")
)
_CAPITAL_SIGNS = frozenset((*_STREET_NAMES[3:-1].replace("Meadows?", "Meadow|Meadows").split("|"),))
_GERMAN_SIGN = re.compile(
    r" \d(?:(?<=straße .)|(?<=strasse .)|(?<=(?:platz|allee|gasse) .)|(?<=(?:str\.|ufer|damm) .)|(?<=weg .))"
)
_WHOLE_WORD = re.compile(r"\w+")


def _may_be_latin(text: str) -> bool:
    """Whether a word of an address is there: a look at whole words, which takes a tenth of a pattern of them all."""
    words = set(_WHOLE_WORD.findall(text))
    if not _CAPITAL_SIGNS.isdisjoint(words) or not _SIGNS.isdisjoint(map(str.casefold, words)):
        return True
    return _GERMAN_SIGN.search(text) is not None


def _arabic(text: str) -> Iterator[Span]:
    """Runs of two or more signs, one of them with a number, one of them where somebody lives."""
    if text.isascii():
        return
    run: list[re.Match[str]] = []
    for part in _ARABIC_PART.finditer(text):
        if run and not _BETWEEN.fullmatch(text, run[-1].end(), part.start()):
            yield from _arabic_run(text, run)
            run = []
        run.append(part)
    if run:
        yield from _arabic_run(text, run)
    for short in _SHORTENED.finditer(text):
        yield short.span()


def _arabic_run(text: str, run: list[re.Match[str]]) -> Iterator[Span]:
    start, end = run[0].start(), run[-1].end()
    if house := _HOUSE_BEFORE.search(text, max(0, start - 6), start):
        start = house.start()
    behind = None if run[-1]["number"] or run[-1]["lived"] else _NUMBER_BEHIND.match(text, end)
    end = behind.end() if behind else end
    counts = sum(part["number"] is not None or part["lived"] is not None for part in run) + bool(house) + bool(behind)
    between = any(_DIGIT.search(text, one.end(), other.start()) is not None for one, other in pairwise(run))
    counts += between
    kinds = {(part["named"] or part["lived"]).removeprefix("ال") for part in run}
    lived = (
        house
        or behind
        or between
        or counts >= _FEWEST_SIGNS
        or any(p["lived"] or _BUILT.fullmatch(p["named"]) for p in run)
    )
    if not counts or not lived or len(kinds) + bool(house) + bool(behind) < _FEWEST_SIGNS:
        return
    if more := _ARABIC_RIGHT.match(text, end):
        end = more.end()
    left = _LEFT.search(text, max(0, start - 40), start)
    yield (left.start() if left else start), end


def _anywhere(text: str) -> Iterator[Span]:
    """Boxes, postcodes, short addresses and coordinates."""
    box = any(map(text.casefold().__contains__, _SAYS_BOX)) and _DIGIT.search(text)
    for match in _BOX.finditer(text) if box else ():
        more = (_RIGHT if match.group().isascii() else _BOX_RIGHT).match(text, match.end())
        yield match.start(), match.end() + len(more.group().rstrip(" ,\n")) if more else match.end()
    for match in _POSTCODE.finditer(text) if _SAYS_CODE.search(text) else ():
        yield match.span("value")
    for match in _SHORT.finditer(text) if _SHORT_WORDS.search(text) else ():
        if _SHORT_WORDS.search(text, max(0, match.start() - 40), match.start()):
            yield match.span()
    for match in _COORDINATES.finditer(text) if "°" in text or _DECIMALS.search(text) else ():
        yield match.span()


_SAYS_BOX = ("box", "postale", "postfach", "ص")
_DECIMALS = re.compile(r"[.\u066b]\d{4}")
_BOX_RIGHT = re.compile(r",? (?:[\u0621-\u064a]{3,}(?: [\u0621-\u064a]{3,})? )?\d{5}(?!\d)")


def _is_ours(text: str, start: int, end: int, before: str | None) -> bool:
    """Whether the words around say that it is a shop's, and not where somebody lives."""
    ahead = re.split(r"[.!?؟\n]\s", text[max(0, start - _WINDOW) : start])[-1]
    if _THEIRS.search(ahead):
        return False
    if _OURS.search(ahead) or _OURS_BEHIND.match(text, end):
        return True
    return _asked_for_ours(before or "")


@functools.lru_cache(8)  # once for all addresses of an answer, however much was said before it
def _asked_for_ours(before: str) -> bool:
    return _ASKED_OURS.search(before) is not None and not _THEIRS.search(before)
