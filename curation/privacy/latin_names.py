"""Names of people in Latin letters, by the words before them, by lists, and by the shape of a full name.

A capital is asked for, but after "my name is". A given name that is a word, a place or a brand as well (May, Charlotte,
Chase) counts only where a word introduces it, or where a family's name follows.
"""

import re
from collections.abc import Iterator, Sequence

from curation.privacy.name_lists import name_list

_LOWER = "a-z\u00e0-\u00f6\u00f8-\u00ff"
_CAPITAL_LETTER = r"[A-Z\u00c0-\u00de]"
_BEHIND_CAPITAL = rf"(?:[{_LOWER}]+|['’][A-Z][{_LOWER}]+)(?:['’-][A-Za-z\u00c0-\u00de][{_LOWER}]+)*"
_NAME = rf"{_CAPITAL_LETTER}{_BEHIND_CAPITAL}"
_SHOUTED = r"[A-Z]{3,}(?:-[A-Z]{2,})*"
_WORD = r"(?P<name>[A-Za-z][A-Za-z\u00c0-\u00ff'’-]+)"
_RELATED = re.compile(
    r"(?i:(?:my|his|her|our) (?:wife|husband|son|daughter|brother|sister|mother|father|mom|mum|dad|friend"
    r"|colleague|cousin"
    r"|uncle|aunt|nephew|niece|boss|neighbou?r)(?:'s)?,?\s)"
)
_PERSON = (
    r"(?:wife|husband|son|daughter|brother|sister|mother|father|mom|mum|dad|friend|colleague|manager|assistant|boss"
    r"|neighbou?r|roommate|flatmate|partner|landlord|landlady|tenant|agent|technician|driver|representative|rep"
    r"|advis[oe]r"
    r"|supervisor|courier|nurse|doctor|secretary|cousin|uncle|aunt|nephew|niece|guest|passenger|recipient|beneficiary"
    r"|(?:account|policy|card)[ -]?holder|patient|employee|specialist|receptionist)"
)
INTRODUCING = {
    # what only a name follows
    "sure": r"(?i:names?)(?:'s|’s| is| was|:|=)|(?i:mr|mrs|ms|dr|prof|mister|miss|madam)\.?|(?i:attn|attention"
    r"|c/o|cc)[.:]*"
    r"|(?i:(?:under|in) the name(?: of)?|on behalf of(?: my \w+,?)?|signed (?:for )?by|named"
    r"|(?:first|last|given|family|maiden|middle|full)[ _-]?name|surname)(?: is| was|:|=)?|(?i:recipient|passenger"
    rf"|to|from):|(?i:{_PERSON}(?: \w+)? (?:is|was|'s) (?:called|named)|professor|sheikh|sir|madame|mme"
    rf"|capt(?:ain)?|lt|col|sgt)\.?",
    # what people also put before other words
    "met": r"(?i:spoken? (?:with|to)|speaking (?:with|to)|talk(?:ed|ing)? (?:with|to)|speak (?:with|to)"
    r"|transfer you to|(?:put|get) (?:me )?through to|approved by|signed off by|account (?:owner|holder),?"
    r"|connect you (?:with|to)|chat(?:ted|ting)? with|ask(?:ed)? for|called|told by|helped by|sent by|assisted by"
    r"|appointment"
    rf" for|booked for|reservation for|(?:your|the|my|our|his|her|a) {_PERSON}(?:'s)?(?: today)?(?: is| was|,)?)",
    "self": r"(?i:this is|i am|i'm|i’m|im|it's|it’s|speaking with|served by)",
    "greeting": r"(?i:dear|hi|hello|hey|regards,?|sincerely,?|truly,?|faithfully,?|wishes,?|welcome,?)",
    "thanks": r"(?i:thanks(?: a lot| so much| again)?|thank you(?: so much| very much| again)?|cheers|sorry"
    r"|morning|afternoon|evening|bye|goodbye)",
}
TITLE = r"(?:(?i:mr|mrs|ms|miss|dr)\.?\s)?"
_INTRODUCTIONS = re.compile(
    rf"(?<![A-Za-z])(?:{'|'.join(f'(?P<{kind}>{words})' for kind, words in INTRODUCING.items())})"
    rf",?\s{{1,3}}{TITLE}{_WORD}"
)
_ALONE = re.compile(r"\s*(?P<name>[^\W\d_]{2,20}(?: [^\W\d_]{2,20}){0,2})\s*[.!,]?\s*")  # the answer to "your name?"
_MAY_INTRODUCE = re.compile(_INTRODUCTIONS.pattern.replace("(?i:", "(?:"))  # in lower case, for a quick look
_CAPITAL = re.compile(  # the capital first, which Python's engine finds faster than what must not stand before
    rf"{_CAPITAL_LETTER}(?<![\w@/.'’&-].)(?:{_BEHIND_CAPITAL}|(?<=[A-Z])[A-Z]{{2,}}(?:-[A-Z]{{2,}})*)(?![\w@/])"
)
_MORE = re.compile(
    rf" (?:[A-Z]\.? )?(?:(?:[Aa]l|[Ee]l|[Bb]in|[Bb]int|[Ii]bn|van|von|de|der|da|di|la|Abu|St\.?)[ -]){{0,2}}"
    rf"(?P<family>{_NAME}|{_SHOUTED})(?![\w@/])"
)
_LOWER_MORE = re.compile(rf" (?P<family>[{_LOWER}'’-]{{4,}})")
# A name in lower case may follow; and signs of which each such text holds one, which are looked for in less time.
_LOWER_CUE = re.compile(r"[nN]ame|[tT]his is |\b[mM](?:rs?|s)\b|rofessor|\b[iI](?:'|’| a)?m |[sS]urname|[sS]peaking")
_LOWER_SIGNS = ("ame", "his is ", "mr", "Mr", "ms", "Ms", "rofessor", "'m ", "’m ", " am ", "im ", "Im ", "peaking")
_SPEAKING = re.compile(r"[ ,]+(?:speaking|here|from|calling|with|and)\b")
_CLOSED = re.compile(r"(?: [A-Z]\.?)?\s*(?:[,.!?:;\n]|$)")
_TITLED = re.compile(r"(?i:mr|mrs|ms|professor|prof)\.? ")
_SIGNED = re.compile(r"[\s.!:;)\-^~*]*$")
_HERE = re.compile(
    rf"(?:^|[.!?\n,] ?)(?P<name>{_NAME}|[a-z]{{3,12}}),? (?:here\b(?! (?:is|are|you|we))|at your service"
    rf"|speaking[.,!]|on the line)"
)
_SAYS_HERE = (" here", " at your service", " speaking", " on the line")
_COMMA = re.compile(r"[a-z], [A-Z][^\W\d_]+\s*(?:[.!?\n]|$)")
_PASSENGER = re.compile(r"(?<![\w/])[A-Z]{2,}(?:[ -][A-Z]{2,})?/[A-Z]{2,}(?: [A-Z]{2,})?? (?:MRS?|MS|MISS|MSTR|DR)\b")
_TURNED = re.compile(
    rf"(?i:under|names?|passenger|guest|reservation|booking"
    rf"|surname)\b[^.,\n]{{0,15}}?[ :](?P<name>{_NAME}, (?P<given>{_NAME}))(?=\s*(?:[.!?\n]|$))"
)
_NO_NAMES = frozenset(
    """
    a about again all also an and any anyone are as at back be both but by can care customer customers dear do every
    everybody everyone folks for friend friends from good great guys happy hello help here hi how i if in is it just
    ladies madam ma'am maam me miss mister mr mrs ms my no not now of ok okay on or please server service sir sirs so
    sorry support team thank thanks that the their them there they this to today tomorrow we welcome what when where
    who why with world yes you your monday tuesday wednesday thursday friday saturday sunday january february march
    july september october november december english arabic spanish french german sales billing returns refunds desk
    department office company group bank street road avenue lane drive hotel hospital airport park university college
    school church station stadium branch store shop mall city county beach theatre theater restaurant cafe coffee bar
    grill pizza burger burgers airlines airways inc ltd llc model edition collection sofa lamp chair dress jeans plan
    package island islands bay hills valley lake mount river north south east west street st ave rd blvd square plaza
    tower towers museum library bridge center centre house place court express cup prize day eve parade festival app
    website page online account order number code card gift shipping delivery return policy premium basic plus pro max
    new old general national international royal first second live regards sincerely manager director was has will would
    and his her our us its ai bot assistant prime
    okay can could would do did does let so well then yeah yep nope i'll i'd i've i'm it's that's there's what's let's
    don't didn't can't excuse alright enjoy have had may should more only once
    sounds find looking unfortunately too which
    """.split()
)
_PLACES_BEFORE = frozenset(
    "san santa st saint lake mount mt fort port king queen new hotel café cafe los las el la".split()
)
Span = tuple[int, int]


