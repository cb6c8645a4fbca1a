"""Where the adapter fails: the same paired comparison within each intent, language, dialect, length, source and turn.

Slices are looked at against the best prompt arm, on the primary metric and on those with a margin. A prompt that shows
training rows as examples answers as wrongly as they do, so what was taught wrongly may show beside no prompt: the rules
that the adapter keeps are looked at beside the team's own replies too. As the worst of many is bad by luck alone, the
intervals hold for all slices and metrics together (curation/core/statistics/simultaneous.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import Interval, Z
from curation.core.statistics.simultaneous import Part, simultaneous_differences
from curation.core.text.dialect import UNKNOWN, dialect_of
from training.judge.arms import ADAPTER
from training.judge.facts import NO_HOUSE, House
from training.judge.metrics import metrics
from training.judge.reasons import Reason, Voice
from training.judge.scoring import ALL, PREDICTIONS, Evaluate, reply_scores

LEAST = 10  # conversations of a slice that is looked at
TOLD = 3  # slices named in the verdict beside those that stop promotion
STOPPING = ("language", "dialect")  # kinds of slices that may not get worse
DIALECTAL = ("ar", "mixed")  # languages of which a dialect can be told
TURN = "turn"
TEAM = "team"  # in place of an arm: the team's own replies
OF_TEAM = "playbook"  # the metric on which these are looked at
NAME = ["kind", "slice", "metric"]
SLICES = pl.Schema(
    {
        "kind": pl.String,  # intent, language, dialect, length, source or turn; "all" of all conversations
        "slice": pl.String,  # of the kind; of length: from how many of the customer's words to how many
        "metric": pl.String,
        "arm": pl.String,
        "against": pl.String,  # a prompt arm, or TEAM
        "value": pl.Float64,  # of the arm; null, as all figures, where fewer than LEAST conversations are in the slice
        "difference": pl.Float64,  # arm minus against, over the conversations that both answered
        "low": pl.Float64,  # of the difference, for all rows together
        "high": pl.Float64,
        "n": pl.Int64,  # conversations
        "better": pl.Int8,  # 1: more is better, -1: less is better
        # Shown to be worse, by more than the metric's margin where that is not the primary one; never than TEAM.
        "worse": pl.Boolean,
        "rest": pl.Float64,  # the difference over the other conversations; null where they are too few, and of a turn
        "apart_low": pl.Float64,  # of `difference` less `rest`, for all rows together
        "apart_high": pl.Float64,
        # Shown to gain less than over the other conversations. Against TEAM only where no gain over the prompt is
        # shown: some intents have more rules to keep.
        "behind": pl.Boolean,
    }
)
MEMBERS = pl.Schema({"conversation_id": pl.String, "kind": pl.String, "slice": pl.String})


@dataclass(frozen=True)
class Talks:
    """What was asked of the two arms, and what came of it."""

    scores: pl.DataFrame  # SCORES
    predictions: pl.DataFrame  # PREDICTIONS
    conversations: pl.DataFrame  # the records; those of a `cluster_id` are drawn together
    playbook: Playbook
    house: House = NO_HOUSE


def slices(talks: Talks, against: str, params: Evaluate, z: float = Z) -> pl.DataFrame:
    """SLICES of the adapter and one prompt arm, the worst first: by how far a difference lies beyond its interval.

    `z`: how many standard errors one interval would reach, where looks at the test set share their error.
    """
    looked_at = {against: [params.primary, *params.guarded], TEAM: [OF_TEAM]}
    known = replace(talks, scores=pl.concat([talks.scores, team_scores(talks)]))
    groups = {
        (other, *name): group
        for other, looked in looked_at.items()
        for name, group in _pairs(known, other, looked).partition_by(NAME, as_dict=True).items()
    }
    shown = {name: _part(name, group) for name, group in groups.items() if group.height >= LEAST}
    apart = {name: replace(part, kind=f"{part.kind} apart", less=_rest(name, groups)) for name, part in shown.items()}
    apart = {name: part for name, part in apart.items() if part.less}
    found = simultaneous_differences([*shown.values(), *apart.values()], params.redraws, z)
    figures, beside = dict(zip(shown, found, strict=False)), dict(zip(apart, found[len(shown) :], strict=True))
    allowed = {**params.guarded, params.primary: 0.0}
    rows: list[tuple[Any, ...]] = []
    for name, group in groups.items():
        (other, *named), one, away = name, figures.get(name), beside.get(name)
        better = metrics()[named[-1]].better
        own = float(group["value"].sum()) / float(group["weight"].sum()) if one else None
        measured = (one.value, one.low, one.high) if one else (None, None, None)
        worse = one is not None and other != TEAM and _best(one, better) < -allowed[named[-1]]
        rest = (one.value - away.value, away.low, away.high) if one and away else (None, None, None)
        behind = away is not None and _best(away, better) < 0
        rows.append((*named, ADAPTER, other, own, *measured, group.height, better, worse, *rest, behind))
    return _worst_first(_unless_gained(pl.DataFrame(rows, schema=SLICES, orient="row")))


def _best(one: Interval, better: int) -> float:
    """The better end, turned so that more is better."""
    return max(better * one.low, better * one.high)


def _rest(name: tuple[Any, ...], groups: Mapping[tuple[Any, ...], pl.DataFrame]) -> Part | None:
    """The conversations outside of a slice; None where they are too few, and where a slice is of replies."""
    against, kind, _, metric = name
    if kind in (ALL, TURN):
        return None
    whole = (against, ALL, ALL, metric)
    rest = groups[whole].join(groups[name], on="conversation_id", how="anti", maintain_order="left")
    return _part(whole, rest) if rest.height >= LEAST else None


def team_scores(talks: Talks) -> pl.DataFrame:
    """SCORES of the team's own replies, as OF_TEAM judges them, where the adapter wrote some."""
    written = talks.predictions.filter(arm=ADAPTER)
    said = {row["conversation_id"]: row["messages"] for row in talks.conversations.iter_rows(named=True)}
    texts = [said[key][turn]["content"] for key, turn in written.select("conversation_id", "turn").iter_rows()]
    theirs = written.with_columns(arm=pl.lit(TEAM), text=pl.Series(texts, dtype=pl.String), stopped=True)
    return reply_scores(theirs.select(PREDICTIONS.names()), talks.conversations, talks.playbook).filter(metric=OF_TEAM)


