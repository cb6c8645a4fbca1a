from typing import Any

import polars as pl
import pytest

from curation.checks import codes as registry
from curation.consensus.corrections import edited
from curation.core.record.conversation import conversations, message
from curation.decisions.answers import Countries
from curation.review.records import Shown, records
from curation.review.why import Meanings


def line(table: pl.DataFrame, codes: list[str], evidence: list[str], **columns: Any) -> pl.DataFrame:
    """What lineup.py gives: the rows of the table, all alike."""
    given = {"round": 1, "purpose": "doubt", "priority": 0.5, "codes": codes, "evidence": evidence, "group": "g"}
    ranked = table.select("conversation_id", rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    values = {name: pl.lit(value) for name, value in (given | columns).items()}
    return ranked.with_columns(**values).cast({"codes": pl.List(pl.String), "evidence": pl.List(pl.String)})


def shown(
    *messages: Any,
    language: str = "en",
    codes: tuple[str, ...] = ("outlier",),
    evidence: tuple[str, ...] = (),
    countries: Countries = None,
    turns: tuple[int, ...] = (),
    **columns: Any,
) -> Any:
    """The record of a conversation; something for the first code was found in these turns."""
    row = {"row_id": "f:1", "messages": messages, "language": language, "source": "openai_chat", "label": "refund"}
    table = conversations([row])
    found = pl.DataFrame({"turn": turns}, schema={"turn": pl.Int32}).with_columns(
        conversation_id=pl.lit(table["conversation_id"][0]), code=pl.lit(codes[0] if codes else ""), value=pl.lit(1.0)
    )
    beside = Shown(found, meanings=Meanings(registry.codes()))
    return records(line(table, list(codes), list(evidence), **columns), table, countries, beside)[0]


def test_the_record_is_named_by_its_words() -> None:
    one, other = (shown(message("user", text)) for text in ("a", "b"))
    assert one["external_id"] != other["external_id"]
    assert one["external_id"] == shown(message("user", "a"), codes=("repetition",))["external_id"]


def test_a_second_look_is_a_record_of_its_own() -> None:
    first, second = (shown(message("user", "a"), round=look)["external_id"] for look in (1, 2))
    assert second == f"{first}.2"


def test_only_replies_carry_the_number_by_which_they_are_corrected() -> None:
    found = shown(message("system", "s"), message("user", "u"), message("assistant", "a"))["fields"]["conversation"]
    assert [bubble["content"] for bubble in found] == ["s", "u", "\\[3\\]\na"]


def test_an_empty_turn_is_shown_as_empty_in_the_language_of_the_conversation() -> None:
    assert shown(message("assistant", ""))["fields"]["conversation"][0]["content"].endswith("\\(empty\\)")
    assert "فارغ" in shown(message("assistant", " "), language="ar")["fields"]["conversation"][0]["content"]


def test_a_tool_call_is_shown() -> None:
    found = shown(message("assistant", "", tool_calls=[{"name": "refund"}]))["fields"]["conversation"]
    assert "refund" in found[0]["content"]


@pytest.mark.parametrize(("role", "number"), [("user", ""), ("assistant", "\\[1\\]\n")])
def test_a_long_message_is_shown_whole_in_bubbles_that_argilla_takes(role: str, number: str) -> None:
    found = shown(message(role, "&" * 60_000))["fields"]["conversation"]
    assert all(len(bubble["content"]) <= 20_000 for bubble in found)
    assert "".join(bubble["content"] for bubble in found) == number + "&amp;" * 60_000


def test_a_very_long_conversation_ends_with_a_note_of_what_is_missing() -> None:
    found = shown(*(message("user", str(n)) for n in range(700)))["fields"]["conversation"]
    assert len(found) <= 500 and found[-1]["content"] == "\\(cut here: 201 more turns\\)"


def test_why_says_in_plain_words_what_was_seen_and_where_the_label_came_from() -> None:
    codes, evidence = ("ungrounded_price", "my_own_check"), ("ungrounded_price: costs $5", "my_own_check: ")
    english = shown(message("user", "u"), codes=codes, evidence=evidence)["fields"]["why"]
    seen = english.replace("\u2068", "").replace("\u2069", "").splitlines()
    assert seen[1:] == [r"  - costs \$5", "- **my own check**", "", "Label from the source: refund"]
    arabic = shown(message("user", "u"), codes=codes, evidence=evidence, language="ar")["fields"]["why"]
    assert "يذكر الرد" in arabic and "التصنيف من المصدر" in arabic


def test_evidence_cannot_leave_its_line_or_run() -> None:
    why = shown(message("user", "u"), evidence=("outlier: a\n\n# <script>alert(1)</script>",))["fields"]["why"]
    assert "  - \u2068a \\# &lt;script&gt;alert\\(1\\)&lt;/script&gt;\u2069" in why.splitlines()


def test_personal_data_is_covered_in_what_is_shown_also_across_two_bubbles() -> None:
    phone = "+966 55 123 4567"
    found = shown(
        message("user", "-" * 3_980 + phone),
        message("assistant", "", tool_calls=[{"to": "a.b@example.com"}]),
        evidence=(f"outlier: says {phone}",),
        countries=("SA",),
    )
    assert "4567" not in str(found) and "example.com" not in str(found)
    assert r"\[phone\]" in found["fields"]["why"]
    assert r"\[email\_1\]" in found["fields"]["conversation"][-1]["content"]


def test_a_code_that_nobody_explains_is_shown_by_its_name() -> None:
    assert "odd thing" in shown(message("user", "hi"), codes=("odd_thing",))["fields"]["why"]


def test_filters_are_given_as_metadata_without_empty_values() -> None:
    table = conversations([{"row_id": "f:1", "messages": [message("user", "u")], "language": "en", "source": "x"}])
    [found] = records(line(table, ["outlier"], []), table, None)
    assert found["metadata"].pop("digest")
    assert found["metadata"] == {
        "language": "en",
        "source": "x",
        "rank": 1,
        "purpose": "doubt",
        "round": 1,
        "codes": ["outlier"],
        "priority": 0.5,
        "group": "g",
    }


@pytest.mark.parametrize("language", ["en", "ar"])
def test_samples_and_gold_rows_cannot_be_told_apart(language: str) -> None:
    talk = message("user", "u"), message("assistant", "a")
    given = [
        shown(*talk, language=language, purpose=purpose, turns=(1,), codes=codes)
        for purpose, codes in (("blind_accepted", ()), ("blind_rejected", ("outlier",)), ("gold", ()))
    ]
    for record in given:
        assert record["metadata"].pop("purpose") and record["metadata"].pop("digest")
    assert given[0] == given[1] == given[2]
    assert given[0]["corrected"] is None and not {"codes", "priority", "group"} & set(given[0]["metadata"])


def test_a_conversation_that_stands_in_two_files_is_one_record() -> None:
    rows = [{"row_id": f"f:{n}", "messages": [message("user", "u")], "language": "en", "source": "x"} for n in (1, 2)]
    table = conversations(rows)
    assert len(records(line(table, ["outlier"], []).head(1), table, None)) == 1


def test_a_likelier_label_is_told_in_the_language_of_the_conversation_and_never_filled_in() -> None:
    seen = {"codes": ("doubtful_label",), "evidence": ("doubtful_label: given refund, the words say late_order",)}
    english, arabic = (shown(message("user", "u"), language=language, **seen) for language in ("en", "ar"))
    assert r"It is labelled refund; its words look like late\_order." in english["fields"]["why"]
    assert "وكلامها أقرب إلى late" in arabic["fields"]["why"]
    assert english["corrected"] is None


def test_another_label_doubt_or_vector_makes_another_digest_and_a_rank_nearby_does_not() -> None:
    talk = message("user", "u")
    digests = [
        shown(talk, **given)["metadata"]["digest"]
        for given in ({}, {"rank": 7}, {"rank": 700}, {"codes": ("echo",)}, {"purpose": "gold"})
    ]
    assert digests[0] == digests[1] and len(set(digests)) == 4


# -- what is there to be edited ----------------------------------------------------------------------------------------

TALK = [message("user", "hi"), message("assistant", "one"), message("user", "and?"), message("assistant", "two")]


def test_doubted_replies_are_there_to_be_edited_under_their_numbers() -> None:
    assert shown(*TALK, turns=(3, 1, 3))["corrected"] == "[2]\none\n\n[4]\ntwo"
    assert edited(TALK, shown(*TALK, turns=(3, 1))["corrected"]) is None, "left as it stands it corrects nothing"


def test_what_customers_say_and_what_is_doubted_as_a_whole_is_not_there_to_be_edited() -> None:
    assert shown(*TALK, turns=(0,))["corrected"] is None
    assert shown(*TALK)["corrected"] is None


def test_a_reply_that_is_empty_or_very_long_or_looks_numbered_is_not_there_to_be_edited() -> None:
    for reply in ("", "word " * 3_000, "as said\n[1]\nabove"):
        assert shown(message("user", "u"), message("assistant", reply), turns=(1,))["corrected"] is None


def test_personal_data_is_covered_in_what_is_there_to_be_edited_and_comes_back() -> None:
    talk = [message("user", "u"), message("assistant", "Call +966 55 123 4567.")]
    given = shown(*talk, turns=(1,), countries=("SA",))["corrected"]
    assert given == "[2]\nCall [phone_1]."
    after = edited(talk, given.replace("Call", "Please call"), ("SA",))
    assert after and after[1]["content"] == "Please call +966 55 123 4567."


# -- vectors -----------------------------------------------------------------------------------------------------------


def test_vectors_go_with_their_conversation_and_a_text_of_nothing_has_none() -> None:
    rows = [{"row_id": f"f:{n}", "messages": [message("user", n)], "language": "en", "source": "x"} for n in "ab"]
    table = conversations(rows)
    vectors = pl.DataFrame(
        {
            "conversation_id": table["conversation_id"].reverse(),
            "vector": [[0.0, 1.0], [0.123456, 0.0]],
            "reply": [[1.0, 0.0], [0.0, 0.0]],
        },
        schema_overrides={"vector": pl.Array(pl.Float32, 2), "reply": pl.Array(pl.Float32, 2)},
    )
    a, b = (record["vectors"] for record in records(line(table, [], []), table, None, Shown(vectors=vectors)))
    assert a.keys() == {"meaning"} and a["meaning"].tolist() == pytest.approx([0.1235, 0])
    assert b["meaning"].tolist() == [0, 1] and b["reply"].tolist() == [1, 0]
