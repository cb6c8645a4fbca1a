"""Messages written as mail: HTML to text, quoted earlier mails and signatures taken off.

A help desk has the earlier turns already, so a quoted mail would teach replies that repeat the question; a signature
would teach names and phone numbers. Only what stands behind an unmistakable mark goes; a closing without a name under
it ("Is there anything else I can help you with?", "Best regards") is style and stays. No message is emptied.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from curation.ingest.markup import QUOTED, SIGNED, is_html, text_of_html, unescaped

CHARACTERS_KEPT = 500  # of each part taken off
_LINE_ENDS = re.compile(r"\r\n?")


class Removed(NamedTuple):
    """A part that was taken off a text."""

    what: str  # quote or signature
    text: str


def tidied(
    messages: Sequence[dict[str, Any]], html: bool, quotes: bool, signatures: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The messages as their writers meant them, and what was taken off: message (0-based), what, text, characters.

    The three say whether HTML becomes text, and whether quoted mails and signatures go.
    """
    texts = [reply_of_mail(said["content"], html, quotes, signatures) for said in messages]
    removed = [
        {"message": place, "what": part.what, "text": part.text[:CHARACTERS_KEPT], "characters": len(part.text)}
        for place, (_, parts) in enumerate(texts)
        for part in parts
    ]
    return [{**said, "content": text} for said, (text, _) in zip(messages, texts, strict=True)], removed


def reply_of_mail(text: str, html: bool, quotes: bool, signatures: bool) -> tuple[str, list[Removed]]:
    """What a mail says itself, and what was taken off it; nothing, where no word would be left."""
    found, removed = _LINE_ENDS.sub("\n", text), list[Removed]()
    if html and is_html(text):
        drop = {"quote": QUOTED} if quotes else {}
        drop |= {"signature": SIGNED} if signatures else {}
        found, dropped = text_of_html(text, drop)
        if any(what == "quote" and _HEADERS.match(part) for what, part in dropped) and hands_on(found):
            found, dropped = text_of_html(text, {what: place for what, place in drop.items() if what != "quote"})
        removed = [Removed(what, part) for what, part in dropped]
    elif html:
        found = unescaped(found)
    for wanted, cut in ((quotes, without_quotes), (signatures, without_signature)):
        if wanted:
            found, parts = cut(found)
            removed += parts
    return (
        (found, removed) if found.strip() or not removed else reply_of_mail(text, html, quotes=False, signatures=False)
    )


# -- quoted mails ------------------------------------------------------------------------------------------------------