def latin_names(text: str) -> Iterator[Span]:
    """Places of names, in order and apart."""
    alone = _ALONE.fullmatch(text)
    if alone and _is_alone(alone["name"]):
        yield alone.span("name")
        return
    capitals = [match for match in _CAPITAL.finditer(text) if match.group().lower() not in _NO_NAMES]
    if not capitals and not _has_lower_cue(text) and " here" not in text[:_OPENING]:
        return
    end = 0
    found = [*_introduced(text), *_shaped(text), *(() if text.isupper() else _bare(text, capitals))]
    for start, stop in sorted(found, key=lambda span: (span[0], -span[1])):
        if start >= end:
            yield start, stop
            end = stop


_OPENING = 24  # characters in which "will here" may stand


def _has_lower_cue(text: str) -> bool:
    return any(map(text.__contains__, _LOWER_SIGNS)) and _LOWER_CUE.search(text) is not None


def _is_alone(words: str) -> bool:
    first, *more = words.lower().split()
    known = first in name_list("latin_given") or (
        first in name_list("latin_words") and len(more) == 1 and _is_family(more[0])
    )
    return known and not _NO_NAMES.intersection(more)


def _introduced(text: str) -> Iterator[Span]:
    place = 0
    while match := _introduction(text, place):  # the word behind may introduce a name itself: "hello this is"
        start, word, place = match.start("name"), match["name"], match.start() + 1
        if _is_introduced(text, match, word):
            place = _end(text, match.end("name") - (2 if word[-2:] in ("'s", "’s") else 0), match["sure"] is not None)
            yield start, place


