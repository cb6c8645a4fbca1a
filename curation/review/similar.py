"""qirat review apply: one person's keep or drop for all doubtful conversations that are like the one decided.

Nothing spreads by itself: somebody names the decision, sees what it would decide, and says yes. What is written says
where it comes from, and falls when that decision falls.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.core.record.conversation import turns
from curation.core.record.naming import called
from curation.core.text.folding import folded
from curation.decisions import answers as answers_file
from curation.decisions.decisions import PATH, Decision, read_decisions, write_decisions
from curation.harness.errors import QiratError
from curation.harness.files import finished_table, table_path
from curation.privacy.shown import Shown
from curation.similarity.difference import difference

EXAMPLES = 5
SIMILAR = pl.Schema({"conversation_id": pl.String(), "similarity": pl.Float64()})


@dataclass(frozen=True)
class LikeWhat:
    """Which rows are alike enough."""

    code: str | None = None  # rows that share this doubt; None: rows with exactly the same doubts
    min_similarity: float = 0.95


@answers_file.alone()
def apply(name: str, wanted: LikeWhat, shown: Shown, write: bool) -> str:
    """What the decision would decide, with examples; written only when asked to."""
    decisions = read_decisions()
    source = named(decisions, name)
    queue = finished_table("routed/queue").filter(pl.col("reason") == "doubt")
    conversations = conversations_of([source.conversation_id, *queue["conversation_id"]])
    alike = candidates(queue, conversations, source, wanted.code)
    alike = alike.filter(~pl.col("conversation_id").is_in([d.conversation_id for d in decisions]))
    found = similar(source.conversation_id, alike["conversation_id"], conversations, wanted.min_similarity)
    decided_by = ", ".join(source.annotators) or "a person"
    lines = [f"{decided_by} said {source.decision} on {source.conversation_id}: {found.height:,} undecided are like it"]
    if found.is_empty():
        return lines[0]
    lines += examples(source.conversation_id, found, conversations, shown)
    if not write:
        return "\n".join([*lines, "", f"Nothing was written; --yes decides {found.height:,} conversations like this."])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_decisions([*decisions, *applied(source, found, now)])
    undo = f"`qirat review apply {source.conversation_id} --undo` takes it back"
    return "\n".join([*lines, "", f"{found.height:,} decisions written to {PATH}; {undo}."])


@answers_file.alone()
def undo(name: str) -> str:
    """Takes back what a decision decided elsewhere; conversations that people decided since stay decided."""
    decisions = read_decisions()
    source = _called(name, [d.applied_from for d in decisions if d.applied_from], "decisions applied elsewhere")
    kept = [d for d in decisions if d.applied_from != source]
    write_decisions(kept)
    return f"{len(decisions) - len(kept):,} decisions applied from {source} left {PATH}"


def decisions_in_force(decisions: Sequence[Decision]) -> list[Decision]:
    """Decisions without those applied from one that is gone, or that people have changed since."""
    choices = {d.conversation_id: d.decision for d in decisions if d.applied_from is None}
    return [d for d in decisions if d.applied_from is None or choices.get(d.applied_from) == d.decision]


def applied(source: Decision, found: pl.DataFrame, now: str) -> list[Decision]:
    """The decision, said of each conversation of SIMILAR. Nobody looked at them, so there is no agreement to tell."""
    return [
        Decision(
            conversation_id=key,
            decision=source.decision,
            reasons=source.reasons,
            annotators=source.annotators,
            decided_at=now,
            applied_from=source.conversation_id,
            similarity=similarity,
        )
        for key, similarity in found.iter_rows()
    ]


def named(decisions: Sequence[Decision], name: str) -> Decision:
    """The decision by its conversation_id or the beginning of it, if it may be applied elsewhere."""
    whole = _called(name, [d.conversation_id for d in decisions], "decisions")
    decision = next(d for d in decisions if d.conversation_id == whole)
    if decision.decision == "edit":
        raise QiratError(f"{decision.conversation_id} was edited, and a correction fits one conversation only")
    if decision.applied_from:
        raise QiratError(
            f"nobody looked at {decision.conversation_id}: its decision is applied from {decision.applied_from}; "
            "apply that one"
        )
    return decision


def _called(name: str, ids: Sequence[str], what: str) -> str:
    names = pl.DataFrame({"conversation_id": ids}, schema={"conversation_id": pl.String})
    return str(called(name, names, what, f"as {PATH} has it")["conversation_id"][0])


def candidates(queue: pl.DataFrame, conversations: pl.DataFrame, source: Decision, code: str | None) -> pl.DataFrame:
    """Rows of the queue with the doubts and the language of the row that was decided."""
    known = queue.join(conversations.select("conversation_id", "language"), on="conversation_id", maintain_order="left")
    row = known.filter(conversation_id=source.conversation_id)
    if row.is_empty():
        raise QiratError(
            f"{source.conversation_id} is not among the doubtful conversations of data/routed/queue, so nothing is "
            "like it in its doubts; choose a decision on one that is"
        )
    codes = row["codes"].to_list()[0]
    if code is not None and code not in codes:
        raise QiratError(f"{source.conversation_id} has no doubt {code!r}; it has {', '.join(codes)}")
    same = (
        pl.col("codes").list.contains(code)
        if code
        else pl.col("codes").list.sort().list.join(" ").eq(" ".join(sorted(codes)))
    )
    others = pl.col("conversation_id") != source.conversation_id
    return known.filter(others, same, pl.col("language") == row["language"][0])


def similar(source: str, keys: pl.Series, conversations: pl.DataFrame, least: float) -> pl.DataFrame:
    """SIMILAR, the likest first: the smaller of two likenesses, of what the customers say and of the replies.

    Cosine of the embeddings; where there are none, the words that both have over those that either has (Jaccard).
    """
    likeness = _cosines(source, keys)
    if likeness is None:
        likeness = _common_words(source, keys, conversations)
    table = pl.DataFrame({"conversation_id": keys, "similarity": likeness}, schema=SIMILAR)
    table = table.with_columns(pl.col("similarity").clip(0, 1).round(4)).filter(pl.col("similarity") >= least)
    return table.sort("similarity", "conversation_id", descending=[True, False])


def conversations_of(keys: Sequence[str]) -> pl.DataFrame:
    """conversation_id, language and messages of these conversations."""
    columns = ["conversation_id", "language", "messages"]
    finished_table("ingested/conversations", columns[:1])
    table = pl.scan_parquet(table_path("ingested/conversations")).select(columns)
    return table.filter(pl.col("conversation_id").is_in(keys)).unique("conversation_id", keep="first").collect()


def examples(source: str, found: pl.DataFrame, conversations: pl.DataFrame, shown: Shown) -> Iterator[str]:
    """The conversation decided, and where the first few that are like it differ from it."""
    messages: dict[str, list[Mapping[str, Any]]] = dict(conversations.select("conversation_id", "messages").iter_rows())
    here = shown.messages(messages[source])
    for number, m in enumerate(here, 1):
        yield f"  {number:>3} {m['role']}: {m['content']}"
    yield "where they differ from it, [-only here-] {+only there+}:"
    for key, similarity in found.head(EXAMPLES).iter_rows():
        yield f"  {key} (similarity {similarity:.2f})"
        lines = difference(here, shown.messages(messages[key]))
        yield from (f"      {line}" for line in lines or ["only in personal data, which is not shown"])


def _cosines(source: str, keys: pl.Series) -> npt.NDArray[np.float64] | None:
    """None where the row has no embedding."""
    vectors = finished_table("embedded/vectors")
    here = vectors.filter(conversation_id=source)
    if here.is_empty():
        return None
    there = keys.to_frame("conversation_id").join(vectors, on="conversation_id", how="left", maintain_order="left")
    sides = [_stacked(there[side], here[side].to_numpy()[0]) for side in ("vector", "reply")]
    return np.minimum(*sides).astype(np.float64)


def _stacked(vectors: pl.Series, to: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The cosine of each unit vector to one; 0 where there is none."""
    known = vectors.is_not_null().to_numpy()
    cosines = np.zeros(len(vectors), np.float32)
    if known.any():
        cosines[known] = vectors.drop_nulls().to_numpy() @ to
    return cosines


def _common_words(source: str, keys: pl.Series, conversations: pl.DataFrame) -> npt.NDArray[np.float64]:
    asked = conversations.filter(pl.col("conversation_id").is_in([source, *keys]))
    sides = turns(asked).with_columns(reply=pl.col("role") == "assistant", words=folded(pl.col("content")))
    by_side = sides.group_by("conversation_id", "reply").agg(pl.col("words").str.extract_all(r"\w+").explode())
    words = {(key, reply): set(found) - {None} for key, reply, found in by_side.iter_rows()}

    def jaccard(key: str, reply: bool) -> float:
        here, there = words.get((source, reply), set()), words.get((key, reply), set())
        return len(here & there) / len(here | there) if here | there else 1.0

    return np.array([min(jaccard(key, False), jaccard(key, True)) for key in keys], np.float64)
