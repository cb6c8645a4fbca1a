"""Languages the set is not meant for, and replies in another language than the question."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.language import language_of

TELLING_CHARACTERS = 20  # shorter turns ("ok", "merci!") say little about their language


@check("language", {"unexpected_language": "doubt", "language_mismatch": "doubt"})
def language(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Turns in languages the set is not meant for; replies in another language than the customer's last turn."""
    expected = {*context.params.languages, "mixed", "und"}
    for key, found in conversations.select("conversation_id", "language").iter_rows():
        if found not in expected:
            yield {"conversation_id": key, "code": "unexpected_language", "value": 1, "evidence": f"{found} as a whole"}
    asked: dict[str, str] = {}
    for key, turn, role, text in turns(conversations).iter_rows():
        if role not in ("user", "assistant") or len(text) < TELLING_CHARACTERS:
            continue
        found = language_of(text)
        seen = {"conversation_id": key, "turn": turn, "value": 1}
        if found not in expected:
            yield {**seen, "code": "unexpected_language", "evidence": f"{found}: {text[:80]}"}
        if role == "user":
            asked[key] = found
        elif {found, asked.get(key, found)} == {"en", "ar"}:
            yield {**seen, "code": "language_mismatch", "evidence": f"{asked[key]} -> {found}: {text[:80]}"}
