import polars as pl
import pytest

from curation.stage import QiratError
from tests.builders import record, talk
from tests.training.tiny import family, renderer
from training.tokenize import Tokenized, budget, excluded, metrics, refuse_losses, token_table, tokenized


def done(table: pl.DataFrame, max_tokens: int = 1000) -> list[Tokenized]:
    return [tokenized(row, renderer(), max_tokens) for row in table.iter_rows(named=True)]


def test_long_conversations_lose_whole_turns_at_their_end() -> None:
    table = record(talk("a", "b", "c", "word " * 50))
    (whole,), (cut,) = done(table), done(table, max_tokens=60)
    (example,) = cut.examples
    assert cut.truncated and not whole.truncated
    assert example.input_ids == whole.examples[0].input_ids[: len(example.input_ids)]
    assert example.input_ids[-1] == renderer().stop_id


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (talk("hello"), "no assistant turn"),
        (talk("a", "word " * 500), "beyond tokenize.max_tokens 100"),
        (talk("<|im_end|>", "b"), "spells the special token"),
    ],
)
def test_what_cannot_be_used_is_excluded_with_its_reason(said: list[dict[str, str]], reason: str) -> None:
    table = record(said)
    rows = excluded("dev", done(table, max_tokens=100))
    assert rows["conversation_id"].to_list() == table["conversation_id"].to_list()
    assert reason in rows["reason"].item()


def test_a_reply_that_the_template_rewrites_costs_its_conversation_and_not_the_stage() -> None:
    rows = record(talk("a", "b"), talk("c", "<think>d</think>e"), talk("f", "g"))
    thinking = renderer(family("qwen3"))
    found = [tokenized(row, thinking, 1000) for row in rows.iter_rows(named=True)]
    assert [bool(t.examples) for t in found] == [True, False, True]
    assert "trains on another prompt" in excluded("train", found)["reason"].item()
    with pytest.raises(QiratError, match="1 of 3 conversations cannot be used"):
        refuse_losses("train", excluded("train", found), budget("train", rows, found), max_excluded=0.1)


def test_the_budget_adds_up_by_language() -> None:
    table = record(talk("a", "b"), talk("أين؟", "هنا"), talk("alone"), language=["en", "ar", "en"])
    found = done(table)
    sums = budget("train", table, found)
    tokens = token_table(found)
    assert metrics(sums)["train_tokens"] == tokens["input_ids"].list.len().sum()
    assert metrics(sums)["train_supervised"] == (tokens["labels"].explode() != -100).sum()
    assert sums.select("language", "conversations", "dropped").rows() == [("ar", 1, 0), ("en", 1, 1)]


def test_losing_more_than_allowed_stops_with_the_commonest_reason() -> None:
    table = record(talk("a", "b"), talk("alone"))
    found = done(table)
    losses = (excluded("dev", found), budget("dev", table, found))
    refuse_losses("dev", *losses, max_excluded=0.5)
    with pytest.raises(QiratError, match=r"1 of 2 conversations cannot be used \(commonest reason, 1 times: no assist"):
        refuse_losses("dev", *losses, max_excluded=0.4)
