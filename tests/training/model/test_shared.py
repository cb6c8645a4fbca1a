"""What is read once and written in step is what each row alone gives, for every kind of model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import talk
from tests.training.tiny import model, renderer
from training.judge.generation import Decoding, ReplyMemory, generate, generate_and_weigh
from training.model.likelihood import negative_log_likelihoods
from training.model.shared import Reader, packs
from training.model.sharing import can_share
from training.model.template import Example

SIZES: dict[str, Any] = {
    "vocab_size": 600, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "pad_token_id": 1,
}  # fmt: skip
SYSTEM = {"en": "You answer for a shop. Be brief. " * 4, "ar": "أنت تجيب عن متجر. أوجز. " * 4}
ASKED = {"en": ("Where is it?", "Where is my order?", "Hi"), "ar": ("أين طلبي؟", "أين طلبي الآن؟", "أهلاً")}


def made(kind: str) -> Any:
    """A model of random weights, always the same."""
    import torch
    import transformers

    own: dict[str, dict[str, Any]] = {
        "Mistral": {"sliding_window": 8},
        "Mamba": {"state_size": 4},
        "Gemma2": {"sliding_window": 8, "head_dim": 8},
        "Qwen3": {"head_dim": 16},
        "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 2048},
        "Mixtral": {"num_local_experts": 4, "sliding_window": None},
        "Lfm2": {"layer_types": ["conv", "full_attention"]},
    }  # fmt: skip
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**{**SIZES, **own.get(kind, {})})
    name = "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM"
    return getattr(transformers, name)(config).eval()


def adapted() -> Any:
    """The tiny model with an adapter that changes it."""
    import torch
    from peft import LoraConfig, get_peft_model

    tuned = get_peft_model(model(), LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    torch.manual_seed(1)
    return tuned.eval()


def prompts() -> list[list[int]]:
    talks = [talk(f"{SYSTEM[code]}{said}") for code, questions in ASKED.items() for said in questions]
    return [renderer().prompt(messages) for messages in talks]


def examples() -> list[Example]:
    return [
        example
        for code, questions in ASKED.items()
        for said in questions
        for reply in ("Yes.", "نعم، لحظة.")
        for example in renderer().examples(talk(SYSTEM[code], reply[:2], said, reply))
    ]


def alone(given_model: Any, prompt: Sequence[int], limit: int) -> list[int]:
    """The greedy reply by whole passes over everything, without any cache."""
    import torch

    written: list[int] = []
    with torch.no_grad():
        while len(written) < limit and not set(written) & set(renderer().stops):
            logits = given_model(input_ids=torch.tensor([[*prompt, *written]]), use_cache=False).logits
            written.append(int(logits[0, -1].argmax()))
    return [token for token in written if token not in renderer().stops]


MODELS: dict[str, tuple[Callable[[], Any], bool]] = {
    "Llama": (model, True),
    "with an adapter": (adapted, True),
    **{kind: (lambda kind=kind: made(kind), True) for kind in ("Qwen3", "GPT2", "Mixtral")},
    **{kind: (lambda kind=kind: made(kind), False) for kind in ("Mistral", "Gemma2", "Mamba", "Lfm2")},
}


@pytest.mark.parametrize("kind", MODELS)
def test_replies_and_likelihoods_are_those_of_each_row_alone(kind: str) -> None:
    import torch

    build, shares = MODELS[kind]
    given_model = build()
    assert can_share(given_model) == shares
    written = generate(given_model, renderer(), prompts(), Decoding(4, 4))
    expected = [
        renderer().tokenizer.decode(alone(given_model, prompt, 4), skip_special_tokens=True) for prompt in prompts()
    ]
    assert [r.text for r in written] == [text.rstrip("\ufffd").strip() for text in expected]
    with torch.no_grad():
        losses = [
            given_model(input_ids=torch.tensor([e.input_ids]), labels=torch.tensor([e.labels])).loss.item()
            for e in examples()
        ]
    sums = [loss * e.supervised for loss, e in zip(losses, examples(), strict=True)]
    assert negative_log_likelihoods(given_model, examples()) == pytest.approx(sums, abs=1e-4)


def test_a_model_that_heeds_no_mask_is_read_the_plain_way() -> None:
    deaf = model()
    forward = deaf.model.forward
    deaf.model.forward = lambda *given, attention_mask=None, **named: forward(*given, **named)
    assert not can_share(deaf)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_coarser_numbers_are_no_reason_to_read_twice(kind: str) -> None:
    import torch

    assert can_share(model().to(getattr(torch, kind)))


def tokens_read(work: Callable[[Any], Any]) -> int:
    """How many tokens go through the layers, those of `can_share` aside."""
    read: list[int] = []
    asked = model()
    can_share(asked)
    asked.model.layers[0].register_forward_pre_hook(lambda _module, given: read.append(given[0].shape[:2].numel()))
    work(asked)
    return sum(read)


def distinct(rows: Sequence[Sequence[int]]) -> int:
    """Of tokens, each counted once for all that has come to it."""
    return len({tuple(row[:end]) for row in rows for end in range(1, len(row) + 1)})


def test_what_prompts_begin_with_is_read_once() -> None:
    assert tokens_read(lambda m: generate(m, renderer(), prompts(), Decoding(1, 4))) == distinct(prompts())


def test_what_examples_begin_with_is_read_once_and_what_follows_the_last_told_token_not_at_all() -> None:
    ends = [max(at for at, label in enumerate(e.labels) if label >= 0) for e in examples()]
    told = [e.input_ids[:end] for e, end in zip(examples(), ends, strict=True)]
    assert tokens_read(lambda m: negative_log_likelihoods(m, examples(), 4096)) == distinct(told)


def beside() -> list[Example]:
    """The team's replies behind the prompts, one example that begins otherwise, and one without anything to tell."""
    talks = [talk(f"{SYSTEM[code]}{said}", "Yes, نعم.") for code, questions in ASKED.items() for said in questions]
    told = [example for messages in talks for example in renderer().examples(messages)]
    return [*told, *examples()[:1], Example(told[0].input_ids, [-100] * len(told[0].labels), [])]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("batch", [2, 8])
