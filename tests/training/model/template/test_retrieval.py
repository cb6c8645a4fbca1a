"""A fact that is to be read stands before its reply, among others of its kind, in every template family."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from curation.core.text.facts.patterns import KINDS
from curation.curate.facts import with_facts
from tests.builders import record, talk
from tests.training.model.template.families import FAMILIES, answered, decoded, renderer
from training.model.template import IGNORED
from training.tokenize import Facts, Tokenize, retrieval, tokenized

PARAMS = Tokenize(max_tokens=4000, context=0.5, max_excluded=1, max_lost_replies=1)
FACTS = Facts(context="What our systems say:\n{facts}", distractors=2, seed=7)
OTHERS = [
    talk(f"How much is {n}?", f"The {thing} costs {40 + n} SAR.") for n, thing in enumerate(["bed", "rug", "سرير"])
]
ASKED = talk("How much is the lamp?", "The lamp costs 31 SAR, نعم.", "Is it 31 SAR?", "Yes, 31 SAR.")


def rows(name: str, *talks: list[Any]) -> pl.DataFrame:
    table = record(*(answered(name, said) for said in talks))
    return with_facts(table, dict.fromkeys(KINDS, "ground"), ())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fact_that_is_to_be_read_stands_before_its_reply_and_is_learnt(name: str) -> None:
    template = renderer(name)
    table = rows(name, ASKED, *OTHERS)
    looked_up = retrieval([table], template, FACTS)
    found = tokenized(table.row(0, named=True), template, PARAMS, looked_up)
    assert found.reason is None, found.reason
    assert [turn for example in found.examples for turn in example.turns] == [1, 3]
    first = found.examples[0]
    begun = next(place for place, label in enumerate(first.labels) if label != IGNORED)
    before, learnt = decoded(template, first.input_ids[:begun]), decoded(template, first.input_ids[begun:])
    assert "What our systems say:" in before and "The lamp costs 31 SAR" in before
    assert sum(other in before for other in ("40 SAR", "41 SAR", "42 SAR")) == 2
    assert "31 SAR" in learnt and first.unlearnt == []
    whole = "".join(decoded(template, example.input_ids) for example in found.examples[-1:])
    assert whole.count("What our systems say:") == 1  # what the context holds is not given again


def test_the_tool_speaks_where_the_template_tells_one_and_the_question_holds_it_elsewhere() -> None:
    roles = {name: retrieval([rows(name, ASKED)], renderer(name), FACTS).role for name in ("qwen3", "gemma", "chatml")}
    assert roles == {"qwen3": "tool", "gemma": "user", "chatml": "tool"}


def given(said: Sequence[Mapping[str, Any]], seed: int = 7, name: str = "gemma with system") -> list[Any]:
    table = rows(name, said, *OTHERS)
    looked_up = retrieval([table], renderer(name), FACTS.model_copy(update={"seed": seed}))
    row = table.row(0, named=True)
    return looked_up.given("a", row["messages"], row["facts"]).messages


def test_an_agent_who_speaks_first_reads_it_too() -> None:
    first = given([m for m in ASKED if m["content"] != "How much is the lamp?"])[0]
    assert first["role"] == "user" and "The lamp costs 31 SAR" in first["content"]


def test_the_draw_is_the_seeds() -> None:
    assert given(ASKED) == given(ASKED)
    assert any(given(ASKED) != given(ASKED, seed) for seed in range(5))


def test_facts_that_an_earlier_turn_holds_are_not_given() -> None:
    said = talk("Is the lamp 31 SAR?", "Yes, the lamp costs 31.00 SAR.")
    assert [m["content"] for m in given(said)] == [m["content"] for m in said]
