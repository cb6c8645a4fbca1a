import hashlib

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.conversation import (
    FIELDS,
    SCHEMA,
    canonical_json,
    conversation_id,
    conversations,
    ids_match,
    message,
    turns,
)
from tests.builders import record, talk

texts = st.text(max_size=40)


def test_the_id_of_known_words_never_changes():
    # Decisions in git name conversations by this id: a change here would orphan every one of them.
    assert conversation_id(talk("Hello", "شكراً")) == "88505cd074ea9e021385d504198cc413"


@given(texts, texts)
def test_ids_agree_exactly_when_the_words_do(left: str, right: str):
    assert (conversation_id(talk(left)) == conversation_id(talk(right))) == (left == right)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.none() | st.text(st.characters()))))
def test_an_id_is_the_hash_of_the_canonical_json(messages: list[dict[str, str | None]]):
    said = [{key: text for key, text in m.items() if text is not None} for m in messages]
    spelled = canonical_json(said).encode("utf-8", "surrogatepass")
    assert conversation_id(messages) == hashlib.sha256(spelled).hexdigest()[:32]


@given(st.text(st.characters(categories=["Cs", "Cc", "L"]), min_size=1))
def test_half_characters_and_controls_have_an_id(text: str):
    spelled = canonical_json([{"role": "user", "content": text}]).encode("utf-8", "surrogatepass")
    assert conversation_id(talk(text)) == hashlib.sha256(spelled).hexdigest()[:32]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
messages = st.builds(message, st.sampled_from(["user", "assistant"]), words, st.none() | words, st.none() | words)


@given(st.lists(st.lists(messages, max_size=3)))
def test_ids_are_told_for_whole_tables_as_for_single_rows(said: list[list[dict[str, str | None]]]):
    told = conversations([{"messages": one} for one in said])
    assert ids_match(told).to_list() == [True] * len(said)
    assert ids_match(told.with_columns(conversation_id=pl.lit("0" * 32))).to_list() == [False] * len(said)


def test_the_id_of_the_bare_words_is_not_that_of_a_call_with_them():
    called = [message("assistant", "hi", tool_calls="[]"), message("assistant", "hi", train=False)]
    rows = [{"messages": [one], "conversation_id": conversation_id(talk_of(one))} for one in called]
    assert ids_match(pl.DataFrame(rows, schema=SCHEMA)).to_list() == [False, False]


def talk_of(one: dict[str, str | None]) -> list[dict[str, str | None]]:
    return [message(str(one["role"]), str(one["content"]))]


def test_absent_and_null_fields_are_the_same_words():
    assert conversation_id([{"role": "user", "content": "hi"}]) == conversation_id([message("user", "hi")])


def test_arguments_of_tool_calls_are_words():
    calls = [[message("assistant", "", tool_calls=[{"order": n}])] for n in (1, 2)]
    assert conversation_id(calls[0]) != conversation_id(calls[1])


def test_turns_keep_their_order_and_number():
    table = turns(record(talk("a", "b", "c"), talk("d")))
    assert table.select("turn", "role", "content").rows() == [
        (0, "user", "a"),
        (1, "assistant", "b"),
        (2, "user", "c"),
        (0, "user", "d"),
    ]
