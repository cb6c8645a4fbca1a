"""What is put before people next: second looks that pay, then the queue within its budget, gold rows among them.

A record's round counts the looks at a conversation: 1 is the first, a later one asks people anew.
"""

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.consensus.consensus import Review, Unusable, latest
from curation.core.record.draw import lot
from curation.decisions.answers import Answer, Countries, read_answers
from curation.decisions.decisions import Decision, read_decisions
from curation.decisions.forget import forgotten_words, read_rules
from curation.decisions.gold import Gold, read_gold
from curation.harness.files import finished_table
from curation.policy.queue import purpose
from curation.review.asked_again import unusable

LINEUP = pl.Schema(
    {
        "conversation_id": pl.String(),
        "round": pl.Int64(),
        "purpose": pl.String(),  # doubt, blind_accepted, blind_rejected or gold
        "rank": pl.Int64(),
        "priority": pl.Float64(),  # null where people are not told what the checks say
        "codes": pl.List(pl.String),
        "evidence": pl.List(pl.String),
        "group": pl.String(),
    }
)
MOST_ROUNDS = 4  # who disagrees after so many looks will after one more: it is for the team lead to decide
UNKNOWN = 0.5  # chance that a person changes something, where the checks say nothing


@dataclass(frozen=True)
class Line:
    """`rows`: LINEUP. `again`: the answers for whose sake some come back."""

    rows: pl.DataFrame
    conversations: pl.DataFrame
    again: Sequence[Unusable]


def line_of_now(params: Review, countries: Countries) -> Line:
    """The line by the files as they lie there, and the conversations it is about: none that are to be forgotten.

    An answer that cannot be used counts as none.
    """
    conversations = finished_table("ingested/conversations")
    gone = forgotten_words(conversations, read_rules())
    conversations = conversations.filter(~pl.col("conversation_id").is_in(sorted(gone)))
    there = {*conversations["conversation_id"]}
    gold = [known for known in read_gold() if known.conversation_id in there]  # others would stand in their way
    queue = finished_table("routed/queue").filter(~pl.col("conversation_id").is_in(sorted(gone)))
    answers = read_answers()
    again = unusable(answers, conversations, countries)
    left = {one.answer for one in again}
    counted = [answer for answer in answers if answer not in left]
    return Line(lineup(queue, read_decisions(), counted, gold, params), conversations, again)


def lineup(
    queue: pl.DataFrame, decisions: Sequence[Decision], answers: Sequence[Answer], gold: Sequence[Gold], params: Review
) -> pl.DataFrame:
    """LINEUP: second looks first, then first looks by rank; gold rows stand evenly among them."""
    counted = latest(answers)
    known = [g.conversation_id for g in gold]
    rows = with_history(queue.filter(~pl.col("conversation_id").is_in(known)).sort("rank"), decisions, counted)
    needed = needed_looks(rows, params)
    allowed = int(params.second_opinions * len(answers)) - sum(a.round > 1 for a in answers) - needed.height
    looks = pl.concat([needed, paying_looks(rows, counted, params).head(max(0, allowed))])
    chosen = pl.concat([looks, first_looks(rows, looks, params)]).select(
        "conversation_id", "round", "priority", "codes", "evidence", "group", purpose=purpose()
    )
    return with_gold(chosen, gold_looks(gold, counted, params.min_submitted), params.gold).select(
        pl.col(name).cast(dtype) for name, dtype in LINEUP.items()
    )


