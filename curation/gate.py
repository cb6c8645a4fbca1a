"""Are there enough clean, distinct examples to train on, and is it style that they teach? Stops the road if not.

    python -m curation.gate

Replies that state facts no earlier turn contains were written with a database at hand. Tuning teaches their tone, and
to invent such facts; what the model needs is retrieval. The gate says so before a model is loaded.

It counts what will train: a conversation that the base model's template cannot say (data/tokenized/excluded) is clean,
but teaches nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
from pydantic import Field

from curation.core.record.codes import LANGUAGES
from curation.core.record.ledger import FINDING, counts, entries, outcomes
from curation.harness.errors import QiratError
from curation.harness.params import Params
from curation.harness.stage import Stage

SPLITS = ("train", "dev", "test")
IDS = ("row_id", "conversation_id")
READ = (*IDS, "parent_id", "language", "label", "facts")
FACT = ("conversation_id", "check", "code", "value", "evidence")  # of a finding of the check GROUNDING
GROUNDING = "grounding"
NOT_TRAINED = "not_trained"  # the code of conversations that the base model's template cannot say
REASONS_NAMED = 4
STRAY = 0.01  # share of the examples below which a language is not one of the set
FEW_FACTS = 0.05  # a house fact that so many conversations state, such as its telephone number, fits into any prompt
EXAMPLES_NAMED = 5
A_ROW = 700  # bytes of memory that a row takes: its id, its facts, what the check for them found


class Gate(Params):
    """params.yaml: gate"""

    min_clean: int = Field(ge=1)  # distinct training examples
    min_per_language: int = Field(ge=0)  # in each language of the set
    min_per_label: int = Field(ge=0)  # for each label that has any; 0: not asked for
    max_facts: float = Field(ge=0, le=1)  # share of conversations whose replies state facts only a database knows


def main() -> None:
    """Count what would really train, per language and label too; pass, or say what is missing and what would help."""
    with Stage("gate", Gate) as stage:
        stage.refuse_too_little("splits/train", A_ROW)
        train = stage.read("splits/train", READ)
        stage.input("data/tokenized/passed")
        excluded = stage.read("tokenized/excluded")
        told = pl.concat(exclusions(stage.read(f"splits/{split}", IDS), excluded) for split in SPLITS)
        stage.write("gate/excluded", told)
        clean = train.unique("conversation_id").join(excluded, on="conversation_id", how="anti")
        out = excluded.filter(split="train")["reason"]
        per = {kind: counted(clean, kind) for kind in ("language", "label")}
        stage.write_metrics(
            {
                "clean": clean.height,
                "excluded": len(out),
                "missing": max(0, stage.params.min_clean - clean.height),
                **{f"{kind}_{name}": count for kind, found in per.items() for name, count in found.items()},
            }
        )
        found = stage.read("scored/findings", FACT, pl.col("check") == GROUNDING)
        facts = stated_facts(found, stage.read("dedup/clusters", ["survivor"]), clean)
        facts = replace(facts, most_told=most_told(stage.read("facts/facts")))
        ready = readiness(clean.height, facts, stage.params)
        stage.write_json("data/gate/readiness.json", ready)
        if ready["verdict"]:
            raise QiratError(f"{ready['verdict']}: {' '.join(ready['reasons'])}")
        faults = shortfalls(clean.height, per["language"], per["label"], stage.params)
        faults += untold(stage.height("splits/dev"), stage.height("splits/test"))
        if faults:
            of_languages = stage.read("scored/notes").filter(pl.col("code").str.starts_with(LANGUAGES))["evidence"]
            ledger = stage.read("ledger", ["outcome", "code"])
            raise QiratError(" ".join([*faults, *of_languages, help_for(ledger, clean.height, out)]))
        stage.say(f"passed with {clean.height:,} clean training examples (at least {stage.params.min_clean:,})")
        if len(out):
            stage.say(not_trained(out))
        stage.passed("gate")


def exclusions(split: pl.DataFrame, excluded: pl.DataFrame) -> pl.DataFrame:
    """Rows of the ledger's shape for conversations of a split that do not train, with the reason."""
    return entries(
        split.select("row_id", "conversation_id").join(excluded, on="conversation_id").sort("row_id"),
        "tokenize",
        outcome=FINDING,
        code=NOT_TRAINED,
        evidence=pl.col("reason"),
    )


def not_trained(reasons: pl.Series) -> str:
    """How many clean conversations do not train, and the commonest reason."""
    alike = reasons.str.replace_all(r"turn \d+", "a turn").rename("reason")
    common = alike.value_counts().sort("count", "reason", descending=[True, False])
    reason, count = common.row(0)
    return (
        f"{len(reasons):,} further clean training conversations cannot be learnt with this base model and are not "
        f"counted ({count:,} times: {reason}; `qirat why --code {NOT_TRAINED}`)"
    )


@dataclass(frozen=True)
class Facts:
    """Conversations whose replies state facts that no earlier turn contains."""

    share_of_survivors: float  # of all that dedup let stand
    share_of_train: float
    kinds: Mapping[str, int]  # code, or "code: kind" as the check told it -> conversations
    examples: tuple[str, ...]  # ids
    most_told: tuple[str, ...] = ()  # what they are, as data/facts has it

    @property
    def share(self) -> float:
        """The larger: doubtful conversations are kept out of train, and it is what customers ask that counts."""
        return max(self.share_of_survivors, self.share_of_train)


