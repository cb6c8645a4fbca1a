"""Personal data in one text: places, kinds and values."""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

from stdnum import iban

from curation.core.text.lexicon import ARABIC_MONTHS, ENGLISH_MONTHS
from curation.core.text.windows import Place, apart, in_windows
from curation.privacy.addresses import addresses
from curation.privacy.hints import IDENTITY_WORDS, hint, says_identity
from curation.privacy.numbers import Number, Span, numbers, numbers_in_words
from curation.privacy.plain import Plain
from curation.privacy.secrets import ARABIC_SECRET_WORDS, SECRET_WORDS, may_be_secret, secrets
from curation.privacy.spoken import SPOKEN, may_be_spoken
from curation.privacy.told_codes import MORE_ARABIC_SECRET_WORDS, MORE_SECRET_WORDS

KINDS = (
    "email",
    "phone",
    "card",
    "iban",
    "national_id",  # identity cards, residence permits, passports, social security
    "birth_date",
    "ip_address",  # and the addresses of devices (MAC)
    "secret",  # passwords, PINs, credentials and tokens in links
    "address",  # where somebody lives or gets parcels
    "name",
)
PATTERNED = frozenset(KINDS) - {"name"}  # told by pattern, not by likelihood
COVER = re.compile(rf"\[(?:{'|'.join(KINDS)})(?:_\d+)?\]")  # what masking writes: [phone], [phone_1]

# What a text must hold for any kind but names to be possible, for Python and for Polars' engine, where a bound of
# Unicode words costs fifty times as much.
_ARABIC = rf"(?:دوت|نقط[ةه])\s|{ARABIC_SECRET_WORDS}"
_NUMBER = re.compile(r"[\d@]")
_LATIN_CANDIDATES = (  # each begins with a letter or a set of them: so Python's engine is ten times as fast
    re.compile(r"[dD](?<!\w.)[oO][tT]\s"),
    re.compile(r"[\[(]\s?(?i:at|dot)\s?[\])]"),
    re.compile(r"\s(?i:at\s+(?:gmail|yahoo|hotmail|outlook|icloud|live|msn|proton))"),
)
_ARABIC_CANDIDATES = tuple(map(re.compile, (r"دوت\s", r"نقط[ةه]\s", "طابق ال", "دور ال")))
_LATIN = r"\bdot\s|[\[(]\s?(?:at|dot)\s?[\])]|\sat\s+(?:gmail|yahoo|hotmail|outlook|icloud|live|msn|proton)"
CANDIDATE = rf"[\d@]|://|(?i-u:{_LATIN}|{SECRET_WORDS})|{_ARABIC}|{SPOKEN}"
# What a whole conversation must hold, which knows its questions.
_BETWEEN = (
    r"[\s().\-/\x{00ad}\x{061c}\x{200b}-\x{200f}\x{2010}-\x{2015}\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}]{0,3}"
)
# A mobile whose first half ends a turn and whose second half opens the next one, or the one after the other side's.
_SPLIT = r"(?:[+0٠۰]|[9٩][67٦٧])\d{1,8}[^\d\x00]*\x00(?:[^\x00]*\x00)?[^\d\x00]*\d\d"
_DEVICE = r"::[a-fA-F\d]|(?:[a-fA-F\d]{2}[:\-]){5}|[a-fA-F\d]{4}\.[a-fA-F\d]{4}\."
_CODE_WORDS = r"(?-u:\b(?:m?pin|otp|cvv2?|cvc2?|csc|2fa|dob)\b|[a-z]+[ \-_](?:code|pin)\b|code (?:you|i|we)\b)"
CONVERSATION_CANDIDATES = (  # apart, since one engine for all takes twice as long; those that most hold first
    rf"{_ARABIC}|{MORE_ARABIC_SECRET_WORDS}|ميلاد|مواليد|ول[دا]",
    rf"@|%40|://|(?:\d{_BETWEEN}){{7}}|\d\.\d{{1,3}}\.\d|:[0-9a-fA-F]{{1,4}}:|{_DEVICE}"
    r"|\d{3}[Oo]\d{3}",
    rf"(?i-u:{_LATIN}|{SECRET_WORDS}|{_CODE_WORDS}|birth|born|{MORE_SECRET_WORDS})",
    _SPLIT,
    SPOKEN,
)

