"""qirat attribute: which training conversations helped, which hurt, and who let them in.

A training conversation pulls the adapter's weights one way, the team's replies in dev pull them another; the cosine
of the two says whether a step on the first lowers the loss on the second. Source: TracIn (Pruthi et al. 2020), by
cosine as in LESS (Xia et al. 2024), since short replies have long gradients. Both are taken at the adapter's weights.
A conversation is held against dev conversations of its own intent and language where there are enough, else of its
language, else against all: what teaches one intent wrongly still teaches the house's tone.

Dev, not test: whoever leaves rows out by this figure has chosen by it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.core.record.conversation import canonical_json
from curation.core.statistics.intervals import Bootstrap, ratio
from curation.harness.errors import QiratError
from curation.harness.files import finished_table, progress
from curation.harness.memory import CACHE, Memory
from training.commands.trial import Answer, Trial, interval, noted, remembered
from training.model.adapter import TRAINED_ON, load_adapter, refuse_damaged, weights_hash
from training.model.gradients import gradients
from training.model.likelihood import examples_of

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

ADAPTER = Path("models/adapter")
PLACE = CACHE / "attribute"
DECIDED = "decided by "  # how the ledger tells of people
LEAST = 5  # dev conversations of an intent and language that can speak for it
TOLD = 10  # clusters that help most, and as many that hurt
OF_A_CLUSTER = 10  # training conversations, about
MOST_CLUSTERS = 100
DRAWS = 2000
AT_ONCE = 8  # gradients between two times that they are kept: a killed run goes on from there
PULLS = pl.Schema(
    {
        "conversation_id": pl.String,
        "pull": pl.Float64,  # cosine, -1 to 1; below zero it teaches what dev's replies speak against
        "against": pl.String,  # the dev conversations it was held against: intent, language, or all
        "n": pl.Int64,  # how many these are
    }
)


def attribute(judged: int) -> Answer:
    """By cluster of what the adapter was trained on: what it did for `judged` dev conversations, and how it came in."""
    refuse_damaged(ADAPTER)
    trial = Trial.of_recipe()
    seen = pl.read_parquet(ADAPTER / TRAINED_ON)["conversation_id"]
    learnt = trial.whole["train"].filter(pl.col("conversation_id").is_in(seen.implode()))
    if not learnt.height:
        raise QiratError(f"{ADAPTER} was trained on other conversations than data/tokenized/train; run `dvc repro`")
    asked = trial.asked(trial.whole["dev"], judged)
    splits = pl.concat([finished_table(f"splits/{split}", ["conversation_id", "label"]) for split in ("train", "dev")])
    labels = dict(splits.sort("conversation_id").iter_rows())
    told = {"adapter": weights_hash(ADAPTER), "labels": labels, "asked": sorted(set(asked["conversation_id"]))}

    def work(_: object) -> pl.DataFrame:
        model = load_adapter(trial.base(), ADAPTER, trial.model)
        return pulls(model, learnt, asked, labels, canonical_json({**trial.origin, "adapter": told["adapter"]}))

    found = remembered(PLACE, "pulls", {**trial.origin, "learnt": sorted(seen), **told}, work)
    rows = clustered(found, finished_table("embedded/vectors"))
    clusters = [*ranked(rows, trial.params.seed)]
    return noted(
        "attribute",
        {
            "base": trial.model.name,
            "conversations": found.height,
            "conversations_judged": asked["conversation_id"].n_unique(),
            "worst": found.sort("pull", "conversation_id").head(TOLD).to_dicts(),
            "clusters": [*clusters[:TOLD], *(one for one in clusters[-TOLD:] if one not in clusters[:TOLD])],
        },
    )


def pulls(
    model: "nn.Module", learnt: pl.DataFrame, asked: pl.DataFrame, labels: Mapping[str, str | None], origin: str
) -> pl.DataFrame:
    """PULLS of the conversations in `learnt`, tokenized tables both; the one that hurts most first.

    `origin` names all but the examples that a gradient depends on: those of an earlier run of the same are not computed
    again, whether it was killed or judged by fewer conversations.
    """
    import numpy as np

    ours, theirs = (_directions(model, table, what, origin) for table, what in ((learnt, "training"), (asked, "dev")))
    groups: dict[tuple[str, ...], list[np.ndarray]] = {}
    spoken = dict(asked.select("conversation_id", "language").iter_rows())
    for conversation, direction in theirs.items():
        for key in _groups(spoken[conversation], labels.get(conversation)):
            groups.setdefault(key, []).append(direction)
    wanted = {key: np.sum(found, axis=0) for key, found in groups.items()}
    rows = []
    for conversation, language in learnt.select("conversation_id", "language").unique().iter_rows():
        keys = _groups(language, labels.get(conversation))
        key = next((key for key in keys if len(groups.get(key, ())) >= LEAST), ())
        rows.append((conversation, _cosine(ours[conversation], wanted[key]), " ".join(key) or "all", len(groups[key])))
    return pl.DataFrame(rows, schema=PULLS, orient="row").sort("pull", "conversation_id")


def clustered(found: pl.DataFrame, vectors: pl.DataFrame) -> pl.DataFrame:
    """PULLS with `cluster`: conversations about alike things, by their embeddings."""
    import numpy as np
    from sklearn.cluster import KMeans

    known = found.join(vectors.select("conversation_id", "vector"), on="conversation_id", how="left").sort(
        "conversation_id"
    )
    if known["vector"].null_count() or known.height < 2:
        return known.drop("vector").with_columns(cluster=pl.lit(0))
    count = min(max(known.height // OF_A_CLUSTER, 2), MOST_CLUSTERS)
    means = KMeans(count, n_init=4, random_state=0).fit(np.stack(known["vector"].to_list()))
    return known.drop("vector").with_columns(cluster=pl.Series(means.labels_, dtype=pl.Int64))


def ranked(rows: pl.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    """The clusters, those that help most first, each with who let its conversations in."""
    import numpy as np

    parts = sorted(rows.partition_by("cluster"), key=lambda part: -float(part["pull"].mean()))  # type: ignore[arg-type]
    for part in parts:
        pull = part["pull"].to_numpy()
        mean = ratio(pull, np.ones(len(pull)), Bootstrap(DRAWS, seed))
        ids = part.sort("pull", "conversation_id")["conversation_id"].to_list()
        yield {
            "value": mean.value,
            "low": mean.low,
            "high": mean.high,
            "conversations": len(ids),
            "examples": ids[:3],
            **ways_in(ids),
        }


def ways_in(ids: Sequence[str]) -> dict[str, Any]:
    """How these conversations came into the set: intents, what the checks saw in them, who kept or edited them."""
    curated = finished_table("curated/conversations").filter(pl.col("conversation_id").is_in(ids))
    own = {*ids, *curated["parent_id"].drop_nulls()}
    doubted = pl.col("conversation_id").is_in(own) & (pl.col("severity") != "info")  # what is only told lets nothing in
    findings = finished_table("scored/findings").filter(doubted).unique(["conversation_id", "code"])
    told = finished_table("ledger").filter(pl.col("conversation_id").is_in(own))
    people = told["evidence"].drop_nulls().str.extract(f"^{DECIDED}(.*)$").drop_nulls().str.split(", ").explode()
    return {
        "intents": counted(curated["label"].fill_null("none")),
        "origins": counted(curated["origin"]),
        "codes": counted(findings["code"]),
        "annotators": counted(people),
    }


def counted(names: Iterable[str]) -> dict[str, int]:
    """How often each stands there, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def as_text(answer: Answer) -> str:
    """For the terminal: a cluster a line, with how its conversations came in."""
    lines = [
        f"{answer['conversations']} conversations that {answer['base']} was trained on, held against "
        f"{answer['conversations_judged']} of dev: above 0 a step on them lowers the loss there, below 0 it raises it.",
        "",
        "pull                    rows  intents; seen by checks; decided by; examples",
    ]
    for one in answer["clusters"]:
        way = "; ".join(_named(one[key]) for key in ("intents", "codes", "annotators"))
        examples = " ".join(key[:8] for key in one["examples"])
        lines.append(f"{interval(one, '+.3f'):<24}{one['conversations']:>4}  {way}; {examples}")
    lines += ["", "The conversations that hurt most (`qirat why ID`):"]
    lines += [f"{row['pull']:+.3f}  {row['conversation_id'][:12]}  against {row['against']}" for row in answer["worst"]]
    return "\n".join(lines)


