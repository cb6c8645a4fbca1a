"""Where an adapter fails, on scores with a planted truth."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from curation.core.record.conversation import conversations
from curation.core.record.playbook import Playbook
from tests.builders import ROOT, params, talk
from tests.core.text.test_dialect import SAID
from training.evaluate.slices import LEAST, TEAM, Talks, members, slices, thirds, voice
from training.judge.arms import ADAPTER
from training.judge.scoring import PREDICTIONS, SCORES, Evaluate, reply_scores

PARAMS = Evaluate.model_validate({**params("evaluate"), "primary": "playbook", "bootstrap": 300})
PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
UNWRITTEN = pl.DataFrame(schema=PREDICTIONS)
RULES, KEPT = 6, 0.8  # of a conversation; how many an arm keeps
INTENTS = [f"intent {n}" for n in range(10)]
ARABIC = ("gulf", "levant", "egypt", "standard")

Row = Mapping[str, Any]


def asked(n: int = 240, seed: int = 0) -> pl.DataFrame:
    """Conversations of ten intents, two languages, three sources; half Arabic, of four dialects."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        dialect = ARABIC[number // 2 % len(ARABIC)]
        arabic = number % 2
        words = SAID[dialect][0] if arabic else "where is my order " + "please " * int(draw.integers(0, 30))
        rows.append(
            {
                "row_id": f"x:{number}",
                "conversation_id": f"{number:04}",
                "messages": talk(f"{words} {number}", "a reply"),
                "language": "ar" if arabic else "en",
                "label": str(draw.choice(INTENTS)) if number >= 12 else "refund",  # 5% of 240
                "source": str(draw.choice(["mail", "chat", "calls"])),
            }
        )
    return conversations(rows)


def planted(
    table: pl.DataFrame,
    bad: Callable[[Row], bool] = lambda row: False,
    kept: float = 0.25,
    seed: int = 0,
    usual: float = KEPT,
) -> Talks:
    """Both arms keep as many rules, but where the adapter was taught wrong; the likelihoods are alike."""
    draw = np.random.default_rng(seed)
    rows = []
    for row in table.iter_rows(named=True):
        ease = float(np.clip(usual + 0.1 * draw.normal(), 0, 1))
        for arm in (ADAPTER, "prompted"):
            chance = kept if arm == ADAPTER and bad(row) else ease
            rows.append((arm, row["conversation_id"], "playbook", float(draw.binomial(RULES, chance)), float(RULES)))
            rows.append((arm, row["conversation_id"], "nll", 20 * (1 + 0.1 * draw.normal()), 20.0))
    return Talks(pl.DataFrame(rows, schema=SCORES, orient="row"), UNWRITTEN, table, PLAYBOOK)


def found(talks: Talks) -> pl.DataFrame:
    return slices(talks, "prompted", PARAMS)


def test_an_intent_taught_wrong_in_a_twentieth_of_the_rows_is_named() -> None:
    named = [
        slices(planted(asked(seed=seed), lambda row: row["label"] == "refund", seed=seed), "prompted", PARAMS)
        for seed in range(6)
    ]
    worst = [table.row(0, named=True) for table in named]
    assert [row["slice"] for row in worst if row["worse"]].count("refund") >= 5
    assert {(row["kind"], row["metric"], row["n"]) for row in worst} == {("intent", "playbook", 12)}


def test_it_is_told_in_the_verdict_with_its_interval_and_the_number_of_slices() -> None:
    table = found(planted(asked(), lambda row: row["label"] == "refund"))
    said = voice(table)
    assert not said.against
    first = said.told[0]
    looked_at = table.drop_nulls("difference").height
    assert str(first).startswith("intent refund: the adapter is shown to be worse than prompted on playbook: gain -0.")
    assert str(first).endswith(f"over 12 conversations, an interval for all {looked_at} slices and metrics looked at")
    assert first.figures["low"] <= first.figures["value"] <= first.figures["high"] < 0


def test_an_intent_taught_wrong_is_named_though_the_prompt_is_no_better_there() -> None:
    """The adapter gains everywhere else, and a mean of gains hides where it gains nothing."""
    talks = planted(asked(), lambda row: row["label"] != "refund", kept=0.95, usual=0.3)
    table = found(talks)
    assert not table["worse"].any()
    (said,) = voice(table).told
    assert str(said).startswith("intent refund: the adapter gains less over prompted on playbook than over the")
    assert said.figures["high"] < 0 < said.figures["rest"]
    assert not voice(table).against


