"""What the model could do before: short questions with a right answer and wrong ones, in English and Arabic.

en.yaml and ar.yaml are written by us: arithmetic, translation, grammar, knowledge that does not change, reading,
following an instruction, and refusals that must stay. An answer is not written but weighed: the chance the model gives
the right one among those offered, by the likelihood of each as its reply. That is cheap, exact, and moves before the
first answer flips. A further language is a further file.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import yaml

from curation.core.record.conversation import message
from curation.core.statistics.intervals import Bootstrap, Z, paired_difference, ratio
from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.judge.scoring import ALL, Scorer, by_languages
from training.model.likelihood import Progress, negative_log_likelihoods
from training.model.template import Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAST = 15  # questions of a language by which something is chosen
FOLDER = Path(__file__).parent
ANSWERS = pl.Schema(
    {
        "arm": pl.String,
        "item": pl.String,  # language and place in its file
        "language": pl.String,
        "kind": pl.String,
        "value": pl.Float64,  # chance given to the right answer among those offered
        "right": pl.Boolean,  # it is the likeliest
    }
)
TABLE = pl.Schema(
    {
        "arm": pl.String,
        "against": pl.String,  # null: the arm's own figure; else the paired difference to this arm
        "language": pl.String,  # "all" or a code
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "right": pl.Float64,  # share of the questions whose right answer is the likeliest, or the difference of it
        "n": pl.Int64,  # questions
    }
)


class Item(Params):
    """One question; two wrong answers, so that chance alone gives a third."""

    kind: str
    ask: str
    right: str
    wrong: tuple[str, str]


Question = tuple[str, str, Item]  # id, language, item


def items(count: int) -> list[Question]:
    """`count` of each language, spread evenly over its file and so over the kinds."""
    chosen = []
    for path in sorted(FOLDER.glob("*.yaml")):
        chosen += _spread(_written(path), count)
    return chosen


def unasked(count: int, wanted: int) -> list[Question]:
    """`wanted` of each language that `items(count)` leaves, or as many as it does, spread evenly.

    Raises QiratError when it leaves fewer than LEAST: what is chosen by a question must not be judged by it.
    """
    asked = {name for name, _, _ in items(count)}
    chosen = []
    for path in sorted(FOLDER.glob("*.yaml")):
        written = _written(path)
        left = [question for question in written if question[0] not in asked]
        if len(left) < LEAST:
            raise QiratError(
                f"params.yaml, evaluate.forgetting: {count} of {len(written)} questions ({path.stem}) leave "
                f"{len(left)} to choose the strength by; lower it to {len(written) - LEAST}, or name a number under "
                "strength"
            )
        chosen += _spread(left, wanted)
    return chosen


def there_are(languages: Collection[str]) -> dict[str, int]:
    """How many questions there are in each of these languages, and as "all" in all of them."""
    found = {path.stem: len(_written(path)) for path in FOLDER.glob("*.yaml") if path.stem in languages}
    return {**found, ALL: sum(found.values())}


@functools.cache
def _written(path: Path) -> tuple[Question, ...]:
    found = [Item.model_validate(item) for item in yaml.safe_load(path.read_text("utf-8"))]
    return tuple((f"{path.stem}:{place}", path.stem, item) for place, item in enumerate(found, 1))


def _spread(found: Sequence[Question], count: int) -> list[Question]:
    most = min(count, len(found))
    return [found[n * len(found) // most] for n in range(most)]


def answers(arm: str, judge: Scorer) -> pl.DataFrame:
    """ANSWERS of the judge's model to `evaluate.forgetting` questions of each language that is judged."""
    asked = judged_of(items(judge.params.forgetting), judge.judged)
    return weighed(arm, judge.model, judge.renderer, asked, judge.bar(f"{arm}, general ability"))


def weighed(
    arm: str, model: "PreTrainedModel", renderer: Renderer, asked: Sequence[Question], progress: Progress
) -> pl.DataFrame:
    """ANSWERS of a model to these questions."""
    import numpy as np

    offered = [
        example
        for _, _, item in asked
        for text in (item.right, *item.wrong)
        for example in renderer.examples([message("user", item.ask), message("assistant", text)])
    ]
    found = negative_log_likelihoods(model, offered, progress=progress)
    sums = np.array(found).reshape(-1, 3)
    likely = np.exp(sums.min(axis=1, keepdims=True) - sums)
    chances = likely[:, 0] / likely.sum(axis=1)
    rows = [
        (arm, name, language, item.kind, float(chance), bool(nll.argmin() == 0))
        for (name, language, item), chance, nll in zip(asked, chances, sums, strict=True)
    ]
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")


def judged_of(asked: Sequence[Question], judged: Callable[[Mapping[str, Sequence[str]]], set[str]]) -> list[Question]:
    """Without those in a language that the base model cannot speak, or that nobody wants judged.

    `judged` says by texts in each language which of them are, see languages.judged_beside.
    """
    texts = {code: [item.ask for _, own, item in asked if own == code] for code in {own for _, own, _ in asked}}
    languages = judged(texts)
    return [one for one in asked if one[1] in languages]


def table(found: pl.DataFrame, arm: str, against: str, bootstrap: Bootstrap, z: float = Z) -> pl.DataFrame:
    """TABLE of two arms and their paired difference, `z` standard errors wide; the question is what is drawn anew."""
    rows: list[tuple[object, ...]] = []
    for language, part in by_languages(found.sort("arm", "item")):
        sides = {a: part.filter(arm=a) for a in (arm, against)}
        values = {a: side["value"].to_numpy() for a, side in sides.items()}
        shares = {a: float(side["right"].mean()) for a, side in sides.items()}  # type: ignore[arg-type]
        ones = values[arm] * 0 + 1
        for name in (against, arm):
            alone = ratio(values[name], ones, bootstrap)
            rows.append((name, None, language, alone.value, alone.low, alone.high, shares[name], alone.n))
        pair = paired_difference((values[arm], ones), (values[against], ones), z)
        lost = shares[arm] - shares[against]
        rows.append((arm, against, language, pair.value, pair.low, pair.high, lost, pair.n))
    return pl.DataFrame(rows, schema=TABLE, orient="row")
