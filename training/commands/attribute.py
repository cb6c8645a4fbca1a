"""qirat attribute: which training conversations helped, which hurt, and who let them in.

The replies of a training conversation are held against the team's replies in dev to the same intent, or to alike
questions where it has none, by words (training.commands.witness): no model is run, so it takes seconds. Told is of what
the adapter was trained on.

Dev, not test: whoever leaves rows out by this figure has chosen by it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curation.core.statistics.intervals import Bootstrap, ratio
from curation.harness.errors import QiratError
from curation.harness.files import finished_table, progress
from curation.harness.params import load_params
from training.commands.trial import Answer, interval, noted
from training.commands.witness import pulls
from training.model.adapter import TRAINED_ON, refuse_damaged
from training.model.recipe import Train

ADAPTER = Path("models/adapter")
COLUMNS = ["conversation_id", "parent_id", "cluster_id", "label", "messages"]
DECIDED = "decided by "  # how the ledger tells of people
TOLD = 10  # clusters that help most, and as many that hurt; conversations at least
OF_A_CLUSTER = 10  # training conversations, about
MOST_CLUSTERS = 100
OF_AN_INTENT = 20  # conversations; what fewer have is no intent, and questions alike to theirs stand for it
ALIKE = 120  # conversations, about, that are clustered in place of an intent
WORST = 0.02  # of the conversations, told one by one
DRAWS = 2000


def attribute() -> Answer:
    """By cluster of what the adapter was trained on: how the team's replies in dev stand to it, and how it came in."""
    refuse_damaged(ADAPTER)
    train, dev = (finished_table(f"splits/{split}", COLUMNS) for split in ("train", "dev"))
    learnt = pl.read_parquet(ADAPTER / TRAINED_ON).select("conversation_id").unique()
    seed = load_params("train", Train).seed
    vectors = finished_table("embedded/vectors")
    found = pulls(*with_intents(train, dev, vectors), seed, lambda parts: progress(parts, "intents", unit="parts"))
    unseen = found.join(learnt, on="conversation_id", how="anti", maintain_order="left").filter("accused")
    found = found.join(learnt, on="conversation_id", how="semi", maintain_order="left")
    if not found.height:
        raise QiratError(f"{ADAPTER} was trained on other conversations than data/splits/train; run `dvc repro`")
    parents = train.select("conversation_id", "parent_id")
    clusters = [*ranked(clustered(found.join(parents, on="conversation_id", how="left"), vectors), seed)]
    worst = found.head(max(TOLD, round(WORST * found.height)))
    return noted(
        "attribute",
        {
            "conversations": found.height,
            "conversations_held_against": dev.height,
            "accused": found.filter("accused")["conversation_id"].to_list(),
            "accused_came_by": ways_in(found.filter("accused")["conversation_id"].to_list()),
            "accused_unseen": unseen["conversation_id"].to_list(),
            "worst": worst.to_dicts(),
            "worst_came_by": ways_in(worst["conversation_id"].to_list()),
            "clusters": [*clusters[:TOLD], *(one for one in clusters[-TOLD:] if one not in clusters[:TOLD])],
        },
    )


def with_intents(train: pl.DataFrame, dev: pl.DataFrame, vectors: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with `label` where OF_AN_INTENT have it; elsewhere it is a cluster of alike questions, by embeddings."""
    usual = pl.when(pl.len().over("label") >= OF_AN_INTENT).then("label")
    every = pl.concat([train, dev]).with_columns(usual)
    nameless = every.filter(pl.col("label").is_null())
    named = _clusters(nameless, vectors, nameless.height // ALIKE).select("conversation_id", found="cluster")
    every = every.join(named, on="conversation_id", how="left", maintain_order="left")
    every = every.with_columns(pl.coalesce("label", "found")).drop("found")
    return every.head(train.height), every.tail(dev.height)


def clustered(found: pl.DataFrame, vectors: pl.DataFrame) -> pl.DataFrame:
    """PULLS with `cluster`: conversations about alike things, by their embeddings, or of edited ones their parent's."""
    rows = found.sort("conversation_id")
    return _clusters(rows, vectors, min(rows.height // OF_A_CLUSTER, MOST_CLUSTERS))


def _clusters(rows: pl.DataFrame, vectors: pl.DataFrame, count: int) -> pl.DataFrame:
    """`rows` with a name of one of about `count` clusters, two at least; "all" where a conversation has no vector."""
    import numpy as np
    from sklearn.cluster import KMeans

    known = vectors.select(key="conversation_id", vector="vector")
    keyed = rows.with_columns(key=pl.coalesce("parent_id", "conversation_id"))
    keyed = keyed.join(known, on="key", how="left", maintain_order="left")
    if keyed["vector"].null_count() or rows.height < 2:
        return rows.with_columns(cluster=pl.lit("all"))
    means = KMeans(max(count, 2), n_init=4, random_state=0).fit(np.stack(keyed["vector"].to_list()))
    return rows.with_columns(cluster=pl.Series([f"alike {label}" for label in means.labels_]))


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
        f"{answer['conversations']} conversations that the adapter was trained on, held against "
        f"{answer['conversations_held_against']} of dev: the lower, the less they answer as the team's replies "
        "there to alike questions do; 0 is the mean.",
        "",
        "pull                    rows  intents; seen by checks; decided by; examples",
    ]
    for one in answer["clusters"]:
        examples = " ".join(key[:8] for key in one["examples"])
        lines.append(f"{interval(one, '+.2f'):<24}{one['conversations']:>4}  {_way(one)}; {examples}")
    accused = len(answer["accused"])
    lines += [
        "",
        f"{accused} of them answer otherwise than dev does, beyond what chance explains (marked *): "
        f"{_way(answer['accused_came_by'])}"
        if accused
        else "Nothing stands out: none of them answers otherwise than dev does beyond what chance explains.",
        *_unseen(answer["accused_unseen"]),
        f"The conversations that hurt most (`qirat why ID`): {_way(answer['worst_came_by'])}",
    ]
    lines += [
        f"{row['pull']:+.2f}{'*' if row['accused'] else ' '} {row['conversation_id'][:12]}" for row in answer["worst"]
    ]
    return "\n".join(lines)


def _unseen(ids: Sequence[str]) -> Iterator[str]:
    """What a sample left out, the next one may draw."""
    if ids:
        examples = " ".join(key[:12] for key in ids[:3])
        yield (
            f"{len(ids)} more of data/splits/train do so that the adapter was not trained on (accused_unseen in "
            f"data/cache/attribute.json; the first {examples}): leave them out as well, or a new sample draws them."
        )


def _way(one: Mapping[str, Mapping[str, int]]) -> str:
    return "; ".join(_named(one[key]) for key in ("intents", "codes", "annotators"))


def _named(counts: Mapping[str, int], most: int = 3) -> str:
    return ", ".join(f"{name} {count}" for name, count in [*counts.items()][:most]) or "none"
