"""What a reply takes in each language, and whether the base model can give one in it at all.

Both are read off the team's own replies in train and dev: a limit that cuts them measures the limit, and a model that
spells a language letter by letter is no candidate for serving it. Test conversations decide neither.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import category, east_asian_width

import polars as pl

from curation.core.record.conversation import is_taught
from curation.harness.errors import QiratError
from training.judge.reasons import Reason

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Of the team's replies a limit lets through. With fewer, the team itself would miss baseline.target in conversations of
# several replies: 0.95 of the replies are 0.90 of the conversations with two.
UNCUT = 0.99
# Of the letters in words that are spelt out, from which on a tokenizer does not know the language. SmolLM2, made of
# English: English 0.0002, Arabic 0.99, conversations that mix both 0.38.
SPELT = 0.25
A_LETTER = 0.75  # tokens a letter from which on a word is spelt: a tokenizer joins a common pair in any script
WORD = 4  # letters; shorter words are few tokens anywhere

LANGUAGES = Path("data/baseline/languages.json")
Limit = int | Literal["auto"]
Languages = Literal["auto", "all"] | tuple[str, ...]
Count = Callable[[str], int]  # tokens of a text


@dataclass(frozen=True)
class LanguageProfile:
    """A language of the test conversations, by what the base's tokenizer makes of the team's replies in it."""

    limit: int  # tokens of a written reply, the stop token included
    cut: float  # share of the team's replies in train and dev that are longer
    allowed: int  # tokens that a reply of playbook.max_words would take
    spelt: float  # share of the letters that are written one by one, as `spelt` has it
    judged: bool
    conversations: int  # of test

    @property
    def unknown(self) -> bool:
        """Whether the tokenizer does not know the language."""
        return self.spelt > SPELT


@dataclass(frozen=True)
class Measures:
    """What replies are counted by."""

    tokens: Count
    limit: Limit  # evaluate.max_new_tokens
    most: int  # evaluate.max_tokens: no reply of a conversation that is asked is longer
    max_words: int  # of the playbook


def profiles(
    teams: pl.DataFrame, test: pl.DataFrame, measures: Measures, languages: Languages
) -> dict[str, LanguageProfile]:
    """By code, for each language of `test`. `teams` are the conversations that lengths are read off: train and dev.

    A language without replies in `teams` gets the longest limit of the others.
    """
    numbers = dict(test.group_by("language").len().sort("language").iter_rows())
    said = {code: list(_replies(teams.filter(language=code))) for code in numbers}
    sizes = {code: [measures.tokens(text) + 1 for text in texts] for code, texts in said.items()}
    limits = _limits(sizes, measures)
    shares = {
        code: spelt(texts or _replies(test.filter(language=code)), measures.tokens) for code, texts in said.items()
    }
    chosen = judged(languages, shares)
    if numbers and not chosen:
        raise QiratError(
            f"params.yaml, evaluate.languages: no test conversation is in {', '.join(languages)}; "
            f"expected some of {', '.join(numbers)}, auto or all"
        )
    return {
        code: LanguageProfile(
            limit=limits[code],
            cut=sum(size > limits[code] for size in sizes[code]) / max(1, len(sizes[code])),
            allowed=_tokens_of_words(said[code], sizes[code], measures.max_words),
            spelt=shares[code],
            judged=code in chosen,
            conversations=numbers[code],
        )
        for code in numbers
    }


def judged(languages: Languages, spelt_shares: Mapping[str, float]) -> set[str]:
    """Which of these languages are judged; with auto those the tokenizer knows, or all when it knows none."""
    wanted = {code for code, share in spelt_shares.items() if _wanted(languages, code, share)}
    return wanted or (set(spelt_shares) if languages == "auto" else set())


def judged_beside(
    found: Mapping[str, LanguageProfile], languages: Languages, texts: Mapping[str, Sequence[str]], tokens: Count
) -> set[str]:
    """The languages in which something else is asked, by texts in each; all when none of them is judged.

    What was said of a language of the test holds; another is judged by the texts themselves.
    """
    return {
        code
        for code, said in texts.items()
        if (found[code].judged if code in found else _wanted(languages, code, spelt(said, tokens)))
    } or set(texts)


def _wanted(languages: Languages, code: str, share: float) -> bool:
    return share <= SPELT if languages == "auto" else languages == "all" or code in languages


def spelt(texts: Iterable[str], tokens: Count) -> float:
    """Share of the letters that stand in words with about a token a letter; a letter of full width counts as two.

    A tokenizer that never met a script falls back to its letters or their bytes, and no model that reads a language so
    writes it well. Words of fewer than WORD letters, and what holds a digit, say nothing. 0 where there are none.
    """
    counts = Counter(_trimmed(word) for text in texts for word in text.split())
    written = alone = 0
    for word, times in counts.items():
        letters = sum(map(_letters, word))
        if letters >= WORD and not any(map(str.isdigit, word)):
            written += times * letters
            alone += times * letters * all(tokens(form) >= A_LETTER * letters for form in (word, f" {word}"))
    return alone / written if written else 0.0


def counted_by(tokenizer: "PreTrainedTokenizerBase") -> Count:
    """How many tokens a tokenizer makes of a text, without any around it."""
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


def read_profiles(written: Mapping[str, Mapping[str, Any]]) -> dict[str, LanguageProfile]:
    """As the baseline wrote them into LANGUAGES."""
    return {code: LanguageProfile(**its) for code, its in written.items()}


def told(found: Mapping[str, LanguageProfile]) -> Iterator[str]:
    """Sentences for the terminal: who is not judged, limits, what they cut, and where the playbook allows more."""
    for code, its in found.items():
        if not its.judged:
            why = f"the base model's tokenizer spells {its.spelt:.0%} of its letters; " if its.unknown else ""
            yield f"{code} is not judged ({its.conversations:,} test conversations): {why}see evaluate.languages"
            continue
        yield f"{code}: a reply is cut at {its.limit:,} tokens; {its.cut:.1%} of the team's own are longer"
        if its.allowed > its.limit:
            yield (
                f"{code}: max_words of playbook.yaml allows some {its.allowed:,} tokens, an arm writes {its.limit:,}: "
                "a prompt that asks for so many words has its replies cut"
            )


def left_out(found: Mapping[str, LanguageProfile]) -> Iterator[Reason]:
    """Why each language that is not judged is not; with its test conversations."""
    for code, its in found.items():
        if not its.judged:
            figures = {"language": code, "n": its.conversations, "share": its.spelt}
            yield Reason("unspoken" if its.unknown else "unjudged", figures)


def figures(found: Mapping[str, LanguageProfile]) -> dict[str, float | int]:
    """For metrics: the limit of each language that is judged, and the share of the team's replies that it cuts."""
    shown = {code: its for code, its in found.items() if its.judged}
    return {
        **{f"reply_limit_{code}": its.limit for code, its in shown.items()},
        **{f"team_replies_cut_{code}": its.cut for code, its in shown.items()},
    }