def stated_facts(findings: pl.DataFrame, clusters: pl.DataFrame, train: pl.DataFrame) -> Facts:
    """Counted by what the check `grounding` found.

    A house fact that very many state is not counted, nor are kinds that tuning does not teach to invent (route.facts:
    unlearn, ground).
    """
    common = (pl.col("code") == "house_fact") & (pl.col("value") >= FEW_FACTS)
    found = findings.filter(~common, check=GROUNDING)
    kind = pl.col("evidence").fill_null("").str.split(":").list.first()
    found = found.filter(~kind.is_in(_provided_for(train))).with_columns(kind=pl.col("code") + ": " + kind)
    stating = found.select("conversation_id").unique()
    survivors = clusters.filter("survivor").height
    trained = train.select(conversation_id=pl.coalesce("parent_id", "conversation_id"))
    kinds = found.group_by("kind").agg(pl.col("conversation_id").n_unique()).sort("conversation_id", "kind")
    return Facts(
        share_of_survivors=stating.height / survivors if survivors else 0.0,
        share_of_train=trained.join(stating, on="conversation_id", how="semi").height / max(train.height, 1),
        kinds=dict(kinds.reverse().iter_rows()),
        examples=tuple(stating["conversation_id"].sort().head(EXAMPLES_NAMED)),
    )


def most_told(facts: pl.DataFrame) -> tuple[str, ...]:
    """The contexts of which most conversations state what nothing before holds, with their value or how many."""
    contexts = (
        facts.group_by("kind", "context_id")
        .agg(pl.col("context", "words").first(), pl.col("ungrounded").sum(), values=pl.len())
        .filter(pl.col("ungrounded") > 0)
        .sort("ungrounded", "context_id", descending=[True, False])
    )
    return tuple(map(_of_what, contexts.head(EXAMPLES_NAMED).iter_rows(named=True)))


def _of_what(row: Mapping[str, Any]) -> str:
    values = row["words"] if row["values"] == 1 else f"{row['values']:,} values"
    return f"{row['kind']} of {row['context'] or 'something unnamed'} ({values})"


def _provided_for(train: pl.DataFrame) -> list[str]:
    """Kinds of facts that are not learnt, or learnt behind a context that holds them."""
    fact = train["facts"].explode(empty_as_null=False).struct
    kinds = fact.field("kind").filter(fact.field("treatment").is_in(["unlearn", "ground"]))
    return kinds.unique().sort().to_list()


def readiness(clean: int, facts: Facts, params: Gate) -> dict[str, Any]:
    """data/gate/readiness.json: what the report tells in every language, with a verdict where retrieval is wanted."""
    told = {**asdict(facts), "share": facts.share, "most": params.max_facts}
    found = {"clean": clean, "wanted": params.min_clean, "facts": told, "verdict": "", "reasons": [], "because": []}
    if facts.share > params.max_facts:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in facts.kinds.items())
        found["verdict"] = "use retrieval"
        found["because"] = [{"code": "facts", "figures": {"share": facts.share, "most": params.max_facts}}]
        named = f"; most often {', '.join(facts.most_told)}" if facts.most_told else ""
        found["reasons"] = [
            f"in {facts.share:.0%} of the conversations a reply states facts that no earlier turn contains, more than "
            f"gate.max_facts: {params.max_facts:.0%} ({kinds}{named}; for example {', '.join(facts.examples)}).",
            "Tuning would teach the tone, the steps and when to hand over, and it would teach the model to invent such "
            "facts. Look them up at answer time (retrieval or tools) and put what was found into the conversation as "
            "tool turns, or take these conversations out; with the facts in earlier turns the gate opens. "
            "data/facts/facts.csv lists them to begin an index with (`qirat facts`).",
        ]
    return found


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
        fewer = f"{params.min_clean - clean:,} fewer than gate.min_clean: {params.min_clean:,}"
        faults.append(f"{clean:,} clean training examples, {fewer}.")
    minima = (("language", languages, params.min_per_language), ("label", labels, params.min_per_label))
    for kind, found, least in minima:
        few = [f"{name} {count:,}" for name, count in found.items() if count < least]
        if few:
            faults.append(f"Fewer than gate.min_per_{kind}: {least:,} in {', '.join(few)}.")
    return faults


def untold(dev: int, test: int) -> list[str]:
    """A sentence where nothing is held back to judge a model by."""
    empty = " and ".join(name for name, size in (("dev", dev), ("test", test)) if not size)
    return (
        [f"Nothing is in {empty}, so no model could be judged: three unrelated conversations at least."]
        if empty
        else []
    )


def help_for(ledger: pl.DataFrame, clean: int, excluded: pl.Series) -> str:
    """What would close the gap: what cannot be learnt, and what the ledger says was held, dropped or unreadable."""
    closed = counts(ledger)
    dropped = outcomes(ledger).filter(outcome="dropped")["code"].value_counts()
    dropped = dropped.sort("count", "code", descending=[True, False])
    advice = [not_trained(excluded)] if len(excluded) else []
    if held := closed["held"]:
        advice.append(f"{held:,} doubtful rows wait for people (`qirat review push`)")
    if unreadable := closed["quarantined"]:
        advice.append(f"{unreadable:,} rows could not be read (`qirat why --outcome quarantined`)")
    if dropped.height:
        reasons = ", ".join(f"{code} {count:,}" for code, count in dropped.head(REASONS_NAMED).iter_rows())
        advice.append(f"{dropped['count'].sum():,} rows were dropped, most for {reasons}")
    if copies := closed["duplicate"]:
        advice.append(f"{copies:,} rows were copies")
    share = clean / max(closed["raw"], 1)
    return (
        f"What would help: {'; '.join(advice) or 'more data'}. Of {closed['raw']:,} raw conversations {share:.0%} end "
        "as training examples, so more raw data counts at that rate. "
        "Below a thousand examples a written prompt usually serves better."
    )


if __name__ == "__main__":
    main()
