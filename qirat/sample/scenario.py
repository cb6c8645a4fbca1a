"""The facts behind a conversation: who writes about which product, when, from where, and in what manner."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from curation.core.text.lexicon import ARABIC_MONTHS, ENGLISH_MONTHS, LEVANTINE_MONTHS
from qirat.sample.grammar import EASTERN_DIGITS, Voice, bank, load

# How often customers write about what.
INTENTS = {
    "order_status": 9, "late_delivery": 8, "return_item": 8, "refund_status": 7, "damaged_item": 8, "wrong_item": 7,
    "change_address": 6, "cancel_order": 6, "payment_problem": 6, "invoice_request": 5, "warranty_repair": 6,
    "account_access": 5, "promo_code": 5, "product_question": 6, "complaint": 6, "safety_incident": 4,
    "legal_threat": 4, "privacy_request": 4,
}  # fmt: skip
_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Saturday", "Sunday"),
    "ar": ("الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "السبت", "الأحد"),
}
_COLOURS = {"en": ("grey", "beige", "navy blue", "walnut", "white", "dark green"),
            "ar": ("الرمادي", "البيج", "الكحلي", "الجوزي", "الأبيض", "الأخضر الغامق")}  # fmt: skip
_REFUND_STATES = {"en": ("approved", "sent to the bank", "released"), "ar": ("تمت الموافقة", "أُرسل إلى البنك", "صُرف")}
_YEAR = datetime(2025, 1, 2, 6, tzinfo=UTC)  # from when on the export tells
_COUPONS = ("HOME", "SOFA", "EID", "SUMMER", "WELCOME", "COZY", "SPRING", "NEWHOME")


def topic(language: str, intent: str, case: str, period: str = "") -> Mapping[str, Any]:
    """What the bank holds for an intent; the case may have its own of anything."""
    found = bank(language, period)["intents"][intent]
    return {**found, **found["cases"][case]}


@dataclass(frozen=True)
class Person:
    """A customer or an agent. `style` is an agent's manner: warm, brisk, formal or chatty."""

    id: str
    latin: str
    arabic: str
    gender: str
    style: str = ""

    def name(self, language: str) -> str:
        return self.arabic if language == "ar" else self.latin