def with_history(rows: pl.DataFrame, decisions: Sequence[Decision], answers: Sequence[Answer]) -> pl.DataFrame:
    """The rows with `decided`, `confidence`, the `last` round answered, answers `given` in it, and whether `unsure`."""
    said = pl.DataFrame(
        [(a.conversation_id, a.round, a.confidence == "unsure") for a in answers],
        schema={"conversation_id": pl.String, "last": pl.Int64, "unsure": pl.Boolean},
        orient="row",
    )
    last = pl.col("last") == pl.col("last").max()
    looks = said.group_by("conversation_id").agg(
        pl.col("last").max(), given=last.sum(), unsure=(pl.col("unsure") & last).any()
    )
    decided = pl.DataFrame(
        [(d.conversation_id, d.confidence) for d in decisions],
        schema={"conversation_id": pl.String, "confidence": pl.Float64},
        orient="row",
    ).with_columns(decided=True)
    joined = rows.join(looks, on="conversation_id", how="left", maintain_order="left")
    joined = joined.join(decided, on="conversation_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("decided").fill_null(False))


# -- who is asked for --------------------------------------------------------------------------------------------------


def needed_looks(rows: pl.DataFrame, params: Review) -> pl.DataFrame:
    """Rows that everybody who was asked has answered and that are open all the same: people disagree or are unsure."""
    open_still = ~pl.col("decided") & (pl.col("given") >= params.min_submitted) & (pl.col("last") < MOST_ROUNDS)
    return rows.filter(open_still).with_columns(round=pl.col("last") + 1)


def paying_looks(rows: pl.DataFrame, answers: Sequence[Answer], params: Review) -> pl.DataFrame:
    """Decided rows with too little confidence that an annotator was unsure of, or where a second opinion pays.

    It pays where ActiveLab (Goh and Mueller 2023) expects more of it than of a first look at any other row.
    """
    shaky = (pl.col("confidence") < params.enough_confidence) & (pl.col("last") < MOST_ROUNDS)
    candidates = rows.filter(shaky).with_columns(round=pl.col("last") + 1)
    if candidates.is_empty():
        return candidates
    scores, best_new = active_learning_scores(rows, answers)
    return (
        candidates.join(scores, on="conversation_id", maintain_order="left")
        .filter(pl.col("unsure") | (pl.col("score") < best_new))
        .sort("unsure", "score", "rank", descending=[True, False, False])
        .drop("score")
    )


def active_learning_scores(rows: pl.DataFrame, answers: Sequence[Answer]) -> tuple[pl.DataFrame, float]:
    """(conversation_id, score) of the answered rows, and the lowest score of those nobody has seen; low ones pay.

    Where all have been seen, the other score is that of a row of which nothing is known. People's answers count as
    "change" or "leave", and the model beside them is the chance that the checks give.
    """
    from cleanlab.multiannotator import get_active_learning_scores

    said = pl.DataFrame(
        [(a.conversation_id, a.annotator, float(a.decision != "keep")) for a in answers],
        schema={"conversation_id": pl.String, "annotator": pl.String, "change": pl.Float64},
        orient="row",
    ).join(rows, on="conversation_id", how="semi")
    by_person = said.pivot("annotator", index="conversation_id", values="change", sort_columns=True)
    seen = rows.select("conversation_id", "priority").join(by_person, on="conversation_id", maintain_order="left")
    new = rows.filter(~pl.col("decided") & pl.col("last").is_null())
    # It warns of annotators who share no row with others, and prints of choices that nobody is the likeliest for.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        scores, unseen = get_active_learning_scores(
            seen.drop("conversation_id", "priority").to_numpy(), _chances(seen), _chances(new) if new.height else None
        )
    return seen.select("conversation_id", score=pl.Series(scores)), float(min(unseen, default=UNKNOWN))


def _chances(rows: pl.DataFrame) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Of each row the chance that it is left and the chance that it is changed; never 0, which nothing outweighs.

    And never the same: cleanlab settles ties of people by them, and then by lot, or fails where every row is a tie.
    """
    known = rows["priority"].fill_null(UNKNOWN).clip(0.01, 0.99).to_numpy()
    change = np.where(known == UNKNOWN, UNKNOWN - 1e-6, known)
    return np.stack([1 - change, change], axis=1)


def first_looks(rows: pl.DataFrame, looks: pl.DataFrame, params: Review) -> pl.DataFrame:
    """Open rows in the order of rank: every blind one, and doubts as far as the budget pays beside the second looks.

    Held rows so come first as soon as those before them are decided.
    """
    budget = rows.filter(verdict="review").height - looks.filter(reason="doubt").height
    fresh = rows.filter(~pl.col("decided"), pl.col("given").is_null() | (pl.col("given") < params.min_submitted))
    doubts = fresh.filter(reason="doubt").head(max(0, budget))
    blind = fresh.filter(pl.col("reason") != "doubt")
    return pl.concat([doubts, blind]).sort("rank").with_columns(round=pl.col("last").fill_null(1))


# -- gold rows ---------------------------------------------------------------------------------------------------------


def gold_looks(gold: Sequence[Gold], answers: Sequence[Answer], min_submitted: int) -> pl.DataFrame:
    """conversation_id and round of the gold rows that not all annotators have met; the least known first.

    A round ends, and the next one begins, when as many as are asked for have answered in it. There are no more rounds
    than annotators: somebody who has left would never meet the row, while the others meet it again and again.
    """
    everybody = {a.annotator for a in answers}
    met: dict[str, list[Answer]] = {g.conversation_id: [] for g in gold}
    for answer in answers:
        met.get(answer.conversation_id, []).append(answer)
    looks = [
        (len(given), lot(key), key, look)
        for key, given in met.items()
        if (look := _open_round(given, min_submitted)) <= max(len(everybody), 1)
        and (not everybody or len(given) < len(everybody))
    ]
    return pl.DataFrame(
        [(key, look) for _, _, key, look in sorted(looks)],
        schema={"conversation_id": pl.String, "round": pl.Int64},
        orient="row",
    )


def _open_round(given: Sequence[Answer], min_submitted: int) -> int:
    last = max((a.round for a in given), default=1)
    return last + (sum(a.round == last for a in given) >= min_submitted)


def with_gold(chosen: pl.DataFrame, looks: pl.DataFrame, share: float) -> pl.DataFrame:
    """The chosen rows, ranked, every so many a gold one, until gold ones are `share` of all or there are no more."""
    gold = looks.head(round(chosen.height * share / (1 - share)))
    step = chosen.height / max(gold.height, 1)
    place = ((pl.int_range(pl.len()) + 0.5) * step).ceil()
    placed = gold.with_columns(purpose=pl.lit("gold"), group="conversation_id", place=place)
    ordered = chosen.with_columns(place=pl.int_range(1, pl.len() + 1).cast(pl.Float64))
    together = pl.concat([ordered, placed], how="diagonal").sort("place", maintain_order=True)
    return together.with_columns(
        pl.col("codes", "evidence").fill_null([]), rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    )
