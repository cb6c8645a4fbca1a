"""How hard a language model finds the replies, and how much the customer's words help it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check, records
from curation.core.record.conversation import as_text
from curation.harness.files import progress

HARDEST = 20.0  # nats a token; perplexities beyond are of no use


@check(
    "difficulty",
    whole_set=True,  # so that the model is in one process only
    tried="never",
    source="Li et al. 2024, From Quantity to Quality (IFD)",
)
def difficulty(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """What the model named in `score.difficulty_model` makes of the last reply; off unless one is named.

    `reply_perplexity`: of the reply after the conversation. `ifd`: its loss after the conversation over its loss alone.
    Near 1 the customer's words tell nothing about the reply; above, they mislead; low ones are easy already. The folder
    must hold safetensors; no code of it is run. On a GPU where there is one.

    Limits: as good as the model's command of the language; short replies vary most. Only reported: rank and look.
    """
    if context.losses is None:
        return
    parts = records(conversations, conversations, context)
    rows = (row for part in parts for row in part.select("conversation_id", "messages").iter_rows())
    for key, messages in progress(rows, "score: difficulty", conversations.height):
        replies = [t for t, m in enumerate(messages) if t and m["role"] == "assistant" and m["content"].strip()]
        if not replies:
            continue
        turn = replies[-1]
        told, alone = context.losses(f"{as_text(messages[:turn])}\nassistant: ", messages[turn]["content"])
        seen = {"conversation_id": key, "turn": turn}
        yield {**seen, "code": "reply_perplexity", "value": round(math.exp(min(told, HARDEST)), 3)}
        if alone > 0:
            yield {**seen, "code": "ifd", "value": round(told / alone, 4)}
