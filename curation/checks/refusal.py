"""Replies that speak as a language model, not as the team."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.playbook import Patterns

_MODEL_TALK = Patterns(
    {
        "en": (
            "as an AI",
            "as a language model",
            "as an artificial intelligence",
            "I am an AI",
            "I'm an AI",
            "AI language model",
            "my training data",
            "my knowledge cutoff",
            "I cannot assist with that",
            "I can't assist with that",
            "I'm unable to assist with that",
            "I cannot fulfill",
            "I can't fulfill",
        ),
        "ar": (
            "كنموذج لغوي",
            "بصفتي نموذج",
            "بصفتي نموذجا لغويا",
            "بوصفي نموذجا",
            "كذكاء اصطناعي",
            "بصفتي ذكاء اصطناعيا",
            "نموذج ذكاء اصطناعي",
            "نموذج لغوي",
            "بيانات تدريبي",
            "لا يمكنني المساعدة في هذا الطلب",
        ),
    }
)


@check("refusal", {"model_refusal": "fatal"}, languages=("en", "ar"))
def refusal(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Boilerplate of assistants that refuse or speak of their training; `evidence` = the words."""
    for key, turn, role, text in turns(conversations).iter_rows():
        if role == "assistant" and (found := _MODEL_TALK.find(text, "mixed")):
            yield {"conversation_id": key, "turn": turn, "code": "model_refusal", "value": 1, "evidence": found}