# A closer look at the texts of a conversation, joined by NUL, which leaves little over but what `finds` would find. It
# must pass over nothing that `finds` would find. The shape of a value, a word with the value behind it ...
_BLANK, _DASH = r"[\s\x1c-\x1f]", r"\-\x{2010}-\x{2015}\x{2212}\x{fe63}\x{ff0d}"
_HOST_BEHIND = rf"\s?[\w{_DASH}]+(?:\.|\s?[\[(]?\s?(?i:dot|دوت|نقط))"  # of the least that `_HOST` reads
_SHAPE = (
    rf"(?:[@\x{{ff20}}]|%40){_HOST_BEHIND}|://|[?&]\S*=|\d(?:[\s().\-/{_DASH}]{{0,7}}\d){{6}}"
    r"|[A-Za-z]{2}\d\d(?:[^A-Za-z\d]{0,2}[A-Za-z\d]){11}|\d\.\d{1,3}\.\d{1,3}\.\d|(?:[a-fA-F\d]{1,4}:){7}"
    rf"|{_DEVICE}|{SPOKEN}|{_SPLIT}|\d{{3}}[Oo]\d{{3}}|[A-Z\d]{{5}}-[A-Z\d]{{5}}-"
)
_SAID = (
    # ... in the same turn or in the answer to it
    rf"(?:{SECRET_WORDS}|{ARABIC_SECRET_WORDS})[^\x00]*(?:\x00[^\x00]*)?[\d!#$%&*@^:=+~\"“«]",
    rf"(?:{_CODE_WORDS}|السري|التحقق|التفعيل|ال[أا]مان)[^\x00]*(?:\x00[^\x00]*)?\d{{3}}",
    rf"(?:{MORE_SECRET_WORDS}|{MORE_ARABIC_SECRET_WORDS})[^\x00]*\d",
    r"\d{3}[^\x00]{1,30}(?:code|pin|otp|cvv|cvc|pass|رمز|كود|سري|باس|بن)",
    r"phrase|mnemonic|(?:seed|recovery|wallet) words|maiden|(?:security|secret) (?:question|answer)|(?:كلمات"
    r"|عبار[ةه]|سؤال) ال|السؤال"
    r"|(?:wi-?fi|network|router|hotspot)[^\x00]*(?: is | was )|واي ?فاي\s(?:هي|هو)"
    rf"|[\[(]{_BLANK}?at{_BLANK}?[\])]|(?:at|[آأا]ت){_BLANK}+(?:gmail|yahoo|hotmail|outlook|icloud|live|msn|proton"
    rf"|جيميل|ياهو|\S+?{_BLANK}?[\[(]?{_BLANK}?(?:dot|دوت|نقط[ةه]))",
)
_UNTOLD = (
    r"(?m:^|\x00)[\[{]|[\x{ad}\x{61c}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{feff}]"
    r"|[\x{130}\x{131}]"  # letters that only Python takes for an i
)
# Apart, since one engine for all takes four times as long.
CLOSER = (rf"{_SHAPE}|{_UNTOLD}", *(f"(?i){said}" for said in _SAID))
# ... or both a word for an identity and what may be a document's number, a word for a birth and what may be a date.
IDENTITY = rf"(?i){IDENTITY_WORDS}|[\x{{130}}\x{{131}}]"
DOCUMENT = r"[A-Za-z][ -]?\d{6}"
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
_IBAN_LENGTHS = {"SA": 24, "AE": 23, "EG": 29, "JO": 30, "KW": 30, "QA": 29, "BH": 22, "LB": 28, "GB": 22, "DE": 22}
_IBAN_WORDS = re.compile(r"iban|[آأا]يبان", re.IGNORECASE)

_DOCUMENT = re.compile(r"(?<![A-Za-z0-9-])(?:[A-Z]{1,3}[ -]?|[a-z]{1,2})\d{6,12}[A-Za-z]?(?![A-Za-z0-9-])")