def _introduction(text: str, place: int) -> re.Match[str] | None:
    """The next introduction, which takes twice as long to look for in any case as in lower case alone."""
    lower = text.casefold()
    while likely := _MAY_INTRODUCE.search(lower, place):
        if len(lower) != len(text):  # its places tell nothing
            return _INTRODUCTIONS.search(text, place)
        if match := _INTRODUCTIONS.match(text, likely.start()):
            return match
        place = likely.start() + 1
    return None


def _is_introduced(text: str, match: re.Match[str], word: str) -> bool:
    """A given name, or a capital after words that only a name follows."""
    folded = word.lower().removesuffix("'s").removesuffix("’s").replace("’", "'")
    if folded in _NO_NAMES or _MAKES.match(text, match.start()):
        return False
    behind = match.end("name")
    if _TITLED.match(match.group()) and len(folded) >= _FEWEST_LETTERS:
        return True
    lower = match["sure"] or (match["self"] and _SPEAKING.match(text, behind))
    if folded in name_list("latin_given") and (word[0].isupper() or lower):
        return True
    if not word[0].isupper() or _place_follows(text, behind):
        return False
    more = _MORE.match(text, behind)
    if match["met"]:
        full = more is not None and more["family"].lower() not in _NO_NAMES
        told = _is_family(folded) or folded in name_list("latin_words") or _RELATED.search(match.group()) is not None
        return full or told or _FROM_THE_TEAM.match(text, behind) is not None
    greeted = match["greeting"] and _CLOSED.match(text, behind)
    presented = match["self"] and _SPEAKING.match(text, behind) and not text[match.start() :].lower().startswith("it")
    signed = match["thanks"] and "," in match.group() and _SIGNED.match(text, behind)
    return bool(match["sure"] or greeted or presented or signed)


