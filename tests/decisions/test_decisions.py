from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decisions.decisions import Decision, read_decisions, write_decisions
from curation.harness.errors import QiratError
from tests.builders import ROOT, talk

ids = st.text("0123456789abcdef", min_size=32, max_size=32)
decisions = st.builds(
    Decision,
    conversation_id=ids,
    decision=st.sampled_from(["keep", "drop"]),
    reasons=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    annotators=st.just(("sara",)),
)


@given(decided=st.lists(decisions, unique_by=lambda d: d.conversation_id, max_size=5))
def test_the_file_is_the_same_whatever_the_order_and_reads_back(decided: list[Decision], tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    write_decisions(decided, folder / "a")
    write_decisions(reversed(decided), folder / "b")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    assert {d.conversation_id: d for d in read_decisions(folder / "a")} == {d.conversation_id: d for d in decided}


def test_the_file_that_ships_reads():
    read_decisions(ROOT / "data/review/decisions.jsonl")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "line 2"),
        ('{"conversation_id": "short", "decision": "keep"}', "line 2"),
        (f'{{"conversation_id": "{"a" * 32}", "decision": "perhaps"}}', "line 2"),
        (f'{{"conversation_id": "{"a" * 32}", "decision": "edit"}}', "needs corrected messages"),
        (f'{{"conversation_id": "{"a" * 32}", "decision": "edit", "messages": [{{"role": "bot"}}]}}', "role"),
        (f'{{"conversation_id": "{"a" * 32}", "decision": "keep", "decided_at": "soon"}}', "decided_at"),
    ],
)
def test_a_bad_line_is_named(line: str, complaint: str, tmp_path: Path):
    path = tmp_path / "decisions.jsonl"
    path.write_text('{"qirat":"decisions","version":1}\n' + line)
    with pytest.raises(QiratError, match=complaint):
        read_decisions(path)


def test_what_is_wrong_with_a_line_does_not_quote_its_words(tmp_path: Path):
    path = tmp_path / "decisions.jsonl"
    message = '{"role": "bot", "content": "sara@x.example"}'
    line = f'{{"conversation_id": "{"a" * 32}", "decision": "edit", "messages": [{message}]}}'
    path.write_text('{"qirat":"decisions","version":1}\n' + line)
    with pytest.raises(QiratError, match="line 2: message 0 needs a role of") as found:
        read_decisions(path)
    assert "sara" not in str(found.value)


def test_two_decisions_on_the_same_words_are_an_error(tmp_path: Path):
    path = tmp_path / "decisions.jsonl"
    line = f'{{"conversation_id": "{"a" * 32}", "decision": "keep"}}\n'
    path.write_text('{"qirat":"decisions","version":1}\n' + line * 2)
    with pytest.raises(QiratError, match="line 3: a second decision"):
        read_decisions(path)


def test_an_edit_needs_words_or_a_label():
    Decision(conversation_id="a" * 32, decision="edit", label="refund")
    Decision(conversation_id="a" * 32, decision="edit", messages=tuple(talk("hi", "hello")))
    with pytest.raises(ValueError, match="needs corrected"):
        Decision(conversation_id="a" * 32, decision="edit")


def test_a_line_from_before_there_were_confidence_and_purpose_stays_as_it_was(tmp_path: Path):
    path = tmp_path / "decisions.jsonl"
    line = (
        '{"agreement":1.0,"annotators":["sara"],"conversation_id":"'
        + "a" * 32
        + '","decided_at":"2026-01-05T10:00:00",'
        '"decision":"keep","label":null,"messages":null,"reasons":[]}'
    )
    path.write_text(f'{{"qirat":"decisions","version":1}}\n{line}\n')
    before = path.read_bytes()
    write_decisions(read_decisions(path), path)
    assert path.read_bytes() == before


def test_an_applied_decision_says_how_similar_the_rows_are_and_is_never_an_edit():
    Decision(conversation_id="a" * 32, decision="drop", applied_from="b" * 32, similarity=0.97)
    for wrong in ({"decision": "drop"}, {"decision": "edit", "label": "x", "similarity": 0.97}):
        with pytest.raises(ValueError, match="applied from another is keep or drop"):
            Decision(conversation_id="a" * 32, applied_from="b" * 32, **wrong)
