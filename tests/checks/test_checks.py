"""What each check sees, and what it must leave alone."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
import yaml

from curation.checks import checks
from curation.checks.models.datalab import issues
from curation.checks.models.topics import shrunken
from curation.harness.errors import QiratError
from tests.builders import ROOT, context, record, talk
from tests.checks.seeing import ARABIC_REPLY, REPLY, seen


def test_every_check_is_in_the_file_of_its_name():
    files = (ROOT / "curation/checks").glob("[a-z]*.py")
    assert {path.stem for path in files} == {"check", "codes", *checks()}


def test_a_check_that_is_skipped_is_not_there_and_an_unknown_one_is_refused():
    assert set(checks()) - set(checks(skip=("names", "judge"))) == {"names", "judge"}
    with pytest.raises(QiratError, match=r"score.skip: there is no check nams; did you mean names"):
        checks(skip=("nams",))


@pytest.mark.parametrize("name", sorted(checks()))
def test_every_check_bears_an_empty_table_and_an_ordinary_one(name: str):
    ordinary = record(talk("Where is my order?", REPLY), talk("أين طلبي؟", ARABIC_REPLY), language=["en", "ar"])
    for table in (ordinary.clear(), ordinary):
        found = checks()[name](table, context())
        assert found.schema == checks()[name](ordinary.clear(), context()).schema


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([{"role": "user", "content": "Where is my order?"}], "no_reply"),
        ([{"role": "assistant", "content": REPLY}], "no_question"),
        (talk("Where is my order?", ""), "empty_reply"),
        (talk("", REPLY), "empty_question"),
    ],
)
def test_broken_structure_is_seen(said, code: str):
    assert code in seen("structure", said)


@pytest.mark.parametrize(
    "reply",
    [
        REPLY,
        ARABIC_REPLY,
        "Sure, one moment",
        REPLY[:-1] + " 🙂",
        "You can follow it here at any time: https://a.example/x",
        "هل وصلك الطرد الذي أرسلناه إليك صباح اليوم؟",
    ],
)
def test_finished_replies_are_left_alone(reply: str):
    assert seen("structure", talk("Where is my order?", reply)) == set()


def test_a_reply_that_only_calls_a_tool_is_not_empty():
    said = [
        *talk("Where?"),
        {"role": "assistant", "content": "", "tool_calls": "[1]"},
        {"role": "tool", "content": "here"},
    ]
    assert "empty_reply" not in seen("structure", [*said, {"role": "assistant", "content": REPLY}])


@pytest.mark.parametrize("table", ["latin-1", "cp1252", "cp1256"])
def test_arabic_read_with_the_wrong_table_is_seen(table: str):
    broken = ARABIC_REPLY.encode().decode(table, "replace")
    assert "mojibake" in seen("encoding", talk("أين طلبي؟", broken))


@pytest.mark.parametrize(
    "reply", [ARABIC_REPLY, "طلب الطالب ظرفا وطابعا وطوابع طريفة ظريفة", "I’m sorry — it’s “late”.", "Zoë’s café"]
)
def test_text_in_order_is_not_taken_for_mojibake(reply: str):
    assert seen("encoding", talk("Hm", reply)) == set()


def test_lost_characters_are_counted():
    found = checks()["encoding"](record(talk("a\ufffdb\ufffd", "ok")), context())
    assert found.filter(pl.col("code") == "lost_characters")["value"].to_list() == [2.0]


def test_no_check_s_evidence_repeats_personal_data():
    said = talk(
        "أين الطلب الذي طلبته أمس يا جماعة؟", "Your number is 0501234567, card 4111111111111111, mail sara@x.com"
    )
    evidence = " ".join(
        checks()[name](record(said, language=["ar"]), context())["evidence"].drop_nulls().str.join(" ").item()
        for name in ("language", "grounding", "structure", "pii")
    )
    assert "ar -> en" in evidence
    assert not any(secret in evidence for secret in ("0501234567", "4111111111111111", "sara@x.com"))


def test_playbook_breaks_carry_the_rule():
    found = checks()["playbook"](
        record(talk("There is smoke!", "Thank you for contacting Zaafaran Home. Odd.")), context()
    )
    evidence = dict(found.select("code", "evidence").iter_rows())
    assert evidence["playbook_escalation_missing"] == "escalate_safety: smoke"
    assert evidence["playbook_required"] == "closing"


def test_swapped_roles_are_told_by_who_greets():
    said = talk("Thank you for contacting Zaafaran Home. Is there anything else?", "Where is my order?")
    assert seen("playbook", said) == {"roles_swapped"}


def test_a_customer_who_quotes_our_mail_has_not_swapped_roles():
    said = talk("Hi", "Thank you for contacting Zaafaran Home. Done.", "OK.\n> Thank you for contacting Zaafaran Home")
    assert seen("playbook", said) == {"playbook_required"}


def test_the_turn_of_a_finding_survives_many_findings_without_one():
    swapped = [talk("Thank you for contacting Zaafaran Home.", f"Where is order {n}?") for n in range(120)]
    found = checks()["playbook"](record(*swapped, talk("Hi", "Thank you for contacting Zaafaran Home.")), context())
    assert found.filter(pl.col("code") == "playbook_required")["turn"].to_list() == [1]


@pytest.mark.parametrize(
    "reply", ["I’m an AI and can’t help.", "As an AI language model, I cannot do that.", "كنموذج لغوي، لا أستطيع ذلك."]
)
def test_model_talk_is_seen(reply: str):
    assert seen("refusal", talk("Hi", reply)) == {"model_refusal"}


def test_a_polite_no_of_the_team_is_no_model_talk():
    assert seen("refusal", talk("Hi", "I am sorry, I cannot refund a used mattress.")) == set()


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("price", "It costs 499 SAR"),
        ("price", "السعر ٤٩٩ ريال"),
        ("link", "See https://zaafaran.example/deals"),
        ("date", "until 12/03/2025"),
        ("code", "with code SPRING25"),
        ("percentage", "a 15% discount"),
        ("time", "مفتوح حتى الساعة ٩ مساءً"),
        ("contact", "call 707-446-1404"),
        ("stock", "باقي قطعتين"),
    ],
)
def test_facts_from_nowhere_are_seen(kind: str, fact: str):
    assert seen("grounding", talk("What does it cost?", f"{fact}.")) == {f"ungrounded_{kind}"}


@pytest.mark.parametrize(("asked", "fact"), [("Where is order ZH-48213?", "482 SAR"), ("Within 15 days?", "5 SAR")])
def test_a_part_of_another_number_grounds_nothing(asked: str, fact: str):
    assert seen("grounding", talk(asked, f"It costs {fact}.")) == {"ungrounded_price"}


def test_facts_that_stand_in_an_earlier_turn_are_grounded():
    looked_up = [
        *talk("How much is order ZH-4821?"),
        {"role": "tool", "content": '{"price": "499 SAR", "order": "ZH-4821"}'},
        {"role": "assistant", "content": "Order ZH-4821 is 499 SAR."},
    ]
    assert seen("grounding", looked_up, talk("هل السعر ٤٩٩ ريال؟", "نعم، 499 ريال.")) == set()


def test_leaks_are_seen_whole_or_in_part_and_greetings_are_not():
    question = "My washing machine walks across the kitchen whenever it spins and the neighbours complain about it"
    answer = "Please check that the four feet touch the ground and that the shipping bolts were taken out"
    evaluation = record(talk(question, answer))
    assert seen("leaks", talk(question, answer), evaluation=evaluation) == {"evaluation_leak"}
    assert seen("leaks", talk("Hello. " + question, "No idea at all about that one"), evaluation=evaluation) == {
        "evaluation_leak"
    }
    assert seen("leaks", talk("My washing machine is loud", REPLY), evaluation=evaluation) == set()


def test_a_leak_does_not_hide_behind_its_own_many_copies():
    question = (
        "My washing machine walks across the kitchen whenever it spins and the neighbours complain about it order"
    )
    answer = "Please check that the four feet touch the ground and that the shipping bolts were taken out of it"
    copies = [talk(f"{question} {n}", answer) for n in range(30)]
    found = checks()["leaks"](record(*copies), context(record(talk(f"{question} 99", answer))))
    assert found["conversation_id"].n_unique() == 30


def vectors_of(table: pl.DataFrame, groups: list[int]) -> pl.DataFrame:
    """Tight groups far from each other, one a label."""
    rng = np.random.default_rng(0)
    centres = np.eye(16, dtype=np.float32)[groups]
    noise = rng.normal(0, 0.05, centres.shape).astype(np.float32)
    vectors = (centres + noise) / np.linalg.norm(centres + noise, axis=1, keepdims=True)
    return pl.DataFrame({"conversation_id": table["conversation_id"], "vector": vectors, "reply": vectors})


def test_a_label_that_no_neighbour_shares_is_doubted():
    labels = ["refund"] * 30 + ["delivery"] * 30
    table = record(*(talk(f"question {n}", "ok") for n in range(60)), label=["delivery", *labels[1:]])
    found = checks()["labels"](table, context(vectors=vectors_of(table, [0] * 30 + [1] * 30)))
    doubted = found.filter(pl.col("value") >= 0.95)
    assert doubted["conversation_id"].to_list() == [table["conversation_id"][0]]
    assert doubted["evidence"][0] == "given delivery, the words say refund"


def test_rows_without_labels_are_not_judged_by_label():
    table = record(*(talk(f"question {n}", "ok") for n in range(60)))
    assert checks()["labels"](table, context(vectors=vectors_of(table, [0] * 60))).is_empty()


def test_the_odd_one_out_is_the_most_outlying():
    table = record(*(talk(f"question {n}", "ok") for n in range(80)))
    found = checks()["outliers"](table, context(vectors=vectors_of(table, [0] * 79 + [5])))
    worst = found.sort("value").row(-1, named=True)
    assert (worst["conversation_id"], worst["value"]) == (table["conversation_id"][79], 1.0)


def test_a_language_of_few_rows_is_not_judged_by_the_others():
    table = record(*(talk(f"question {n}", "ok") for n in range(80)), language=["en"] * 79 + ["ar"])
    found = checks()["outliers"](table, context(vectors=vectors_of(table, [0] * 79 + [5])))
    assert table["conversation_id"][79] not in found["conversation_id"]


def test_the_later_of_two_conversations_alike_on_both_sides_is_a_copy():
    said = [datetime(2026, 1, 1 + day) for day in range(5)]
    table = record(*(talk(f"question {n}", "ok") for n in range(5)), created_at=said)
    vectors = vectors_of(table, [0, 1, 2, 3, 0])
    found = checks()["semantic_copies"](table, context(vectors=vectors))
    assert found.select("conversation_id", "evidence").rows() == [(table["conversation_id"][4], "file:1")]
    other_replies = vectors.with_columns(reply=vectors["reply"].reverse())
    assert checks()["semantic_copies"](table[:4], context(vectors=other_replies)).is_empty()


def test_rows_that_are_all_the_same_leave_it_open_which_label_is_right():
    table = record(*(talk(f"question {n}", "ok") for n in range(60)), label=["refund", "delivery"] * 30)
    same = vectors_of(table, [0] * 60).with_columns(pl.col("vector", "reply").first())
    found = checks()["labels"](table, context(vectors=same))["value"]
    assert found.n_unique() == 1
    assert found[0] < 0.5


def test_shrinking_is_that_of_ledoit_and_wolf():
    from sklearn.covariance import ledoit_wolf

    rows = np.random.default_rng(0).normal(size=(90, 12)) @ np.random.default_rng(1).normal(size=(12, 12))
    expected, _ = ledoit_wolf(rows, assume_centered=True)
    assert shrunken(rows.T @ rows / len(rows), (rows**2).sum(axis=1)) == pytest.approx(expected)


def test_cleanlab_stops_the_stage_where_it_gives_no_scores():
    few = np.eye(3, dtype=np.float32)
    with pytest.raises(QiratError, match="cleanlab gave no outlier scores: "):
        issues("outlier", {"id": ["a", "b", "c"]}, {"k": 10}, features=few)


def test_a_conversation_without_a_vector_is_an_error_with_the_cure():
    table = record(*(talk(f"question {n}", "ok") for n in range(80)))
    with pytest.raises(QiratError, match="dvc repro embed"):
        checks()["outliers"](table, context(vectors=vectors_of(table, [0] * 80)[1:]))


@pytest.mark.parametrize("name", [name for name, check in checks().items() if check.needs_vectors])
def test_checks_that_need_vectors_are_silent_without(name: str):
    assert checks()[name](record(*(talk(f"question {n}", "ok") for n in range(80))), context()).is_empty()


def test_the_playbook_that_ships_is_the_example_s():
    assert yaml.safe_load((ROOT / "playbook.yaml").read_text("utf-8"))["company"] == "Zaafaran Home"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("Please send us the number of your", "cut_reply"),
        ("We looked into it, Sara,", "cut_reply"),
        ("يرجى إرسال صورة المنتج إلى", "cut_reply"),
        ("...", "wordless_reply"),
        ("N/A", "wordless_reply"),
        ("null", "wordless_reply"),
    ],
)
def test_replies_that_stop_or_say_nothing_are_told(reply: str, code: str):
    found = checks()["structure"](record(talk("My order is late", reply)), context())
    assert code in found["code"].to_list()


@pytest.mark.parametrize("reply", ["Sure, one moment", "Here you are: 12 Main Road", "👍", "What is it for?", "تم"])
def test_short_and_open_ends_are_no_cuts(reply: str):
    found = checks()["structure"](record(talk("My order is late", reply)), context())
    assert found.is_empty()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("your re?uest is be?ng handled", True),
        ("????? ???? ?? ??????", True),
        ("I don?t know", True),
        ("It is in the ?ffice", True),
        ("Really?? Are you sure?", False),
        ("Well?I can, can you?please wait", False),
        ("see https://a.com/x?b=c?d and really?ok", False),
    ],
)
def test_letters_lost_to_question_marks_are_told_from_questions(text: str, seen: bool):
    found = checks()["encoding"](record(talk("Where is it?", text)), context())
    assert ("lost_letters" in found["code"].to_list()) == seen
