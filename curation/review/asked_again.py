"""Answers that say nothing that can be used: each is kept, decides nothing, and its conversation comes back.

An edit that changes nothing, a keep beside a correction, a number that is no reply's: whoever gave such an answer
thinks that it is done. So it is taken back on the server, where the record then is open for the same person again,
with the reason on it.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from curation.consensus.consensus import Unusable, usable
from curation.consensus.corrections import Known
from curation.decisions.answers import Answer, Countries
from curation.review.words import isolated, words


def unusable(answers: Sequence[Answer], conversations: pl.DataFrame, countries: Countries) -> list[Unusable]:
    """Those of the answers that are each person's last on a conversation and cannot be used.

    `conversations` have conversation_id, messages and label; answers on others are left alone.
    """
    asked = conversations.filter(pl.col("conversation_id").is_in(sorted({a.conversation_id for a in answers})))
    originals = dict(asked.select("conversation_id", "messages").iter_rows())
    known = Known(frozenset(conversations["label"].drop_nulls()), countries)
    there = [answer for answer in answers if answer.conversation_id in originals]
    return usable(there, originals, known)[1]


def note(one: Unusable, language: str) -> str:
    """What stands on the record, for whom it comes back."""
    return words(language)["again"].format(isolated(one.answer.annotator), one.error.told(language))


def by_conversation(again: Iterable[Unusable]) -> dict[str, list[Unusable]]:
    """In the order given."""
    found: dict[str, list[Unusable]] = {}
    for one in again:
        found.setdefault(one.answer.conversation_id, []).append(one)
    return found
