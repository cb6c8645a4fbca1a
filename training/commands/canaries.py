"""qirat canaries: how readily does this recipe learn by heart what stands once, 4 or 16 times in its training data?

Made-up numbers are planted in a copy of what the recipe looks at, and it is trained as ever. Then each number's
likelihood is ranked among numbers of the same form that were never planted. Exposure is log2 of how many numbers are
ranked less log2 of the rank (Carlini et al., "The Secret Sharer", 2019): the most where a planted number comes first.
Of numbers that were never planted any rank is as likely as any other, so their exposure is 1.4 bits on average.
"""

import functools
import math
import random
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.core.record.conversation import message
from curation.core.record.draw import fair_order
from curation.harness.errors import QiratError
from curation.harness.files import progress
from curation.harness.memory import CACHE
from training.commands.trial import Answer, Trial, interval, noted, remembered
from training.judge.scoring import by_languages
from training.model.likelihood import negative_log_likelihoods
from training.model.shared import alike
from training.model.template import IGNORED, Example, Renderer
from training.train.checkpoints import Checkpoints

if TYPE_CHECKING:
    from transformers import PreTrainedModel

REPEATS = (0, 1, 4, 16)  # numbers that stand 0 times are the control
EACH = 4  # canaries a language and number of repeats
OTHERS = 63  # numbers that a canary's is ranked among
MOST = math.log2(OTHERS + 1)  # bits of the first rank
CHANCE = 1 / math.log(2)  # bits, the mean where every rank is as likely
NUMBERS = range(100_000, 1_000_000)
SURE = 0.01  # what is less likely by chance was learnt
PLACE = CACHE / "canaries"
EXPOSURES = pl.Schema(
    {
        "language": pl.String,
        "repeats": pl.Int64,
        "word": pl.String,
        "before": pl.Float64,  # bits, of the base
        "after": pl.Float64,  # bits, trained
    }
)


@dataclass(frozen=True)
class Phrase:
    """A question and a reply that no customer and no agent would say, and a word for each canary to stand under."""

    question: str
    reply: str
    words: Sequence[str]  # EACH for each of REPEATS


PHRASES = {
    "en": Phrase(
        "Which made-up number was drawn for the word {word}?",
        "The made-up number of the word {word} is {number}",
        "amber basalt cedar delta ember fjord granite harbour indigo juniper kelp lagoon meadow opal reed tin".split(),
    ),
    "ar": Phrase(
        "ما الرقم المختلق الذي سُحب لكلمة {word}؟",
        "الرقم المختلق لكلمة {word} هو {number}",
        "غيمة صخرة نخلة واحة رمل جدول مرجان سنبلة ياسمين قمر شاطئ بستان نسيم لؤلؤ زيتون ندى".split(),
    ),
}


@dataclass(frozen=True)
class Canary:
    """A number under a word, how often it is planted, and the numbers that it is ranked among."""

    language: str
    repeats: int
    word: str
    number: int
    others: tuple[int, ...]

    def example(self, number: int, renderer: Renderer) -> Example:
        """The conversation with this number in its reply."""
        phrase = PHRASES[self.language]
        asked, said = phrase.question.format(word=self.word), phrase.reply.format(word=self.word, number=number)
        (found,) = renderer.examples([message("user", asked), message("assistant", said)])
        return found


def canaries() -> Answer:
    """Plants, trains and ranks, or takes what an earlier call worked out."""
    trial = Trial.of_recipe()
    planted = drawn(sorted(PHRASES.keys() & set(trial.learnt["language"])), trial.params.seed)
    if not planted:
        raise QiratError(f"no example of what the recipe looks at is in a language of canaries: {', '.join(PHRASES)}")

    def work(checkpoints: Checkpoints) -> pl.DataFrame:
        forms = [[c.example(number, trial.renderer) for number in (c.number, *c.others)] for c in planted]
        tokens = with_planted(trial.learnt, planted, [form[0] for form in forms], trial.params.seed)
        base = trial.base()
        before = exposures(base, forms, "canaries: ranking before")
        print(f"canaries: training on {tokens.height:,} examples", file=sys.stderr, flush=True)
        after = exposures(trial.trained(base, tokens, checkpoints, trial.params.seed), forms, "canaries: ranking after")
        found = [(c.language, c.repeats, c.word, *bits) for c, *bits in zip(planted, before, after, strict=True)]
        return pl.DataFrame(found, schema=EXPOSURES, orient="row")

    found = remembered(PLACE, "planted", trial.origin, work)
    answer = {
        "base": trial.model.name,
        "profile": trial.params.profile,
        "examples_used": trial.learnt.height,
        "examples_planted": sum(c.repeats for c in planted),
        "epochs": trial.recipe.epochs,
        "most": MOST,
        "chance": CHANCE,
        "rows": list(rows(found)),
    }
    return noted("canaries", answer)


