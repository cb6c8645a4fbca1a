import hashlib

from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.conversation import FIELDS, canonical_json, conversation_id, message, turns
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
