"""What WhatsApp itself writes into a chat, in the languages of phones.yaml."""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from curation.core.text.folding import fold
from curation.harness.yaml_text import from_yaml

Phrases = Mapping[str, list[str]]  # kind -> phrases

LONGEST = 400  # characters of what the app writes
KINDS = ("media", "deleted message", "call", "notice")
GAP = "…"
_AROUND = " <>.\n"  # what may stand around the words
READ = ("English", "Arabic")  # whose chats Qirat's checks know


def written_by_app(text: str) -> str | None:
    """What kind of message of the app a whole text is, "media" or "call" and so on; None: somebody wrote it."""
    if len(text) > LONGEST:
        return None
    found = _whole().fullmatch(fold(text.strip(_AROUND)))
    return KINDS[int(str(found.lastgroup)[1:])] if found else None


def is_notice(line: str) -> bool:
    """Whether a line without a sender is the app's account of what became of the group.

    Not to be asked of what somebody said: people, too, write that somebody left.
    """
    return len(line) <= LONGEST and any(pattern.fullmatch(fold(line.strip(_AROUND))) for pattern in _notices().values())


def begins_as_notice(line: str) -> bool:
    """`is_notice` of a line that begins with what was done, as Arabic has it, and not with who did it."""
    return bool(_verb_first().fullmatch(fold(line.strip(_AROUND))))


def language_of_phone(app_lines: Iterable[str]) -> str | None:
    """The language in which the app wrote most of these lines, by its English name; None where it is not known."""
    votes: Counter[str] = Counter()
    for line in app_lines:
        if len(line) <= LONGEST:
            told = fold(line.strip(_AROUND))
            votes.update(language for language, pattern in _by_language().items() if pattern.fullmatch(told))
    return votes.most_common(1)[0][0] if votes else None


@functools.cache
def phones() -> Mapping[str, Phrases]:
    """The phrases of each language, by its English name."""
    found: Mapping[str, Phrases] = from_yaml(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    return found


@functools.cache
def behind_a_file() -> re.Pattern[str]:
    """What stands in brackets behind a file's name, folded, in any language."""
    return re.compile("|".join(re.escape(fold(words)) for words in _of_all("attached")))


@functools.cache
def edited() -> re.Pattern[str]:
    """The mark of an edited message, folded, in any language."""
    return re.compile("|".join(re.escape(fold(words)) for words in _of_all("edited")))


def _of_all(kind: str) -> Iterator[str]:
    return (words for phone in phones().values() for words in phone[kind])


@functools.cache
def _whole() -> re.Pattern[str]:
    """What the app writes in somebody's name: phrases that begin with words, not with …"""
    groups = (
        f"(?P<k{place}>{_any(words for words in _of_all(kind) if words[0] != GAP)})" for place, kind in enumerate(KINDS)
    )
    return re.compile("|".join(groups), re.DOTALL)


@functools.cache
def _notices() -> Mapping[str, re.Pattern[str]]:
    return {language: re.compile(_any(phone["notice"]), re.DOTALL) for language, phone in phones().items()}


@functools.cache
def _verb_first() -> re.Pattern[str]:
    return re.compile(_any(words.removeprefix(GAP) for words in phones()["Arabic"]["notice"]), re.DOTALL)


@functools.cache
def _by_language() -> Mapping[str, re.Pattern[str]]:
    """All that the app writes in a language, a file's name with the words behind it among it."""
    return {language: re.compile(_all_of(phone), re.DOTALL) for language, phone in phones().items()}


def _all_of(phone: Phrases) -> str:
    whole = _any(words for kind in KINDS for words in phone[kind])
    return rf"{whole}|[^\n]*\((?:{_any(phone['attached'])})\).*"


def _any(phrases: Iterable[str]) -> str:
    """A pattern of phrases as they are folded; … becomes anything."""
    return "|".join(".*?".join(re.escape(fold(words)) for words in phrase.split(GAP)) for phrase in phrases)