def test_where_nothing_is_worse_nothing_is_called_19_times_in_20() -> None:
    """Worse than the prompt or behind the rest: five and more false alarms in 30 have chance 0.02."""
    tables = (found(planted(asked(120, seed), seed=seed)) for seed in range(30))
    alarms = sum((table["worse"] | table["behind"]).any() for table in tables)
    assert alarms <= 4


@pytest.mark.parametrize(
    ("kind", "name", "bad"),
    [
        ("language", "ar", lambda row: row["language"] == "ar"),
        ("language", "en", lambda row: row["language"] == "en"),
        *(
            ("dialect", name, lambda row, name=name: row["messages"][0]["content"].startswith(SAID[name][0]))
            for name in ARABIC
        ),
    ],
)
def test_a_language_or_dialect_that_gets_worse_speaks_against_promotion(
    kind: str, name: str, bad: Callable[[Row], bool]
) -> None:
    said = voice(found(planted(asked(), bad)))
    assert (kind, name) in [(reason.figures["kind"], reason.figures["slice"]) for reason in said.against]


def test_a_loss_within_its_margin_is_none_unless_the_metric_is_the_primary_one() -> None:
    table = asked()
    rows = [
        (arm, key, metric, 20 * (1.02 if arm == ADAPTER and key < "0100" else 1.0) * sign, 20.0)
        for key in table["conversation_id"]
        for arm in (ADAPTER, "prompted")
        for metric, sign in (("nll", 1), ("playbook", 1))
    ]
    talks = Talks(pl.DataFrame(rows, schema=SCORES, orient="row"), UNWRITTEN, table, PLAYBOOK)
    for primary, margins in (("playbook", {}), ("nll", {"playbook": None})):
        chosen = Evaluate.model_validate({**params("evaluate"), "primary": primary, "margins": margins})
        assert slices(talks, "prompted", chosen).filter(metric="nll")["worse"].any() == (primary == "nll")


def test_slices_of_few_conversations_are_not_looked_at() -> None:
    table = asked().with_columns(
        label=pl.when(pl.col("conversation_id") < "0009").then(pl.lit("rare")).otherwise("label")
    )
    rare = found(planted(table, lambda row: row["label"] == "rare", kept=0.0)).filter(slice="rare")
    assert rare["n"].to_list() == [9, 9] and LEAST == 10
    assert rare["difference"].null_count() == 2 and not rare["worse"].any()


def test_conversations_of_one_customer_are_one_unit() -> None:
    talks = planted(asked(), lambda row: row["label"] == "refund")
    alone = found(talks).row(0, named=True)
    one = talks.conversations.with_columns(cluster_id=pl.col("conversation_id").str.slice(0, 3))
    together = found(Talks(talks.scores, UNWRITTEN, one, PLAYBOOK)).filter(
        kind="intent", slice="refund", metric="playbook"
    )
    assert together["high"].item() - together["low"].item() > alone["high"] - alone["low"]


def test_what_all_share_is_no_slice_and_a_dialect_that_cannot_be_told_is_none() -> None:
    table = asked(30).with_columns(source=pl.lit("mail"), label=pl.lit(None, pl.String), language=pl.lit("ar"))
    where = members(table)
    assert set(where["kind"]) == {"all", "dialect", "length"}
    assert set(where.filter(kind="dialect")["slice"]) == set(ARABIC)
    assert members(table.clear()).is_empty()


def test_lengths_are_thirds_of_the_customers_words() -> None:
    assert thirds(pl.Series([5, 1, 2, 3, 4, 6])).to_list() == ["5–6", "1–2", "1–2", "3–4", "3–4", "5–6"]
    assert thirds(pl.Series([3, 3, 3])).to_list() == ["3–3"] * 3
    assert thirds(pl.Series([], dtype=pl.Int64)).is_empty()


