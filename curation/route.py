"""Decide from the findings: accept, review or reject; line up what people should see.  python -m curation.route"""

import polars as pl

from curation.conversation import survivors
from curation.policy import RARE_LANGUAGE, Route, in_line, judged, too_common, verdicts
from curation.queue import grouped, in_turn, ties, with_blind_samples
from curation.stage import Stage, table_path


def main() -> None:
    """Policy over findings, and the review queue in the order of expected effect."""
    with Stage("route", Route) as stage:
        ingested = stage.input(table_path("ingested/conversations"))
        read = pl.read_parquet(ingested, columns=["row_id", "conversation_id", "language"])
        rows, scored = survivors(read, stage.read("dedup/clusters")), stage.read("scored/findings")
        findings = judged(scored, stage.params, rows.height)
        for code, share in too_common(scored, stage.params, rows.height).items():
            stage.say(f"{code} is seen in {share:.0%} of the rows: a note on the set, it decides nothing")
        decided = verdicts(rows, findings, stage.params)
        line = queue(decided, findings)
        spoken = pl.scan_parquet(ingested).join(line.lazy(), on="conversation_id", how="semi")
        doubtful = spoken.select("conversation_id", "messages").collect().unique("conversation_id")
        line = grouped(line, ties(stage.read("dedup/pairs"), findings, read, doubtful))
        line = in_turn(line, rows, language_shares(rows))

        stage.write("routed/verdicts", decided)
        stage.write("routed/queue", with_blind_samples(line, decided, stage.params.blind))
        counts = dict(decided["verdict"].value_counts().iter_rows())
        stage.write_metrics({name: counts.get(name, 0) for name in ("accept", "review", "held", "reject")})


def queue(decided: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Every doubtful row, likeliest first, what was seen in each beside it.

    Rows whose verdict is `held` stand behind those that the budget pays for, and move up as decisions come in.
    """
    doubts = findings.filter(pl.col("severity") == "doubt")
    said = pl.format("{}: {}", "code", pl.col("evidence").fill_null(""))
    evidence = doubts.group_by("conversation_id", maintain_order=True).agg(evidence=said.unique(maintain_order=True))
    line = in_line(decided.filter(pl.col("verdict").is_in(["review", "held"])))
    return line.join(evidence, on="conversation_id", how="left", maintain_order="left").select(
        "conversation_id",
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"),
        "priority",
        pl.lit("doubt").alias("reason"),
        "codes",
        "evidence",
        "verdict",
    )


def language_shares(rows: pl.DataFrame) -> dict[str, float]:
    """Share of the rows in each language that is not rare."""
    shares = rows.group_by("language").agg(share=pl.len() / max(rows.height, 1)).sort("language")
    return {language: share for language, share in shares.iter_rows() if share >= RARE_LANGUAGE}


if __name__ == "__main__":
    main()
