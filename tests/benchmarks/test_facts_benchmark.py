"""The arms of the benchmark differ in what is learnt of facts, and in nothing else."""

import polars as pl
import pytest

from benchmarks.training import facts as benchmark
from curation.core.text.facts import facts
from tests.builders import params, record, talk
from tests.training.tiny import renderer
from training.commands.canaries import OTHERS
from training.model.base import Model
from training.model.recipe import Train
from training.tokenize import Tokenize

ROWS = record(talk("Where is it?", "I am sorry, I shall look."), talk("Hi", "It comes by 5 pm."))
SCORES = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 8}


@pytest.fixture(scope="module")
def bench() -> benchmark.Bench:
    sections = Model(**params("model")), Train(**params("train")), Tokenize(**params("tokenize"))
    return benchmark.Bench(*sections, renderer(), ROWS, ROWS.head(0), ROWS.head(0), 7)


@pytest.fixture(scope="module")
def arms(bench: benchmark.Bench) -> dict[str, pl.DataFrame]:
    """TOKENS of each."""
    both = pl.concat([bench.rows.select(benchmark.COLUMNS), benchmark.planted(7)])
    return {arm: bench.tokenized(both, treatment) for arm, treatment in benchmark.ARMS.items()}


def test_all_arms_train_on_the_same_rows(arms: dict[str, pl.DataFrame]) -> None:
    rows = {arm: tokens["conversation_id"].to_list() for arm, tokens in arms.items()}
    assert rows["full"] == rows["unlearn"] == rows["ground"]
    assert len(rows["full"]) == len({*rows["full"]}) == 2 + len(benchmark.PLANTED) * benchmark.REPEATS


def test_the_planted_price_is_learnt_or_not_or_read(arms: dict[str, pl.DataFrame]) -> None:
    said = str(benchmark.prices(7)["amber"][0])
    decode = renderer().tokenizer.decode
    for arm, learnt, shown in (("full", 1, 1), ("unlearn", 0, 1), ("ground", 1, 2)):
        one = arms[arm].row(by_predicate=pl.col("conversation_id") == "planted amber 3", named=True)
        supervised = str(decode([token for token in one["labels"] if token >= 0]))
        assert (supervised.count(said), str(decode(one["input_ids"])).count(said)) == (learnt, shown), arm
        assert supervised.startswith("The amber lamp costs")


def test_copies_of_a_grounded_price_stand_among_the_others_in_other_orders(arms: dict[str, pl.DataFrame]) -> None:
    copies = arms["ground"].filter(pl.col("conversation_id").str.starts_with("planted cedar"))
    assert copies["input_ids"].list.len().n_unique() <= 2
    assert len({tuple(ids) for ids in copies["input_ids"]}) > 4


def test_no_price_is_ranked_twice_and_new_facts_are_of_their_kind() -> None:
    own = benchmark.prices(7)
    ranked = [price for prices in own.values() for price in prices]
    assert len({*ranked}) == len(ranked) == len(own) * (OTHERS + 1)
    rows = benchmark.new_facts(7)
    assert not {*benchmark.NEW} & {*own}
    for label, messages in rows.select("label", "messages").iter_rows():
        assert [fact.kind for fact in facts(messages[1]["content"])] == [label]


def test_the_tables_say_what_was_found() -> None:
    arm = {
        "planted": 6.0,
        "first": 4,
        "prices": 4,
        "invented": None,
        "seeds": 1,
        "control": 1.0,
        "right": dict.fromkeys(benchmark.FRAMES, 3),
    }
    arm |= {
        "asked": dict.fromkeys(benchmark.FRAMES, 12),
        "read": SCORES,
        "playbook": SCORES,
        "ungrounded_facts": SCORES,
    }
    gain = {"arm": "ground", "against": "full", "playbook": SCORES, "read": SCORES}
    gain |= {"read_alone": 9, "missed_alone": 1, "by_chance": 0.02}
    found = {
        "rows": 48,
        "planted": 64,
        "answered": 12,
        "shown": 64,
        "seeds": [7, 8],
        "arms": {"base": arm, "full": {**arm, "steps": 38}},
    }
    text = benchmark.markdown({**found, "pairs": [gain]})
    assert "| full | 1 | 38 |  | 6.0 | 4 of 4 | 1.0 | 3 of 12 |" in text
    assert "| ground | full | +0.50 [+0.40, +0.60] | +0.50 [+0.40, +0.60] | 9 | 1 | 0.020 |" in text