def test_what_is_weighed_beside_replies_is_what_each_gives_alone(kind: str, batch: int) -> None:
    given_model = MODELS[kind][0]()
    both = generate_and_weigh(given_model, renderer(), prompts(), beside(), Decoding(4, batch))
    assert both[0] == generate(given_model, renderer(), prompts(), Decoding(4, batch))
    assert both[1] == pytest.approx(negative_log_likelihoods(given_model, beside()), abs=1e-4)


def test_a_prompt_is_read_once_for_its_reply_and_for_the_teams() -> None:
    told = beside()[: len(prompts())]
    ends = [max(at for at, label in enumerate(e.labels) if label >= 0) for e in told]
    rows = [*prompts(), *(e.input_ids[:end] for e, end in zip(told, ends, strict=True))]
    assert tokens_read(lambda m: generate_and_weigh(m, renderer(), prompts(), told, Decoding(1, 8))) == distinct(rows)


def test_replies_that_are_remembered_leave_what_is_weighed_as_it_was(tmp_path: Path) -> None:
    decoding = Decoding(4, 4, ReplyMemory(tmp_path, "version"))
    for asked in (prompts()[:3], prompts(), prompts()):
        found = generate_and_weigh(model(), renderer(), asked, beside(), decoding)
        assert found[0] == generate(model(), renderer(), asked, Decoding(4, 4))
        assert found[1] == pytest.approx(negative_log_likelihoods(model(), beside()), abs=1e-4)


rows = st.lists(st.lists(st.integers(2, 4), min_size=2, max_size=12), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(rows=rows, most=st.integers(1, 40))
def test_logits_do_not_depend_on_how_rows_are_packed(rows: list[list[int]], most: int) -> None:
    import torch

    found: dict[int, Any] = {}
    asked = model()
    with torch.no_grad():
        reader = Reader(asked)
        for pack in packs(rows, most):
            logits, _ = reader.read([rows[i] for i in pack], [[len(rows[i]) - 2, len(rows[i]) - 1] for i in pack])
            found |= dict(zip(pack, logits.split(2), strict=True))
        for index, row in enumerate(rows):
            expected = asked(input_ids=torch.tensor([row])).logits[0, -2:]
            assert torch.allclose(found[index], expected, atol=1e-6)