_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069 \\t]*"
_ENDS = re.compile(rf":{_MARKS}$", re.MULTILINE)
ATTRIBUTION_LINES = 3  # over which programs break the line that says who wrote
ATTRIBUTION_CHARACTERS = 400
# "On Mon, 5 Jan 2026 at 10:15, Sara <s@x.com> wrote:". People also tell what was written: no pronoun may stand before
# it, and a machine's date, clock and address must.
_OPENS = re.compile(rf"{_MARKS}(?:On|في|بتاريخ|يوم)\b")
_WROTE = re.compile(rf"(?<!\bI )(?<!\byou )(?<!\bwe )\bwrote{_MARKS}:|\b(?:كتبت?(?! (?:ل|إلي|الي))|كتابة ما يلي)(?!\w)")
_NAMED = re.compile(rf", (?:[^\W\d_a-zء-ي][^\s,]*[ \t]?){{1,4}} ?wrote{_MARKS}:")
_WROTE_ELSEWHERE = re.compile(
    r"(?<!\w)(?:a écrit|schrieb|escribió|ha scritto|escreveu|schreef|şunu yazdı|yazdı|نوشت|لکھا|написала?|skrev)(?!\w)"
)
_DAY = re.compile(r"\b\d{4}\b|\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b")
_CLOCK = re.compile(r"\b\d{1,2}[:.h]\d\d\b")
_ADDRESS = re.compile(rf"<{_MARKS}[^<>\s]{{1,90}}@[^<>\s]{{1,90}}>")
_ORIGINAL = re.compile(
    rf"^{_MARKS}-{{2,}} ?(?:Original Message|الرسالة الأصلية|رسالة أصلية) ?-{{2,}}.*$", re.MULTILINE | re.IGNORECASE
)
_HEADERS = re.compile(  # Outlook's, also with the stars that stand for bold letters; a form of a journey has no subject
    rf"^(?:_{{5,}}\s*\n\s*)?{_MARKS}\*?(?:From|من){_MARKS}:\*?(?P<sender>.*)\n"
    rf"{_MARKS}\*?(?:Sent|Date|تم ال[إا]رسال|[أا]ُ?رسلت|(?:ال)?تاريخ(?: ال[إا]رسال)?){_MARKS}:\*?(?P<sent>.*)\n"
    rf"(?=(?P<more>(?:.+\n?){{1,8}}))",
    re.MULTILINE,
)
_SUBJECT = re.compile(rf"^{_MARKS}\*?(?:Subject|الموضوع){_MARKS}:\*?{_MARKS}(?P<subject>.*)", re.MULTILINE)
_RECEIVER = re.compile(rf"{_MARKS}\*?(?:To|إلى|الى|Cc|نسخة){_MARKS}:")
_QUOTED_LINES = re.compile(r"(?:[ \t]*\n|^>.*(?:\n|$))+", re.MULTILINE)
_BANNER = re.compile(r"^[ \t]*##-.*-##[ \t]*\n?", re.MULTILINE)  # Zendesk's "type your reply above this line"

# A forwarded mail is what its sender wants read: a rule of dashes with words that tell of no original mail, or Apple's
# line, in whatever language; and Outlook's headers below words that hand something on.
_FORWARDED = re.compile(
    rf"^{_MARKS}(?:-{{4,}} ?(?!(?:Original Message|الرسالة الأصلية|رسالة أصلية)\b)[^\W\d_][^\n]{{2,60}}? ?-{{4,}}|"
    r"(?:Begin forwarded message|Début du message (?:réexpédié|transféré)|Anfang der weitergeleiteten Nachricht|"
    r"Inicio del mensaje reenviado|Inizio (?:del )?messaggio inoltrato|Início da mensagem reencaminhada|"
    rf"(?:بداية|بدء|بدأ) الرسالة (?:المُ?عاد توجيهها|المحو[لّ]+ة)) ?:){_MARKS}$"
    rf"(?=\s*\n[\s>]*{_MARKS}\*?[^\W\d_]{{1,12}}{_MARKS}:)",  # the first of its headers
    re.MULTILINE | re.IGNORECASE,
)
_HANDS_ON = re.compile(
    r"\b(?:fyi|f\.y\.i\.?|fwd?|forward(?:ed|ing)?|(?:mail|message|request|complaint|thread|chain|see|attached) below|"
    r"below (?:mail|e-?mail|message|request|thread)|on behalf of)\b|"
    r"للعلم|للاطلاع|للإطلاع|للمتابعة|[أا]دناه|معاد توجيه|ن?حول(?:ت|نا)? (?:لكم|إليكم|اليكم)|[أا]?عيد توجيه",
    re.IGNORECASE,
)
_FORWARD_SUBJECT = re.compile(r"(?:fwd?|forward|تحويل|إعادة توجيه|اعادة توجيه|معاد توجيهه)\s*:", re.IGNORECASE)


class Quote(NamedTuple):
    """Where a quoted mail starts, its body and its end, in characters."""

    start: int
    body: int
    end: int


def without_quotes(text: str) -> tuple[str, list[Removed]]:
    """A mail without the earlier mail in it. All stays where answers stand between its lines, or it was handed on."""
    removed = [Removed("quote", banner.strip()) for banner in _BANNER.findall(text)]
    text = _BANNER.sub("", text)
    quote = _quote(text)
    before, quoted, after = (
        text[: quote.start].rstrip(),
        text[quote.start : quote.end].strip(),
        text[quote.end :].strip(),
    )
    if not quoted or "\n>" in f"\n{after}":
        return text, removed
    return "\n".join(part for part in (before, after) if part), [*removed, Removed("quote", quoted)]