def members(conversations: pl.DataFrame) -> pl.DataFrame:
    """MEMBERS: the slices that each conversation is in, but for those by turn, which are of its replies.

    What all of them share is no slice, and neither is a dialect that cannot be told; ALL is of the kind ALL.
    """
    said = [" ".join(m["content"] for m in messages if m["role"] == "user") for messages in conversations["messages"]]
    spoken = zip(conversations["language"], said, strict=True)
    kinds = {
        "intent": conversations["label"],
        "language": conversations["language"],
        "dialect": pl.Series([_dialect(code, text) for code, text in spoken], dtype=pl.String),
        "length": thirds(pl.Series([len(text.split()) for text in said], dtype=pl.Int64)),
        "source": conversations["source"],
    }
    named = [
        conversations.select("conversation_id", kind=pl.lit(kind), slice=values.cast(pl.String)).drop_nulls()
        for kind, values in kinds.items()
        if values.null_count() or values.n_unique() > 1  # a part, and not all of them
    ]
    everybody = conversations.select("conversation_id", kind=pl.lit(ALL), slice=pl.lit(ALL))
    return pl.concat([everybody.match_to_schema(MEMBERS), *named])


def _dialect(language: str, text: str) -> str | None:
    told = dialect_of(text) if language in DIALECTAL else UNKNOWN
    return None if told == UNKNOWN else told


def thirds(words: pl.Series) -> pl.Series:
    """The third that each count is in, as "3–12": equal counts are in one third, and so there may be fewer."""
    if words.is_empty():
        return words.cast(pl.String)
    cuts = [float(words.quantile(share, "lower")) for share in (1 / 3, 2 / 3)]  # type: ignore[arg-type]
    table = pl.DataFrame(
        {"words": words, "third": words.map_elements(lambda n: sum(n > cut for cut in cuts), pl.Int64)}
    )
    ends = pl.format("{}–{}", pl.col("words").min().over("third"), pl.col("words").max().over("third"))
    return table.select(ends.alias("length")).to_series()


def voice(found: pl.DataFrame) -> Voice:
    """A language or dialect that is shown to get worse speaks against promotion; the worst others are told.

    Of each slice its worst metric is told, among how many slices and metrics it was found. Where nothing is worse than
    the prompt, a slice may still be behind the rest: an intent that was taught wrong need not fall below a poor prompt.
    """
    named = found.filter((pl.col("kind") != ALL) & (pl.col("worse") | pl.col("behind")))
    worst = named.unique(["kind", "slice"], keep="first", maintain_order=True)
    reasons = [_reason(row, found) for row in worst.iter_rows(named=True)]
    stops = [one for one in reasons if one.code == "slice_worse" and one.figures["kind"] in STOPPING]
    return Voice(against=stops, told=[one for one in reasons if one not in stops][:TOLD])