def _named(counts: Mapping[str, int], most: int = 3) -> str:
    return ", ".join(f"{name} {count}" for name, count in [*counts.items()][:most]) or "none"


def _directions(model: "nn.Module", tokens: pl.DataFrame, what: str, origin: str) -> "dict[str, np.ndarray]":
    """Each conversation's gradient, of length 1; of several examples the sum."""
    import numpy as np

    found: dict[str, np.ndarray] = {}
    rows = progress(
        _remembered(model, tokens, Memory(f"attribute/{what}"), origin), f"gradients, {what}", tokens.height
    )
    for conversation, gradient in zip(tokens["conversation_id"], rows, strict=True):
        found[conversation] = found.get(conversation, 0) + gradient
    return {conversation: vector / (np.linalg.norm(vector) or 1.0) for conversation, vector in found.items()}


def _remembered(model: "nn.Module", tokens: pl.DataFrame, memory: Memory, origin: str) -> "Iterator[np.ndarray]":
    """The gradient of each example, from an earlier run where it has it."""
    names = list[str]()
    for part in tokens.iter_slices(AT_ONCE):
        some = examples_of(part)
        version = hashlib.sha256(repr((origin, some)).encode()).hexdigest()
        names.append(version[:16])
        known = memory.recall(names[-1], version)
        if known is None:
            known = pl.DataFrame({"gradient": [gradient.numpy() for gradient in gradients(model, some)]})
            memory.keep(names[-1], version, known)
        yield from known["gradient"].to_numpy()
    memory.forget_but(names)


def _groups(language: str, label: str | None) -> list[tuple[str, ...]]:
    """The groups of dev that can speak for a conversation, the nearest first."""
    return [*([(label, language)] if label else []), (language,), ()]


def _cosine(ours: "np.ndarray", theirs: "np.ndarray") -> float:
    import numpy as np

    return float(ours @ theirs / (np.linalg.norm(theirs) or 1.0))