def _quote(text: str) -> Quote:
    """The quoted mail: from the line that tells of it, or its lines with ">"; empty where there is none."""
    nothing = Quote(len(text), len(text), len(text))
    found = [mark for tell in (_attribution, _original, _headers) if (mark := tell(text))]
    first = min(found, default=nothing)
    forwarded = _FORWARDED.search(text)
    if forwarded and forwarded.start() <= first.start:
        return nothing
    if first.start == len(text):
        return _last_quoted_lines(text) or nothing
    lines = _QUOTED_LINES.match(text, first.body)
    return first._replace(end=lines.end()) if lines and ">" in lines[0] else first


def _original(text: str) -> Quote | None:
    found = _ORIGINAL.search(text)
    if not found or hands_on(text[: found.start()]):
        return None
    return Quote(found.start(), found.end(), len(text))


def _headers(text: str) -> Quote | None:
    """The headers of a mail, as Outlook writes them above it, unless what stands above hands the mail on."""
    for found in _HEADERS.finditer(text):
        subject = _SUBJECT.search(found["more"])
        certain = subject or (
            _RECEIVER.match(found["more"]) and "@" in found["sender"] and _CLOCK.search(found["sent"])
        )
        if certain:
            forwarded = subject and _FORWARD_SUBJECT.match(subject["subject"])
            return (
                None if forwarded or hands_on(text[: found.start()]) else Quote(found.start(), found.end(), len(text))
            )
    return None


def hands_on(words: str) -> bool:
    """Whether words above a mail hand it on, so that it is news to who reads it; or there are none."""
    return not _ORIGINAL.sub("", words).strip() or bool(_HANDS_ON.search(words))


def _attribution(text: str) -> Quote | None:
    """The line, or the few, that say who wrote what follows. In other languages than English and Arabic they are told
    by date, clock and address, and only where lines with ">" follow.
    """
    for colon in _ENDS.finditer(text):
        quoted = _QUOTED_BELOW.match(text, colon.end()) is not None
        starts = _line_starts(text, colon.start())
        for is_one in (_is_attribution, _is_foreign_attribution):
            start = next((start for start in starts if is_one(text[start : colon.end()], quoted)), None)
            if start is not None:
                return Quote(start, colon.end(), len(text))
    return None


_QUOTED_BELOW = re.compile(r"\s*\n>")


def _line_starts(text: str, end: int) -> list[int]:
    """Where a line that ends there may start, if a program broke it: the nearest first."""
    starts: list[int] = []
    place = end
    while len(starts) < ATTRIBUTION_LINES and end - place < ATTRIBUTION_CHARACTERS:
        start = text.rfind("\n", 0, place) + 1
        if not text[start:place].strip() or text.startswith(">", start):
            break
        starts.append(start)
        if not start:
            break
        place = start - 1
    return starts


def _is_attribution(told: str, quoted: bool) -> bool:
    """Whether a line says in English or Arabic who wrote what follows."""
    if not _OPENS.match(told) or not _WROTE.search(told):
        return False
    tells = _tells(told)
    return tells > 0 if quoted else tells > 1 and bool(_ADDRESS.search(told) or _NAMED.search(told))


def _is_foreign_attribution(told: str, quoted: bool) -> bool:
    return quoted and _tells(told) > 1 and bool(_ADDRESS.search(told) or _WROTE_ELSEWHERE.search(told))


def _tells(told: str) -> int:
    """How many of date, clock and address a line tells."""
    return sum(bool(pattern.search(told)) for pattern in (_DAY, _CLOCK, _ADDRESS))


