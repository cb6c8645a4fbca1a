"""Whom a value names, however it is spelled: the one reader of addresses, phones and names of customers.

Exports spell one person in many ways. `966501234567`, `+966 50 123–4567`, `tel:+966-50-1234567`, `966501234567.0` of a
spreadsheet and the same in Arabic digits or between writing-direction marks are one phone. `Ali <ali@example.com>`,
`mailto:Ali@Example.com` and `ali%40example.com` are one address. A name is itself, folded.

`050 123 4567` is not `+966 50 123 4567`: which country a national number is of is a guess. It is *near*, as are another
domain, a letter more or a digit changed: what a person has to look at.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from curation.core.text.folding import fold

MOST_DIGITS = 15  # of a phone (ITU-T E.164)
SURE_DIGITS = 8  # of a phone that stands among other words: fewer may be an order's number
NEAR_DIGITS = 8  # at the end of two numbers of which one lacks the country's code
NEAR_LETTERS = 5  # of names that are near though a letter differs
LONGEST = 200  # characters of what names somebody; longer is a text

_SPELLED = {"−": "-", "٫": ".", "٬": ",", "،": ",", "؛": ";", "％": "%"}
_ENCODED = {"%40": "@", "%2b": "+", "%20": " ", "%3c": "<", "%3e": ">"}
_SCHEME = re.compile(
    r"^(?:tel|sms|smsto|callto|fax|phone|mobile|whatsapp|wa|sips?|mailto|e-?mail|smtp|xmpp|هاتف|جوال|موبايل|واتساب"
    r"|البريد|بريد)\s*[:=]\s*(?://)?\s*"
)
_ADDRESS = re.compile(r"[^\s<>()\[\]{}\"'`«»,;:|=?&/\\@]+@(?:[^\s<>()\[\]{}\"'`«»,;:|=?&/\\@.]+\.)+[^\W\d_][\w-]+")
_CHAT = re.compile(r"^(\d{7,})(?:[.:]\d+)?@(?:s\.whatsapp\.net|c\.us|g\.us)$")
_CALLED = re.compile(r"^\+\d{7,}@")  # a phone at a gateway
_CHAT_LINK = re.compile(r"(?:wa\.me/|whatsapp\.com/send\S*?phone=|t\.me/\+)\+?(\d{7,})")
_WHOLE_PHONE = re.compile(r"\+?[\d\s().·•_-]{7,}")
_PHONE_INSIDE = re.compile(r"(?<![\w@.+%-])\+?\(?\d[\d\s().·•-]*\d(?![\w@%]|-\w)")
_EXTENSION = re.compile(r"\s*(?:[;,]?\s*(?:ext(?:ension)?|x|تحويله)\s*[.:=]?|#)\s*\d{1,6}$")
_FRACTION = re.compile(r"^(\+?\d+)\.0+$")  # a number as a spreadsheet or a table of floats has it
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3}){2,}(?:\.0+)?")
_EXPONENT = re.compile(r"\d(?:\.\d+)?e\+?\d{1,2}")
_TRUNK = re.compile(r"^((?:\+|00)[\s-]*\d{1,3}[\s.-]*)\(0\)")
_AROUND = " \t\"'`<>()[]{}«»“”‘’,;=."


def identity(said: str) -> str:
    """The one spelling of whom a value names: its address, else the digits of its phone, else its words folded."""
    plain = _plain(said)
    found = _addresses(plain) or _numbers(plain)
    return found[0] if found else plain


def identities(said: str) -> set[str]:
    """All whom a value names: itself, and every address and phone in it."""
    plain = _plain(said)
    return {identity(said), plain, *_addresses(plain), *_numbers(plain)} - {""}


def identities_within(text: str) -> set[str]:
    """The addresses and phones that a text of any length names."""
    plain = _plain(text)
    return {*_addresses(plain), *_phones_inside(plain)}


def possible_within(text: str) -> set[str]:
    """All that a text may name, taken in any way: of "0501234567 2026-01-05" the number, the date, and both as one.

    To look for somebody known, where a phone must not hide beside other digits; not to tell who is there.
    """
    plain = _plain(text)
    return {*_addresses(plain), *_numbers(plain), *_every_phone(plain)}


def nearness(one: str, other: str) -> str | None:
    """How the spellings of two identities are alike, in words; None where they are not, or are the same."""
    if one == other or not one or not other:
        return None
    if one.isdigit() and other.isdigit() and min(len(one), len(other)) >= SURE_DIGITS - 1:
        return _near_numbers(one, other)
    if "@" in one and "@" in other:
        return _near_addresses(one, other)
    mine, its = (_letters(side.partition("@")[0]) for side in (one, other))
    if mine.isdigit() or its.isdigit() or min(len(mine), len(its)) < NEAR_LETTERS:
        return None
    if "@" in one or "@" in other:
        return "the name in an address" if mine == its else None
    return _near_names(one, other)


# -- one spelling ------------------------------------------------------------------------------------------------------


def _plain(said: str) -> str:
    """Folded, without what is not seen, with one kind of dash and of digits, and nothing encoded as in links."""
    if not said.isascii():
        said = "".join(map(_seen, said))
    elif not said.isprintable():
        said = "".join(c if c.isprintable() or c.isspace() else "" for c in said)
    plain = fold(said)
    for encoded, character in _ENCODED.items() if "%" in plain else ():
        plain = plain.replace(encoded, character)
    return _FRACTION.sub(r"\1", plain.strip())


@functools.cache
def _seen(character: str) -> str:
    """A character as it counts: nothing for marks of direction and joining, "-" for dashes, digits of all scripts."""
    kind = unicodedata.category(character)
    if kind == "Cf" or (kind == "Cc" and not character.isspace()) or "\ufe00" <= character <= "\ufe0f":
        return ""
    if kind == "Pd":
        return "-"
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    return _SPELLED.get(character, character)


def _addresses(plain: str) -> list[str]:
    """The addresses in folded text, in their order; not those that are numbers of a chat."""
    if "@" not in plain:
        return []
    found = (match[0].strip(".-") for match in _ADDRESS.finditer(plain))
    people = (address for address in found if not (_CHAT.match(address) or _CALLED.match(address)))
    return list(dict.fromkeys(map(_domain_read, people)))


def _domain_read(address: str) -> str:
    """The address with its domain in the letters that it stands for: xn--mgbh0fb.example is Arabic."""
    if "xn--" not in address:
        return address
    name, _, domain = address.rpartition("@")
    try:
        return f"{name}@{fold(domain.encode('ascii').decode('idna'))}"
    except UnicodeError:
        return address


def _numbers(plain: str) -> list[str]:
    """The phones that a value names: the whole of it, else those that stand in it."""
    told = plain.strip(_AROUND)
    bare = _SCHEME.sub("", told).strip(_AROUND)
    if chat := _CHAT.match(bare) or _CHAT_LINK.search(bare):
        return [chat[1].lstrip("0")]
    if bare != told or _CALLED.match(bare):
        bare = re.split("[;?@]", bare)[0]
    whole = _digits(bare)
    return [whole] if whole else _phones_inside(plain) if len(plain) <= LONGEST else []


def _digits(bare: str) -> str:
    """The digits of a phone that is all of a value, without zeros before them; "" where it is none."""
    bare = _FRACTION.sub(r"\1", _EXTENSION.sub("", bare))
    if _GROUPED.fullmatch(bare):
        bare = bare.partition(".")[0].replace(",", "")
    elif _EXPONENT.fullmatch(bare):
        bare = _unfolded(bare)
    bare = _TRUNK.sub(r"\1", bare)
    return re.sub(r"\D", "", bare).lstrip("0") if _WHOLE_PHONE.fullmatch(bare) else ""


def _unfolded(exponent: str) -> str:
    """9.66501234567e11 as a spreadsheet shows it, in full."""
    try:
        number = Decimal(exponent)
    except InvalidOperation:
        return exponent
    return str(int(number)) if number == number.to_integral_value() else exponent


def _phones_inside(plain: str) -> list[str]:
    """Runs of digits that may be phones, each as one number, where it is too long for one each part of it."""
    found: list[str] = []
    for run in _runs(plain):
        digits = _bare(run)
        found += [digits] if len(digits) <= MOST_DIGITS else map(_bare, run.split())
    return list(dict.fromkeys(digits for digits in found if SURE_DIGITS <= len(digits) <= MOST_DIGITS))


def _every_phone(plain: str) -> Iterator[str]:
    """However many neighbouring groups of a run of digits are taken for one number."""
    for run in _runs(plain):
        groups = [group for group in run.split() if re.search(r"\d", group)]
        for start in range(len(groups)):
            digits = ""
            for group in groups[start : start + MOST_DIGITS + 1]:
                digits += _bare(group) if not digits else re.sub(r"\D", "", group)
                if len(digits) > MOST_DIGITS:
                    break
                if len(digits) >= SURE_DIGITS:
                    yield digits


def _runs(plain: str) -> Iterator[str]:
    return (_TRUNK.sub(r"\1", match[0]) for match in _PHONE_INSIDE.finditer(plain))


def _bare(run: str) -> str:
    return re.sub(r"\D", "", run).lstrip("0")


# -- near spellings ----------------------------------------------------------------------------------------------------


def _near_numbers(one: str, other: str) -> str | None:
    if one[-NEAR_DIGITS:] == other[-NEAR_DIGITS:] and len(one) != len(other):
        return "a number without its country's code, or with another"
    return "a digit differs" if _one_slip(one, other) else None


def _near_addresses(one: str, other: str) -> str | None:
    (name, home), (its, its_home) = (_parts(address) for address in (one, other))
    if name == its and home == its_home:
        return "the same address with other dots or tags"
    if name == its and (len(name) >= NEAR_LETTERS - 1 or home.partition(".")[0] == its_home.partition(".")[0]):
        return "the same name at another domain"
    return "a letter of an address differs" if _one_slip(name + "@" + home, its + "@" + its_home) else None


def _parts(address: str) -> tuple[str, str]:
    name, _, home = address.rpartition("@")
    return _letters(name.partition("+")[0]), home


def _near_names(one: str, other: str) -> str | None:
    if _letters(one) == _letters(other):
        return "the same letters"
    if sorted(one.split()) == sorted(other.split()):
        return "the same words in another order"
    counted = any(c.isdigit() for c in one + other)  # of numbers given in turn all neighbours are near
    return "a letter differs" if not counted and _one_slip(_letters(one), _letters(other)) else None


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _one_slip(one: str, other: str) -> bool:
    """Whether one character put in, left out, changed, or two neighbours swapped make the one the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    left, right = one[start:], other[start:]
    swapped = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]