def _limits(sizes: Mapping[str, Sequence[int]], measures: Measures) -> dict[str, int]:
    if measures.limit != "auto":
        return dict.fromkeys(sizes, measures.limit)
    found = {code: min(_quantile(lengths, UNCUT), measures.most) for code, lengths in sizes.items() if lengths}
    longest = max(found.values(), default=measures.most)
    return {code: found.get(code, longest) for code in sizes}


def _quantile(lengths: Sequence[int], share: float) -> int:
    """The smallest length that at least this share do not exceed."""
    return sorted(lengths)[math.ceil(share * len(lengths)) - 1]


def _tokens_of_words(texts: Sequence[str], sizes: Sequence[int], words: int) -> int:
    said = sum(len(text.split()) for text in texts)
    return round(words * sum(sizes) / said) if said else 0


def _replies(conversations: pl.DataFrame) -> Iterator[str]:
    """What the team says in words."""
    for messages in conversations["messages"]:
        yield from (m["content"] for m in messages if is_taught(m) and m["content"])


def _letters(sign: str) -> int:
    """1 for a letter or a mark on one, 2 for one of full width, 0 for what is neither."""
    wide = east_asian_width(sign) in "WF"
    return 1 + wide if category(sign)[0] in "LM" else 0


def _trimmed(word: str) -> str:
    """Without the punctuation around it."""
    places = [at for at, sign in enumerate(word) if sign.isdigit() or _letters(sign)]
    return word[places[0] : places[-1] + 1] if places else ""
