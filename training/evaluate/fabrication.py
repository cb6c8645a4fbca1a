"""Does the adapter make up more facts than the best prompt?"""

from dataclasses import asdict

import polars as pl

from training.evaluate.findings import Gain
from training.judge.reasons import Reason, Voice
from training.judge.scoring import ALL
from training.judge.target import FEW_OF_A_LANGUAGE


def voice(compared: pl.DataFrame, rival: str) -> Voice:
    """Against the adapter where it is shown to state more facts that nothing grounds, over all or in a language.

    That more of them are facts of training is told beside it. COMPARISONS, as wide as the look at the test set asks.
    """
    beside = compared.filter(against=rival).sort(pl.col("language") != ALL, "language")
    gains = map(Gain.of, beside.iter_rows(named=True))
    more = [gain for gain in gains if gain.high < 0 and gain.groups >= FEW_OF_A_LANGUAGE]
    return Voice(
        against=[Reason("fabricates", asdict(gain)) for gain in more if gain.metric == "ungrounded_facts"],
        told=[Reason("repeats_facts", asdict(gain)) for gain in more if gain.metric == "memorised_facts"],
    )
