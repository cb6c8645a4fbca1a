"""Chat model families as they are published: chat template, special tokens, and a small tokenizer of the same make."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from training.model.template import IGNORED, Example, Renderer

ENGLISH = [
    "Thank you for contacting Zaafaran Home. I am sorry about the delay of your order. It will be with you tomorrow.",
    "Is there anything else I can help you with? Where is my order? You are welcome.",
]
ARABIC = ["شكراً لتواصلك مع زعفران هوم. نعتذر لك عن التأخير. هل هناك شيء آخر؟ أين طلبي؟"]


def byte_level() -> Any:
    """As GPT-2, Qwen, Llama 3, SmolLM: every byte has a token, Arabic of few merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(ENGLISH + ARABIC, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet))
    return made


def _pieces() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a SentencePiece-like model that knows no Arabic letter: those are spelled in bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(ENGLISH, trainers.BpeTrainer(vocab_size=150))
    model = json.loads(trained.to_str())["model"]
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    return {name: n for n, name in enumerate(names)}, [tuple(merge) for merge in model["merges"]]


def _sentencepiece(strip: int) -> Any:
    from tokenizers import Tokenizer, decoders, models

    vocab, merges = _pieces()
    made = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", strip, 0)]
    made.decoder = decoders.Sequence(steps)
    return made


def metaspace() -> Any:
    """As Mistral: a space before the first word of the text, bytes for unknown letters."""
    from tokenizers import pre_tokenizers

    made = _sentencepiece(strip=1)
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return made


def legacy() -> Any:
    """As Llama 2 and Phi-3: a space before the first word of whatever stands between special tokens."""
    from tokenizers import normalizers

    made = _sentencepiece(strip=1)
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return made


def spaces() -> Any:
    """As Gemma: spaces are pieces, none is added."""
    from tokenizers import normalizers

    made = _sentencepiece(strip=0)
    made.normalizer = normalizers.Replace(" ", "▁")
    return made


@dataclass(frozen=True)
class Family:
    """What a tokenizer_config.json would say."""

    template: str
    make: Callable[[], Any] = byte_level
    special: str = "<|im_start|> <|im_end|> <|endoftext|>"
    bos: str | None = None
    eos: str = "<|im_end|>"
    pad: str | None = None
    adds_bos: bool = False  # when a text is tokenised outside of a chat
    swallows: bool = False  # its special tokens take the white space behind them
    arguments: Mapping[str, Any] = field(default_factory=dict)
    system: bool = True  # has a system role
    tools: bool = False  # tells tools and tool calls


