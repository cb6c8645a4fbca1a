"""Personal data in one text: places, kinds and values."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stdnum import iban

from curation.privacy.hints import hint
from curation.privacy.numbers import Number, Span, numbers
from curation.privacy.plain import Plain
from curation.text.lexicon import ARABIC_MONTHS, ENGLISH_MONTHS

KINDS = (
    "email",
    "phone",
    "card",
    "iban",
    "national_id",  # identity cards, residence permits, passports, social security
    "birth_date",
    "ip_address",
    "secret",  # passwords, PINs, credentials and tokens in links
    "name",
)
PATTERNED = frozenset(KINDS) - {"name"}  # told by pattern, not by likelihood
COVER = re.compile(rf"\[(?:{'|'.join(KINDS)})(?:_\d+)?\]")  # what masking writes: [phone], [phone_1]

# What a text must hold for any kind but names to be possible.
_LATIN = (
    r"\bdot\s|[\[(]\s?(?:at|dot)\s?[\])]|\sat\s+(?:gmail|yahoo|hotmail|outlook|icloud|live|msn|proton)"
    r"|pass(?:word|code|wd)"
)
_ARABIC = r"(?:دوت|نقط[ةه])\s|كلم[ةه]\s+(?:ال)?(?:سر|مرور)"
_CANDIDATE = re.compile(rf"[\d@]|://|(?i:{_LATIN})|{_ARABIC}")
# The same for Polars' engine, where a bound of Unicode words costs fifty times as much.
CANDIDATE = rf"[\d@]|://|(?i-u:{_LATIN})|{_ARABIC}"
# What a whole conversation must hold, which knows its questions.
_BETWEEN = (
    r"[\s().\-/\x{00ad}\x{061c}\x{200b}-\x{200f}\x{2010}-\x{2015}\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}]{0,3}"
)
CONVERSATION_CANDIDATE = (
    rf"@|%40|://|(?:\d{_BETWEEN}){{7}}|[A-Za-z] ?\d{{6}}|\d\.\d{{1,3}}\.\d|:[0-9a-fA-F]{{1,4}}:"
    rf"|(?i-u:{_LATIN}|\b(?:pin|otp|cvv2?|cvc|dob)\b|(?:security|verification) code|birth|born)"
    rf"|{_ARABIC}|السري|التحقق|ميلاد|مواليد|ول[دا]"
)

# A closer look at the texts of a conversation, joined by NUL, which leaves little over but what `finds` would find. It
# must pass over nothing that `finds` would find. The shape of a value, a word with the value behind it ...
_BLANK, _DASH = r"[\s\x1c-\x1f]", r"\-\x{2010}-\x{2015}\x{2212}\x{fe63}\x{ff0d}"
_SHAPE = (
    rf"[@\x{{ff20}}]|%40|://|[?&]\S*=|\d(?:[\s().\-/{_DASH}]{{0,7}}\d){{6}}|[A-Za-z][\s{_DASH}]?\d{{6}}"
    r"|[A-Za-z]{2}\d\d(?:[^A-Za-z\d]{0,2}[A-Za-z\d]){11}|\d\.\d{1,3}\.\d{1,3}\.\d|(?:[a-f\d]{1,4}:){7}"
)
_SAID = (
    rf"(?i)(?:pass(?:word|code|wd)|كلم[ةه]{_BLANK}(?:ال)?(?:سر|مرور))(?:{_BLANK}(?:is|was|هي))?{_BLANK}*[:=]?{_BLANK}*"
    r"[\"']?[^\s\"']*[\d!#$%&*@^]"
    rf"|(?:pin|otp|cvv2?|cvc|pin.(?:code|number)|(?:security|verification).code|السري|التحقق)(?:{_BLANK}(?:is|was|هو))?"
    rf"{_BLANK}*[:=]?{_BLANK}*\d{{3}}"
    rf"|[\[(]{_BLANK}?at{_BLANK}?[\])]|(?:at|[آأا]ت){_BLANK}+(?:gmail|yahoo|hotmail|outlook|icloud|live|msn|proton"
    rf"|جيميل|ياهو|\S+?{_BLANK}?[\[(]?{_BLANK}?(?:dot|دوت|نقط[ةه]))"
)
# ... JSON, whose keys are such words, and signs that hide a value from these patterns ...
_UNTOLD = (
    r"(?m:^|\x00)[\[{]|[\x{ad}\x{61c}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{feff}]"
    r"|[\x{130}\x{131}]"  # letters that only Python takes for an i
)
CLOSER = rf"{_SHAPE}|{_SAID}|{_UNTOLD}"
# ... or both a word for a birth and what may be a date.
BIRTH = r"(?i)birth|born|dob|ميلاد|مواليد|ولدت|ولاد"
DATED = rf"\d[\s./{_DASH}]\d{{1,2}}[\s./{_DASH}]\d\d|{_BLANK}\d{{4}}"

_DOT_WORD = r"(?:\.|\s?[\[(]\s?dot\s?[\])]\s?|\sdot\s|\sدوت\s|\sنقط[ةه]\s)"
_DOT = re.compile(_DOT_WORD, re.IGNORECASE)
_AT = re.compile(r"\s{1,3}(?:at|[آأا]ت)\s{1,3}|\s?[\[(]\s?at\s?[\])]\s?| ?@ ?|%40", re.IGNORECASE)
_LOCAL_PART = re.compile(rf"[\w.+%'-]*[\w+%-]$|[\w+-]+(?:{_DOT_WORD}[\w+-]+)+$", re.IGNORECASE)
_LOCAL_CHARACTERS = 64  # RFC 5321
_HOST = re.compile(
    rf"(?P<host>[\w-]+)(?P<tail>(?:\.[\w-]+)*\.[^\W\d_]{{2,}}|(?:{_DOT_WORD}[^\W\d_]{{2,}}){{1,3}})", re.IGNORECASE
)
_MAIL_HOSTS = {"gmail", "yahoo", "hotmail", "outlook", "icloud", "live", "msn", "proton", "protonmail", "جيميل", "ياهو"}
_MAIL_WORDS = re.compile(r"e-?mail|mail|[إاأ]يميل|بريد|راسل", re.IGNORECASE)

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?\n?[A-Za-z0-9]){11,30}")
_IBAN_CHARACTERS = range(34, 14, -1)  # ISO 13616

_DOCUMENT = re.compile(r"(?<![A-Za-z0-9-])(?:[A-Z]{1,3}[ -]?|[a-z]{1,2})\d{6,12}[A-Za-z]?(?![A-Za-z0-9-])")

_MONTH = "|".join([f"(?:{'|'.join(month[:3] for month in ENGLISH_MONTHS)})[a-z]*", *ARABIC_MONTHS]).replace("أ", "[أا]")
_DATE = re.compile(
    rf"(?<!\d)(?:\d{{1,4}}[-/. ]\d{{1,2}}[-/. ]\d{{2,4}}|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH}),? \d{{4}}"
    rf"|(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?!\d)",
    re.IGNORECASE,
)
_FOUR_DIGITS = re.compile(r"(?:\d\D*){3}\d")  # the least that a date has; most texts with a number have fewer

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP = re.compile(
    rf"(?<![\w.-])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w-]|\.\d)|(?<![\w:])(?:[0-9a-f]{{1,4}}:){{7}}[0-9a-f]{{1,4}}"
)
_VERSION = re.compile(r"(?:version|firmware|release|build|v|[إا]صدار)\W*$", re.IGNORECASE)

_SECRETS = (
    re.compile(r"://(?P<value>[^/\s:@]+:[^/\s@]+)@"),
    re.compile(
        r"[?&](?:[a-z_-]*token|[a-z_-]*key|secret|password|pwd|auth|sig|signature|session(?:id)?)=(?P<value>[^&\s#]{6,})",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:pass(?:word|code|wd)|كلم[ةه] (?:ال)?(?:سر|مرور))(?: is| was| هي|)?\s*[:=]?\s*[\"']?"
        r"(?P<value>(?=[^\s\"']{0,39}[\d!#$%&*@^])[^\s\"']{4,40}?)(?=[.,;!?]?(?:[\s\"']|$))",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?<![a-z])(?:pin|otp|cvv2?|cvc|pin[ -]code|pin[ -]number|security code|verification code|الرقم السري"
        r"|رمز التحقق|كود التحقق)(?: is| was| هو|)?\s*[:=]?\s*(?P<value>\d{3,8})(?!\d)",
        re.IGNORECASE,
    ),
)


@dataclass(frozen=True)
class Find:
    """One piece of personal data: text[start:end]; `value` is the same however it is written."""

    kind: str
    start: int
    end: int
    value: str


def may_hold(text: str) -> bool:
    """Whether a text can hold anything personal but names."""
    return _CANDIDATE.search(text) is not None


def finds(text: str, countries: Sequence[str], before: str | None = None) -> list[Find]:
    """Personal data but names, in order and without overlaps.

    countries: ISO 3166 codes, for phones without a country code. before: what was said last, for numbers whose meaning
    only the question tells; None where that is not known, and then weak patterns count too.
    """
    if not may_hold(text):
        return []
    plain = Plain(text)
    taken = bytearray(len(plain.text))
    for tag in COVER.finditer(plain.text):
        taken[slice(*tag.span())] = b"\1" * len(tag.group())
    found = []
    for kind, (start, end), value in _all(plain.text, countries, before):
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            found.append(Find(kind, *plain.written(start, end), value))
    return sorted(found, key=lambda find: find.start)


def masked(text: str, countries: Sequence[str], before: str | None = None) -> str:
    """The text with each piece of personal data, names aside, replaced by its kind in square brackets."""
    for find in reversed(finds(text, countries, before)):
        text = f"{text[: find.start]}[{find.kind}]{text[find.end :]}"
    return text


def _all(text: str, countries: Sequence[str], before: str | None) -> Iterator[Number]:
    """Where two kinds claim the same place, the first one here has it."""
    for kind, found in (
        ("secret", _secrets(text)),
        ("email", _emails(text)),
        ("iban", _ibans(text)),
        ("birth_date", _birth_dates(text, before)),
        ("ip_address", _ip_addresses(text)),
        ("national_id", _documents(text, before)),
    ):
        yield from ((kind, span, value) for span, value in found)
    yield from numbers(text, countries, before)


def _secrets(text: str) -> Iterator[tuple[Span, str]]:
    for pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield match.span("value"), match["value"]


def _emails(text: str) -> Iterator[tuple[Span, str]]:
    for at in _AT.finditer(text):
        host = _HOST.match(text, at.end())
        name = _LOCAL_PART.search(text, max(0, at.start() - _LOCAL_CHARACTERS), at.start()) if host else None
        if name and host and _is_email(text, name, at, host):
            value = f"{_DOT.sub('.', name.group())}@{_DOT.sub('.', host.group())}"
            yield (name.start(), host.end()), value.casefold()


def _is_email(text: str, name: re.Match[str], at: re.Match[str], host: re.Match[str]) -> bool:
    """ "sara at mail dot com" is one; "look at shop.com" and "look at shop dot com" are not."""
    if host["host"].casefold() in _MAIL_HOSTS or not at.group().strip().isalpha():
        return at.group() not in ("@ ", " @")  # "follow us @shop.example"
    said_mail = _MAIL_WORDS.search(text, max(0, name.start() - 40), name.start()) is not None
    return said_mail and "." not in host["tail"]


def _ibans(text: str) -> Iterator[tuple[Span, str]]:
    for match in _IBAN.finditer(text):
        written = match.group()
        places = [place for place, sign in enumerate(written) if sign.isalnum()]
        for length in _IBAN_CHARACTERS:  # what follows the number may look like its end
            value = "".join(written[place] for place in places[:length]).upper()
            if length <= len(places) and iban.is_valid(value):
                yield (match.start(), match.start() + places[length - 1] + 1), value
                break


def _birth_dates(text: str, before: str | None) -> Iterator[tuple[Span, str]]:
    for match in _DATE.finditer(text) if _FOUR_DIGITS.search(text) else ():
        if hint(text, *match.span(), before).kind == "birth":
            yield match.span(), match.group().casefold()


def _ip_addresses(text: str) -> Iterator[tuple[Span, str]]:
    for match in _IP.finditer(text):
        if not _VERSION.search(text[max(0, match.start() - 12) : match.start()]):
            yield match.span(), match.group()


def _documents(text: str, before: str | None) -> Iterator[tuple[Span, str]]:
    """Passports and the like: letters and digits, where a word says that they are an identity."""
    for match in _DOCUMENT.finditer(text):
        if hint(text, *match.span(), before).kind == "identity":
            yield match.span(), re.sub(r"[ -]", "", match.group()).upper()
