"""Personal data and facts that never were: random, in the forms people write, valid by their checksums."""

import random
import string

from stdnum import luhn

from curation.core.text.lexicon import ARABIC_DIGITS, DIGITS

EASTERN_DIGITS = str.maketrans(DIGITS, ARABIC_DIGITS)

MOBILE = {  # national prefixes and the digits behind them, international code
    "SA": (("050", "053", "054", "055", "056", "058", "059"), 7, "966"),
    "AE": (("050", "052", "054", "055", "056", "058"), 7, "971"),
    "EG": (("010", "011", "012", "015"), 8, "20"),
    "JO": (("077", "078", "079"), 7, "962"),
}
NAMES = "sara omar lina hassan maya karim dana yousef noor peter anna julia mark elena".split()
FAMILIES = "haddad saleh mansour khalil nasser brown miller rossi novak weber".split()
MAIL = "gmail.com hotmail.com outlook.sa yahoo.com icloud.com mail.jo proton.me company.com.eg".split()


def personal(kind: str, rng: random.Random, language: str) -> str:
    """A value of one of the kinds email, phone, card, iban, national_id."""
    value = {"email": email, "phone": phone, "card": card, "iban": iban, "national_id": national_id}[kind](rng)
    local = language == "ar" and kind not in ("email", "iban") and rng.random() < 0.4
    return value.translate(EASTERN_DIGITS) if local else value


def email(rng: random.Random) -> str:
    """An address at a provider of mail."""
    name = rng.choice(["{n}.{f}", "{n}{f}{d}", "{n}_{d}", "{f}.{n}+shop", "{n}{d}"])
    return name.format(n=rng.choice(NAMES), f=rng.choice(FAMILIES), d=rng.randint(10, 1999)) + "@" + rng.choice(MAIL)


def phone(rng: random.Random) -> str:
    """A mobile number, as people of its country write it."""
    prefixes, length, code = MOBILE[rng.choice(sorted(MOBILE))]
    prefix, rest = rng.choice(prefixes), digits(rng, length)
    local, abroad = prefix + rest, prefix[1:] + rest
    spaced = f"{prefix} {rest[:3]} {rest[3:]}"
    grouped = f"+{code} {prefix[1:]} {rest[:3]} {rest[3:]}"
    return rng.choice([local, spaced, f"+{code}{abroad}", f"00{code}{abroad}", grouped, grouped.replace(" ", "-")])


def card(rng: random.Random) -> str:
    """A number of a bank card, with its check digit."""
    prefix, length = rng.choice([("4", 16), ("4", 16), ("51", 16), ("54", 16), ("37", 15)])
    number = with_luhn(prefix + digits(rng, length - len(prefix) - 1))
    groups = [number[i : i + 4] for i in range(0, len(number), 4)]
    return rng.choice(["", " ", "-"]).join(groups)


def iban(rng: random.Random) -> str:
    """An account's number, with its check digits."""
    country = rng.choice(["SA", "AE", "EG", "JO", "GB", "DE"])
    bank = {"JO": "ARAB", "GB": "NWBK"}.get(country, "")
    account = bank + digits(rng, {"SA": 20, "AE": 19, "EG": 25, "JO": 22, "GB": 14, "DE": 18}[country])
    number = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    whole = f"{country}{98 - number % 97:02}{account}"
    return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4)) if rng.random() < 0.5 else whole


def national_id(rng: random.Random) -> str:
    """A Saudi, Emirati, Egyptian or Jordanian identity number."""
    born = f"{rng.randint(60, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    saudi = with_luhn(rng.choice("12") + digits(rng, 8))
    emirati = with_luhn(f"784{rng.randint(1955, 2004)}" + digits(rng, 7))
    egyptian = _with_egyptian_check(f"2{born}{rng.choice(['01', '02', '12', '14', '21'])}" + digits(rng, 4))
    jordanian = f"9{born[:2]}{rng.choice('12')}" + digits(rng, 6)
    dashed = f"{emirati[:3]}-{emirati[3:7]}-{emirati[7:14]}-{emirati[14]}"
    return rng.choice([saudi, rng.choice([emirati, dashed]), egyptian, jordanian])


def with_luhn(number: str) -> str:
    """The digits and, behind them, the check digit of Luhn's rule."""
    return number + str(luhn.calc_check_digit(number))


def _with_egyptian_check(number: str) -> str:
    total = sum(int(d) * w for d, w in zip(number, (2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True))
    return number + str((11 - total % 11) % 10)


def digits(rng: random.Random, length: int) -> str:
    """So many digits."""
    return "".join(rng.choices(string.digits, k=length))


def facts(rng: random.Random, language: str) -> dict[str, str]:
    """Something for every blank of the invented facts."""
    months = ["March", "June", "August", "October"] if language == "en" else ["مارس", "يونيو", "أغسطس", "أكتوبر"]
    day = f"{rng.randint(2, 28)} {rng.choice(months)}"
    amount = f"{rng.randint(13, 980)}.{rng.choice(['50', '99', '25'])}"
    found = {
        "price": f"${amount}" if language == "en" else f"{amount} {rng.choice(['ريال', 'درهم', 'دينار'])}",
        "date": day,
        "link": f"https://www.{rng.choice(FAMILIES)}-{rng.choice(NAMES)}.com/{digits(rng, 4)}",
        "code": "".join(rng.choices(string.ascii_uppercase, k=3)) + "-" + digits(rng, 5),
        "number": str(rng.randint(2, 9) * 5),
    }
    local = language == "ar" and rng.random() < 0.3
    return {
        name: value.translate(EASTERN_DIGITS) if local and name != "link" else value for name, value in found.items()
    }
