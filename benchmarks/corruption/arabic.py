"""Arabic support dialogues: the questions are those of ArBanking77's customers, the replies ours (replies_ar.yaml)."""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.rows import clean
from curation.planting.rows import Message, Row

INTENTS = "Banking77_intents.csv"
LEAST_WORDS = 4  # of a question
QUESTIONS = {  # file -> share of the rows: formal Arabic and Palestinian mixed, then dialects
    "Banking77_Arabized_MSA_PAL_train.csv": 0.5,
    "Banking77_Arabized_Saudi_test.csv": 0.17,
    "Banking77_Arabized_Moroccan_test.csv": 0.13,
    "Banking77_Arabized_PAL_test.csv": 0.12,
    "Banking77_Arabized_Tunisian_test.csv": 0.08,
}


def arabic(folder: Path, most: int, seed: int) -> list[Row]:
    """Up to `most` dialogues, a question of the folder's files in each."""
    words = replies()
    answers = {intent: (group, said) for group, intents in words["groups"].items() for intent, said in intents.items()}
    names = {row["label_ar"]: row["label_en"] for row in _table(folder / INTENTS)}
    rows = []
    for file, share in QUESTIONS.items():
        lines = enumerate(_table(folder / file), 2)
        asked = [(names[line["label"]], line["text"].strip(), number) for number, line in lines]
        asked = [question for question in asked if len(question[1].split()) >= LEAST_WORDS]
        random.Random(seed).shuffle(asked)
        for intent, text, number in asked[: int(share * most * 1.1)]:
            key = f"{file}:{number}"
            group, said = answers[intent]
            messages = dialogue(text, said, words, random.Random(f"{seed} {key}"))
            rows.append(Row(key, "ar", intent, frozenset([group]), tuple(messages)))
    random.Random(seed).shuffle(rows)
    return clean(rows)[:most]


def replies() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("replies_ar.yaml").read_text("utf-8"))
    return found


def dialogue(
    question: str, said: Mapping[str, Sequence[str]], words: Mapping[str, Any], rng: random.Random
) -> Iterator[Message]:
    """The question and its answer, often with something before and after, as support conversations go."""
    agent = rng.choice(words["agents"])
    opening = rng.choice(words["openings"]).format(agent=agent) if rng.random() < 0.7 else ""
    greeting = rng.choice(words["greetings"]) if rng.random() < 0.4 else ""
    yield _message("user", greeting, question)
    if rng.random() < 0.35:
        first = rng.choice(words["clarifying"])
        yield _message("assistant", opening, first["ask"])
        yield _message("user", rng.choice(first["answers"]))
        opening = ""
    main = rng.sample(said["answers"], rng.choice([1, 1, 2]))
    more = rng.sample(said["more"], rng.choice([0, 1, 1]))
    yield _message("assistant", opening, *main, *more)
    if rng.random() < 0.35:
        further = rng.choice(words["follow_ups"])
        yield _message("user", rng.choice(further["ask"]))
        yield _message("assistant", rng.choice(further["answers"]))
    if rng.random() < 0.5:
        yield _message("user", rng.choice(words["thanks"]))
        yield _message("assistant", rng.choice(words["closings"]))


def _message(role: str, *sentences: str) -> Message:
    return {"role": role, "content": " ".join(filter(None, sentences))}


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