@dataclass(frozen=True)
class Scenario:
    """Everything a conversation's sentences may refer to, told alike in any of the languages."""

    language: str
    intent: str
    case: str
    customer: Person
    agent: Person
    place: Mapping[str, str]
    product: Mapping[str, Any]
    other: Mapping[str, Any]
    created_at: datetime
    numbers: tuple[int, ...]  # what the rest is told from, see `slots`
    manner: str  # how the customer writes: neat, casual or typos
    period: str = ""  # whose phrases are spoken, where not the year's

    @property
    def topic(self) -> Mapping[str, Any]:
        return topic(self.language, self.intent, self.case, self.period)

    @property
    def order_id(self) -> str:
        return f"ZH-{self.numbers[0]}"

    @property
    def dialect(self) -> str:
        return self.place["dialect"] if self.language == "ar" else ""

    @cached_property
    def slots(self) -> dict[str, str]:
        """Each slot's words in this scenario's language."""
        tongue = "ar" if self.language == "ar" else "en"
        _, day, damage, colour, code, carrier, state, district, past, ahead, form = self.numbers
        common = {
            "order": self._order(form),
            "day": _DAYS[tongue][day % 6],
            "colour": _COLOURS[tongue][colour % 6],
            "colour2": _COLOURS[tongue][(colour + 1 + colour // 6 % 5) % 6],  # any but the first
            "code": f"{_COUPONS[code % len(_COUPONS)]}{5 + code % 20}",
            "date": self._date(self.created_at - timedelta(days=9 + past % 30), form),
            "eta": self._date(self.created_at + timedelta(days=1 + ahead % 6), 0),
            "amount": self._amount(),
            "amount_tool": self._amount(),
            "refund_state": _REFUND_STATES[tongue][state % 3],
            "carrier": self._of(load("people")["carriers"], carrier),
            "district": self._of(load("people")["districts"], district),
            "city": self.place[tongue],
            "customer_no": f"C-{self.customer.id}",
            "name": self.customer.name(self.language),
            "agent": self.agent.name(self.language),
        }
        told = {"damage": self.product["damage"], "fault": self.product.get("fault", self.product["damage"])}
        return {**common, **self._goods(), **{k: v[tongue][damage % len(v[tongue])] for k, v in told.items()}}

    def voice(self, dialect: str = "") -> Voice:
        genders = {"c": self.customer.gender, "a": self.agent.gender, "p": self.product["gender"]}
        return Voice(self.slots, {**genders, "o": self.other["gender"]}, load(self.language)["words"], dialect)

    def told_in(self, language: str, agent: Person) -> "Scenario":
        return replace(self, language=language, agent=agent)

    def _goods(self) -> dict[str, str]:
        named = {"product": self.product, "other": self.other}
        if self.language == "ar":
            return {k: g["the"] for k, g in named.items()} | {f"a_{k}": g["ar"] for k, g in named.items()}
        an = {k: f"{'an' if g['en'][0] in 'aeiou' else 'a'} {g['en']}" for k, g in named.items()}
        return {k: g["en"] for k, g in named.items()} | {f"a_{k}": words for k, words in an.items()}

    def _of(self, names: Mapping[str, str], index: int) -> str:
        latin = list(names)[index % len(names)]
        return names[latin] if self.language == "ar" else latin

    def _order(self, form: int) -> str:
        """As this customer writes it; some Arabic writers use Eastern digits."""
        digits = str(self.numbers[0])
        if self.language == "ar":
            return (f"ZH-{digits}", f"ZH-{digits}", digits, digits.translate(EASTERN_DIGITS))[form % 4]
        return (f"ZH-{digits}", f"ZH-{digits}", f"#{digits}", f"ZH{digits}")[form % 4]

    def _date(self, moment: datetime, form: int) -> str:
        if self.language == "ar":
            months = LEVANTINE_MONTHS if self.dialect == "levantine" else ARABIC_MONTHS
            return f"{moment.day} {months[moment.month - 1]}"
        month = ENGLISH_MONTHS[moment.month - 1].title()
        return f"{month} {moment.day}" if form % 3 == 2 else f"{moment.day} {month}"

    def _amount(self) -> str:
        """The last two digits are 11 to 99, so the Arabic noun is singular accusative."""
        hundreds = 1 + self.numbers[0] % {"EGP": 60, "JOD": 3}.get(self.place["currency"], 16)
        value = 100 * hundreds + 11 + self.numbers[0] % 89
        return f"{value} {self.place['coin']}" if self.language == "ar" else f"{self.place['currency']} {value}"


class Cast:
    """Draws scenarios. Customers come back now and then, as they do; those of the newest month are new ones."""

    def __init__(self, rng: random.Random, period: str = "") -> None:
        self._rng = rng
        self._period = period
        self._from, self._days = (datetime(2026, 1, 2, 6, tzinfo=UTC), 28) if period else (_YEAR, 360)
        self._people = load("people")
        self._known: dict[str, list[tuple[Person, Mapping[str, str]]]] = {"en": [], "ar": [], "mixed": []}
        self._orders = set[int]()
        self._customers = 6_000 if period else 0

    def scenario(self, language: str, intent: str | None = None) -> Scenario:
        rng = self._rng
        topics = bank(language, self._period)["intents"]
        if intent is None:
            weights = {name: INTENTS[name] for name in topics}
            intent = rng.choices(list(weights), weights=list(weights.values()))[0]
        customer, place = self._customer(language)
        case = rng.choice(list(topics[intent]["cases"]))
        kinds = topic(language, intent, case, self._period).get("kind", "furniture appliance household").split()
        product = rng.choice([p for p in load("products") if p["kind"] in kinds])
        other = rng.choice([p for p in load("products") if p is not product])
        return Scenario(
            language=language,
            intent=intent,
            case=case,
            customer=customer,
            agent=self.agent(language, grave=topics[intent].get("grave", False)),
            place=place,
            product=product,
            other=other,
            created_at=self._from + timedelta(seconds=rng.randrange(self._days * 86_400)),
            numbers=(self._order_number(), *(rng.randrange(10_000) for _ in range(10))),
            manner=rng.choices(("neat", "casual", "typos"), weights=(60, 28, 12))[0],
            period=self._period,
        )

    def agent(self, language: str, grave: bool = False) -> Person:
        """Grave matters do not go to the chatty ones."""
        agents = [a for a in self._people["agents"][language] if not (grave and a["style"] == "chatty")]
        agent = self._rng.choice(agents)
        return Person("", agent.get("latin", agent["name"]), agent["name"], agent["gender"], agent["style"])

    def _customer(self, language: str) -> tuple[Person, Mapping[str, str]]:
        known = self._known[language]
        if known and self._rng.random() < 0.25:
            return self._rng.choice(known)
        self._customers += 1
        identity = str(20_000 + self._customers * 7)
        gender = self._rng.choice("fm")
        latin, arabic = self._rng.choice(list(self._people["customers"][gender].items()))
        if language == "en" and self._rng.random() < 0.45:
            latin = arabic = self._rng.choice(self._people["latin"])
        known.append((Person(identity, latin, arabic, gender), self._rng.choice(self._people["places"])))
        return known[-1]

    def _order_number(self) -> int:
        while (number := self._rng.randrange(310_000, 990_000)) in self._orders:
            pass
        self._orders.add(number)
        return number
