"""What the review is worth: simulated annotators over rows whose truth is known.

    python -m benchmarks.review.simulation SAMPLE [--corruption PROJECT --english ... --arabic ... --seed 11]

SAMPLE is a project in which `qirat sample` and `dvc repro route` ran, PROJECT one that `benchmarks.corruption` left
with --project and these options. Results go to benchmarks/results/review_simulation.json;
`python -m benchmarks.document` shows them in docs/benchmarks.md.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Any

import polars as pl
import yaml

from benchmarks.results import RESULTS
from curation.consensus import insight
from curation.consensus.chance import chances
from curation.consensus.consensus import Review, consensus
from curation.core.record.codes import CODES, read_codes
from curation.core.record.conversation import survivors
from curation.decisions.answers import Answer, Choice
from curation.decisions.decisions import Purpose
from curation.harness.files import progress
from curation.policy.limits import Blind, Policy, Route, in_force
from curation.policy.queue import with_blind_samples
from curation.policy.verdicts import judged, verdicts
from curation.review.lineup import lineup

SEEDS = range(100, 130)  # 0 to 29 were looked at while the consensus was made
RUNS = range(1000, 1200)  # of the estimates
ORDERS = 20  # random ones that the budget curve averages

# What a good annotator does about a defect of the sample. Copies and masked personal data need nobody.
LEFT_ALONE = {"clean", "exact_duplicate", "cross_file_duplicate", "near_duplicate", "pii"}
EDITED = {"wrong_label", "stale_fact", "playbook_break", "truncated", "swapped_reply"}

# Codes that the policy is made blind to, so that it accepts more defects than it does
HIDDEN: Mapping[str, tuple[str, ...]] = {
    "as shipped": (),
    "no check of labels": ("doubtful_label",),
    "no check of labels, ends": ("doubtful_label", "broken_off", "cut_reply", "unfinished_reply"),
}
ORDERS_SHOWN = ("only defects", "queue", "least sure first", "random doubtful", "random")
LEFT = (0.5, 0.3, 0.2, 0.15, 0.1)  # shares of the planted defects left for which the answers are told


@dataclass(frozen=True)
class Case:
    """A project with its truth: conversation_id -> what is right."""

    rows: pl.DataFrame  # of the survivors: conversation_id, row_id, language
    findings: pl.DataFrame  # judged
    verdicts: pl.DataFrame
    queue: pl.DataFrame
    right: Mapping[str, Choice]


@dataclass(frozen=True)
class Person:
    """An annotator; `always`, where given, is all they say when they are wrong."""

    name: str
    accuracy: float
    always: Choice | None = None

    def says(self, right: Choice, draw: random.Random) -> Choice:
        if draw.random() < self.accuracy:
            return right
        others: list[Choice] = [choice for choice in ("keep", "edit", "drop") if choice != right]
        return self.always or draw.choice(others)


def team(draw: random.Random, careless: str) -> list[Person]:
    """Eight annotators who are right in 75 to 97% of the cases and two careless ones, the last two by name.

    "guess": they are right in 50 and 30%. "keep": they keep whatever they see.
    """
    good = [Person(f"annotator {n}", draw.uniform(0.75, 0.97)) for n in range(8)]
    if careless == "keep":
        return [*good, Person("careless 1", 0.0, "keep"), Person("careless 2", 0.0, "keep")]
    return [*good, Person("careless 1", 0.5), Person("careless 2", 0.3)]


def answered(
    asked: Iterable[tuple[str, Purpose]], right: Mapping[str, Choice], people: Sequence[Person], draw: random.Random
) -> list[Answer]:
    """Two answers of different people on each conversation."""
    answers = []
    for key, purpose in asked:
        for person in draw.sample(people, 2):
            said = person.says(right[key], draw)
            label = "corrected" if said == "edit" else ""
            answers.append(Answer(key, person.name, said, label=label, purpose=purpose, at="2026-01-05T10:00:00+00:00"))
    return answers


# -- consensus ---------------------------------------------------------------------------------------------------------


def consensus_accuracy(case: Case, careless: str) -> dict[str, Any]:
    """Means over the seeds: shares of right decisions, by the consensus and by majority, and who is ranked last."""
    line = lineup(case.queue, [], [], [], Review())
    asked = list(line.select("conversation_id", "purpose").iter_rows())
    runs = [_one_consensus(case, asked, careless, seed) for seed in progress(SEEDS, f"consensus, {careless}")]
    means = {name: round(mean(run[name] for run in runs), 4) for name in runs[0]}
    return {"rows": len(asked), "seeds": len(SEEDS), **means}


def _one_consensus(case: Case, asked: Sequence[tuple[str, Purpose]], careless: str, seed: int) -> dict[str, float]:
    draw = random.Random(seed)
    answers = answered(asked, case.right, team(draw, careless), draw)
    priors = chances(case.verdicts, case.findings, answers)
    all_ = consensus(answers, {}, Review(min_submitted=2, min_confidence=0), priors)
    sure = consensus(answers, {}, Review(min_submitted=2), priors)
    ours = {d.conversation_id: d.decision for d in all_.decisions}
    votes: dict[str, Counter[Choice]] = {}
    for answer in answers:
        votes.setdefault(answer.conversation_id, Counter())[answer.decision] += 1
    drawn = {key: draw.choice(sorted(said)) for key, said in votes.items()}  # of two votes, the same or a tie
    agreed = {key: choice for key, choice in drawn.items() if len(votes[key]) == 1}
    last = set(all_.annotators["annotator"].tail(2))
    return {
        "consensus": _right(ours, case.right) / len(asked),
        "majority_ties_drawn": _right(drawn, case.right) / len(asked),
        "majority_ties_wrong": _right(agreed, case.right) / len(asked),
        "decided_when_sure": len(sure.decisions) / len(asked),
        "right_when_sure": _right({d.conversation_id: d.decision for d in sure.decisions}, case.right)
        / max(len(sure.decisions), 1),
        "careless_last": float(last == {"careless 1", "careless 2"}),
    }


def _right(decided: Mapping[str, Choice], right: Mapping[str, Choice]) -> int:
    return sum(right[key] == choice for key, choice in decided.items())


# -- estimates from the blind samples ----------------------------------------------------------------------------------


def coverage(case: Case, policy: Policy, hidden: Sequence[str], gold: int) -> dict[str, Any]:
    """How often the interval of the false-keep rate covers the true one, and how wide it is."""
    findings = case.findings.filter(~pl.col("code").is_in(list(hidden)))
    decided = verdicts(case.rows, findings, policy)
    accepted = decided.filter(verdict="accept")["conversation_id"]
    true = mean(case.right[key] != "keep" for key in accepted)
    blinded = Case(case.rows, findings, decided, case.queue, case.right)
    rates = [_one_estimate(blinded, gold, seed) for seed in progress(RUNS, "estimates")]
    return {
        "true": round(true, 4),
        "runs": len(RUNS),
        "gold": gold,
        "estimate": round(mean(rate.share for rate in rates), 4),
        "low": round(mean(rate.low for rate in rates), 4),
        "high": round(mean(rate.high for rate in rates), 4),
        "covered": round(mean(rate.low <= round(true, 4) <= rate.high for rate in rates), 4),
    }


def _one_estimate(case: Case, gold: int, seed: int) -> insight.Rate:
    """The estimate of one team from one blind sample; `gold` rows, half of them to be kept, tell the team's error."""
    draw = random.Random(seed)
    people = team(draw, "guess")
    doubts = case.verdicts.filter(verdict="review").select("conversation_id", purpose=pl.lit("doubt"))
    nothing = case.queue.clear()
    blind = with_blind_samples(nothing, case.verdicts, Blind(seed=seed)).select("conversation_id", purpose="reason")
    asked = list(pl.concat([doubts, blind]).iter_rows())
    taken = {key for key, _ in asked}
    known = [
        key
        for kept in (True, False)
        for key in draw.sample(
            [k for k in sorted(case.right) if (case.right[k] == "keep") == kept and k not in taken], gold // 2
        )
    ]
    answers = answered([*asked, *((key, "gold") for key in known)], case.right, people, draw)
    right = {key: case.right[key] for key in known}
    priors = chances(case.verdicts, case.findings, answers)
    said = consensus(answers, {}, Review(min_submitted=2), priors, right).decisions
    review = insight.Reviewed(case.verdicts, case.queue, case.findings, answers, said, right)
    found = insight.blind(review, answers, said, "accept")
    assert found is not None
    return found


