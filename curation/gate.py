"""Are there enough clean, distinct examples to train on? Stops the road with the numbers if not.

python -m curation.gate
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from pydantic import Field

from curation.ledger import outcomes
from curation.stage import Params, QiratError, Stage

REASONS_NAMED = 4
STRAY = 0.01  # share of the examples below which a language is not one of the set


class Gate(Params):
    """params.yaml: gate"""

    min_clean: int = Field(ge=1)  # distinct training examples
    min_per_language: int = Field(ge=0)  # in each language of the set
    min_per_label: int = Field(ge=0)  # for each label that has any; 0: not asked for


def main() -> None:
    """Count what would really train, per language and label too; pass, or say what is missing and what would help."""
    with Stage("gate", Gate) as stage:
        train, ledger = stage.read("splits/train"), stage.read("ledger")
        clean = train.unique("conversation_id")
        per = {kind: counted(clean, kind) for kind in ("language", "label")}
        stage.write_metrics(
            {
                "clean": clean.height,
                "missing": max(0, stage.params.min_clean - clean.height),
                **{f"{kind}_{name}": count for kind, found in per.items() for name, count in found.items()},
            }
        )
        faults = shortfalls(clean.height, per["language"], per["label"], stage.params)
        if faults:
            raise QiratError(" ".join([*faults, help_for(ledger, clean.height)]))
        stage.say(f"passed with {clean.height:,} clean training examples (at least {stage.params.min_clean:,})")
        with stage.output(Path("data/gate/passed")) as marker:
            marker.write_text("passed\n")


def counted(clean: pl.DataFrame, kind: str) -> dict[str, int]:
    """Examples per language or label, in their order. Strays and mixtures are no language of the set."""
    counts = dict(clean[kind].drop_nulls().value_counts().sort(kind).iter_rows())
    if kind == "label":
        return counts
    least = STRAY * clean.height
    return {name: count for name, count in counts.items() if count >= least and name not in ("mixed", "und", "other")}


def shortfalls(clean: int, languages: Mapping[str, int], labels: Mapping[str, int], params: Gate) -> list[str]:
    """A sentence for each minimum that is not reached."""
    faults = []
    if clean < params.min_clean:
        missing = params.min_clean - clean
        faults.append(
            f"{clean:,} clean training examples, {missing:,} fewer than gate.min_clean: {params.min_clean:,}."
        )
    for kind, found, least in (
        ("language", languages, params.min_per_language),
        ("label", labels, params.min_per_label),
    ):
        few = [f"{name} {count:,}" for name, count in found.items() if count < least]
        if few:
            faults.append(f"Fewer than gate.min_per_{kind}: {least:,} in {', '.join(few)}.")
    return faults


def help_for(ledger: pl.DataFrame, clean: int) -> str:
    """What would close the gap, from what the ledger says was held, dropped or unreadable, most rows first."""
    closed = outcomes(ledger)
    held = closed.filter(pl.col("outcome") == "held").height
    unreadable = closed.filter(pl.col("outcome") == "quarantined").height
    dropped = (
        closed.filter(pl.col("outcome") == "dropped")["code"]
        .value_counts()
        .sort("count", "code", descending=[True, False])
    )
    copies = closed.filter(pl.col("outcome") == "duplicate").height
    advice = []
    if held:
        advice.append(f"{held:,} doubtful rows wait for people (`qirat review push`)")
    if unreadable:
        advice.append(f"{unreadable:,} rows could not be read (`qirat why --outcome quarantined`)")
    if dropped.height:
        reasons = ", ".join(f"{code} {count:,}" for code, count in dropped.head(REASONS_NAMED).iter_rows())
        advice.append(f"{dropped['count'].sum():,} rows were dropped, most for {reasons}")
    if copies:
        advice.append(f"{copies:,} rows were copies")
    share = clean / closed.height if closed.height else 0
    return (
        f"What would help: {'; '.join(advice) or 'more data'}. Of {closed.height:,} raw rows {share:.0%} end as "
        "training examples, so more raw data counts at that rate. "
        "Below a thousand examples a written prompt usually serves better."
    )


if __name__ == "__main__":
    main()