_MONTH = "|".join([f"(?:{'|'.join(month[:3] for month in ENGLISH_MONTHS)})[a-z]*", *ARABIC_MONTHS]).replace("أ", "[أا]")
_DATE = re.compile(
    rf"(?<!\d)(?:\d{{1,4}}[-/. ]\d{{1,2}}[-/. ]\d{{2,4}}|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH}),? \d{{4}}"
    rf"|(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?!\d)",
    re.IGNORECASE,
)
_FOUR_DIGITS = re.compile(r"(?:\d\D*){3}\d")  # the least that a date has; most texts with a number have fewer
_SAYS_BIRTH = re.compile(r"(?i:[bd]o(?:rn|b)|birth)|ميلاد|مواليد|ول[دا]")

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP = re.compile(
    rf"(?<![\w.-])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w-]|\.\d)|(?<![\w:])(?:[0-9a-f]{{1,4}}:){{7}}[0-9a-f]{{1,4}}"
)
_MAC = re.compile(  # IEEE 802: pairs, or fours as Cisco writes them
    r"(?<![\w:-])[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5})(?![\w:-])"
    r"|(?<![\w.])(?=[\d.]{0,13}[a-f])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w.])",
    re.IGNORECASE,
)
_HEX = re.compile(r"[0-9A-Fa-f]{2}[:.-][0-9A-Fa-f]{2}")
_SHORT_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{1,4}:){1,7}(?::[0-9a-f]{1,4}){1,7}(?![\w:])", re.IGNORECASE)
_IPV6_NETWORKS = re.compile(r"[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe80(?=(?::*[0-9a-f]+){3})", re.IGNORECASE)  # RFC 4291
_NOBODYS = frozenset(  # of routers as they are sold, of the machine itself, of public name servers
    "192.168.0.1 192.168.1.1 192.168.8.1 192.168.100.1 192.168.1.254 10.0.0.1 127.0.0.1 0.0.0.0 8.8.8.8 8.8.4.4"
    " 1.1.1.1"
    " 255.255.255.0 255.255.255.255".split()
)
_VERSION = re.compile(r"(?:version|firmware|release|build|v|[إا]صدار)\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class Find:
    """One piece of personal data: text[start:end]; `value` is the same however it is written."""

    kind: str
    start: int
    end: int
    value: str


def may_hold(text: str) -> bool:
    """Whether a text can hold anything personal but names."""
    if _NUMBER.search(text) or "://" in text or any(one.search(text) for one in _LATIN_CANDIDATES):
        return True
    arabic = not text.isascii() and any(one.search(text) for one in _ARABIC_CANDIDATES)
    return arabic or may_be_secret(text) or may_be_spoken(text)


def finds(text: str, countries: Sequence[str], before: str | None = None) -> list[Find]:
    """Personal data but names, in order and without overlaps.

    countries: ISO 3166 codes, for phones without a country code. before: what was said last, for numbers whose meaning
    only the question tells; None where that is not known, and then weak patterns count too.
    """
    return list(_finds(text, tuple(countries), before))


@functools.lru_cache(8_192)  # checks and what covers their evidence read the same turns one after the other
def _finds(text: str, countries: tuple[str, ...], before: str | None) -> tuple[Find, ...]:
    if not may_hold(text):
        return ()
    plain = Plain(text)
    read = functools.partial(_places, countries=countries, before=before)
    found = apart(in_windows(plain.text, read))
    return tuple(Find(kind, *plain.written(start, end), value) for start, end, (kind, value) in found)


def _places(text: str, countries: Sequence[str], before: str | None) -> list[Place[tuple[str, str]]]:
    """Place, kind and value of each piece of personal data in plain text, in order and apart."""
    taken = bytearray(len(text))
    for tag in COVER.finditer(text):
        taken[slice(*tag.span())] = b"\1" * len(tag.group())
    found = []
    for kind, (start, end), value in _all(text, countries, before):
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            found.append((start, end, (kind, value)))
    return sorted(found, key=lambda place: place[0])


def masked(text: str, countries: Sequence[str], before: str | None = None) -> str:
    """The text with each piece of personal data, names aside, replaced by its kind in square brackets."""
    return replaced(text, ((find, f"[{find.kind}]") for find in finds(text, countries, before)))


def replaced(text: str, finds: Iterable[tuple[Find, str]]) -> str:
    """The text with something in the place of each of these, which are in order and apart."""
    pieces, end = list[str](), 0
    for find, instead in finds:
        pieces += (text[end : find.start], instead)
        end = find.end
    return "".join((*pieces, text[end:]))


def _all(text: str, countries: Sequence[str], before: str | None) -> Iterator[Number]:
    """Where two kinds claim the same place, the first one here has it."""
    for kind, found in (
        ("secret", secrets(text, before)),
        ("email", _emails(text)),
        ("iban", _ibans(text)),
        ("birth_date", _birth_dates(text, before)),
        ("ip_address", _ip_addresses(text)),
        ("national_id", _documents(text, before)),
    ):
        yield from ((kind, span, _spelling(value) if kind == "secret" else value) for span, value in found)
    yield from numbers(text, countries, before)
    yield from numbers_in_words(text, countries, before)
    yield from (("address", span, value) for span, value in addresses(text, before))


def _spelling(secret: str) -> str:
    """559 102 and 559-102 as 559102."""
    return re.sub(r"[ -]", "", secret) if _GROUPED.fullmatch(secret) else secret


_GROUPED = re.compile(r"[\d -]+")


def _emails(text: str) -> Iterator[tuple[Span, str]]:
    for at in _AT.finditer(text) if _may_have_host(text) else ():
        host = _HOST.match(text, at.end())
        name = _LOCAL_PART.search(text, max(0, at.start() - _LOCAL_CHARACTERS), at.start()) if host else None
        if name and host and _is_email(text, name, at, host):
            value = f"{_DOT.sub('.', name.group())}@{_DOT.sub('.', host.group())}"
            yield (name.start(), host.end()), value.casefold()


_TAIL = re.compile(r"\.[^\W\d_]{2}")  # of a host
_DOTS_SAID = ("dot", "دوت", "نقط")


def _may_have_host(text: str) -> bool:
    return _TAIL.search(text) is not None or any(map(text.lower().__contains__, _DOTS_SAID))


def _is_email(text: str, name: re.Match[str], at: re.Match[str], host: re.Match[str]) -> bool:
    """ "sara at mail dot com" is one; "look at shop.com" and "look at shop dot com" are not."""
    if host["host"].casefold() in _MAIL_HOSTS or not at.group().strip().isalpha():
        return at.group() not in ("@ ", " @")  # "follow us @shop.example"
    said_mail = _MAIL_WORDS.search(text, max(0, name.start() - 40), name.start()) is not None
    return said_mail and "." not in host["tail"]


def _ibans(text: str) -> Iterator[tuple[Span, str]]:
    for match in _IBAN.finditer(text):
        written = match.group()
        said = _IBAN_WORDS.search(text, max(0, match.start() - 25), match.start())  # a slip of the hand is one as well
        places = [place for place, sign in enumerate(written) if sign.isalnum()]
        whole = "".join(written[place] for place in places).upper()
        for length in _IBAN_CHARACTERS:  # what follows the number may look like its end
            value = whole[:length]
            if length <= len(whole) and (iban.is_valid(value) or (said and _IBAN_LENGTHS.get(value[:2]) == length)):
                yield (match.start(), match.start() + places[length - 1] + 1), value
                break


def _birth_dates(text: str, before: str | None) -> Iterator[tuple[Span, str]]:
    dated = _FOUR_DIGITS.search(text) and (_SAYS_BIRTH.search(text) or _asked_for_birth(before or ""))
    for match in _DATE.finditer(text) if dated else ():
        if hint(text, *match.span(), before).kind == "birth":
            yield match.span(), match.group().casefold()


@functools.lru_cache(8)  # once for all windows of an answer
def _asked_for_birth(before: str) -> bool:
    return _SAYS_BIRTH.search(before) is not None


def _ip_addresses(text: str) -> Iterator[tuple[Span, str]]:
    dots, colons = text.count("."), text.count(":")
    for match in _IP.finditer(text) if dots >= _DOTS or colons >= _COLONS else ():
        if match.group() not in _NOBODYS and not _VERSION.search(text[max(0, match.start() - 12) : match.start()]):
            yield match.span(), match.group().lower()
    for match in _MAC.finditer(text) if max(dots, colons, text.count("-")) > 1 and _HEX.search(text) else ():
        yield match.span(), match.group().lower()
    for match in _SHORT_IPV6.finditer(text) if "::" in text else ():
        if _IPV6_NETWORKS.match(match.group()) and _is_ipv6(match.group()):
            yield match.span(), match.group().lower()


_DOTS, _COLONS = 3, 7  # of an address in full


def _is_ipv6(text: str) -> bool:
    """Whether it is an address with its zeros left out, and not C++."""
    try:
        return IPv6Address(text) is not None
    except AddressValueError:
        return False


_SIX_DIGITS = re.compile(r"\d{6}")


def _documents(text: str, before: str | None) -> Iterator[tuple[Span, str]]:
    """Passports and the like: letters and digits, where a word says that they are an identity."""
    for match in _DOCUMENT.finditer(text) if _SIX_DIGITS.search(text) and says_identity(text, before) else ():
        if hint(text, *match.span(), before).kind == "identity":
            yield match.span(), re.sub(r"[ -]", "", match.group()).upper()