_FROM_THE_TEAM = re.compile(r" (?:from|in|at) (?:the|your|our|parts|sales|returns|billing|support|customer|accounts)\b")
_FEWEST_LETTERS = 4  # of a name in lower case behind a title


def _shaped(text: str) -> Iterator[Span]:
    """Names by what stands behind them, and as lists of passengers write them."""
    for match in _HERE.finditer(text) if any(word in text for word in _SAYS_HERE) else ():
        name = match["name"].lower()
        known = name in name_list("latin_given") or name in name_list("latin_words")
        if name not in _NO_NAMES and (known or (match["name"][0].isupper() and not match.group().endswith("here"))):
            yield match.span("name")
    for match in _PASSENGER.finditer(text) if "/" in text else ():
        yield match.span()
    for match in _TURNED.finditer(text) if _COMMA.search(text) else ():
        family, given = match["name"].lower().split(", ")
        if given in name_list("latin_given") or family in name_list("latin_family"):
            yield match.span("name")


# Makes that are called like people with a title.
_MAKES = re.compile(
    r"(?i:mr\.? (?:muscle|clean|proper|kipling|coffee|price|bean)|dr\.? (?:beckmann|martens?|pepper|oetker|bronner"
    r"|jart|dre))\b"
)


def _bare(text: str, capitals: Sequence[re.Match[str]]) -> Iterator[Span]:
    """Given names with a capital that no word introduces."""
    end = 0
    given, words = name_list("latin_given"), name_list("latin_words")
    for match in capitals:
        word = match.group().removesuffix("'s").removesuffix("’s")
        start, stop, folded = match.start(), match.start() + len(word), word.lower()
        sure = folded in given
        known = sure or folded in words
        if not known or start < end or _place_before(text, start) or _THINGS.match(text, start):
            continue
        if _is_thing(text, start, stop, folded):
            continue
        if (sure and _is_single(text, start, stop)) or (known and _has_family(text, stop)):
            end = _end(text, stop, False)
            yield start, end


_THING_BEFORE = re.compile(
    r"(?:\b(?:an?|the|ikea|adidas|nike|puma|reebok|lego|apple|samsung|zara|gucci|dior|chanel|prada)|&"
    r"|(?:tickets?|concert|album|songs?|movie|film|gig|book|tour) (?:for|by|of|with)) $",
    re.IGNORECASE,
)
_THING_BEHIND = re.compile(r" ?& ?[A-Z]")
_MONTHS_AND_SHOPS = {
    "ramadan": re.compile(""),  # hardly ever a given name in English
    "tamara": re.compile(r"\b(?:pay|tabby|instal\w*|split|checkout|klarna|later)", re.IGNORECASE),
}


def _is_thing(text: str, start: int, stop: int, name: str) -> bool:
    """A name of a make, a model, a month or a star: behind an article, beside &, before the word for a thing."""
    if _THING_BEFORE.search(text, max(0, start - 24), start) or _THING_BEHIND.match(text, stop):
        return True
    more = _MORE.match(text, stop)
    if more and _place_follows(text, more.end()):
        return True
    return name in _MONTHS_AND_SHOPS and more is None and _MONTHS_AND_SHOPS[name].search(text) is not None


