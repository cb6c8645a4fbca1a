"""What annotators see of a conversation: the doubt in sight, calls of tools as lines, and nothing that runs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import codes as registry
from curation.core.record.conversation import message
from curation.core.record.playbook import Playbook
from curation.core.text.markdown import read_back
from curation.review.chat import bubbles, calls, laid_out
from curation.review.why import Meanings, Seen, why

LONG = [m for n in range(100) for m in (message("user", f"Part {n}?"), message("assistant", f"It costs ${n}."))]
RULES = Playbook.model_validate(
    {
        "company": "Zaafaran",
        "max_words": 120,
        "rules": [
            {"id": "closing", "kind": "required", "where": "last_reply", "why": "We never leave in silence."}
            | {"say": {"en": ["anything else"], "ar": ["هل هناك شيء آخر"]}},
            {"id": "no_blame", "kind": "forbidden", "say": {"en": ["calm down"], "ar": ["اهدأ"]}},
        ],
    }
)


def told(*evidence: str, code: str, language: str = "en", findings: Any = ()) -> str:
    row = {"codes": [code], "purpose": "doubt", "label": None, "evidence": [f"{code}: {one}" for one in evidence]}
    said = why(row, language, None, Meanings(registry.codes(), RULES), findings)
    return read_back(said).replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize(
    ("language", "mark"), [("en", "⚠ Doubted: made-up price"), ("ar", "⚠ موضع الشك: made-up price")]
)
def test_the_doubted_turn_of_a_long_conversation_comes_first_marked_and_every_turn_is_there_once(
    language: str, mark: str
) -> None:
    found = bubbles(LONG, language, {121: ["made-up price"]})
    texts = [read_back(bubble["content"]) for bubble in found]
    around = ["[120]\nIt costs $59.", "Part 60?", f"[122]\n{mark}\nIt costs $60.", "Part 61?"]
    assert texts[1:5] == around
    assert [place for place, bubble in enumerate(found) if "doubted" in bubble] == [3]
    assert "120–123" in texts[0] and "200" in texts[0]
    said = sorted(text.split("\n")[-1] for bubble, text in zip(found, texts, strict=True) if bubble["role"] != "system")
    assert said == sorted(m["content"] for m in LONG)
    assert {bubble["part"] for bubble in found if "part" in bubble} == {"1–119", "124–200"}


def test_a_short_conversation_stays_in_its_order() -> None:
    found = bubbles(LONG[:4], "en", {3: ["made-up price"]})
    assert [bubble["role"] for bubble in found] == ["user", "assistant"] * 2 and "part" not in found[0]


def test_a_turn_before_the_doubt_that_would_hide_it_comes_below() -> None:
    found = bubbles([message("user", "word " * 2_000), message("assistant", "I see.")], "en", {1: ["curt"]})
    assert read_back(found[1]["content"]) == "[2]\n⚠ Doubted: curt\nI see."


@pytest.mark.parametrize(
    "call",
    [
        {"name": "refund", "arguments": {"order": "ZH-1", "items": [{"id": 7}, "x"], "note": None}},
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "refund", "arguments": '{"order":"ZH-1","items":[{"id":7},"x"],"note":null}'},
        },
    ],
)
def test_a_call_is_its_name_and_its_arguments_as_lines(call: dict[str, Any]) -> None:
    lines = "→ refund\n  order: ZH-1\n  items:\n    -\n      id: 7\n    - x\n  note: null"
    assert calls(json.dumps([call]), "en") == lines
    assert calls("no JSON", "en") == "no JSON"


@given(st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_every_text_of_a_result_is_shown_whatever_its_form(value: Any) -> None:
    shown = laid_out(json.dumps(value, ensure_ascii=False))
    assert all(text in shown for text in _texts(value))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for one in value.values() for text in _texts(one))]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) and value.isalnum() else []


def test_evidence_is_the_rule_as_the_team_wrote_it() -> None:
    said = told("closing", code="playbook_required").splitlines()
    assert said[0].startswith("- required phrase missing: The replies lack")
    assert said[1:] == ["  - We never leave in silence.", "  - Last reply: Must say one of: «anything else»"]
    arabic = told("closing", code="playbook_required", language="ar")
    assert "عبارة لازمة ناقصة" in arabic and "الرد الأخير: يجب أن يُقال أحد هذه: «هل هناك شيء آخر»" in arabic
    assert "Must not say: «calm down»\n  - Found: «calm down»" in told("no_blame: calm down", code="playbook_forbidden")
    assert "Words in the reply: 150; the playbook allows 120" in told("max_words: 150 words", code="playbook_length")
    assert told("gone_rule", code="playbook_required").endswith("  - gone_rule"), "a rule that was taken out since"


def test_what_was_measured_stands_beside_its_limit() -> None:
    limit = registry.codes()["repetition"].limit.doubt
    said = told("again", code="repetition", findings=[Seen("repetition", 1, 7.25)])
    assert f"7.25 (limit {limit:.3g})" in said
    assert "limit" not in told("closing", code="playbook_required", findings=[Seen("playbook_required", 1, 1.0)])
