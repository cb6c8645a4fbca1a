"""The order of the review queue: which doubts stand together, whose turn it is, where the blind samples stand."""

import heapq
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from curation.core.record.conversation import turns
from curation.core.record.draw import lot
from curation.core.record.groups import groups
from curation.core.text.folding import folded
from curation.harness.parts import kept
from curation.policy.limits import RARE_LANGUAGE, Blind
from curation.policy.verdicts import in_line


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


def purpose() -> pl.Expr:
    """Why people are asked, of a line with `reason`: what is below its limit they see as they see any doubt."""
    return pl.col("reason").replace(BELOW_LIMIT, "doubt")


def language_shares(rows: pl.DataFrame) -> dict[str, float]:
    """Share of the rows in each language that is not rare."""
    shares = rows.group_by("language").agg(share=pl.len() / max(rows.height, 1)).sort("language")
    return {language: share for language, share in shares.iter_rows() if share >= RARE_LANGUAGE}


BELOW_LIMIT = "below_limit"  # the reason why a row stands in the queue that no check doubts, where places are left
ALIKE = 0.95  # cosine from which two semantic copies stand together
# Codes of what nobody sees in a row: that it is in an evaluation set, and what the covers of personal data hide.
UNSEEN = "^(?:evaluation_|pii_)"


# -- what stands together ----------------------------------------------------------------------------------------------


def grouped(line: pl.DataFrame, ties: pl.DataFrame) -> pl.DataFrame:
    """The line with `group`: the smallest id among the rows that have the same codes and are tied to one another.

    `ties` are (conversation_id, tie): rows that share a tie are alike, and so are all that hang together by ties.
    """
    alone = line.select("conversation_id", tie="conversation_id")
    tied = pl.concat([alone, ties.join(line, on="conversation_id", how="semi").select(alone.columns)]).unique()
    codes = line.select("conversation_id", codes=pl.col("codes").list.join(" "))
    first = tied.join(codes, on="conversation_id").select(
        "conversation_id", first=pl.col("conversation_id").min().over("codes", "tie")
    )
    return line.with_columns(group=groups(line["conversation_id"], first.iter_rows()))


def doubted_turns(conversations: Iterable[pl.DataFrame], findings: pl.DataFrame) -> pl.DataFrame:
    """(conversation_id, turn, content) of the turns with a doubt, of conversations that come in parts."""
    doubts = findings.filter((pl.col("severity") == "doubt") & pl.col("turn").is_not_null())
    places = doubts.select("conversation_id", "turn").unique()
    found = []
    for part in conversations:
        here = places.join(part, on="conversation_id", how="semi")  # only the part is hashed: places are of all parts
        said = turns(part.join(here, on="conversation_id", how="semi"))
        said = said.join(here, on=["conversation_id", "turn"], how="semi")
        found.append(kept(said.select("conversation_id", "turn", "content")))
    return pl.concat(found).unique(["conversation_id", "turn"])  # exact copies have one id


def ties(pairs: pl.DataFrame, findings: pl.DataFrame, ids: pl.DataFrame, doubted: pl.DataFrame) -> pl.DataFrame:
    """(conversation_id, tie) of near copies that were kept apart, semantic copies and rows with the same doubted turns.

    `ids` are (row_id, conversation_id), by which semantic copies name the earlier row; `doubted` are `doubted_turns`.
    """
    near = pairs.filter(pl.col("relation") != "related")
    copies = copied(findings).select("conversation_id", row_id="evidence")
    earlier = copies.join(ids, on="row_id", suffix="_earlier")
    said = (
        doubted.sort("conversation_id", "turn")
        .group_by("conversation_id", maintain_order=True)
        .agg(tie=pl.lit("said: ") + folded(pl.col("content")).str.join("\n"))
    )
    return pl.concat(
        [
            near.select(conversation_id="left", tie="right"),
            near.select(conversation_id="right", tie="left"),
            earlier.select("conversation_id", tie="conversation_id_earlier"),
            said,
        ]
    )


