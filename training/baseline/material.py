"""What a searched prompt is made of: blocks of the written one, rules of the playbook, habits of the team, examples."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import polars as pl
import yaml

from curation.core.record.draw import fair_order
from curation.core.record.playbook import Playbook, Rule
from curation.core.text.folding import fold
from curation.core.text.sentences import sentences
from training.judge.arms import Messages, exchange, is_example

SENTENCES = Path(__file__).parent / "sentences.yaml"
LOOKED_AT = 300  # train conversations among which demonstrations are chosen
SHOWN = 12  # demonstrations to choose from
QUOTED = 3  # ways of saying one thing that are quoted
HABIT = 3  # conversations that must have a sentence before it is the team's

_ITEM = re.compile(r"\s*(?:[-*•–]|\d+[.)]|#+)\s")  # begins a bullet, a numbered point or a heading


def blocks(text: str) -> tuple[str, ...]:
    """Paragraphs, headings and points of a prompt, each with the line breaks before it: joined they are the text."""
    found: list[str] = []
    gap = ""
    for line in text.strip().split("\n"):
        if not line.strip():
            gap += "\n"
        elif gap or not found or _ITEM.match(line):
            found.append(f"{gap}\n{line}")
            gap = ""
        else:
            found[-1] += f"\n{line}"
    return tuple(found)


def demonstrations(train: pl.DataFrame, shot_words: int, seed: int) -> dict[str, Messages]:
    """Whole conversations that together are like as many others as possible, by id, the most telling first.

    Greedy facility location (Lin and Bilmes 2011) over TF-IDF of letter n-grams, within a draw of LOOKED_AT.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = [row for row in fair_order(train, seed).iter_rows(named=True) if is_example(row, shot_words)][:LOOKED_AT]
    if not rows:
        return {}
    talks = [exchange(row["messages"]) for row in rows]
    words = [fold(" ".join(m["content"] for m in talk)) for talk in talks]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(words)
    likeness = (vectors @ vectors.T).toarray()
    covered, chosen = np.zeros(len(rows)), list[int]()
    while len(chosen) < min(SHOWN, len(rows)):
        gains = np.maximum(likeness, covered).sum(axis=1)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        covered = np.maximum(covered, likeness[chosen[-1]])
    return {rows[place]["conversation_id"]: talks[place] for place in chosen}


def habits(train: pl.DataFrame, language: str) -> list[str]:
    """Blocks that tell how long the team writes in a language, and how it begins and ends.

    `train` holds the language's conversations. Empty where sentences.yaml has no section for the language.
    """
    written = _written(language)
    talks = [replies for messages in train["messages"] if (replies := _replies(messages))]
    if not (written and talks):
        return []
    words = round(median(len(reply.split()) for talk in talks for reply in talk))
    said = {
        "openings": _frequent([sentences(talk[0])[0] for talk in talks]),
        "closings": _frequent([sentences(talk[-1])[-1] for talk in talks]),
    }
    quoted = [written[name].format(said=_either(found, written)) for name, found in said.items() if found]
    return [f"\n{block}" for block in (written["words"].format(words=words), *quoted)]


def rules(playbook: Playbook, language: str) -> list[str]:
    """Blocks that state the playbook's rules in a language, as far as they have phrases in it."""
    written = _written(language)
    return [f"\n{_stated(rule, language, written)}" for rule in playbook.rules if written and rule.say.get(language)]


def _written(language: str) -> Mapping[str, str]:
    found: Mapping[str, str] = yaml.safe_load(SENTENCES.read_text("utf-8")).get(language, {})
    return found


def _replies(messages: Messages) -> list[str]:
    return [m["content"].strip() for m in messages if m["role"] == "assistant" and m["content"].strip()]


def _frequent(said: Sequence[str]) -> list[str]:
    """The most frequent sentences, spelled as they first stood."""
    spelled: dict[str, str] = {}
    for sentence in said:
        spelled.setdefault(fold(sentence), sentence)
    counted = Counter(map(fold, said)).most_common(QUOTED)
    return [spelled[sentence] for sentence, times in counted if times >= HABIT]


def _stated(rule: Rule, language: str, written: Mapping[str, str]) -> str:
    said, asked = rule.say[language], rule.customer_says.get(language, ())
    kind = rule.kind if rule.kind != "required" else "labels" if rule.labels else rule.where
    return written[kind].format(
        say=_either(said if kind == "forbidden" else said[:QUOTED], written),
        asked=_either(asked, written),
        labels=_either([label.replace("_", " ") for label in rule.labels], written),
    )


def _either(said: Iterable[str], written: Mapping[str, str]) -> str:
    return written["or"].join(written["quote"].format(one.strip()) for one in said)