# -- the budget curve --------------------------------------------------------------------------------------------------


def curve(case: Case) -> dict[str, Any]:
    """By language and order: answers after which a share of the planted defects is left in what would train.

    What nobody has decided yet is taken to train as it is, but for rejected rows; people answer rightly.
    """
    shared = case.verdicts.join(case.rows, on="conversation_id").filter(pl.col("verdict") != "reject")
    doubtful = shared.filter(pl.col("verdict") != "accept")
    doubts = case.queue.filter(reason="doubt").sort("rank")["conversation_id"].to_list()
    sureness = shared.with_columns(sure=(pl.col("priority") - 0.5).abs()).sort("sure", "conversation_id")
    orders: dict[str, list[list[str]]] = {
        "queue": [doubts],
        "least sure first": [sureness["conversation_id"].to_list()],
        "random doubtful": list(_shuffled(doubtful["conversation_id"])),
        "random": list(_shuffled(shared["conversation_id"])),
    }
    found: dict[str, Any] = {}
    for language, ids in _by_language(case.rows).items():
        planted = sum(case.right[key] != "keep" for key in ids)
        among = {key: case.right[key] for key in shared["conversation_id"] if key in ids}
        before = sum(choice != "keep" for choice in among.values())
        found[language] = {"rows": len(ids), "planted": planted, "left_at_first": round(before / planted, 4)}
        found[language] |= {
            name: {str(left): _mean(_needed(order, among, before, left * planted) for order in some) for left in LEFT}
            for name, some in orders.items()
        }
        found[language]["only defects"] = {str(left): max(1, ceil(before - left * planted)) for left in LEFT}
    return found


