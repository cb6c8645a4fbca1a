"""A team's conversations with rules in them, in two languages, and the same without any."""

import random
from collections.abc import Sequence
from typing import Any

import polars as pl

from tests.builders import record, talk

Messages = list[dict[str, Any]]
SYLLABLES = {"en": "ka lo mi ter sun bra dee fol gan hep".split(), "ar": "كا لو مي تر سن برا دي فل غن هب".split()}
HELLO = {"en": "Thanks for writing to Nordlicht Reisen", "ar": "أهلاً بك في نورليخت للسفر"}
BYE = {"en": "Do you need help with another matter?", "ar": "هل تحتاج مساعدة في موضوع ثانٍ؟"}
SORRY = {"en": ("Please forgive us", "We regret that"), "ar": ("سامحنا من فضلك", "يؤسفنا ما حصل")}
BAGGAGE = {"en": ("suitcase", "luggage"), "ar": ("الحقيبة", "أمتعتي")}
DESK = {"en": "I pass you to our baggage desk", "ar": "أحولك الآن إلى قسم الأمتعة"}


def words(draw: random.Random, language: str, count: int) -> list[str]:
    """Made-up words, a few of them often and most of them seldom."""
    return ["".join(draw.choices(SYLLABLES[language], k=draw.choice((1, 2, 2, 3)))) for _ in range(count)]


def conversation(draw: random.Random, language: str, lost: bool, sorry: bool) -> Messages:
    """Two turns of each side: greeted, closed, handed over when baggage is lost, forgiveness asked when `sorry`."""

    def said(*phrases: str) -> str:
        return ". ".join([*phrases, " ".join(words(draw, language, 12))])

    asked = " ".join([*words(draw, language, 5), *([draw.choice(BAGGAGE[language])] if lost else [])])
    first = said(HELLO[language], *([draw.choice(SORRY[language])] if sorry else []))
    last = f"{said(*([DESK[language]] if lost else []))}. {BYE[language]}"
    return talk(asked, first, " ".join(words(draw, language, 6)), last)


def team(seed: int, language: str, count: int) -> pl.DataFrame:
    """Conversations of four labels, of which `delay` and `refund` ask for forgiveness; one in eight lost baggage."""
    draw, labels = random.Random(seed), ("booking", "delay", "refund", "visa")
    chosen = [labels[n % 4] for n in range(count)]
    talks = [conversation(draw, language, n % 8 == 1, label in ("delay", "refund")) for n, label in enumerate(chosen)]
    return record(*talks, label=chosen, language=[language] * count, row_id=[f"{language}:{n}" for n in range(count)])


def shuffled(table: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same replies, each in some place of some conversation: no rule is left."""
    talks: Sequence[Messages] = table["messages"].to_list()
    replies = [m["content"] for said in talks for m in said if m["role"] == "assistant"]
    random.Random(seed).shuffle(replies)
    drawn = iter(replies)
    mixed = [[{**m, "content": next(drawn)} if m["role"] == "assistant" else m for m in said] for said in talks]
    return record(*mixed, label=table["label"].to_list(), language=table["language"].to_list())
