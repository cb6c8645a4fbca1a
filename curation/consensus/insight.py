"""What the review tells: how far it is, how fast, how much people agree, how good they are, what the checks miss.

Pure functions of the files that the review and the pipeline leave; metrics/review.json and the report hold the result.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import polars as pl

from curation.consensus.chance import chances
from curation.consensus.consensus import latest
from curation.consensus.reliability import reliability
from curation.core.statistics.agreement import Counted, Share, alpha, false_rate
from curation.core.statistics.intervals import wilson
from curation.decisions import answers as answers_file
from curation.decisions import decisions as decision
from curation.decisions import gold
from curation.decisions.answers import Answer, Choice
from curation.decisions.decisions import Decision, moment
from curation.harness.files import finished_table, table_path
from curation.policy.queue import sampled

LONG = 15.0  # minutes; a longer gap between two answers is a break
FEWEST_GOLD = 10  # answers to gold conversations of a kind from which on the annotators' error is known

FINDINGS = ("conversation_id", "code", "value")
OVERTURNED = pl.Schema(
    {
        "code": pl.String(),
        "decided": pl.Int64(),  # conversations with this doubt
        "kept": pl.Int64(),  # as they were: the check was wrong, or what it saw does not matter
        "share": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
    }
)
PACE = pl.Schema({"annotator": pl.String(), "timed": pl.Int64(), "minutes": pl.Float64(), "per_hour": pl.Float64()})


@dataclass(frozen=True)
class Reviewed:
    """The files. `verdicts`, `queue` and `findings` (of the conversations answered) are of the pipeline's last run."""

    verdicts: pl.DataFrame
    queue: pl.DataFrame
    findings: pl.DataFrame
    answers: Sequence[Answer] = ()
    decisions: Sequence[Decision] = ()
    gold: Mapping[str, Choice] = field(default_factory=dict)

    def chances(self) -> dict[str, float]:
        """Of being changed by people, by everything but their answers."""
        return chances(self.verdicts, self.findings, latest(self.answers))


@dataclass(frozen=True)
class Rate:
    """An estimate from a blind sample: `changed` of `decided` sampled rows, of a `population`."""

    decided: int
    changed: int
    population: int
    share: float
    low: float
    high: float
    corrected: bool  # for the annotators' errors, as gold tells them


@dataclass(frozen=True)
class Insight:
    """Everything. None: too little has been answered to say."""

    answers: int
    decided: int  # conversations, by people who looked at them
    applied: int  # because they are like one that people decided
    pending: int  # doubts, affordable and undecided
    held: int  # undecided and over the budget
    minutes: float | None  # median of a decision
    alpha: Share | None  # Krippendorff's, keep, edit and drop
    annotators: pl.DataFrame  # reliability.ANNOTATORS with PACE
    overturned: pl.DataFrame  # OVERTURNED, most often decided first
    false_keep: Rate | None  # of the rows that the policy accepts, those that people would edit or drop
    false_drop: Rate | None  # of the rows that it rejects, those that people would keep or edit


def reviewed() -> Reviewed:
    """The files as they lie there."""
    answers = answers_file.read_answers()
    asked = sorted({answer.conversation_id for answer in answers})
    finished_table("scored/findings", FINDINGS[:1])
    findings = pl.scan_parquet(table_path("scored/findings")).select(FINDINGS)
    return Reviewed(
        finished_table("routed/verdicts"),
        finished_table("routed/queue"),
        findings.filter(pl.col("conversation_id").is_in(asked)).collect(),
        answers,
        decision.read_decisions(),
        {right.conversation_id: right.decision for right in gold.read_gold()},
    )


def insight(review: Reviewed) -> Insight:
    """All figures of a review."""
    said = latest(review.answers)
    by_people = [d for d in review.decisions if d.applied_from is None]
    decided = [decision.conversation_id for decision in review.decisions]
    open_ = review.queue.filter(pl.col("reason") == "doubt", ~pl.col("conversation_id").is_in(decided))
    held = open_.filter(pl.col("verdict") == "held").height
    minutes = durations(review.answers)
    annotators = reliability(said, review.chances(), review.gold).annotators
    return Insight(
        answers=len(said),
        decided=len(by_people),
        applied=len(review.decisions) - len(by_people),
        pending=open_.height - held,
        held=held,
        minutes=round(median(taken), 2) if (taken := [m for each in minutes.values() for m in each]) else None,
        alpha=alpha((answer.conversation_id, answer.decision) for answer in said),
        annotators=annotators.join(pace(minutes), on="annotator", how="left", maintain_order="left"),
        overturned=overturned(by_people, review.verdicts, said),
        false_keep=blind(review, said, by_people, "accept"),
        false_drop=blind(review, said, by_people, "reject"),
    )


