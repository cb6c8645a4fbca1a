"""What the adapter repeats of single training conversations, word for word.

Phrases of the house stand in many conversations and are what it shall learn. A run of words that stands in one or two
of them only, and not in the conversation it answers, was learnt by heart. Told in the report; it stops promotion only
where it is personal data. Source of the measure: Carlini et al. 2021 and 2023, verbatim overlap of generations with
training data; runs are counted in words here, which Arabic and English share.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curation.core.record.conversation import is_taught, message
from curation.core.text.folding import fold
from curation.privacy import conversation_finds
from training.judge.rules import replies

WORDS = 8  # the shortest run that is told
PARTICULAR = 2  # training conversations; what stands in more is the house's own phrase
MEMORISED = pl.Schema(
    {
        "what": pl.String,  # verbatim or personal
        "value": pl.Int64,  # words of the run; 1 for personal data
        "conversation_id": pl.String,  # the test conversation that was answered
        "turn": pl.Int32,
        "source": pl.String,  # the training conversation it stands in
        "evidence": pl.String,  # the run, folded; of personal data its kind only
    }
)
_WORD = re.compile(r"\w+")


Messages = Sequence[Mapping[str, Any]]
Gram = tuple[str, ...]
Value = tuple[str, str]  # kind and value of a piece of personal data


def memorised(
    predictions: pl.DataFrame, conversations: pl.DataFrame, train: pl.DataFrame, countries: Sequence[str]
) -> pl.DataFrame:
    """MEMORISED: the longest run of each reply, and every piece of personal data; the longest first."""
    rows = dict(conversations.select("conversation_id", "messages").iter_rows())
    written = [
        (conversation, turn, text, rows[conversation][:turn])
        for (_, conversation), said in replies(predictions).items()
        for turn, text in said.items()
    ]
    new = {place: _new_values(text, before, countries) for place, (_, _, text, before) in enumerate(written)}
    sources = _sources({gram for _, _, text, _ in written for gram in _grams(_words(text))}, train)
    owners = _owners({value for values in new.values() for value in values}, train, countries)
    found: list[tuple[str, int, str, int, str, str]] = []
    for place, (conversation, turn, text, before) in enumerate(written):
        if run := _longest_run(_words(text), before, sources):
            found.append(("verbatim", len(run), conversation, turn, min(sources[tuple(run[:WORDS])]), " ".join(run)))
        repeated = sorted(new[place] & owners.keys())
        found += [("personal", 1, conversation, turn, owners[kind, value], kind) for kind, value in repeated]
    table = pl.DataFrame(found, schema=MEMORISED, orient="row")
    return table.sort("value", "conversation_id", "turn", "evidence", descending=[True, False, False, False])


def _sources(wanted: set[Gram], train: pl.DataFrame) -> dict[Gram, set[str]]:
    """Which training conversations hold each of these runs in a reply."""
    found: defaultdict[Gram, set[str]] = defaultdict(set)
    for key, messages in train.select("conversation_id", "messages").iter_rows():
        for m in messages:
            if is_taught(m):
                for gram in wanted.intersection(_grams(_words(m["content"]))):
                    found[gram].add(key)
    return found


def _owners(wanted: set[Value], train: pl.DataFrame, countries: Sequence[str]) -> dict[Value, str]:
    """A training conversation that holds each of these personal data."""
    found: dict[Value, str] = {}
    if wanted:
        for key, messages in train.select("conversation_id", "messages").sort("conversation_id").iter_rows():
            for _, value in _values(messages, countries):
                if value in wanted:
                    found.setdefault(value, key)
    return found


def _new_values(text: str, before: Messages, countries: Sequence[str]) -> set[Value]:
    """Personal data of a reply that what stood before it does not hold."""
    values = list(_values([*before, message("assistant", text)], countries))
    given = {value for turn, value in values if turn < len(before)}
    return {value for turn, value in values if turn == len(before)} - given


def _longest_run(words: Sequence[str], before: Messages, sources: Mapping[Gram, set[str]]) -> Sequence[str]:
    """The longest run of words that particular training replies hold and that was not said before; or none."""
    known = {gram for m in before for gram in _grams(_words(m["content"]))}
    longest, start = (0, 0), None
    for at, gram in enumerate([*_grams(words), ()]):
        particular = gram in sources and gram not in known and len(sources[gram]) <= PARTICULAR
        if particular and start is None:
            start = at
        elif not particular and start is not None:
            longest, start = max(longest, (start, at - 1 + WORDS), key=lambda run: run[1] - run[0]), None
    return words[slice(*longest)]


def _values(messages: Messages, countries: Sequence[str]) -> Iterator[tuple[int, Value]]:
    for turn, _, find in conversation_finds(messages, countries):
        yield turn, (find.kind, find.value)


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def _grams(words: Sequence[str]) -> list[Gram]:
    return [tuple(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1)]
