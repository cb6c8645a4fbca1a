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
# "On Mon, 5 Jan 2026 at 10:15, Sara <s@x.com> wrote:", which some programs break in two. A clock or an address is asked
# for, and no pronoun, for people also tell what was written.
_DATED = re.compile(rf"{_MARKS}(?:On|في|بتاريخ|يوم)\b(?=.*(?:\d[:.]\d\d|@)).{{4,300}}")
_WROTE = re.compile(
    rf"(?:(?<!\bI )(?<!\byou )(?<!\bwe )\bwrote|\b(?:كتبت?(?! (?:ل|إلي|الي))|كتابة ما يلي)\b.{{0,120}}):{_MARKS}$",
    re.MULTILINE,
)
_ORIGINAL = re.compile(
    rf"^{_MARKS}-{{2,}} ?(?:Original Message|الرسالة الأصلية|رسالة أصلية) ?-{{2,}}", re.MULTILINE | re.IGNORECASE
)
_HEADERS = re.compile(  # Outlook's
    rf"^(?:_{{5,}}\s*\n)?{_MARKS}(?:From: ?.+\n(?:Sent|Date): ?.+|من: ?.+\n(?:تم الإرسال|أُ?رسلت|التاريخ): ?.+)\n"
    rf"{_MARKS}(?:To|Subject|إلى|الموضوع):",
    re.MULTILINE,
)
_QUOTED_LINES = re.compile(r"(?:[ \t]*\n|^>.*(?:\n|$))+", re.MULTILINE)
_BANNER = re.compile(r"^[ \t]*##-.*-##[ \t]*\n?", re.MULTILINE)  # Zendesk's "type your reply above this line"


def without_quotes(text: str) -> tuple[str, list[Removed]]:
    """A mail without the earlier mail in it. Where answers stand between its lines, all stays as it is."""
    removed = [Removed("quote", banner.strip()) for banner in _BANNER.findall(text)]
    text = _BANNER.sub("", text)
    start, end = _quote(text)
    before, quoted, after = text[:start].rstrip(), text[start:end].strip(), text[end:].strip()
    if not quoted or "\n>" in f"\n{after}":
        return text, removed
    return "\n".join(part for part in (before, after) if part), [*removed, Removed("quote", quoted)]


def _quote(text: str) -> tuple[int, int]:
    """Where the quoted mail starts and ends, in characters: from the line that tells of it, or its lines with ">"."""
    others = [found.start() for mark in (_ORIGINAL, _HEADERS) if (found := mark.search(text))]
    start, end = _attribution(text)
    if start < min(others, default=len(text)):
        lines = _QUOTED_LINES.match(text, end)
        return (start, lines.end()) if lines and ">" in lines[0] else (start, len(text))
    return (min(others), len(text)) if others else (_last_quoted_lines(text), len(text))


def _attribution(text: str) -> tuple[int, int]:
    """Where the line, or the two, start and end that say who wrote what follows; the end of the text for none."""
    for wrote in _WROTE.finditer(text):
        line = text.rfind("\n", 0, wrote.start()) + 1
        for start in (line, text.rfind("\n", 0, max(line - 1, 0)) + 1):
            if _DATED.match(text, start):
                return start, wrote.end()
    return len(text), len(text)


def _last_quoted_lines(text: str) -> int:
    """Where two or more lines with ">" start that end the text; people quote one sentence to answer it."""
    lines = text.rstrip().split("\n")
    place = len(lines)
    while place and (lines[place - 1].startswith(">") or not lines[place - 1].strip()):
        place -= 1
    quoted = sum(line.startswith(">") for line in lines[place:])
    return sum(len(line) + 1 for line in lines[:place]) if quoted > 1 else len(text)


# -- signatures --------------------------------------------------------------------------------------------------------

LINES = 8  # a signature has no more
SIGNATURES = 5  # one under the other
_DASH = re.compile(r"(?:--|—)[ \t]*")
_PROGRAM = re.compile(  # a line that mail programs and help desks put under a mail
    r"\W*(?:"
    r"Sent from my (?:iPhone|iPad|Android|Samsung|Galaxy|Huawei|Xiaomi|BlackBerry|Windows|mobile|cell|phone)\b.{0,40}|"
    r"Sent (?:from|via) (?:the )?(?:Mail|Outlook|Yahoo Mail|Gmail Mobile|Proton ?Mail|AOL)\b.{0,60}|"
    r"Get Outlook for \w.{0,60}|"
    r"(?:أُ?رسلت?|تم الإرسال|مرسلة?) (?:من|بواسطة|عبر) (?:الـ? ?)?(?:iPhone|iPad|Samsung|Outlook|Yahoo|Gmail|"
    r"آيفون|ايفون|هاتفي|جوالي|جهازي|جهاز|بريد|تطبيق)\b.{0,40}|"
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
