"""Candidates miss no copy, similarities are true, shared turns tell nothing."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.folding import letters_folded
from curation.dedup.__main__ import Dedup
from curation.dedup.near import candidate_pairs, digests, verified
from curation.dedup.tokens import Messages, TokenizedTurns, _folded, tokenized, unwatched
from curation.similarity.shingles import WORD
from tests.builders import params, record, talk

P = Dedup.model_validate(params("dedup"))
TURN = st.lists(st.sampled_from("a b c d one two سلام طلب".split()), max_size=9).map(" ".join)


def whole(messages: pl.Series) -> Messages:
    return Messages(messages.slice, np.arange(len(messages)))


def tokens(messages: pl.Series, size: int = 5, share: float = 1.0, least: int = 100) -> TokenizedTurns:
    return tokenized(whole(messages), size, share, least)


def shingles(turns: list[str], size: int) -> set[tuple[str, ...]]:
    words = " ".join(turns).split()
    return {tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))} if words else set()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TURN, min_size=1, max_size=3), min_size=2, max_size=6), st.integers(1, 5))
def test_similarity_is_the_jaccard_of_word_runs(talks: list[list[str]], size: int):
    sets = [shingles(turns, size) for turns in talks]
    pairs = [(i, k) for i in range(len(sets)) for k in range(i + 1, len(sets)) if sets[i] and sets[k]]
    said = tokens(record(*(talk(*turns) for turns in talks))["messages"], size)
    found, similarity = verified(said, np.array(pairs, np.int64).reshape(-1, 2), 0.0, unwatched)
    assert found.tolist() == [list(pair) for pair in pairs]
    assert similarity.tolist() == pytest.approx([len(sets[i] & sets[k]) / len(sets[i] | sets[k]) for i, k in pairs])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(TURN, min_size=1, max_size=3), min_size=3, max_size=6), st.integers(1, 5), st.floats(0, 0.5))
def test_similarity_is_that_of_all_words_also_where_turns_are_shared(talks: list[list[str]], size: int, least: float):
    standard = "a b one two"
    turns = [[*said, standard] if n % 2 else said for n, said in enumerate(talks)]
    sets = [shingles(said, size) for said in turns]
    filled = [row for row, said in enumerate(sets) if said]
    pairs = np.array([(i, k) for i in filled for k in filled if i < k], np.int64).reshape(-1, 2)
    said = tokens(record(*(talk(*words) for words in turns))["messages"], size, share=0.3, least=2)
    found, similarity = verified(said, pairs, least, unwatched)
    truth = [len(sets[i] & sets[k]) / len(sets[i] | sets[k]) for i, k in found.tolist()]
    assert similarity.tolist() == pytest.approx(truth)


def test_every_pair_of_nine_tenths_is_a_candidate():
    rng = random.Random(3)
    vocabulary = [f"w{n}" for n in range(500)]
    texts = [rng.choices(vocabulary, k=80) for _ in range(150)]
    copies = [[*words[:40], "other", *words[41:]] for words in texts]
    said = tokens(record(*(talk(" ".join(words)) for words in (*texts, *copies)))["messages"])
    values, filled = digests(said, P.bands * P.rows, P.seed)
    found = {tuple(pair) for pair in candidate_pairs(values, filled, P.bands, _no_codes, unwatched).tolist()}
    assert {(n, n + len(texts)) for n in range(len(texts))} <= found


def test_turns_that_many_conversations_share_are_no_content_unless_there_is_nothing_else():
    talks = [*(talk("Hello there!", f"reply {n}") for n in range(5)), talk("hello THERE!")]
    said = tokens(record(*talks)["messages"], share=0.5, least=3)
    assert said.own.tolist() == [False, True] * 5 + [True]


def test_a_long_standard_text_around_short_matters_makes_no_pair():
    standard = " ".join(f"s{n}" for n in range(90))
    said = tokens(record(talk("red sofa", standard), talk("blue lamp", standard))["messages"], share=0.5, least=2)
    assert not len(verified(said, np.array([[0, 1]]), 0.5, unwatched)[0])


def test_system_prompts_and_ids_of_calls_are_not_said():
    left, right = (
        [{"role": "assistant", "content": "ok", "tool_calls": [{"id": f"call_{n}", "x": 1}]}] for n in (1, 2)
    )
    said = tokens(record([{"role": "system", "content": "be kind"}, *left], right)["messages"])
    assert np.array_equal(*(said.shingles(np.array([row]), own=False)[0] for row in (0, 1)))


@given(st.lists(st.text(st.sampled_from("aBz09_ ,\n،؟أاىةـ٣٫\u064e\u0651\u0653\u0654ﻻﬁ’ée\u0301²Ⅷ"), max_size=6)))
def test_turns_that_skip_steps_of_folding_say_what_all_steps_say(texts: list[str]):
    turns = pl.DataFrame({"said": texts}, schema={"said": pl.String}).with_row_index("turn")
    whole = turns.with_columns(letters_folded(pl.col("said")))
    assert _folded(turns).sort("turn").equals(whole.with_columns(words=pl.col("said").str.extract_all(WORD)))


def test_a_part_at_a_time_gives_what_all_at_once_gives(monkeypatch: pytest.MonkeyPatch):
    messages = record(*(talk(f"talk number {n} of many", "reply" if n % 2 else "") for n in range(9)))["messages"]
    lying = np.array([4, 0, 8, 2, 6, 1, 3, 5, 7])  # rows follow their ids, not their places in the file
    at_once = tokenized(Messages(messages.slice, lying), 5, 1.0, 100)
    monkeypatch.setattr("curation.dedup.tokens.READ_TOGETHER", 4)
    monkeypatch.setattr("curation.dedup.tokens.READ_AT_ONCE", 2)
    parts = tokenized(Messages(messages.slice, lying), 5, 1.0, 100)
    gathered = tokens(messages.gather(lying))
    for row in range(9):
        for own in (True, False):
            first, *others = (said.shingles(np.array([row]), own=own)[0] for said in (gathered, at_once, parts))
            assert all(np.array_equal(first, other) for other in others)
    rows = np.array([3, 3, 0, 8])
    read = Messages(messages.slice, lying)
    assert read.of(rows).equals(messages.gather(lying[rows]))
    read.hold(rows)
    assert read.of(rows).equals(messages.gather(lying[rows]))


def _no_codes(rows: np.ndarray) -> np.ndarray:
    return np.zeros((len(rows), 1), np.int32)