def shipped(name: str) -> str:
    """A published chat template that TRL ships."""
    import trl

    return (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


LLAMA = "<|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|> <|python_tag|>"
GEMMA = "<bos> <eos> <start_of_turn> <end_of_turn>"
PHI = "<s> <|endoftext|> <|system|> <|user|> <|assistant|> <|end|>"
COMMAND = (
    "<BOS_TOKEN> <EOS_TOKEN> <|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|> "
    "<|CHATBOT_TOKEN|> <|START_RESPONSE|> <|END_RESPONSE|>"
)
DEEPSEEK = (
    "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜tool▁calls▁begin｜> "
    "<｜tool▁calls▁end｜> <｜tool▁call▁begin｜> <｜tool▁call▁end｜> <｜tool▁sep｜> <｜tool▁outputs▁begin｜> "
    "<｜tool▁outputs▁end｜> <｜tool▁output▁begin｜> <｜tool▁output▁end｜>"
)

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Written by us, built as the family's own are: those that TRL does not ship.
MISTRAL = (
    "{{ bos_token }}{% set opening = '' %}{% if messages[0].role == 'system' %}"
    "{% set opening = messages[0].content + '\n\n' %}{% set messages = messages[1:] %}{% endif %}"
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + (opening if loop.first else '') + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
DEEPSEEK_CHAT = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m.role == 'user' %}{{ '<｜User｜>' + m.content }}"
    "{% elif m.role == 'assistant' %}{{ '<｜Assistant｜>' + m.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)
PLAIN = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + (eos_token if m.role == 'assistant' else '') + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
OFF, ON = {"enable_thinking": False}, {"enable_thinking": True}

FAMILIES: dict[str, Callable[[], Family]] = {
    "chatml": lambda: Family(CHATML, pad="<|im_end|>"),  # the end of a reply is also the padding, as SmolLM2 has it
    "qwen2.5": lambda: Family(shipped("qwen2_5"), pad="<|endoftext|>", tools=True),
    "qwen3": lambda: Family(shipped("qwen3"), pad="<|endoftext|>", arguments=OFF, tools=True),
    "qwen3 thinking": lambda: Family(shipped("qwen3"), pad="<|endoftext|>", arguments=ON, tools=True),
    "qwen3 instruct 2507": lambda: Family(shipped("qwen3_instruct_2507"), tools=True),
    "qwen3.5 thinking": lambda: Family(shipped("qwen3_5_think"), arguments=ON),
    "llama 3": lambda: Family(
        shipped("llama3"), special=LLAMA, bos="<|begin_of_text|>", eos="<|eot_id|>", adds_bos=True
    ),
    "llama 3.2": lambda: Family(
        shipped("llama3_2"),
        special=LLAMA,
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        adds_bos=True,
        arguments={"date_string": "26 Jul 2024"},
        tools=True,
    ),
    "gemma": lambda: Family(
        shipped("gemma"), spaces, GEMMA, "<bos>", "<eos>", pad="<pad>", adds_bos=True, system=False
    ),
    "gemma with system": lambda: Family(
        ours("gemma_with_system"), spaces, GEMMA, "<bos>", "<eos>", pad="<pad>", adds_bos=True
    ),
    "gemma 3": lambda: Family(shipped("gemma3"), spaces, GEMMA, "<bos>", "<eos>", pad="<pad>", adds_bos=True),
    "mistral, ours": lambda: Family(MISTRAL, metaspace, "<s> </s> [INST] [/INST]", "<s>", "</s>", adds_bos=True),
    "mistral, ours, legacy pieces": lambda: Family(MISTRAL, legacy, "<s> </s>", "<s>", "</s>", adds_bos=True),
    "phi 3": lambda: Family(shipped("phi3"), legacy, PHI, "<s>", "<|endoftext|>", swallows=True),
    "phi 3.5": lambda: Family(shipped("phi3_5"), legacy, PHI, "<s>", "<|endoftext|>", swallows=True),
    "command r": lambda: Family(shipped("cohere"), special=COMMAND, bos="<BOS_TOKEN>", eos="<|END_OF_TURN_TOKEN|>"),
    "command r7b": lambda: Family(shipped("cohere2"), special=COMMAND, bos="<BOS_TOKEN>", eos="<|END_OF_TURN_TOKEN|>"),
    "deepseek chat, ours": lambda: Family(
        DEEPSEEK_CHAT, special=DEEPSEEK, bos="<｜begin▁of▁sentence｜>", eos="<｜end▁of▁sentence｜>", adds_bos=True
    ),
    "lfm2": lambda: Family(shipped("lfm2_v2"), bos="<|startoftext|>", tools=True),
    "plain, ours": lambda: Family(PLAIN, special="</s>", eos="</s>"),
    "plain, ours, metaspace": lambda: Family(PLAIN, metaspace, special="</s>", eos="</s>"),
}


def ours(name: str) -> str:
    return (Path(__file__).parents[4] / "training/model/template/jinja" / f"{name}.jinja").read_text("utf-8")


def tokenizer(family: Family, template: str | None = None) -> Any:
    from tokenizers import AddedToken, processors
    from transformers import PreTrainedTokenizerFast

    backend = family.make()
    special = dict.fromkeys([*family.special.split(), *filter(None, (family.bos, family.eos, family.pad))])
    backend.add_special_tokens(
        [AddedToken(token, special=True, normalized=False, rstrip=family.swallows) for token in special]
    )
    if family.adds_bos and family.bos:
        bos = (family.bos, backend.token_to_id(family.bos))
        backend.post_processor = processors.TemplateProcessing(single=f"{family.bos} $A", special_tokens=[bos])
    made: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend, bos_token=family.bos, eos_token=family.eos, pad_token=family.pad
    )
    made.chat_template = template or family.template
    return made


@cache
def renderer(name: str, template: str | None = None) -> Renderer:
    family = FAMILIES[name]()
    return Renderer(tokenizer(family, template), family.arguments)


# -- what tests look at ------------------------------------------------------------------------------------------------

THOUGHT = "<think>\nThey ask for the parcel.\n</think>\n\n"


def answered(name: str, said: list[Any]) -> list[Any]:
    """As this family's data would be: with thoughts where the model is asked to think."""
    if "thinking" not in name:
        return said
    return [{**m, "content": THOUGHT + m["content"]} if m["role"] == "assistant" else m for m in said]


def spans(example: Example) -> list[list[int]]:
    """The runs of tokens with loss, and each of them is what stands in the text."""
    found: list[list[int]] = []
    before = IGNORED
    for token, label in zip(example.input_ids, example.labels, strict=True):
        assert label in (IGNORED, token)
        if label != IGNORED:
            found = [*found, []] if before == IGNORED else found
            found[-1].append(token)
        before = label
    return found


def served(template: Renderer, said: list[Any], tools: Any = None) -> Any:
    """The prompt as transformers and the servers built on it make it."""
    return template.tokenizer.apply_chat_template(
        said, tools=tools, add_generation_prompt=True, tokenize=True, return_dict=False, **template.arguments
    )


def decoded(template: Renderer, tokens: list[int]) -> str:
    return str(template.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))