def _last_quoted_lines(text: str) -> Quote | None:
    """Two or more lines with ">" that end the text, unless words introduce them; people quote what they answer."""
    lines = text.rstrip().split("\n")
    place = len(lines)
    while place and (lines[place - 1].startswith(">") or not lines[place - 1].strip()):
        place -= 1
    quoted = sum(line.startswith(">") for line in lines[place:])
    if quoted < 2 or (place and lines[place - 1].rstrip().endswith(":")):
        return None
    start = sum(len(line) + 1 for line in lines[:place])
    return Quote(start, start, len(text))


# -- signatures --------------------------------------------------------------------------------------------------------

LINES = 8  # a signature has no more
SIGNATURES = 5  # one under the other
_DASH = re.compile(r"(?:--|—)[ \t]*")
_PROGRAM = re.compile(  # a line that mail programs and help desks put under a mail
    r"\W*(?:"
    r"Sent from my (?:iPhone|iPad|Android|Samsung|Galaxy|Huawei|Xiaomi|BlackBerry|Windows|mobile|cell|phone)\b.{0,40}|"
    r"Sent (?:from|via) (?:the )?(?:Mail|Outlook|Yahoo Mail|Gmail Mobile|Proton ?Mail|AOL)\b.{0,60}|"
    r"Get \[?Outlook for \w.{0,90}|"
    r"Yahoo Mail: Search, organi[sz]e, conquer\b.{0,60}|"
    r"(?:Envoyé (?:de|depuis) mon|Von meinem|Gesendet von meinem|Enviado (?:desde|do) m(?:i|eu)|Inviato da(?:l mio)?) "
    r"(?:iPhone|iPad|Android|Samsung|Galaxy|Huawei|Xiaomi|smartphone|mobile|móvil|téléphone|Handy)\b.{0,40}|"
    r"iPhone['’]?u?mdan gönderildi|"
    r"(?:[أا]ُ?رسلت?|تم ال[إا]رسال|مرسلة?) (?:من|بواسطة|عبر) (?:الـ? ?)?(?:iPhone|iPad|Samsung|Galaxy|Huawei|Outlook|"
    r"Yahoo|Gmail|[آا]لآ?يفون|آيفون|ايفون|هاتفي|جوالي|موبايلي|جهازي|جهاز|بريد|تطبيق)\b.{0,40}|"
    r"(?:ارسال شده|ارسال‌شده) از .{2,30}|"
    r"الحصول على Outlook.{0,40}|"
    r"(?:Powered|Delivered) by (?:Zendesk|Intercom|Freshdesk|Help Scout|HubSpot)\b.{0,40}|"
    r"This email is a service from .{1,80}|"
    r"\[[A-Z0-9]{6}-[A-Z0-9]{4,6}\]"
    r")",
    re.IGNORECASE,
)
_NOTICE = re.compile(  # how a paragraph of bots and lawyers starts
    r"\W*(?:This is an? (?:automated|automatic|auto-generated) (?:message|e-?mail|reply|response)|"
    r"Please do not reply to this (?:e-?mail|message)|CONFIDENTIALITY NOT|"
    r"This (?:e-?mail|message) (?:and any |is confid)|"
    r"(?:يرجى|الرجاء|نرجو) عدم الرد على (?:هذه الرسالة|هذا البريد)|هذه رسالة (?:آلية|تلقائية)|"
    r"هذه الرسالة (?:ومرفقاتها|وأي مرفقات|سرية)|إخلاء مسؤولية)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\W*(?:(?:with )?(?:best|kind|kindest|warm|warmest) (?:regards|wishes)|regards|sincerely|respectfully|"
    r"yours (?:sincerely|truly|faithfully)|all the best|(?P<weak>(?:many )?thanks|thank you|cheers|best)|"
    r"(?:مع )?(?:خالص |أطيب |اطيب |فائق |وافر )?(?:التحية|التحيات|تحيات[يكن]?ا?|الشكر|التقدير)"
    r"(?: (?:والتقدير|والاحترام|والشكر))?|(?:و?تفضلوا بقبول|و?تقبلوا) .{4,40})"
    r"(?P<name>(?:[ \t]*[,،.!–-]|(?<=تحيات)(?= )|$).*)",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"@|https?://|www\.|\+?\d[\d \-()]{6,}|[٠-٩]{7,}")
