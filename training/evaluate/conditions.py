"""Under which conditions the arms were judged: what the verdict must say of the test, whatever the figures are."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

import polars as pl

from curation.core.record.conversation import is_taught
from curation.core.text.folding import fold
from curation.core.text.sentences import sentences
from training.judge.languages import LanguageProfile, left_out
from training.judge.reasons import Reason, Voice
from training.judge.scoring import ALL, by_languages, reply_turns

CUT = 0.05  # of the team's own replies: from here on a limit decides how replies end, and with them how they are judged
# Of the sentences in the team's test replies: from here on most of what a reply needs can be copied out of train, so
# that an adapter may win by heart what it could not say in words of its own.
KNOWN = 0.5
_WORD = re.compile(r"\w+")


def voice(
    train: pl.DataFrame, test: pl.DataFrame, answered: pl.DataFrame, profiles: Mapping[str, LanguageProfile]
) -> Voice:
    """`train` and `test` are whole splits, `answered` the conversations that were answered freely."""
    silent = [code for code, its in profiles.items() if not its.judged]
    judged = test.filter(~pl.col("language").is_in(silent))
    return Voice(told=[*left_out(profiles), *_spelt_or_cut(profiles), *_sentences(train, judged), *_turns(answered)])


def known_sentences(train: pl.DataFrame, test: pl.DataFrame) -> dict[str, tuple[float, int]]:
    """By language of the test, and over ALL: share of the team's sentences that stand in train, and how many there are.

    Folded, word for word; what stands between the words does not count.
    """
    known = set(_said(train))
    found = {}
    for language, part in by_languages(test):
        said = Counter(_said(part))
        if number := said.total():
            found[language] = (sum(times for one, times in said.items() if one in known) / number, number)
    return found


def figures(train: pl.DataFrame, test: pl.DataFrame) -> dict[str, float]:
    """For metrics."""
    return {f"test_sentences_in_train_{code}": share for code, (share, _) in known_sentences(train, test).items()}


def _spelt_or_cut(profiles: Mapping[str, LanguageProfile]) -> Iterator[Reason]:
    for code, its in profiles.items():
        if its.judged and its.unknown:
            yield Reason("spelt", {"language": code, "n": its.conversations, "share": its.spelt})
        if its.judged and its.cut > CUT:
            yield Reason("cut", {"language": code, "limit": its.limit, "share": its.cut})


def _sentences(train: pl.DataFrame, test: pl.DataFrame) -> Iterator[Reason]:
    share, number = known_sentences(train, test).get(ALL, (0.0, 0))
    if share > KNOWN:
        yield Reason("known_sentences", {"share": share, "n": number})


def _turns(answered: pl.DataFrame) -> Iterator[Reason]:
    several = sum(len(reply_turns(messages)) > 1 for messages in answered["messages"])
    if several:
        yield Reason("true_turns", {"n": several, "of": answered.height})


def _said(conversations: pl.DataFrame) -> Iterator[str]:
    """The team's sentences, folded, as their words."""
    for messages in conversations["messages"]:
        for m in messages:
            if is_taught(m) and m["content"]:
                yield from filter(None, (" ".join(_WORD.findall(fold(s))) for s in sentences(m["content"])))