def _reason(row: Mapping[str, Any], found: pl.DataFrame) -> Reason:
    names = {name: row[name] for name in ("kind", "slice", "metric", "against", "n")}
    looked_at = {"looked_at": found["difference"].count()}
    if row["worse"]:
        return Reason("slice_worse", names | _gain(row) | looked_at)
    away = {"difference": row["difference"] - row["rest"], "low": row["apart_low"], "high": row["apart_high"]}
    code = "slice_behind_team" if row["against"] == TEAM else "slice_behind"
    rest = {"rest": row["better"] * row["rest"]}
    return Reason(code, names | _gain({**away, "better": row["better"]}) | rest | looked_at)


def _gain(row: Mapping[str, Any]) -> dict[str, float]:
    """A difference with its ends, turned so that more is better."""
    low, high = sorted(row["better"] * row[end] for end in ("low", "high"))
    return {"value": row["better"] * row["difference"], "low": low, "high": high}


def _unless_gained(table: pl.DataFrame) -> pl.DataFrame:
    """The table in which nothing is behind TEAM where the adapter is shown to gain over the prompt."""
    low = pl.min_horizontal(pl.col("better") * pl.col("low"), pl.col("better") * pl.col("high"))
    gained = table.filter(pl.col("against") != TEAM, low > 0).select(*NAME, against=pl.lit(TEAM), gains=True)
    joined = table.join(gained, on=[*NAME, "against"], how="left", maintain_order="left")
    return joined.with_columns(behind=pl.col("behind") & pl.col("gains").is_null()).drop("gains")


def _pairs(talks: Talks, against: str, looked_at: Sequence[str]) -> pl.DataFrame:
    """NAME, conversation_id, its `unit`, and `value` and `weight` of the adapter and, as `.._theirs`, of the other arm.

    `unit` is what is drawn as a whole: conversations of one customer, or alike ones, are one.
    """
    where = members(talks.conversations)
    sides = []
    for arm in (ADAPTER, against):
        whole = talks.scores.filter(arm=arm).join(where, on="conversation_id")
        scores = pl.concat([whole, *_by_turn(talks, arm)], how="diagonal")
        sides.append(scores.filter(pl.col("metric").is_in(looked_at)))
    unit = pl.col("cluster_id" if "cluster_id" in talks.conversations.columns else "conversation_id")
    units = talks.conversations.select("conversation_id", unit=unit)
    key = [*NAME, "conversation_id"]
    return sides[0].join(sides[1], on=key, suffix="_theirs", validate="1:1").join(units, on="conversation_id").sort(key)


def _by_turn(talks: Talks, arm: str) -> Iterator[pl.DataFrame]:
    """SCORES of conversations in which the arm wrote only its first, its last or the replies between them.

    The others are the team's own, so that a rule of the whole conversation tells of these replies alone. Where there is
    one reply only, it is the first.
    """
    written = talks.predictions.filter(arm=arm)
    turn, first, last = pl.col("turn"), pl.col("turn").min(), pl.col("turn").max()
    between = turn.is_between(first, last, closed="none")
    places = {"first": turn == first, "middle": between, "last": (turn == last) & (turn > first)}
    parts = {place: written.filter(among.over("conversation_id")) for place, among in places.items()}
    if parts["last"].height:  # else the first replies are all there are
        for place, replies in parts.items():
            asked = talks.conversations.join(replies, on="conversation_id", how="semi")
            scores = reply_scores(replies, asked, talks.playbook, talks.house)
            yield scores.with_columns(kind=pl.lit(TURN), slice=pl.lit(place))


def _part(name: tuple[Any, ...], group: pl.DataFrame) -> Part:
    """For the statistics. A single reply in the arm's words moves less than all: turns are on a scale of their own."""
    ours, theirs = ((group[f"value{s}"].to_numpy(), group[f"weight{s}"].to_numpy()) for s in ("", "_theirs"))
    against, kind, _, metric = name
    return Part(ours, theirs, group["unit"].to_list(), f"{against} {metric} {kind if kind == TURN else ''}")


def _worst_first(table: pl.DataFrame) -> pl.DataFrame:
    gain = pl.col("better") * pl.col("difference")
    beyond = gain / (pl.col("high") - pl.col("low"))
    return table.sort(~pl.col("worse"), ~pl.col("behind"), beyond, *NAME, "against", nulls_last=True)
