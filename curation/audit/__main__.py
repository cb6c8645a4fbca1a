"""Count what the checks saw of spoilt rows, and what dedup does with planted copies.  python -m curation.audit

The spoilt rows themselves score made and forgot: what it saw in them lies in scored/planted, without a word of theirs.
"""

from collections.abc import Iterator
from functools import partial

import polars as pl

from curation.audit.copies import outcomes
from curation.audit.recall import RECALL, Judge, recall
from curation.core.record.codes import CODES, read_codes
from curation.core.record.conversation import SURVIVING, as_taught, survivors
from curation.dedup.__main__ import Dedup
from curation.harness.parts import chosen
from curation.harness.stage import Stage
from curation.planting.copies import NEAR_COPY, TWIN
from curation.planting.shadow import Audit
from curation.policy.limits import Route, in_force
from curation.policy.verdicts import judged

CONVERSATIONS = "ingested/conversations"
A_ROW = 700  # bytes of memory that a row takes: its id, what was found in it
JUDGED = ("conversation_id", "code", "severity", "value", "threshold")  # what the policy asks of FINDINGS


def main() -> None:
    """How many of each planted defect are found in this set, by language, by the limits in force."""
    with Stage("audit", Audit) as stage:
        table = pl.DataFrame(schema=RECALL)
        if stage.params.share:
            stage.refuse_too_little(CONVERSATIONS, A_ROW)
            table = audited(stage)
        else:
            stage.say("audit.share is 0: what the checks miss in this set is not measured")
        stage.write("audited/recall", table)
        for line in told(table):
            stage.say(line)
        cells = {
            f"{kind}_{language}": share for kind, language, share in table["kind", "language", "share"].iter_rows()
        }
        totals = {name: int(table[name].sum()) for name in ("planted", "found", "blind")}
        stage.write_metrics({**totals, **cells})


def audited(stage: Stage[Audit]) -> pl.DataFrame:
    """RECALL of the checks and of dedup."""
    planted, findings = stage.read("scored/planted"), stage.read("scored/findings", JUDGED)
    ids = stage.read(CONVERSATIONS, ["row_id", "conversation_id", "language"])
    surviving = survivors(ids, stage.read("dedup/clusters", SURVIVING))
    policy = in_force(stage.section("route", Route), read_codes(stage.input(CODES)))
    seen = Judge(policy, findings, surviving.height).outcomes(planted)
    objected = judged(findings, policy, surviving.height).filter(pl.col("severity") != "info")
    languages = planted["language"].unique().to_list()
    serious = objected["conversation_id"].unique()
    params = stage.section("dedup", Dedup)
    copies = outcomes(surviving, partial(records, stage), serious, languages, params, stage.params.seed)
    return recall([*seen, *copies])


def records(stage: Stage[Audit], wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The conversations that are wanted, as checks see them, part by part."""
    for part in stage.parts(CONVERSATIONS):
        yield as_taught(chosen(part, wanted, "row_id"))


def told(table: pl.DataFrame) -> list[str]:
    """What a person should know of it, a sentence each."""
    copies = pl.col("kind").is_in([NEAR_COPY, TWIN])
    checked, merging = table.filter(~copies), table.filter(copies)
    lines = [
        f"{some['found'].sum():,} of {some['planted'].sum():,} {what}"
        for some, what in (
            (checked, "planted defects were found"),
            (merging.filter(kind=NEAR_COPY), "planted near-copies were merged"),
            (merging.filter(kind=TWIN), "planted twins, of which one word tells another thing, stayed apart"),
        )
        if some.height
    ]
    return lines + [
        f"blind here: of {row['kind']} in {row['language']}, {row['found']} of {row['planted']} were found, so at most "
        f"{row['high']:.0%} are"
        for row in table.filter("blind").iter_rows(named=True)
    ]


if __name__ == "__main__":
    main()
