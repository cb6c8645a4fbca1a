"""What the checks of personal data and of names report, and that their evidence repeats nothing."""

import pytest

from curation.checks import checks
from tests.builders import context, record, talk
from tests.privacy.personal_examples import clean, personal


def seen(check: str, *messages, **columns) -> list[tuple[str, int]]:
    found = checks()[check](record(list(messages), **columns), context())
    return found.select("code", "turn").rows()


@pytest.mark.parametrize(
    ("kind", "code"), [("email", "pii_email"), ("phone", "pii_phone"), ("national_id", "pii_national_id")]
)
def test_personal_data_is_reported_by_kind_and_turn(kind: str, code: str):
    for text, _ in personal(kind, 5):
        assert seen("pii", *talk("Hello", text, "Thanks")) == [(code, 1)]


def test_tool_calls_and_speakers_names_are_read_too():
    call = '[{"name": "find", "arguments": {"phone": "0501234567"}}]'
    said = [
        {"role": "user", "content": "Hi", "name": "sara@x.com"},
        {"role": "assistant", "content": "", "tool_calls": call},
    ]
    assert seen("pii", *said) == [("pii_email", 0), ("pii_phone", 1)]


def test_a_bare_number_is_read_with_the_question_before_it():
    assert seen("pii", *talk("Hi", "Your national ID, please?", "1034567897")) == [("pii_national_id", 2)]
    assert seen("pii", *talk("Hi", "Your order number, please?", "1034567897")) == []


def test_clean_conversations_stay_clean():
    rows = record(*(talk("Hello", text, "Thanks") for text in clean(500)))
    assert checks()["pii"](rows, context()).is_empty()


def test_names_are_said_to_be_there_and_are_no_doubt():
    found = checks()["names"](record(talk("My name is Sara Khan", "أهلاً بك يا سارة")), context())
    assert found.select("code", "turn", "severity").rows() == [("pii_name", 0, "info"), ("pii_name", 1, "info")]


@pytest.mark.parametrize("check", ["pii", "names"])
def test_evidence_says_where_and_never_what(check: str):
    found = checks()[check](record(talk("My name is Sara, sara@mail.example.com", "ok")), context())
    assert found.height == 1
    assert "characters" in found["evidence"][0]
    assert "ara" not in found["evidence"][0].replace("characters", "")


def test_rows_are_judged_each_by_itself():
    rows = [talk(text, "ok") for kind in ("phone", "email", "card") for text, _ in personal(kind, 3)]
    for name in ("pii", "names"):
        whole = checks()[name](record(*rows), context()).drop("conversation_id").rows()
        assert whole == [
            one for row in rows for one in checks()[name](record(row), context()).drop("conversation_id").rows()
        ]
