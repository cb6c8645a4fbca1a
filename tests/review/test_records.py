from typing import Any

import polars as pl
import pytest
import yaml

from curation.conversation import conversations, message
from curation.review.records import Countries, records
from tests.builders import ROOT


def queue(table: pl.DataFrame, codes: list[str], evidence: list[str]) -> pl.DataFrame:
    return table.select(
        "conversation_id",
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        priority=pl.lit(0.5),
        reason=pl.lit("doubt"),
        codes=pl.lit(codes),
        evidence=pl.lit(evidence),
        verdict=pl.lit("review"),
    )


def shown(
    *messages: Any,
    language: str = "en",
    codes: tuple[str, ...] = ("outlier",),
    evidence: tuple[str, ...] = (),
    countries: Countries = None,
) -> Any:
    row = {"row_id": "f:1", "messages": messages, "language": language, "source": "openai_chat", "label": "refund"}
    table = conversations([row])
    return records(queue(table, list(codes), list(evidence)), table, countries)[0]


def test_the_record_is_named_by_its_words() -> None:
    one, other = (shown(message("user", text)) for text in ("a", "b"))
    assert one["external_id"] != other["external_id"]
    assert one["external_id"] == shown(message("user", "a"), codes=("repetition",))["external_id"]


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
    codes, evidence = ("ungrounded_fact", "my_own_check"), ("ungrounded_fact: costs $5", "my_own_check: ")
    english = shown(message("user", "u"), codes=codes, evidence=evidence)["fields"]["why"]
    assert english.splitlines()[1:] == [r"  - costs \$5", "- my own check", "", "Label from the source: refund"]
    arabic = shown(message("user", "u"), codes=codes, evidence=evidence, language="ar")["fields"]["why"]
    assert "يذكر الرد" in arabic and "التصنيف من المصدر" in arabic


def test_evidence_cannot_leave_its_line_or_run() -> None:
    why = shown(message("user", "u"), evidence=("outlier: a\n\n# <script>alert(1)</script>",))["fields"]["why"]
    assert r"  - a \# &lt;script&gt;alert\(1\)&lt;/script&gt;" in why.splitlines()


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


def test_every_doubt_that_people_may_meet_has_plain_words() -> None:
    limits = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))["route"]["limits"]
    words = yaml.safe_load((ROOT / "curation/review/codes.yaml").read_text("utf-8"))
    assert {code for code, limit in limits.items() if "doubt" in limit} <= set(words)


def test_filters_are_given_as_metadata_without_empty_values() -> None:
    table = conversations([{"row_id": "f:1", "messages": [message("user", "u")], "language": "en", "source": "x"}])
    [found] = records(queue(table, ["outlier"], []), table, None)
    assert found["metadata"] == {"language": "en", "source": "x", "codes": ["outlier"], "priority": 0.5, "rank": 1}


def test_a_conversation_that_stands_in_two_files_is_one_record() -> None:
    rows = [{"row_id": f"f:{n}", "messages": [message("user", "u")], "language": "en", "source": "x"} for n in (1, 2)]
    table = conversations(rows)
    assert len(records(queue(table, ["outlier"], []).head(1), table, None)) == 1