def _by_language(rows: pl.DataFrame) -> dict[str, set[str]]:
    named = {language: set(rows.filter(language=language)["conversation_id"]) for language in ("ar", "en")}
    return {"all": set(rows["conversation_id"]), **named}


def _shuffled(ids: pl.Series) -> Iterator[list[str]]:
    for seed in range(ORDERS):
        yield random.Random(seed).sample(sorted(ids), len(ids))


def _needed(order: Sequence[str], among: Mapping[str, Choice], before: int, left: float) -> int | None:
    """Answers on rows of `among` until no more than `left` of the `before` defects remain; None: never."""
    remaining = before
    for answers, key in enumerate((key for key in order if key in among), 1):
        remaining -= among[key] != "keep"
        if remaining <= left:
            return answers
    return None


def _mean(values: Iterable[int | None]) -> float | None:
    found = list(values)
    return None if None in found else round(mean(value for value in found if value is not None), 1)


# -- what is simulated on ----------------------------------------------------------------------------------------------


def sample(project: Path) -> Case:
    """The sample that ships, after `dvc repro route`."""
    truth = pl.read_parquet(project / "data/sample_truth.parquet").select("row_id", "defect")
    return case(project, lambda rows: rows.join(truth, on="row_id", how="left")["defect"])


def corrupted(project: Path, arguments: argparse.Namespace) -> Case:
    """A project of the corruption benchmark; its rows are made anew to know which are planted."""
    from benchmarks.corruption.spoilt import spoilt
    from curation.planting.defects import PERSONAL, PHRASES

    arguments.phrases = PHRASES
    mended = {"exact_copy", "near_copy", *(f"pii_{kind}" for kind in PERSONAL)}
    planted = {row.id: row.defect for row in spoilt(arguments)[0] if row.defect and row.defect not in mended}
    return case(project, lambda rows: rows["source_id"].replace_strict(planted, default="clean"))


