"""The tokens of facts carry no loss, and all others of the reply do, for every template family and both scripts."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.facts import facts
from curation.core.text.facts.patterns import KINDS
from curation.curate.facts import with_facts
from tests.builders import record, talk
from tests.training.model.template.families import FAMILIES, decoded, renderer
from training.model.template import IGNORED, Example, Renderer
from training.tokenize import Tokenize, Tokenized, tokenized

WORDS = ["Thank you for waiting,", "it costs", "أهلاً بك، السعر", "وسيصل يوم", "until", "👋🏽 نعم", "é", "(see:", ") ."]
FACTS = ["$31.50", "٤٩٩ ريالاً", "12 March 2025", "الساعة ٥ مساءً", "5:30 pm", "SPRING25", "+966 50 123 4567", "15٪"]
UNLEARN = dict.fromkeys(KINDS, "unlearn")
PARAMS = Tokenize(max_tokens=4000, context=0.5, max_excluded=1, max_lost_replies=1)


def thinking(name: str, messages: list[Any]) -> list[Any]:
    """With thoughts before replies, where the family's template begins each with one."""
    if "thinking" not in name:
        return messages
    return [
        {**m, "content": f"<think>\nأم 7\n</think>\n\n{m['content']}"} if m["role"] == "assistant" else m
        for m in messages
    ]


def made(name: str, messages: list[Any], params: Tokenize = PARAMS) -> Tokenized:
    """The conversation as tokenize makes it, where nothing that a reply states is to be learnt."""
    said = thinking(name, messages)
    places = [
        {"turn": turn, "field": name, "start": fact.start, "end": fact.end, "kind": fact.kind, "treatment": "unlearn"}
        for turn, m in enumerate(said)
        if m["role"] == "assistant"
        for name in ("content", "reasoning")
        for fact in facts(m.get(name) or "")
    ]
    (row,) = record(said).iter_rows(named=True)
    return tokenized({**row, "facts": places}, renderer(name), params)


def learnt(template: Renderer, example: Example) -> str:
    """The letters of the tokens with loss, run by run."""
    runs: list[list[int]] = [[]]
    for token, label in zip(example.input_ids, example.labels, strict=True):
        if label == IGNORED:
            runs.append([])
        else:
            assert label == token
            runs[-1].append(token)
    return "".join(decoded(template, run) for run in runs if run)


def letters(text: str) -> str:
    return "".join(text.split()).replace("<think>", "").replace("</think>", "")


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(WORDS + FACTS), min_size=1, max_size=8))
def test_exactly_the_letters_of_facts_are_not_learnt(name: str, said: list[str]) -> None:
    reply = " ".join(said)
    template = renderer(name)
    found = made(name, talk("How much?", reply, "Thanks", "You are welcome. $7"))
    assert found.reason is None, found.reason
    stated = facts(reply)
    kept = [reply[a:b] for a, b in zip([0, *(f.end for f in stated)], [*(f.start for f in stated), None], strict=True)]
    thought = "أم7" * ("thinking" in name)
    words = "".join(learnt(template, example) for example in found.examples).replace(template.stop_token, "")
    assert letters(words) == letters(f"{thought}{''.join(kept)}{thought}You are welcome.")
    for example in found.examples:
        assert all(example.labels[place] == IGNORED for place in example.unlearnt)
    assert sum(example.facts for example in found.examples) == len(stated) + 1


@pytest.mark.parametrize("name", ["qwen3", "llama 3", "mistral, ours", "gemma"])
@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(WORDS + FACTS + list(".,()!؟«»-سx7")), min_size=1, max_size=8))
def test_no_letter_of_a_fact_is_learnt_whatever_stands_beside_it(name: str, said: list[str]) -> None:
    reply = "".join(said)
    template = renderer(name)
    found = made(name, talk("How much?", reply))
    assert found.reason is None, found.reason
    for example in found.examples:
        for fact in facts(reply):
            assert _held(template, example, reply[fact.start : fact.end])


def _held(template: Renderer, example: Example, fact: str) -> bool:
    """Whether a run of unlearnt tokens holds the fact."""
    runs: list[list[int]] = [[]]
    before = -2
    for place in example.unlearnt:
        if place != before + 1:
            runs.append([])
        runs[-1].append(example.input_ids[place])
        before = place
    return any(fact in decoded(template, run) for run in runs if run)


@pytest.mark.parametrize("name", ["chatml", "llama 3", "gemma with system"])
def test_facts_of_long_conversations_are_left_out_in_every_window(name: str) -> None:
    said = talk(*(part for n in range(12) for part in (f"What is number {n}?", f"It is ${n + 10}.50 until 5 pm, نعم.")))
    found = made(name, said, PARAMS.model_copy(update={"max_tokens": 240}))
    assert len(found.examples) > 1
    assert sum(example.facts for example in found.examples) == 2 * found.replies == 24
    template = renderer(name)
    for example in found.examples:
        words = learnt(template, example).replace(template.stop_token, "")
        assert letters(words) == letters("It is until , نعم." * len(example.turns))


@pytest.mark.parametrize("name", ["chatml", "llama 3", "qwen3.5 thinking"])
@pytest.mark.parametrize("asked", ["learn", "leave_out"])
def test_facts_of_reasoning_are_not_learnt_where_reasoning_is(name: str, asked: str) -> None:
    said = talk("How much?", "هو ٣١ ريالاً فقط.")
    said[1] = {**said[1], "reasoning": "The list says 40 SAR, less 9 SAR."}
    template = renderer(name)
    places = with_facts(record(said), UNLEARN, ()).row(0, named=True)
    found = tokenized(places, template, PARAMS.model_copy(update={"reasoning": asked}))
    if asked == "leave_out" and "thinking" in name:
        assert found.reason is not None  # the family answers with a thought
        return
    assert found.reason is None, found.reason
    words = letters("".join(learnt(template, example) for example in found.examples).replace(template.stop_token, ""))
    assert words == letters("The list says , less ." * (asked == "learn") + "هو فقط.")
    assert sum(example.facts for example in found.examples) == (3 if asked == "learn" else 1)
