"""Abuse: what customers should not have said and agents must not say."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import polars as pl

from curation.checks.check import Context, check, lists_of
from curation.record.conversation import turns
from curation.text.folding import fold, folded

MILD, STRONG = 1, 2
_DISGUISED = {"a": "a@4*", "e": "e3*", "i": "i1!|*", "o": "o0*", "s": "s$5*", "t": "t7+*", "u": "uv*", "c": "c*"}
_BETWEEN = r"[\s._*-]"  # the letters of a word spelled out: f u c k, f.u.c.k
_EDGE = "[^a-z0-9ء-ي]"  # of a word, in folded text
_CLITIC = "[وفبلك]?(?:ال|هال)?"  # written as one word with what follows
SHORTEST_DISGUISED = 4  # letters


@check("profanity", version=2, languages=("en", "ar"), source="own word lists, curation/checks/lists/profanity.yaml")
def profanity(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Swear words, insults and curses in English and Arabic (standard and dialects), and the rudeness of agents.

    Whole words of `profanity.yaml` in folded text, so "Scunthorpe" and "class" are safe; also drawn out ("damnnn"),
    disguised ("f**k", "sh1t", "#@$%!") or spelled out ("f u c k"), and Arabic in Latin letters ("kosomak"). Words with
    a harmless use ("dumb", "كلب") count where somebody is called so. `value` = 1 for mild, 2 for strong words, the
    worst of each side. Customers do swear, and the model must answer them: theirs is a matter of taste, an agent's
    never.

    Limits: irony, threats and contempt in polite words are not seen.
    """
    said = (
        turns(conversations).filter(pl.col("role").is_in(["user", "assistant"])).with_columns(folded(pl.col("content")))
    )
    agents = pl.col("role") == "assistant"
    strong, mild, rude = (pl.col("content").str.extract(pattern, 1) for pattern in _patterns())
    mild = pl.coalesce(mild, pl.when(agents).then(rude))
    found = said.select("conversation_id", "turn", agents.alias("agents"), strong=strong, mild=mild)
    bad = found.filter(pl.col("strong").is_not_null() | pl.col("mild").is_not_null())
    worst = bad.sort("strong", "turn", nulls_last=True).unique(["conversation_id", "agents"], keep="first")
    for key, turn, by_agent, strongly, mildly in worst.sort("conversation_id", "turn").iter_rows():
        yield {
            "conversation_id": key,
            "code": "profanity_agent" if by_agent else "profanity",
            "turn": turn,
            "value": STRONG if strongly else MILD,
            "threshold": MILD,
            "evidence": strongly or mildly,
        }


@functools.cache
def _patterns() -> tuple[str, str, str]:
    """Patterns of strong words, of mild ones and of rudeness, for folded text; the first group holds the words."""
    lists = lists_of("profanity")
    strong: list[str] = []
    mild: list[str] = []
    rude: list[str] = []
    for words in lists.values():
        strong += [_as_written(w) for w in [*words["strong"], *words.get("strong_as_written", ())]]
        strong += [form for w in words["strong"] if len(w) >= SHORTEST_DISGUISED and w.isascii() for form in _hidden(w)]
        strong += words.get("masked", ())
        mild += map(_as_written, words["mild"])
        mild += [_called(**words["called"])] if "called" in words else []
        rude += map(_as_written, words.get("from_agents", ()))
    return _whole(strong), _whole(mild), _whole(rude)


def _whole(forms: Sequence[str]) -> str:
    either = "|".join(sorted(forms, key=len, reverse=True))
    return rf"(?:^|{_EDGE}){_CLITIC}({either})(?:$|{_EDGE})"


def _as_written(phrase: str) -> str:
    """Each letter may be drawn out; a doubled one stays doubled, so that "as" is no insult."""
    stem = fold(phrase.rstrip("*"))
    runs = [(letter, len(list(run))) for letter, run in groupby(stem)]
    drawn = "".join(r"\s+" if c == " " else f"{re.escape(c)}{{{n},}}" if n > 1 else f"{re.escape(c)}+" for c, n in runs)
    return drawn + _ending(phrase)


def _hidden(phrase: str) -> tuple[str, str]:
    """With look-alikes and stars after the first letter; and letter by letter."""
    stem = phrase.rstrip("*").replace(" ", "")
    classes = [f"[{re.escape(_DISGUISED.get(c, c + '*'))}]" for c in stem[1:]]
    return re.escape(stem[0]) + "".join(classes) + _ending(phrase), _BETWEEN.join(map(re.escape, stem))


def _ending(phrase: str) -> str:
    return "[a-zء-ي]*" if phrase.endswith("*") else ""


def _called(by: Sequence[str], between: Sequence[str], names: Sequence[str]) -> str:
    """Somebody is called a name: "you are such an idiot", "يا حمير يا كلاب"."""
    either = ["|".join(map(_as_written, words)) for words in (by, between, names)]
    return rf"(?:{either[0]})\s+(?:(?:{either[1]})\s+){{0,2}}(?:ال)?(?:{either[2]})"
