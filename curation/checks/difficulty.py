"""How hard a language model finds the replies, and how much the customer's words help it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.harness.errors import QiratError
from curation.harness.files import progress
from curation.record.conversation import as_text

MOST_TOKENS = 1024  # of a conversation; older turns are left out
HARDEST = 20.0  # nats a token; perplexities beyond are of no use


@check(
    "difficulty",
    {"reply_perplexity": "info", "ifd": "info"},
    whole_set=True,  # so that the model is loaded once, in one process
    source="Li et al. 2024, From Quantity to Quality (IFD)",
)
def difficulty(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """What the model named in `score.difficulty_model` makes of the last reply; off unless one is named.

    `reply_perplexity`: of the reply after the conversation. `ifd`: its loss after the conversation over its loss alone.
    Near 1 the customer's words tell nothing about the reply; above, they mislead; low ones are easy already. The folder
    must hold safetensors; no code of it is run. On a GPU where there is one.

    Limits: as good as the model's command of the language; short replies vary most. Only reported: rank and look.
    """
    if context.params.difficulty_model is None:
        return
    measure = _Losses(context.params.difficulty_model)
    rows = conversations.sort("conversation_id").select("conversation_id", "messages").rows()
    for key, messages in progress(rows, "score: difficulty", len(rows)):
        turn = next((t for t in range(len(messages) - 1, 0, -1) if _speaks(messages[t])), None)
        if turn is None:
            continue
        told, alone = measure(f"{as_text(messages[:turn])}\nassistant: ", messages[turn]["content"])
        seen = {"conversation_id": key, "turn": turn}
        yield {**seen, "code": "reply_perplexity", "value": round(math.exp(min(told, HARDEST)), 3)}
        if alone > 0:
            yield {**seen, "code": "ifd", "value": round(told / alone, 4)}


def _speaks(message: Mapping[str, Any]) -> bool:
    return message["role"] == "assistant" and bool(message["content"].strip())


class _Losses:
    """Mean losses (nats a token) of a text after another and by itself. One at a time: no batch changes them."""

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        safe = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            model: Any = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **safe)
        except (OSError, ValueError) as error:
            raise QiratError(f"params.yaml, score.difficulty_model: {folder!r} cannot be loaded ({error})") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)

    def __call__(self, before: str, reply: str) -> tuple[float, float]:
        start = self._tokenizer.bos_token_id or self._tokenizer.eos_token_id or 0
        said = self._tokenizer(reply, add_special_tokens=False).input_ids[: MOST_TOKENS // 2]
        context = self._tokenizer(before, add_special_tokens=False).input_ids[len(said) - MOST_TOKENS + 1 :]
        return self._loss([start, *context], said), self._loss([start], said)

    def _loss(self, context: Sequence[int], said: Sequence[int]) -> float:
        import torch

        ids = torch.tensor([[*context, *said]], device=self._device)
        with torch.inference_mode():
            logits = self._model(ids).logits[0, len(context) - 1 : -1].float()
        return float(torch.nn.functional.cross_entropy(logits, ids[0, len(context) :]))