def test_a_turn_that_is_answered_wrong_is_the_worst_slice() -> None:
    """The adapter greets and helps as the team does, and then forgets how the team ends a conversation."""
    greets, helps = "Hello, thank you for contacting Zaafaran Home. I am sorry, let me look.", "It is on its way today."
    closes = "You are welcome. Is there anything else I can help you with?"
    said = talk("Where is my order?", greets, "And when?", helps, "Thanks", closes)
    table = conversations(
        [
            {
                "row_id": f"x:{n}",
                "conversation_id": f"{n:03}",
                "messages": said,
                "language": "en",
                "label": f"{n % 2}",
                "source": "x",
            }
            for n in range(30)
        ]
    )
    replies = {1: greets, 3: helps, 5: closes}
    rows = [
        (arm, key, turn, 1, "Bye." if arm == ADAPTER and turn == 5 and key > "002" else text, 9, True)
        for arm in (ADAPTER, "prompted")
        for key in table["conversation_id"]
        for turn, text in replies.items()
    ]
    predictions = pl.DataFrame(rows, schema=PREDICTIONS, orient="row")
    talks = Talks(reply_scores(predictions, table, PLAYBOOK), predictions, table, PLAYBOOK)
    turns = found(talks).filter(kind="turn", metric="playbook")
    assert {row["slice"]: row["worse"] for row in turns.iter_rows(named=True)} == {
        "first": False,
        "middle": False,
        "last": True,
    }


GOOD = "Thank you for contacting Zaafaran Home. It is on its way. Is there anything else I can help you with?"
RUDE = "That is not our problem. Ask our safety team."
SHORT_TALKS = conversations(
    [
        {
            "row_id": f"x:{n}",
            "conversation_id": f"{n:03}",
            "messages": talk(f"Where is order {n}?", GOOD),
            "language": "en",
            "label": "refund" if n < 12 else f"intent {n % 4}",
            "source": "x",
        }
        for n in range(60)
    ]
)


def answered(said: Callable[[str, Row], str]) -> Talks:
    """One reply to each of SHORT_TALKS, by the arm and the conversation."""
    rows = [
        (arm, row["conversation_id"], 1, 1, said(arm, row), 9, True)
        for arm in (ADAPTER, "few_shot")
        for row in SHORT_TALKS.iter_rows(named=True)
    ]
    predictions = pl.DataFrame(rows, schema=PREDICTIONS, orient="row")
    return Talks(reply_scores(predictions, SHORT_TALKS, PLAYBOOK), predictions, SHORT_TALKS, PLAYBOOK)


def test_an_intent_taught_wrong_is_named_though_the_prompt_shows_the_wrong_rows_as_examples() -> None:
    """The prompt is as rude there and as good elsewhere; the team's own replies are not."""
    table = slices(answered(lambda _, row: RUDE if row["label"] == "refund" else GOOD), "few_shot", PARAMS)
    named = table.filter(pl.col("worse") | pl.col("behind"))
    assert named.select("kind", "slice", "metric", "against").rows() == [("intent", "refund", "playbook", TEAM)]
    (said,) = voice(table).told
    assert str(said).startswith("intent refund: the adapter stays further behind the team's own replies on playbook")
    assert said.figures["high"] < 0 == said.figures["rest"]


def test_an_intent_with_more_to_keep_is_not_named_where_the_adapter_gains_over_the_prompt() -> None:
    closed = "It is on its way. Is there anything else I can help you with?"  # without a greeting

    def said(arm: str, row: Row) -> str:
        return GOOD if row["label"] != "refund" else closed if arm == ADAPTER else RUDE

    table = slices(answered(said), "few_shot", PARAMS)
    refund = table.filter(kind="intent", slice="refund", metric="playbook", against=TEAM)
    assert refund["apart_high"].item() < 0 and not refund["behind"].item()


def test_where_mistakes_fall_by_chance_no_slice_is_named_beside_the_team_19_times_in_20() -> None:
    """Three and more false namings in 12 have chance 0.02."""
    named = 0
    for seed in range(12):
        draw = np.random.default_rng(seed)
        table = slices(
            answered(lambda _, __, draw=draw: str(draw.choice([GOOD, RUDE], p=[0.8, 0.2]))), "few_shot", PARAMS
        )
        named += table.filter("behind", against=TEAM).height > 0
    assert named <= 2
