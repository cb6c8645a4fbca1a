"""One exchanged word keeps two conversations apart, a slip does not: in invented dialogues, in real ones if at hand.

QIRAT_DIALOGUES names a folder with star/*.jsonl.gz, sgd/*.jsonl.gz and arbanking77/*train.csv for the real ones.
"""

import os
import random
from pathlib import Path

import pytest

from benchmarks.near_copies.one_word import KINDS, Outcome, of_one_slot, one_root, one_word, outcomes, questions
from benchmarks.near_copies.planted import Messages, dialogues
from tests.builders import talk

FOLDER = Path(os.environ.get("QIRAT_DIALOGUES", "-"))
LINES = [line.split() for line in KINDS.strip().splitlines()]
OPENINGS = {True: "hello there i would like to ask about the", False: "مرحبا أود أن أسأل عن"}


def invented(english: bool, count: int = 400) -> list[Messages]:
    """Conversations whose words are drawn from the kinds, each often in the set."""
    words = [word for line in LINES for word in line if word.isascii() == english]
    draws = [random.Random(n).choices(words, k=50) for n in range(count)]
    return [talk(f"{OPENINGS[english]} {' '.join(draw[:25])}", " ".join(draw[25:])) for draw in draws]


def kept_and_merged(rows: list[Messages], pairs: int) -> tuple[float, float]:
    found: dict[str, Outcome] = {what: outcome for what, _, outcome in outcomes(one_word(rows, pairs, seed=3))}
    return found["twins"].kept, 1 - found["slips"].kept


@pytest.mark.parametrize("english", [True, False])
def test_in_invented_dialogues_exchanged_words_stay_and_slips_merge(english: bool):
    kept, merged = kept_and_merged(invented(english), 60)
    assert kept >= 0.98
    assert merged >= 0.85  # some words here are a slip away from others of the list


@pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the real dialogues that QIRAT_DIALOGUES names")
@pytest.mark.parametrize("language", ["english", "arabic"])
def test_in_real_dialogues_exchanged_words_stay_and_slips_merge(language: str):
    if language == "english":
        rows = dialogues([*FOLDER.glob("star/*.jsonl.gz"), *FOLDER.glob("sgd/*.jsonl.gz")], 3_000, 5)
    else:
        rows = questions([*FOLDER.glob("arbanking77/*train.csv")], 5)
    kept, merged = kept_and_merged(rows, 200)
    assert kept >= 0.97
    assert merged >= 0.92


def test_words_of_a_kind_stand_between_the_same_neighbours_and_are_no_forms_of_one_word():
    places = "in at near for about from".split()
    texts = [f"look {place} lamps there" for place in places * 8] + [
        f"look {place} sofas there" for place in places * 8
    ]
    assert of_one_slot(texts)["lamps"] == ["sofas"]
    assert one_root("order", "orders")
    assert one_root("بطاقة", "بطاقتي")
    assert not one_root("coffee", "tea")
