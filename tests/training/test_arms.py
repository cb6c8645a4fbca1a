import polars as pl
import pytest

from curation.stage import QiratError
from tests.builders import ROOT, record, talk
from training.arms import few_shot, prompt_sections, prompted, with_prefix


def split(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String))


def near(**vectors: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {"conversation_id": list(vectors), "vector": list(vectors.values())},
        schema={"conversation_id": pl.String, "vector": pl.Array(pl.Float32, 2)},
    )


def test_the_prompt_that_ships_speaks_both_languages_and_names_every_escalation() -> None:
    sections = prompt_sections((ROOT / "prompt.md").read_text("utf-8"), "prompt.md")
    assert {"safety team", "customer relations manager", "data protection officer"} <= {
        phrase
        for phrase in ("safety team", "customer relations manager", "data protection officer")
        if phrase in sections["en"]
    }
    assert all(phrase in sections["ar"] for phrase in ("فريق السلامة", "مدير علاقات العملاء", "مسؤول حماية البيانات"))


def test_a_conversation_gets_the_prompt_of_its_language() -> None:
    table = record(talk("a", "b"), talk("c", "d"), talk("e", "f"), language=["ar", "en", "mixed"])
    given = prompted(table, {"en": "Be brief.", "ar": "أوجز."})
    assert [given[i][0]["content"] for i in table["conversation_id"]] == ["أوجز.", "Be brief.", "Be brief."]


def test_a_prompt_without_sections_is_refused() -> None:
    with pytest.raises(QiratError, match="no section found"):
        prompt_sections("Be brief.", "prompt.md")


def test_examples_are_the_nearest_of_the_same_language_nearest_last() -> None:
    train = split(record(talk("near", "1"), talk("far", "2"), talk("same", "3"), talk("قريب", "4")))
    train = train.with_columns(conversation_id=pl.Series(["near", "far", "same", "arabic"]))
    train = train.with_columns(language=pl.Series(["en", "en", "en", "ar"]))
    test = split(record(talk("question", "answer"))).with_columns(conversation_id=pl.lit("asked"))
    vectors = near(near=[1, 0.5], far=[-1, 0], same=[9, 0], arabic=[1, 0], asked=[1, 0])
    shots = few_shot(test, train, vectors, shots=2, shot_words=10)
    assert [m["content"] for m in shots["asked"]] == ["near", "1", "same", "3"]


def test_an_edited_conversation_is_found_by_its_parents_vector() -> None:
    train = split(record(talk("a", "b"))).with_columns(conversation_id=pl.lit("edited"), parent_id=pl.lit("parent"))
    test = split(record(talk("c", "d"))).with_columns(conversation_id=pl.lit("asked"))
    assert "asked" in few_shot(test, train, near(parent=[1, 0], asked=[1, 0]), shots=1, shot_words=10)


def test_replies_of_shown_examples_are_not_counted_as_the_conversations_own() -> None:
    own = talk("question", "answer", system="own rules")
    joined, first = with_prefix([{"role": "system", "content": "prompt"}, *talk("shown", "example")], own)
    assert [m["content"] for m in joined] == ["prompt\n\nown rules", "shown", "example", "question", "answer"]
    assert joined[first]["content"] == "question"


def test_without_vectors_the_overlap_of_the_customers_words_decides() -> None:
    train = split(record(talk("my table is broken", "near"), talk("where is the parcel", "far")))
    test = split(record(talk("the lamp is broken and my chair", "answer"), talk("!?", "answer")))
    shots = few_shot(test, train, near().clear(), shots=1, shot_words=10)
    assert [m["content"] for m in shots[test["conversation_id"][0]]] == ["my table is broken", "near"]
    assert test["conversation_id"][1] not in shots