def case(project: Path, defects: Callable[[pl.DataFrame], pl.Series]) -> Case:
    """The tables of a project, and what is right by the defect of each surviving row."""

    def table(name: str) -> pl.DataFrame:
        return pl.read_parquet(project / "data" / f"{name}.parquet")

    rows = survivors(table("ingested/conversations"), table("dedup/clusters"))
    policy = policy_of(project)
    right = {key: _right_choice(defect) for key, defect in zip(rows["conversation_id"], defects(rows), strict=True)}
    return Case(
        rows.select("conversation_id", "row_id", "language"),
        judged(table("scored/findings"), policy, rows.height),
        table("routed/verdicts"),
        table("routed/queue"),
        right,
    )


def policy_of(project: Path) -> Policy:
    section = yaml.safe_load((project / "params.yaml").read_text("utf-8"))["route"]
    return in_force(Route.model_validate(section), read_codes(project / CODES))


def _right_choice(defect: str) -> Choice:
    return "keep" if defect in LEFT_ALONE else "edit" if defect in EDITED else "drop"


# -- the page ----------------------------------------------------------------------------------------------------------


def markdown(results: Mapping[str, Any]) -> str:
    """The results as tables for docs/benchmarks.md."""
    lines = [
        "| careless ones | rows | consensus | majority, ties drawn | majority, ties wrong | careless ranked last |"
    ]
    lines += ["|---|---|---|---|---|---|"]
    for careless, found in results["consensus"].items():
        shares = [found[name] for name in ("consensus", "majority_ties_drawn", "majority_ties_wrong", "careless_last")]
        lines.append(f"| {careless} | {found['rows']} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    lines += ["", "| policy | gold rows | true rate | mean estimate | mean interval | true rate covered |"]
    lines += ["|---|---|---|---|---|---|"]
    for found in results["estimates"]:
        ends = f"{found['low']:.1%} to {found['high']:.1%}"
        figures = f"{found['true']:.1%} | {found['estimate']:.1%} | {ends} | {found['covered']:.1%}"
        lines.append(f"| {found['policy']} | {found['gold']} | {figures} |")
    for name, found in results["curves"].items():
        lines += ["", *_curve_lines(name, found)]
    return "\n".join(lines) + "\n"


def _curve_lines(name: str, found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"| {name}: language | defects left | "
        + " | ".join(ORDERS_SHOWN)
        + " | answers saved against random, random doubtful |"
    ]
    lines += ["|---|---|" + "---|" * (len(ORDERS_SHOWN) + 1)]
    for language, orders in found.items():
        for left in map(str, LEFT):
            needed = [orders[order][left] for order in ORDERS_SHOWN]
            if (ours := orders["queue"][left]) is None:
                continue
            saved = [_saved(ours, orders[order][left]) for order in ("random", "random doubtful")]
            cells = ["–" if answers is None else f"{answers:,.0f}" for answers in needed]
            lines.append(f"| {language} | {float(left):.0%} | " + " | ".join(cells) + f" | {', '.join(saved)} |")
    return lines


def _saved(ours: float, theirs: float | None) -> str:
    return "–" if theirs is None else f"{1 - ours / theirs:.0%}"


def main() -> None:
    arguments = parsed()
    known = sample(arguments.project)
    policy = policy_of(arguments.project)
    curves = {"sample": curve(known)}
    if arguments.corruption:
        curves["planted in real rows"] = curve(corrupted(arguments.corruption, arguments))
    results = {
        "consensus": {careless: consensus_accuracy(known, careless) for careless in ("guess", "keep")},
        "estimates": [
            {"policy": name, **coverage(known, policy, codes, gold)}
            for name, codes in HIDDEN.items()
            for gold in (0, 40)
        ],
        "curves": curves,
    }
    path = RESULTS / "review_simulation.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(markdown(results))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.review.simulation", description=__doc__)
    parser.add_argument("project", type=Path, help="where the sample lies, with what `dvc repro route` made of it")
    parser.add_argument(
        "--corruption", type=Path, help="what benchmarks.corruption left with --project; and its options:"
    )
    parser.add_argument("--english", nargs="*", type=Path, default=[])
    parser.add_argument("--arabic", type=Path)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=11)
    return parser.parse_args()


if __name__ == "__main__":
    main()
