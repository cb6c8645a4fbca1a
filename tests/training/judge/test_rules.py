import polars as pl

from curation.core.record.playbook import Playbook
from tests.builders import ROOT, record, talk
from training.judge.rules import outcomes, rule_table
from training.judge.scoring import PREDICTIONS

PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
HELLO = "Thank you for contacting Zaafaran Home."
BYE = "Is there anything else I can help you with?"


def predictions(*rows: tuple[str, str, int, str]) -> pl.DataFrame:
    """(arm, conversation, turn, text)"""
    filled = [(arm, conversation, turn, 9, text, 5, True) for arm, conversation, turn, text in rows]
    return pl.DataFrame(filled, schema=PREDICTIONS, orient="row")


def kept(said: str, asked: str = "Where is it?", language: str = "en") -> dict[str, bool]:
    talks = record(talk(asked, f"{HELLO} {BYE}"), language=[language])
    key = talks["conversation_id"][0]
    found = outcomes(predictions(("x", key, 1, said)), talks, PLAYBOOK)
    return dict(found.select("kind", "kept").iter_rows())


def test_each_rule_is_an_outcome_of_its_kind() -> None:
    assert kept(f"{HELLO} {BYE}") == {
        "greeting": True, "closing": True, "forbidden": True, "escalation": True, "length": True, "language": True
    }  # fmt: skip
    assert kept(f"{HELLO}")["closing"] is False
    assert kept(f"{BYE}")["greeting"] is False
    assert kept(f"{HELLO} {BYE} I guarantee it, not my problem.")["forbidden"] is False
    assert kept("word " * 121)["length"] is False


def test_escalation_is_kept_when_due_and_only_then() -> None:
    smoke = "There is smoke!"
    assert rule("escalate_safety", "I pass it to our safety team.", smoke)
    assert rule("escalate_legal", "I pass it to our safety team.", smoke)
    assert not rule("escalate_safety", "All good.", smoke)
    assert not rule("escalate_safety", "I pass it to our safety team.", "Where is it?")


def rule(name: str, said: str, asked: str) -> bool:
    talks = record(talk(asked, HELLO))
    found = outcomes(predictions(("x", talks["conversation_id"][0], 1, said)), talks, PLAYBOOK)
    return bool(found.row(by_predicate=pl.col("rule") == name, named=True)["kept"])


def test_a_reply_in_another_language_breaks_the_rule_of_language() -> None:
    assert kept("شكراً لتواصلك معنا، كيف أساعدك اليوم؟")["language"] is False
    assert kept("شكراً لتواصلك معنا، كيف أساعدك اليوم؟", "أين طلبي؟", "ar")["language"] is True
    assert "language" not in kept("Hello", language="mixed")


def test_arms_are_compared_rule_by_rule_on_the_same_conversations() -> None:
    talks = record(*(talk(f"Where is {n}?", f"{HELLO} {BYE}") for n in range(8)))
    ids = talks["conversation_id"].to_list()
    rows = [("adapter", key, 1, f"{HELLO} {BYE}") for key in ids]
    rows += [("base", key, 1, f"{HELLO} {BYE}" if n < 2 else HELLO) for n, key in enumerate(ids)]
    table = rule_table(outcomes(predictions(*rows), talks, PLAYBOOK), talks).filter(language="all")
    closing = table.row(by_predicate=pl.col("rule") == "closing", named=True)
    assert (closing["ours"], closing["theirs"], closing["ours_only"], closing["theirs_only"]) == (1, 0.25, 6, 0)
    assert (closing["n"], closing["p"]) == (8, 0.03125)
    assert closing["p_holm"] == closing["p"] * table.height  # the smallest of its family
    assert set(table.filter(pl.col("rule") != "closing")["p_holm"]) == {1.0}


def test_without_an_adapter_the_table_is_empty() -> None:
    talks = record(talk("Where?", HELLO))
    found = outcomes(predictions(("base", talks["conversation_id"][0], 1, HELLO)), talks, PLAYBOOK)
    assert rule_table(found, talks).is_empty()
