"""What people say of the adapter's replies beside the best prompt's, as one more judge of the verdict.

`qirat review pairs` asks them; data/review/pairs.jsonl holds what they said, by hashes of the replies. A judgement
counts where both replies still stand in the predictions, the adapter's and that prompt's; no other does. What split
kept together, all of one customer, is one voice, as it is for the metrics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import polars as pl

from curation.core.record.pairs import Judgement, reply_hash
from curation.core.statistics.intervals import FEW, Interval, Z, share
from curation.core.statistics.preference import Preferred, Vote, preferred, rectified, without_errors
from training.judge.arms import ADAPTER
from training.judge.reasons import Reason, Voice

PRIOR = (4, 1)  # right and wrong answers on gold that everybody starts with, as in curation/consensus
FEW_GOLD = 10  # answers on gold pairs; from so many on the judges' error is known well enough to take it out


@dataclass(frozen=True)
class Heard:
    """`found`: None where nobody's word on these replies counts. `judges`: by name, what they answered.

    `corrected`: the net without the judges' slips; None where gold tells too little of them. `stale`: judgements on
    replies that nobody gives any more.
    """

    against: str
    found: Preferred | None
    corrected: Interval | None
    judges: Sequence[Mapping[str, Any]]
    reasons: Mapping[str, int]  # what people ticked where they preferred the adapter
    asked: int  # judgements on these replies
    stale: int
    there: int  # groups of conversations in which the replies differ, and so can be compared
    model: Mapping[str, Any] | None = None  # what a model's word adds, corrected by people's


def heard(
    judgements: Sequence[Judgement],
    predictions: pl.DataFrame,
    against: str,
    conversations: pl.DataFrame,
    z: float = Z,
) -> Heard:
    """Everything that was said, weighed.

    `predictions`: arm, conversation_id, turn, text of both arms; `conversations`: conversation_id and cluster_id; `z`:
    how many standard errors the interval reaches that decides.
    """
    groups = dict(conversations.select("conversation_id", "cluster_id").iter_rows())
    said = [judgement for judgement in judgements if judgement.by == "model"]
    judgements = [judgement for judgement in judgements if judgement.by == "person"]
    ours, theirs = (_replies(predictions, arm) for arm in (ADAPTER, against))
    on_these = [j for j in judgements if _sides(j) == {ours.get(_turn(j)), theirs.get(_turn(j))}]
    gold = [j for j in judgements if j.right is not None and j not in on_these]
    weights = _weights(judgements, gold)
    votes = [_vote(j, ours[_turn(j)], weights, groups[j.conversation_id]) for j in on_these]
    found = preferred(votes, z)
    asked = {j.annotator for j in on_these}
    on_gold = preferred(_vote(j, _right(j), weights, _unit(j)) for j in gold if j.annotator in asked)
    return Heard(
        against=against,
        found=found,
        corrected=_corrected(found, on_gold),
        judges=[_judge(name, on_these, gold, weights[name]) for name in sorted(asked)],
        reasons=_ticked(on_these, ours),
        asked=len(on_these),
        stale=len(judgements) - len(on_these) - len(gold),
        there=len({groups[key] for key, turn in ours.keys() & theirs if ours[key, turn] != theirs[key, turn]}),
        model=_with_model(
            votes, [j for j in said if _sides(j) == {ours.get(_turn(j)), theirs.get(_turn(j))}], ours, groups
        ),
    )


def _with_model(
    votes: Sequence[Vote],
    said: Sequence[Judgement],
    ours: Mapping[tuple[str, int], str],
    groups: Mapping[str, str],
) -> dict[str, Any] | None:
    """The net over all that a model judged, corrected where people judged too; None where those are too few."""
    people: dict[str, list[Vote]] = {}
    for vote in votes:
        if vote.weight > 0:
            people.setdefault(vote.unit, []).append(vote)
    each: dict[str, list[int]] = {}
    for judgement in said:
        each.setdefault(groups[judgement.conversation_id], []).append(_value(judgement, ours[_turn(judgement)]))
    values = {unit: fmean(found) for unit, found in each.items()}
    both = [key for key in values if key in people]
    alone = [values[key] for key in values if key not in people]
    if len(both) < FEW or len(alone) < FEW:
        return None
    theirs = [sum(v.weight * v.value for v in people[k]) / sum(v.weight for v in people[k]) for k in both]
    net = rectified(theirs, [values[key] for key in both], alone)
    agree = share(sum(values[key] * y > 0 or values[key] == y for key, y in zip(both, theirs, strict=True)), len(both))
    ends = {"value": net.value, "low": net.low, "high": net.high, "n": net.n}
    return {**ends, "judge": said[0].annotator, "beside": len(both), "agree": agree.value}


def voice(said: Heard) -> Voice:
    """Shown to lose: against. Too few to tell, though some were asked: unsure. Else it is told, also that nobody was.

    What people prefer never makes up for a metric: the adapter must not lose either.
    """
    found = _of_people(said)
    if said.model is None:
        return found
    return Voice(found.against, found.unsure, [*found.told, Reason("preference_model", dict(said.model))])


def _of_people(said: Heard) -> Voice:
    if not said.asked:
        code = "preference_stale" if said.stale else "preference_none"
        return Voice(told=[Reason(code, {"against": said.against, "stale": said.stale})])
    if said.found is None:
        return Voice(unsure=[Reason("preference_judges", {"against": said.against, "n": said.asked})])
    net, found = said.found.net, said.found
    figures = {
        "against": said.against,
        "value": net.value,
        "low": net.low,
        "high": net.high,
        "n": net.n,
        "wins": found.wins,
        "ties": found.ties,
        "losses": found.losses,
        "judges": len(said.judges),
        "least": FEW,
        "there": said.there,
    }
    if net.high < 0:
        return Voice(against=[Reason("preference_lost", figures)])
    if net.low > 0:
        return Voice(told=[Reason("preference_won", figures)])
    if net.n < FEW:
        return Voice(unsure=[Reason("preference_few" if said.there >= FEW else "preference_beyond", figures)])
    return Voice(told=[Reason("preference_even", figures)])


def as_json(said: Heard) -> dict[str, Any]:
    """data/evaluated/preference.json, for report and model card."""
    table: dict[str, Any] = {"against": said.against, "asked": said.asked, "stale": said.stale}
    table |= {"judges": list(said.judges), "reasons": dict(said.reasons)}
    if said.found:
        counts = {name: getattr(said.found, name) for name in ("wins", "ties", "losses")}
        table |= counts | vars(said.found.net)
    if said.model:
        table["model"] = dict(said.model)
    if said.corrected:
        table["corrected"] = vars(said.corrected)
    return table


def _replies(predictions: pl.DataFrame, arm: str) -> dict[tuple[str, int], str]:
    """(conversation_id, turn) -> hash of the arm's reply."""
    told = predictions.filter(arm=arm).select("conversation_id", "turn", "text")
    return {(key, turn): reply_hash(text) for key, turn, text in told.iter_rows()}