def metrics(found: Insight) -> dict[str, float | int]:
    """metrics/review.json: flat numbers; what nobody can tell yet is absent."""
    numbers: dict[str, float | int | None] = {
        **{name: getattr(found, name) for name in ("answers", "decided", "applied", "pending", "held")},
        "minutes": found.minutes,
    }
    if found.alpha:
        numbers |= _ends("alpha", *found.alpha)
    for name, rate in (("false_keep", found.false_keep), ("false_drop", found.false_drop)):
        if rate:
            numbers |= {f"{name}_decided": rate.decided, **_ends(name, rate.share, rate.low, rate.high)}
    for row in found.overturned.iter_rows(named=True):
        name = f"overturned_{row['code']}"
        numbers |= {f"{name}_decided": row["decided"], **_ends(name, row["share"], row["low"], row["high"])}
    for row in found.annotators.sort("annotator").iter_rows(named=True):
        name = f"annotator_{row['annotator']}"
        counts = {f"{name}_{figure}": row[figure] for figure in ("answers", "agreement", "per_hour", "minutes")}
        numbers |= {**counts, **_ends(f"{name}_quality", row["quality"], row["low"], row["high"])}
    return {name: number for name, number in numbers.items() if number is not None}


def _ends(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


# -- how fast ----------------------------------------------------------------------------------------------------------


def durations(answers: Iterable[Answer]) -> dict[str, list[float]]:
    """annotator -> minutes of each answer: since it was opened, or else since the one before; breaks left out."""
    by_person: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.at:
            by_person.setdefault(answer.annotator, []).append(answer)
    found = {}
    for name, given in sorted(by_person.items()):
        given.sort(key=lambda a: moment(a.at))
        gaps = [_minutes(given[0].started, given[0].at)]
        gaps += [_minutes(after.started or before.at, after.at) for before, after in pairwise(given)]
        found[name] = [gap for gap in gaps if gap is not None and 0 < gap <= LONG]
    return found


def _minutes(start: str, end: str) -> float | None:
    return (moment(end) - moment(start)).total_seconds() / 60 if start else None


def pace(minutes: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    """PACE: each annotator's timed answers, their median minutes, and answers an hour of work on them."""
    rows = [
        (name, len(taken), round(median(taken), 2), round(60 * len(taken) / sum(taken), 1))
        for name, taken in minutes.items()
        if taken
    ]
    return pl.DataFrame(rows, schema=PACE, orient="row")


# -- how right the checks and the policy are ---------------------------------------------------------------------------


def overturned(decisions: Iterable[Decision], verdicts: pl.DataFrame, answers: Iterable[Answer]) -> pl.DataFrame:
    """OVERTURNED: of the doubtful conversations that people decided, by doubt, those that they kept as they were.

    The doubts are those of the last run, or those that were shown where there are none any more.
    """
    shown = {answer.conversation_id: list(answer.codes) for answer in answers if answer.codes}
    codes = shown | dict(verdicts.filter(pl.col("codes").list.len() > 0).select("conversation_id", "codes").iter_rows())
    decided: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for one in decisions:
        for code in codes.get(one.conversation_id, ()) if one.purpose == "doubt" else ():
            decided[code] += 1
            kept[code] += one.decision == "keep"
    rows = [
        (code, number, kept[code], round(kept[code] / number, 4), *wilson(kept[code], number))
        for code, number in sorted(decided.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return pl.DataFrame(rows, schema=OVERTURNED, orient="row")


def blind(review: Reviewed, answers: Sequence[Answer], decisions: Iterable[Decision], verdict: str) -> Rate | None:
    """What share of all accepted (or rejected) rows people would decide otherwise, from those they saw blindly.

    A row's part is what was decided on it, or the share of its answers while it is undecided. Where gold tells the
    annotators' error, it is the share of its answers too, for the error is that of single answers. Where it does not,
    only the upper end says something: people who find fault with good rows would lift any lower end above the truth.
    """
    purpose = "blind_accepted" if verdict == "accept" else "blind_rejected"
    agrees: Choice = "keep" if verdict == "accept" else "drop"
    population = set(sampled(review.verdicts, verdict)["conversation_id"])
    parts: dict[str, list[float]] = {}
    for answer in answers:
        if answer.purpose == purpose and answer.conversation_id in population:
            parts.setdefault(answer.conversation_id, []).append(float(answer.decision != agrees))
    told = _agreement_with(answers, review.gold, agrees)
    if not told:
        parts |= {d.conversation_id: [d.decision != agrees] for d in decisions if d.conversation_id in parts}
    if not parts:
        return None
    changed = round(sum(sum(part) / len(part) for part in parts.values()))
    share, low, high = false_rate(len(parts), changed, len(population), *(told or ()))
    return Rate(len(parts), changed, len(population), share, low if told else 0.0, high, corrected=bool(told))


def _agreement_with(
    answers: Iterable[Answer], right: Mapping[str, Choice], agrees: Choice
) -> tuple[Counted, Counted] | None:
    """How often annotators said so where a change was due and where it was not; None where gold is too little."""
    asked: Counter[bool] = Counter()
    said: Counter[bool] = Counter()
    for answer in answers:
        if answer.conversation_id in right:
            due = right[answer.conversation_id] != agrees
            asked[due] += 1
            said[due] += (answer.decision != agrees) == due
    if min(asked[True], asked[False]) < FEWEST_GOLD:
        return None
    return (said[True], asked[True]), (said[False], asked[False])