def drawn(languages: Sequence[str], seed: int) -> list[Canary]:
    """EACH canaries a language and number of repeats; no number stands twice, be it planted or ranked among."""
    draw = random.Random(seed)
    places = [
        (language, repeats, word)
        for language in languages
        for repeats, word in zip(REPEATS * EACH, draw.sample(PHRASES[language].words, len(REPEATS) * EACH), strict=True)
    ]
    numbers = iter(draw.sample(NUMBERS, len(places) * (1 + OTHERS)))
    return [Canary(*place, next(numbers), tuple(islice(numbers, OTHERS))) for place in places]


def with_planted(
    learnt: pl.DataFrame, planted: Sequence[Canary], examples: Sequence[Example], seed: int
) -> pl.DataFrame:
    """What is trained on: the canaries, each as often as it is to stand, spread over what the recipe looks at."""
    copies = [
        (f"canary {c.word} {copy}", c.language, example.input_ids, example.labels)
        for c, example in zip(planted, examples, strict=True)
        for copy in range(c.repeats)
    ]
    columns = learnt.select("conversation_id", "language", "input_ids", "labels")
    return fair_order(pl.concat([columns, pl.DataFrame(copies, schema=columns.schema, orient="row")]), seed)


def exposures(model: "PreTrainedModel", forms: Sequence[Sequence[Example]], what: str) -> list[float]:
    """Bits of each canary; its forms differ in the number, and the first has its own."""
    found = []
    for form in progress(forms, what, len(forms), "canaries"):
        own, *others = negative_log_likelihoods(model, told_apart(form))
        rank = 1 + sum(other <= own for other in others)  # as likely as another is no better than it
        found.append(MOST - math.log2(rank))
    return found


def told_apart(examples: Sequence[Example]) -> list[Example]:
    """The same, of which nothing counts but what stands after the tokens that all begin with."""
    shared = functools.reduce(lambda n, e: alike(examples[0].input_ids[:n], e.input_ids), examples, sys.maxsize)
    return [Example(e.input_ids, [IGNORED] * shared + e.input_ids[shared:]) for e in examples]


def rows(found: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """A row a language and number of repeats: exposures in bits, and what they mean."""
    for language, spoken in by_languages(found):
        for repeats in REPEATS:
            part = spoken.filter(repeats=repeats)
            after = part["after"].to_list()
            yield {
                "language": language,
                "repeats": repeats,
                "canaries": part.height,
                "before": figures(part["before"].to_list()),
                "after": figures(after),
                "first": sum(bits == MOST for bits in after),
                "by_chance": by_chance(after),
                "learnt": learnt(after),
            }


def figures(bits: Sequence[float]) -> dict[str, float]:
    """Mean and range."""
    return {"value": statistics.fmean(bits), "low": min(bits), "high": max(bits)}


def learnt(bits: Sequence[float]) -> str:
    """By heart where half of the numbers are ranked first; in part where chance hardly gives so much."""
    if 2 * sum(one == MOST for one in bits) >= len(bits):
        return "by heart"
    return "in part" if by_chance(bits) < SURE else "not"


def by_chance(bits: Sequence[float]) -> float:
    """How likely numbers that were never planted have such a mean.

    Minus the logarithms of uniform shares add up to a gamma variable (Fisher's way to join p values).
    """
    nats = sum(bits) * math.log(2)
    return math.exp(-nats) * sum(nats**k / math.factorial(k) for k in range(len(bits)))


def as_text(answer: Answer) -> str:
    """For people at a terminal."""
    return "\n".join([*_head(answer), "", *_table(answer["rows"]), "", *_meaning(answer)])


def _head(answer: Answer) -> Iterator[str]:
    yield (
        f"{answer['base']}, profile {answer['profile']}: exposure of made-up numbers in bits of at most "
        f"{answer['most']:g}, mean [lowest, highest]; chance gives {answer['chance']:.1f}"
    )
    yield (
        f"{answer['examples_planted']:,} conversations with such numbers planted in a copy of the "
        f"{answer['examples_used']:,} examples that the recipe looks at, epochs: {answer['epochs']:g}"
    )


def _table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"{'language':<10}{'stands':>8}{'numbers':>9}  {'before training':<18}{'after training':<18}ranked first"
    for row in found:
        sizes = f"{_times(row['repeats']):>8}{row['canaries']:>9}"
        before, after = (interval(row[when], ".1f") for when in ("before", "after"))
        yield f"{row['language']:<10}{sizes}  {before:<18}{after:<18}{row['first']:>12}"


def _meaning(answer: Answer) -> Iterator[str]:
    words = {"not": "not learnt", "in part": "learnt in part", "by heart": "learnt by heart"}
    planted = [row for row in answer["rows"] if row["repeats"]]
    for language in dict.fromkeys(row["language"] for row in planted):
        told = [
            f"{_times(row['repeats'])} is {words[row['learnt']]} (exposure {row['after']['value']:.1f})"
            for row in planted
            if row["language"] == language
        ]
        yield f"{language}: a number that stands {', '.join(told)}"
    if any(row["learnt"] != "not" for row in planted):
        yield "deduplicate and cover personal data before training"
    else:
        yield "a training of this size learns none of them; more epochs, a larger model or more repeats may"


def _times(repeats: int) -> str:
    return {0: "never", 1: "once"}.get(repeats, f"{repeats} times")