def _turn(judgement: Judgement) -> tuple[str, int]:
    return judgement.conversation_id, judgement.turn


def _sides(judgement: Judgement) -> set[str | None]:
    return set(judgement.replies)


def _right(judgement: Judgement) -> str:
    return judgement.replies[judgement.right == "b"]


def _unit(judgement: Judgement) -> str:
    """On gold every answer tells of its judge."""
    return f"{judgement.conversation_id}:{judgement.annotator}"


def _vote(judgement: Judgement, better: str, weights: Mapping[str, float], unit: str) -> Vote:
    return Vote(unit, _value(judgement, better), weights[judgement.annotator])


def _value(judgement: Judgement, better: str) -> int:
    """1 where that reply was preferred, -1 where the other was."""
    said = judgement.preferred
    return 0 if said is None else 1 if said == better else -1


def _weights(judgements: Sequence[Judgement], gold: Sequence[Judgement]) -> dict[str, float]:
    """annotator -> how much better than chance they are on gold, 0 to 1, from the prior on: right less wrong."""
    right, wrong = PRIOR
    net = {judgement.annotator: float(right - wrong) for judgement in judgements}
    asked = dict.fromkeys(net, float(right + wrong))
    for judgement in gold:
        net[judgement.annotator] += _value(judgement, _right(judgement))
        asked[judgement.annotator] += 1
    return {name: max(0.0, net[name] / asked[name]) for name in net}


def _corrected(found: Preferred | None, on_gold: Preferred | None) -> Interval | None:
    if found is None or on_gold is None or on_gold.net.n < FEW_GOLD or on_gold.net.low <= 0:
        return None
    return without_errors(found.net, on_gold.net)


def _judge(name: str, answered: Sequence[Judgement], gold: Sequence[Judgement], weight: float) -> dict[str, Any]:
    known = [judgement for judgement in gold if judgement.annotator == name]
    return {
        "annotator": name,
        "answers": sum(judgement.annotator == name for judgement in answered),
        "gold_asked": len(known),
        "gold_right": sum(judgement.choice == judgement.right for judgement in known),
        "weight": round(weight, 4),
    }


def _ticked(answered: Sequence[Judgement], ours: Mapping[tuple[str, int], str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for judgement in answered:
        for reason in judgement.reasons if judgement.preferred == ours[_turn(judgement)] else ():
            found[reason] = found.get(reason, 0) + 1
    return dict(sorted(found.items()))
