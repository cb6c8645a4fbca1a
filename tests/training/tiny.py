"""A chat model of a few thousand weights and a whole project around it, so that real stages run in seconds."""

import json
import random
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from benchmarks.results import road
from curation.core.record.conversation import conversations
from curation.harness.dvc import listed, stages
from tests.builders import ROOT, params, save, talk
from training import tokenize
from training.model.template import Renderer

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = (
    "<bos> <pad> <|im_start|> <|im_end|> <|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> "
    "<start_of_turn> <end_of_turn> <|system|> <|user|> <|assistant|> <|end|> <|endoftext|> <|START_OF_TURN_TOKEN|> "
    "<|END_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|> <|CHATBOT_TOKEN|>"
).split()
WORDS = [
    "Thank you for contacting Zaafaran Home. I am sorry about the delay of your order.",
    "Is there anything else I can help you with?",
    "شكراً لتواصلك مع زعفران هوم. نعتذر لك عن التأخير. هل هناك شيء آخر؟",
]


@cache
def _backend() -> Any:
    """A byte-level BPE of 500 tokens: every text has tokens and comes back as it was."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=SPECIAL, initial_alphabet=alphabet)
    backend.train_from_iterator(WORDS * 3, trainer)
    return backend


def tokenizer(chat_template: str = CHATML) -> Any:
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(
        tokenizer_object=_backend(), bos_token="<bos>", eos_token="<|im_end|>", pad_token="<pad>"
    )
    made.chat_template = chat_template
    return made


@cache
def renderer(chat_template: str = CHATML) -> Renderer:
    return Renderer(tokenizer(chat_template), {"enable_thinking": False})


def family(name: str) -> str:
    """A published chat template that TRL ships."""
    import trl

    return (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


def model() -> Any:
    """Random weights, always the same."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=600,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
    )
    return LlamaForCausalLM(config).eval()


def project(root: Path, rows: int = 60) -> Path:
    """A project as it stands before `tokenize`, with the tiny model as base."""
    for name in ("dvc.yaml", "playbook.yaml", "prompt.md"):
        shutil.copy(ROOT / name, root / name)
    (root / "data/review").mkdir(parents=True)
    shutil.copy(ROOT / "data/review/pairs.jsonl", root / "data/review")
    model().save_pretrained(root / "tiny")
    tokenizer().save_pretrained(root / "tiny")
    (root / "data").mkdir(exist_ok=True)
    shutil.copy(ROOT / "data/seeds.json", root / "data")
    settings = {
        name: params(name) for stage in road("tokenize", "evaluate") for name in listed(stages()[stage], "params")
    }
    settings["model"]["name"] = "tiny"
    settings["train"]["cpu"] |= {"train_tokens": 1500, "dev_tokens": 500, "learning_rate": 0.01}
    settings["evaluate"] |= {
        "conversations": 6,
        "generated": 4,
        "most": 4,
        "rivals": "every",
        "max_new_tokens": 8,
        "bootstrap": 200,
    }
    settings["evaluate"]["forgetting"] = 2
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    table = support(rows)
    for split, part in (("train", table[: rows - 20]), ("dev", table[-20:-10]), ("test", table[-10:])):
        save(root, f"splits/{split}", part)
    save(root, "embedded/vectors", vectors(table))
    (root / "data/gate").mkdir()
    (root / "data/gate/passed").write_text("passed\n", "utf-8")
    return root


def tokenized(root: Path) -> Path:
    """A `project` after `tokenize`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project(root))
        tokenize.main()
    return root


def support(rows: int) -> pl.DataFrame:
    """Conversations as they stand in data/splits: two thirds English, one third Arabic."""
    draw = random.Random(1)
    made = []
    for n in range(rows):
        order = f"ZH-{draw.randint(10000, 99999)}"
        said = (
            talk(f"أين طلبي {order}؟", WORDS[2])
            if n % 3 == 2
            else talk(f"Where is {order}?", *WORDS[:1], "Ok", WORDS[1])
        )
        made.append(
            {
                "row_id": f"chats.jsonl:{n}",
                "source_file": "chats.jsonl",
                "source_row": n,
                "source": "openai",
                "language": "ar" if n % 3 == 2 else "en",
                "label": "late_delivery",
                "messages": said,
            }
        )
    table = conversations(made)
    return table.with_columns(
        origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String), cluster_id=pl.col("conversation_id")
    )


def vectors(table: pl.DataFrame) -> pl.DataFrame:
    draw = random.Random(2)
    values = [[draw.gauss(0, 1) for _ in range(8)] for _ in range(table.height)]
    return table.select("conversation_id", vector=pl.Series(values, dtype=pl.Array(pl.Float32, 8)))


def set_param(root: Path, section: str, **values: Any) -> None:
    """In the project's params.yaml."""
    path = root / "params.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings[section] |= values
    path.write_text(yaml.safe_dump(settings), "utf-8")


def table(root: Path, name: str) -> pl.DataFrame:
    """That a stage wrote."""
    return pl.read_parquet(root / "data" / f"{name}.parquet")


def numbers(root: Path, stage: str) -> dict[str, float]:
    """Its metrics."""
    found: dict[str, float] = json.loads((root / "metrics" / f"{stage}.json").read_text("utf-8"))
    return found
