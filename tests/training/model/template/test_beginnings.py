"""Beginnings told in one go are what is rendered of each alone; a template that looks further is not taken for one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import talk
from tests.training.model.template.families import CHATML, FAMILIES, answered, renderer, tokenizer
from training.model.template.beginnings import OneByOne, UntoldError

CONTENT, END, LOOP = "message['content']", "{% endfor %}", "{% for message in messages %}"
SIMPLE = ("", "a", "long", "أين طلبي؟")
talks = st.lists(st.sampled_from(SIMPLE), min_size=1, max_size=6).map(lambda said: talk(*said))
FURTHER = {
    "the last message": CHATML.replace(f"+ {CONTENT}", f"+ {CONTENT} + ('!' if loop.last else '')"),
    "the next message": CHATML.replace(f"+ {CONTENT}", f"+ {CONTENT} + ('!' if loop.nextitem is defined else '')"),
    "the place from the end": CHATML.replace(f"+ {CONTENT}", f"+ {CONTENT} + loop.revindex | string"),
    "the end of the list": "{{ messages[-1].content }}" + CHATML,
    "the third": "{{ messages[2].content if messages[2] is defined }}" + CHATML,
    "how many": "{% if messages | length > 2 %}Long.{% endif %}" + CHATML,
    "whether it is a list": "{{ messages is sequence }}{{ messages is string }}" + CHATML,
    "the list as text": CHATML + "{% if not add_generation_prompt %}{% endif %}{{ messages }}",
    "the list compared": "{{ messages == [messages[0]] }}" + CHATML,
    "an attribute of the list": "{{ messages.count is defined }}" + CHATML,
    "a loop before": "{% for m in messages %}{{ m.role[0] }}{% endfor %}" + CHATML,
    "backwards": CHATML.replace("in messages", "in messages | reverse"),
    "from a place on": CHATML.replace("in messages", "in messages[-2:]"),
    "some": CHATML.replace("in messages", "in messages if message.content != 'long'"),
    "left at one": CHATML.replace(LOOP, LOOP + f"{{% if {CONTENT} == 'long' %}}{{% break %}}{{% endif %}}"),
    "another by that name": CHATML.replace(LOOP, LOOP + "{% set message = {'role': 'user', 'content': 'x'} %}"),
    "a count behind the loop": "{% set ns = namespace(n=0) %}"
    + CHATML.replace(LOOP, LOOP + "{% set ns.n = ns.n + 1 %}")
    + "{{ ns.n }}",
    "what was last behind the loop": CHATML + "{{ messages[-1].role }}",
    "a macro behind the loop": "{% macro n() %}{{ messages | length }}{% endmacro %}" + CHATML + "{{ n() }}",
    "whether a reply is asked for": "{{ add_generation_prompt }}" + CHATML,
    "a refusal": CHATML.replace(
        LOOP, LOOP + f"{{% if {CONTENT} == 'long' %}}{{{{ raise_exception('no') }}}}{{% endif %}}"
    ),
    "JSON": CHATML.replace(CONTENT, f"({CONTENT} | tojson)"),
    "the date": "{{ strftime_now('%Y') if strftime_now is defined }}" + CHATML,
}


def told(name: str, template: str, said: list[Any]) -> int:
    """How many of the texts that a server or a trainer could ask for are told in one go; each as rendered alone."""
    made = renderer(name).tokenizer
    arguments = renderer(name).arguments
    try:
        beginnings = OneByOne(template, {**made.special_tokens_map, **arguments}).beginnings(said)
    except UntoldError:
        return 0
    count = 0
    for end in range(1, len(said) + 1):
        for generation in (False, True):
            try:
                text = beginnings.text(end, generation=generation)
            except UntoldError:
                continue
            count += 1
            assert text == made.apply_chat_template(
                said[:end], chat_template=template, add_generation_prompt=generation, tokenize=False, **arguments
            )
    return count


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=15, deadline=None)
@given(said=talks, system=st.booleans())
def test_what_is_told_in_one_go_is_what_is_rendered_of_each_beginning(name: str, said: list[Any], system: bool) -> None:
    said = answered(name, [{"role": "system", "content": "be kind"}, *said] if system else said)
    told(name, FAMILIES[name]().template, said)


@pytest.mark.parametrize("what", FURTHER)
@settings(max_examples=15, deadline=None)
@given(said=talks)
def test_a_template_that_looks_further_is_not_taken_at_its_word(what: str, said: list[Any]) -> None:
    told("chatml", FURTHER[what], said)


def test_templates_that_read_one_message_after_another_are_told_in_one_go() -> None:
    said = talk("a", "b", "c", "d")
    whole = {name for name in FAMILIES if told(name, FAMILIES[name]().template, answered(name, said)) == 2 * len(said)}
    assert whole >= {"chatml", "qwen2.5", "llama 3", "llama 3.2", "gemma 3", "mistral, ours", "phi 3.5", "command r"}
    assert not {name for name in whole if "thinking" in name or name == "qwen3"}
    assert sum(told("chatml", template, said) == 0 for template in FURTHER.values()) > len(FURTHER) / 2


def test_beginnings_are_read_as_far_as_they_are_asked_for() -> None:
    read = list[str]()

    class Message(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            read.append(key)
            return super().__getitem__(key)

    said = [Message(m) for m in talk(*"abcdefgh")]
    one_by_one = OneByOne(CHATML, tokenizer(FAMILIES["chatml"]()).special_tokens_map)
    one_by_one.beginnings(said).text(2, generation=True)
    assert len(read) <= 3 * len(("role", "content"))