def copied(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings of semantic copies that are alike enough to stand together; the earlier row is their evidence."""
    return findings.filter((pl.col("code") == "semantic_copy") & (pl.col("value") >= ALIKE))


# -- whose turn it is --------------------------------------------------------------------------------------------------


def in_turn(line: pl.DataFrame, languages: pl.DataFrame, shares: Mapping[str, float]) -> pl.DataFrame:
    """The line with groups together, by effect, the languages of `shares` in turn; held groups last; ranks anew.

    A group's effect is the chance of its likeliest row: who decides that one has the others at hand to decide alike.
    Times the number of its rows, floods of one habit would come to the front (docs/log.md).
    `languages` are (conversation_id, language).
    """
    rows = line.join(languages, on="conversation_id", how="left", maintain_order="left")
    best_first = rows.sort("priority", "conversation_id", descending=[True, False])
    groups = best_first.group_by("group", maintain_order=True).agg(
        pl.col("language").first(),
        size=pl.len().cast(pl.Int64),
        effect=pl.col("priority").first(),
        held=(pl.col("verdict") == "held").all(),
    )
    parts = groups.sort("effect", "group", descending=[True, False]).partition_by("held", as_dict=True)
    ordered = pl.concat([_languages_in_turn(parts[key], shares) for key in sorted(parts)] or [groups])
    place = ordered.select("group", place=pl.int_range(pl.len()))
    together = best_first.join(place, on="group", maintain_order="left").sort("place", maintain_order=True)
    return ranked(together.select(line.columns))


def _languages_in_turn(groups: pl.DataFrame, shares: Mapping[str, float]) -> pl.DataFrame:
    """Groups, given by effect, such that after any number of rows each language of `shares` has had its share of them.

    The k-th row of a language is due at k / share and the earliest due comes first, which keeps every date as long as
    the shares sum to no more than one (the rule of the earliest due date, Jackson 1955). Groups of other languages
    stand behind as many rows as are worth more.
    """
    known = groups.filter(pl.col("language").is_in(list(shares)))
    others = groups.join(known.select("group"), on="group", how="anti", maintain_order="left")
    through = pl.col("size").cum_sum().over("language")
    due = through / pl.col("language").replace_strict(dict(shares), default=1.0, return_dtype=pl.Float64)
    known = known.with_columns(due=due).sort("due", "effect", "group", descending=[False, True, False])
    known = known.with_columns(place=pl.col("size").cum_sum() - pl.col("size"))
    worth = known.sort("effect")
    better = worth["size"].sum() - np.append(0, worth["size"].cum_sum())
    place = better[np.searchsorted(worth["effect"], others["effect"], side="left")]
    others = others.with_columns(place=pl.Series(place, dtype=pl.Int64))
    merged = pl.concat([others, known.select(others.columns)])
    return merged.sort("place", maintain_order=True).select(groups.columns)


# -- blind samples -----------------------------------------------------------------------------------------------------


def with_blind_samples(line: pl.DataFrame, decided: pl.DataFrame, blind: Blind) -> pl.DataFrame:
    """The line with samples of the accepted and the rejected rows, spread evenly over what the budget pays for.

    They carry nothing of what the checks say.
    """
    drawn = blind_samples(decided, blind)
    paid = line.filter((pl.col("verdict") == "review") | (pl.col("reason") == BELOW_LIMIT)).height
    after = ((pl.int_range(pl.len()) + 0.5) * (paid / max(drawn.height, 1))).ceil().cast(pl.Int64)
    neutral = drawn.select(
        "conversation_id",
        rank=after,
        priority=pl.lit(None, pl.Float64),
        reason="reason",
        codes=pl.lit([], pl.List(pl.String)),
        evidence=pl.lit([], pl.List(pl.String)),
        verdict="verdict",
        group="conversation_id",
    )
    return ranked(pl.concat([line, neutral.select(line.columns)]).sort("rank", maintain_order=True))


def blind_samples(decided: pl.DataFrame, blind: Blind) -> pl.DataFrame:
    """The rows of both samples, with `reason` and `draw`."""
    sizes = {"accept": blind.accepted, "reject": blind.rejected}
    samples = [_sample(sampled(decided, verdict), size, blind.seed) for verdict, size in sizes.items()]
    return pl.concat(samples).with_columns(reason=pl.format("blind_{}ed", "verdict")).sort("draw")


def sampled(verdicts: pl.DataFrame, verdict: str) -> pl.DataFrame:
    """The rows that the blind sample of a verdict is drawn from, and speaks for.

    A rejected row whose fault cannot be seen in its words is not among them: people would bring leaked evaluation data
    back.
    """
    unseen = pl.col("codes").list.eval(pl.element().str.contains(UNSEEN)).list.any()
    return verdicts.filter((pl.col("verdict") == verdict) & ((verdict != "reject") | ~unseen))


def _sample(rows: pl.DataFrame, size: int, seed: int) -> pl.DataFrame:
    """Rows drawn by a hash of their words, with `draw`: other rows that come or go hardly change who is drawn."""
    draws = heapq.nsmallest(size, ((lot(f"{seed} {key}"), n) for n, key in enumerate(rows["conversation_id"])))
    drawn = pl.Series("draw", [draw for draw, _ in draws], dtype=pl.String)
    return rows[[n for _, n in draws]].with_columns(drawn)


def ranked(line: pl.DataFrame) -> pl.DataFrame:
    """The line with ranks in its order, from 1."""
    return line.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