_NO_NAME = re.compile(  # how a line starts that asks for or says something
    r"(?:ok|okay|yes|no|hi|hello|hey|bye|please|sorry|p\.?s\.?|لكم|لك|ملاحظة|[أاني]?رجو|الرجاء|رجاء|يرجى|[أا]ريد|نريد|متى|"
    r"[أا]ين|هل|كيف|لماذا|كم|بانتظار|في انتظار|[أا]نتظر|نعم|لا)\b",
    re.IGNORECASE,
)
_SMALL = frozenset("of the and for at de van von bin ibn al el team support care service services customer".split())


def without_signature(text: str) -> tuple[str, list[Removed]]:
    """A mail without what its writer and the writer's programs put under it."""
    lines, removed = text.split("\n"), list[Removed]()
    for _ in range(SIGNATURES):
        start = next((found for find in (_program, _notice, _delimited, _closed) if (found := find(lines))), 0)
        if not start:
            break
        removed.insert(0, Removed("signature", "\n".join(lines[start:]).strip()))
        lines = "\n".join(lines[:start]).rstrip().split("\n")
    return "\n".join(lines), removed


def _program(lines: Sequence[str]) -> int:
    """The last line, if a program wrote it; 0: none, here and below."""
    return len(lines) - 1 if _PROGRAM.fullmatch(lines[-1].strip()) else 0


def _notice(lines: Sequence[str]) -> int:
    """Where the last paragraph starts, if it is a bot's or a lawyer's."""
    start = next((place for place in range(len(lines) - 1, 0, -1) if not lines[place - 1].strip()), 0)
    return start if _NOTICE.match(lines[start]) else 0


def _delimited(lines: Sequence[str]) -> int:
    """Where "-- ", the mark of a signature, stands above the last lines, or another dash above names only."""
    return next(
        (
            place
            for place in _last(lines)
            if lines[place] == "-- " or (_DASH.fullmatch(lines[place]) and _is_block(lines[place + 1 :]))
        ),
        0,
    )


def _closed(lines: Sequence[str]) -> int:
    """Where a closing stands above or beside nothing but names, posts and addresses."""
    return next((place for place in _last(lines) if _is_signed(lines[place], lines[place + 1 :])), 0)


def _last(lines: Sequence[str]) -> range:
    return range(len(lines) - 1, max(0, len(lines) - 2 * LINES), -1)


def _is_signed(closing: str, below: Sequence[str]) -> bool:
    found = _CLOSING.fullmatch(closing.strip())
    if not found:
        return False
    beside = found["name"].strip(" ,،.!–-")
    return _is_block([beside, *below], 3 if found["weak"] else 5, latin=bool(found["weak"]))


def _is_block(lines: Sequence[str], words: int = 5, latin: bool = False) -> bool:
    """Whether lines are a name of so many words at most, and what stands under it: posts, addresses, numbers."""
    block = [line.strip() for line in lines if line.strip()]
    return 0 < len(block) <= LINES and all(map(_is_short, block)) and _is_name(block[0], words, latin)


def _is_short(line: str) -> bool:
    sentence = line.endswith(("?", "؟", "!", ":")) or (line.endswith(".") and line.count(" ") > 3)
    return bool(_CONTACT.search(line)) or (not sentence and len(line.split()) <= LINES and not _NO_NAME.match(line))


def _is_name(line: str, words: int, latin: bool) -> bool:
    """Whether a line may be a name: few words, capital ones; or Arabic ones, which are not, unless `latin`."""
    said = re.findall(r"[^\W\d_][^\s,،|/]*", line)
    if not 0 < len(said) <= words or _NO_NAME.match(line):
        return False
    if any("a" <= word[0].lower() <= "z" for word in said):
        return all(word[0].isupper() or word.lower() in _SMALL or "@" in word for word in said)
    return not latin