def _is_single(text: str, start: int, stop: int) -> bool:
    """A given name alone: in mid-sentence, or at its beginning with what only people do behind it."""
    if _place_follows(text, stop) or _stranger_follows(text, stop):
        return False
    if _MORE.match(text, stop):  # a family's name that no list has
        return True
    return _MID_SENTENCE.search(text, max(0, start - 3), start) is not None or _ACTS.match(text, stop) is not None


_MID_SENTENCE = re.compile(r"[\w,;:]['’]? $|\($")
_ACTS = re.compile(
    r",? (?:from|here|speaking|already|just|said|says|told|called|promised|asked|wrote|replied|confirmed|explained"
    r"|helped"
    r"|never|still|who|wants|works|lives|signed|sent|and I|and my)\b"
)


def _end(text: str, end: int, lower: bool) -> int:
    """Behind the names of the family."""
    for _ in range(3):
        more = _MORE.match(text, end) or (lower and _LOWER_MORE.match(text, end)) or None
        if more is None or not _is_more(more["family"]):
            break
        short = 2 if more["family"][-2:] in ("'s", "’s") else 0
        end = more.end() - short
    return end


def _is_more(word: str) -> bool:
    folded = word.lower().removesuffix("'s").removesuffix("’s")
    return folded not in _NO_NAMES and (word[0].isupper() or (folded in name_list("latin_family") and len(folded) > 4))


# Names of people that stand for things.
_THINGS = re.compile(
    r"(?:Earl Grey|Calvin Klein|Ralph Lauren|Tommy Hilfiger|Jimmy Choo|Hugo Boss|Michael Kors|Marc Jacobs|Kate Spade"
    r"|Tory Burch|Steve Madden|Jack Daniels|Johnnie Walker|Alexander McQueen|Stella McCartney|Harry Potter|Santa \w+)"
)


def _has_family(text: str, end: int) -> bool:
    """Whether a family's name follows, and no place behind it: "Paris Hilton", and not "Paris Hilton hotel"."""
    more = _MORE.match(text, end)
    return bool(more and _is_family(more["family"].lower()) and not _place_follows(text, more.end()))


def _is_family(word: str) -> bool:
    bare = word.removesuffix("'s").removesuffix("’s").replace("’", "'").replace("'", "").rpartition("-")[2]
    return word not in _NO_NAMES and (bare in name_list("latin_family") or word in name_list("latin_given"))


_NEXT = re.compile(r"[ ](?P<word>[\w'’-]+)")


def _place_follows(text: str, end: int) -> bool:
    following = _NEXT.match(text, end)
    return following is not None and following["word"].lower() in _NO_FIRST_NAME_OF


_NO_FIRST_NAME_OF = frozenset(
    """
    street road avenue lane drive hotel hospital airport park university college school church station stadium branch
    store shop mall city county beach theatre theater restaurant cafe coffee bar grill pizza burger burgers airlines inc
    ltd llc model edition collection sofa lamp chair dress jeans island islands bay hills valley lake river st ave rd
    blvd square plaza tower towers museum library bridge center centre warehouse office day parade festival perfume
    hoover vacuum bookcase shelf shelves jacket jackets coat boots shoes sneakers trainers shirt shirts style
    salad sauce wine tea cake cream watch watches bag bags bed beds table desk wardrobe
    cabinet mattress rug curtain album concert
    tickets game games toy doll timings offer offers bundle set series range line brand serum lipstick shampoo
    """.split()
)


_WORD_BEFORE = re.compile(r"([\w.]+) $")


def _place_before(text: str, start: int) -> bool:
    before = _WORD_BEFORE.search(text, max(0, start - 12), start)
    return before is not None and before[1].lower().rstrip(".") in _PLACES_BEFORE


def _stranger_follows(text: str, end: int) -> bool:
    """Another capital that is no family's name: the two are a title, a shop or a product."""
    more = _MORE.match(text, end)
    return more is not None and not _is_family(more["family"].lower()) and more["family"].lower() in _NO_NAMES
