import polars as pl
import pytest

from curation.harness.errors import QiratError
from tests.builders import ROOT, record, talk
from training.judge.arms import Row, few_shot, prompt_sections, prompted, prompted_few_shot, with_prefix


def rows(table: pl.DataFrame) -> list[Row]:
    return list(table.iter_rows(named=True))


def shown(row: Row, turn: int, train: pl.DataFrame, shots: int = 1) -> list[str]:
    return [m["content"] for m in few_shot(train, shots, shot_words=10)(row, turn)]


def test_the_prompt_that_ships_speaks_both_languages_and_names_every_escalation() -> None:
    sections = prompt_sections((ROOT / "prompt.md").read_text("utf-8"), "prompt.md")
    english = ("safety team", "customer relations manager", "data protection officer")
    assert all(phrase in sections["en"] for phrase in english)
    assert all(phrase in sections["ar"] for phrase in ("فريق السلامة", "مدير علاقات العملاء", "مسؤول حماية البيانات"))


def test_a_conversation_gets_the_prompt_of_its_language() -> None:
    table = record(talk("a", "b"), talk("c", "d"), talk("e", "f"), language=["ar", "en", "mixed"])
    before = prompted({"en": "Be brief.", "ar": "أوجز."})
    assert [before(row, 1)[0]["content"] for row in rows(table)] == ["أوجز.", "Be brief.", "Be brief."]


def test_a_prompt_without_sections_is_refused() -> None:
    with pytest.raises(QiratError, match="no section found"):
        prompt_sections("Be brief.", "prompt.md")


def test_examples_are_the_likest_of_the_same_language_likest_last() -> None:
    train = record(
        talk("my table is broken", "near"),
        talk("where is the parcel", "far"),
        talk("is my table broken again", "nearer"),
        talk("my table is broken", "in Arabic"),
        language=["en", "en", "en", "ar"],
    )
    (asked,) = rows(record(talk("is the table broken again?", "answer")))
    assert shown(asked, 1, train, shots=2) == ["my table is broken", "near", "is my table broken again", "nearer"]


def test_examples_are_chosen_by_what_the_customer_has_said_so_far() -> None:
    train = record(talk("where is my parcel", "first"), talk("the lamp came broken", "second"))
    said = talk("where is my parcel", "here", "and the lamp came broken, broken lamp, a lamp", "oh")
    (asked,) = rows(record(said))
    assert shown(asked, 1, train)[1] == "first"
    assert shown(asked, 3, train)[1] == "second"
    (cut,) = rows(record(said[:2]))
    assert shown(cut, 1, train) == shown(asked, 1, train)  # what comes later changes nothing


def test_arabic_words_are_found_with_their_prefixes_and_other_spellings() -> None:
    train = record(talk("أين الطلبية؟", "طلبية"), talk("المصباح مكسور", "مصباح"), language=["ar", "ar"])
    (asked,) = rows(record(talk("وصلت بمصباح مكسورٍ", "x"), language=["ar"]))
    assert shown(asked, 1, train)[1] == "مصباح"


def test_long_conversations_those_without_words_and_what_has_nothing_in_common_are_not_shown() -> None:
    train = record(talk("my table " * 9, "long"), talk("?!", "wordless"), talk("xyz", "other"))
    (asked,) = rows(record(talk("my table", "answer")))
    assert shown(asked, 1, train, shots=3) == []
    assert shown(asked, 1, record(talk("table", "a"), language=["fr"])) == []


def test_the_written_prompt_the_examples_and_the_conversation_become_one_with_one_system_message() -> None:
    train = record(talk("my table is broken", "near", system="shown to nobody"), talk("my table", "far"))
    own = talk("is my table broken?", "answer", system="own rules")
    (row,) = rows(record(own))
    both = prompted_few_shot(prompted({"en": "prompt"}), few_shot(train, shots=2, shot_words=10))
    joined, shift = with_prefix(both(row, 2), own)
    assert [(m["role"], m["content"]) for m in joined] == [
        ("system", "prompt\n\nown rules"),
        *[("user", "my table"), ("assistant", "far"), ("user", "my table is broken"), ("assistant", "near")],
        *[("user", "is my table broken?"), ("assistant", "answer")],
    ]
    assert joined[2 + shift]["content"] == "answer"


def test_the_written_prompt_stands_alone_where_no_example_is_like_the_conversation() -> None:
    (row,) = rows(record(talk("my table", "answer")))
    written = prompted({"en": "prompt"})
    both = prompted_few_shot(written, few_shot(record(talk("xyz", "other")), shots=2, shot_words=10))
    assert both(row, 1) == written(row, 1)


def test_replies_of_shown_examples_are_not_counted_as_the_conversations_own() -> None:
    own = talk("question", "answer", system="own rules")
    joined, shift = with_prefix([{"role": "system", "content": "prompt"}, *talk("shown", "example")], own)
    assert [m["content"] for m in joined] == ["prompt\n\nown rules", "shown", "example", "question", "answer"]
    assert joined[1 + shift]["content"] == "question"
