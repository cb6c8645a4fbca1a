"""Wrong labels of a set whose words and vectors both tell the topic, some better than others."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from curation.checks import checks
from curation.checks.check import Noted
from tests.builders import context, record, talk

TOPICS = {
    "en": ["card lost stolen", "card late arrive", "transfer failed bank", "transfer pending bank", "cash fee machine"],
    "ar": ["بطاقة ضاعت سرقت", "بطاقة تأخرت وصلت", "تحويل فشل بنك", "تحويل معلق بنك", "سحب رسوم صراف"],
}
FILLERS = {"en": "please help today my with question thanks", "ar": "لو سمحت اليوم مشكلة عندي سؤال شكرا"}
ROWS = 600
NEXT = np.array([1, 0, 3, 2, 0])  # the label that each is confused with


def judged(
    language: str, share: float, seed: int, spread: float = 0.3, telling: int = 2
) -> tuple[np.ndarray, np.ndarray, Noted]:
    """The value of each row, which labels are wrong, and what is told of the set.

    Vectors lie around the topic's centre, `spread` apart; `telling` words of a row are its topic's.
    """
    rng = np.random.default_rng(seed)
    true = rng.integers(0, len(NEXT), ROWS)
    wrong = rng.random(ROWS) < share
    words, fillers = [topic.split() for topic in TOPICS[language]], FILLERS[language].split()
    texts = [
        " ".join([*rng.choice(words[topic], telling), *rng.choice(fillers, 4), f"n{n}"]) for n, topic in enumerate(true)
    ]
    labels = [f"l{topic}" for topic in np.where(wrong, NEXT[true], true)]
    rows = record(*(talk(text, "ok") for text in texts), label=labels, language=[language] * ROWS)
    vectors = (np.eye(16)[true] + rng.normal(0, spread, (ROWS, 16))).astype(np.float32)
    table = pl.DataFrame({"conversation_id": rows["conversation_id"], "vector": vectors, "reply": vectors[:, :1] * 0})
    told: list[Noted] = []
    found = checks()["labels"](rows, replace(context(vectors=table), tell=told.append))
    value = rows.select("conversation_id").join(found, on="conversation_id", how="left", maintain_order="left")
    return value["value"].fill_null(0).to_numpy(), wrong, told[0]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_the_share_of_wrong_labels_lies_in_its_interval(language: str, share: float):
    for seed in range(3):
        _, wrong, told = judged(language, share, seed)
        assert told.code == "wrong_labels"
        assert told.low is not None
        assert told.high is not None
        assert told.low <= wrong.mean() <= told.high
        assert told.high - told.low < 0.1
        assert f"{told.value:.1%}" in told.evidence


@pytest.mark.parametrize("language", ["en", "ar"])
def test_where_more_labels_are_wrong_more_goes_to_people_and_they_are_right(language: str):
    doubted = []
    for share in (0.01, 0.2):
        value, wrong, _ = judged(language, share, seed=1)
        doubted.append((value >= 0.95).mean())
        assert wrong[value >= 0.95].mean() > 0.6
    assert doubted[0] < 0.03
    assert doubted[1] > 0.1


def test_the_same_evidence_weighs_more_where_more_labels_are_wrong():
    few, many = (judged("en", share, seed=2, spread=0.5)[0] for share in (0.02, 0.25))
    assert np.sort(many)[-60] > np.sort(few)[-60]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_words_help_where_vectors_tell_little_and_do_no_harm_where_they_say_nothing(language: str):
    def found(spread: float, telling: int) -> float:
        value, wrong, _ = judged(language, 0.1, 3, spread, telling)
        return float(wrong[np.argsort(-value)[: wrong.sum()]].mean())

    assert found(spread=0.9, telling=2) > found(spread=0.9, telling=0) + 0.1
    assert found(spread=0.25, telling=0) > 0.75


def test_the_likeliest_three_tenths_are_reported_and_no_more():
    value, _, _ = judged("en", 0.1, seed=4)
    assert (value > 0).sum() <= 0.3 * ROWS
