"""Should the adapter be used? The rule, apart from the measuring."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curation.core.statistics.intervals import Interval, Z, paired_difference
from training.evaluate.findings import (
    ONE_LOOK,
    Gain,
    Reach,
    Supply,
    abilities,
    gained,
    guarded,
    guards,
    personal,
    too_little,
    unsettled,
)
from training.judge.arms import ADAPTER, prompt_arms
from training.judge.metrics import metrics
from training.judge.reasons import Reason, Voice, as_codes
from training.judge.scoring import ALL, Evaluate, best_arm, by_language, corpus_differences, of_units
from training.judge.target import FEW_OF_A_LANGUAGE, standing

COMPARISONS = pl.Schema(
    {
        "arm": pl.String,
        "against": pl.String,
        "metric": pl.String,
        "language": pl.String,  # "all" or a code
        "difference": pl.Float64,  # arm minus against, over the conversations that both answered
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,  # conversations
        "groups": pl.Int64,  # clusters that they belong to, which are what is drawn
        "better": pl.Int8,  # 1: more is better, -1: less is better, 0: neither
    }
)


@dataclass(frozen=True)
class Kept:
    """What the adapter must not have done, forgotten or learnt by heart; and how many of its conversations are good.

    `reach`: of the intervals that decide, those of `forgetting` among them. `supply`: what more could be asked.
    """

    forgetting: pl.DataFrame  # forgetting.TABLE
    memorised: pl.DataFrame  # memorisation.MEMORISED
    good: pl.DataFrame  # target.GOOD
    reach: Reach = ONE_LOOK
    supply: Supply = field(default_factory=Supply)


def comparisons(
    scores: pl.DataFrame, conversations: pl.DataFrame, predictions: pl.DataFrame, z: float = Z
) -> pl.DataFrame:
    """COMPARISONS of the adapter with every prompt arm, cluster by cluster where both answered, `z` errors wide."""
    rows = [
        (ADAPTER, against, metric, code, found.value, found.low, found.high, n, found.n, metrics()[metric].better)
        for against, metric, code, found, n in (
            *_paired(by_language(scores, conversations), z),
            *((*row, row[-1].n) for row in corpus_differences(predictions, conversations, ADAPTER, z)),
        )
    ]
    return pl.DataFrame(rows, schema=COMPARISONS, orient="row").sort("against", "metric", "language")


def _paired(spoken: pl.DataFrame, z: float) -> Iterator[tuple[str, str, str, Interval, int]]:
    """(against, metric, language, difference, conversations) over the conversations that both answered."""
    theirs = spoken.filter(pl.col("arm").is_in(prompt_arms(spoken["arm"].unique())))
    same = ["conversation_id", "cluster_id", "metric", "language"]
    pairs = theirs.join(spoken.filter(arm=ADAPTER), on=same, suffix="_ours", validate="m:1")
    keys = ["arm", "metric", "language"]
    units = of_units(pairs, keys, "value_ours", "weight_ours", "value", "weight")
    for (against, metric, language), part in units.partition_by(keys, as_dict=True).items():
        v, w, v_, w_ = (part[c].to_numpy() for c in ("value_ours", "weight_ours", "value", "weight"))
        asked = int(part["conversations"].sum())
        yield str(against), str(metric), str(language), paired_difference((v, w), (v_, w_), z), asked


def verdict(
    arms: pl.DataFrame,
    compared: pl.DataFrame,
    baseline: Mapping[str, Any],
    kept: Kept,
    params: Evaluate,
    voices: Sequence[Voice] = (),
) -> dict[str, Any]:
    """promote: the adapter beats every prompt arm on the primary metric, keeps the margins, and reaches the target.

    Beating means that the paired 95% interval lies wholly above zero; keeping, above the margin; a loss, below it. What
    is shown to have got worse makes "do not promote", and so does a gain shown to be too small. An adapter that is
    shown to miss the target is "not good enough", whether it beats the prompts or not: nothing hangs on that any more,
    and another draw of conversations may say the other, so it is the second reason and no word of its own. What is
    shown neither way is "undecided". Every prompt arm, because the one that looks best on the test conversations is
    partly best by luck. General ability has a margin too, against the base model, and personal data learnt by heart
    always blocks. Arms that stopped early, since the best prompt beat them, need not be beaten again; a loss beyond a
    margin against them counts where it is shown. Where a prompt alone reached the target (`baseline`, as that stage
    wrote it) and the adapter does not win, prompting is enough. The first reason decides, `further` holds what the page
    folds, `more` the conversations that an undecided verdict takes besides, `left` those that the test has besides
    (null where nobody knows).
    """
    gains = [Gain.of(row) for row in compared.iter_rows(named=True)]
    early, z = baseline.get("early", ()), kept.reach.among(len({g.against for g in gains}))
    stands = standing(kept.good, ADAPTER, baseline["target"], z.now)
    rivals = [g for g in gains if g.against not in early]
    primary = [gained(g, params, z) for g in rivals if (g.metric, g.language) == (params.primary, ALL)]
    able = abilities(kept.forgetting, params.forgetting_margin, kept.reach)
    found = [*primary, *guards(gains, params, early, z), *able]
    against = [
        *personal(kept.memorised),
        *(one.reason for one in found if one.word == "against"),
        *(reason for voice in voices for reason in voice.against),
    ]
    small = [one.reason for one in primary if one.word == "against"]
    few = [one for one in found if one.word == "open"]
    unsure = [one.reason for one in few] + [reason for voice in voices for reason in voice.unsure]
    beaten = bool(primary) and all(one.word == "shown" for one in primary)
    if stands.word == "open":
        few.append(unsettled(stands, z.then))
        unsure.append(few[-1].reason)
    below = [Reason("below_target", stands.figures)] if stands.word == "below" else []
    won = sorted((one.reason for one in primary if one.word == "shown"), key=lambda r: float(r.figures["low"]))[:1]
    beside = (won if beaten else [*small, *(one.reason for one in primary if one.word == "open")])[:1]
    word = _word(bool(baseline["reached"]) and not beaten, against, small, below, unsure)
    decisive = {
        "prompting is enough": [Reason("prompt_reached_unbeaten", {"arm": baseline["reached"]}), *against, *unsure],
        "do not promote": [*against, *below, *unsure],
        "not good enough": [*below, *beside, *small, *unsure],
        "undecided": [*unsure, *won],
        "promote": won,
    }[word]
    first = 1 + len(beside) * (word == "not good enough")
    told = [
        *too_little(few, kept.supply),
        *_switched_off(params, baseline),
        *(r for voice in voices for r in voice.told),
    ]
    if baseline["reached"] and baseline["override"]:
        told.append(Reason("overridden", {"reason": baseline["override"]}))
    decisive = [*{str(reason): reason for reason in decisive}.values()]  # each once: too few is so against every arm
    return {
        "verdict": word,
        **as_codes([*decisive[:first], *told]),
        "further": as_codes([*decisive[first:], *_not_shown(rivals, params)]),
        "more": max((one.more for one in few), default=0),
        "left": _left(kept.supply, max((one.whole for one in few), default=0)),
        "best_prompt_arm": best_arm(arms, params.primary, prompt_arms(arms["arm"].unique())),
    }


def _left(supply: Supply, asked: int) -> int | None:
    """Test conversations besides those that were asked."""
    there = supply.conversations.get(ALL)
    return None if there is None else max(0, there - asked)


def _word(
    enough: bool, against: Sequence[Reason], small: Sequence[Reason], below: Sequence[Reason], unsure: Sequence[Reason]
) -> str:
    """What is shown comes before what is not: more conversations would not change it. `small` are part of `against`."""
    if enough:
        return "prompting is enough"
    if below and len(against) == len(small):
        return "not good enough"
    if against:
        return "do not promote"
    return "undecided" if unsure else "promote"


def _switched_off(params: Evaluate, baseline: Mapping[str, Any]) -> Iterator[Reason]:
    """Guards that params.yaml takes away or loosens: a promotion without them is another promise."""
    own = {one.name: one.margin for one in metrics().values() if one.margin is not None}
    now = {name: params.guarded.get(name, math.inf) for name in own}
    margins = [
        f"evaluate.margins.{name}: {'null' if now[name] == math.inf else f'{now[name]:g}'}"
        for name in own
        if now[name] > own[name]
    ]
    forgetting = ["evaluate.forgetting: 0"] if not params.forgetting else []
    able = [f"evaluate.forgetting_margin: {params.forgetting_margin:g}"] if params.forgetting_margin >= 1 else []
    target = [f"baseline.target: {baseline['target']:g}"] if not baseline["target"] > 0 else []
    if off := [*margins, *forgetting, *able, *target]:
        yield Reason("guard_off", {"params": ", ".join(off)})


def _not_shown(gains: Sequence[Gain], params: Evaluate) -> Iterator[Reason]:
    """Each language of which too few conversations say anything on a metric with a margin."""
    behind = {(g.language, g.metric): g.n for g, _ in guarded(gains, params)}
    for language in sorted({g.language for g in gains} - {ALL}):
        counts = {metric: behind.get((language, metric), 0) for metric in params.guarded}
        if few := [f"{metric} ({n})" for metric, n in counts.items() if n < FEW_OF_A_LANGUAGE]:
            yield Reason("not_shown", {"language": language, "metrics": ", ".join(few), "least": FEW_OF_A_LANGUAGE})
