import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.harness.errors import QiratError
from curation.harness.params import load_params
from tests.builders import record, talk
from tests.training.template.families import CHATML, answered, decoded, renderer, served, spans
from tests.training.tiny import project
from training import tokenize
from training.model.base import Model, load_tokenizer
from training.tokenize import (
    Tokenize,
    Tokenized,
    budget,
    excluded,
    metrics,
    padding,
    refuse_losses,
    token_table,
    tokenized,
)


def params(max_tokens: int = 1000, context: float = 0.5, **limits: float) -> Tokenize:
    return Tokenize(max_tokens=max_tokens, context=context, **{"max_excluded": 0.1, "max_lost_replies": 0.1} | limits)


def done(table: pl.DataFrame, settings: Tokenize | None = None, family: str = "chatml") -> list[Tokenized]:
    return [tokenized(row, renderer(family), settings or params()) for row in table.iter_rows(named=True)]


def replies_of(row: Mapping[str, Any]) -> list[int]:
    return [turn for turn, m in enumerate(row["messages"]) if m["role"] == "assistant"]


words = st.sampled_from(["", "ok", "أين طلبي؟ لم يصل بعد.", "word " * 10, "word " * 45, "👋🏽"])


@pytest.mark.parametrize(
    "family", ["chatml", "qwen3", "qwen3 thinking", "llama 3", "mistral, ours", "gemma with system"]
)
@settings(max_examples=25, deadline=None)
@given(
    said=st.lists(words, min_size=1, max_size=16).map(lambda said: talk(*said)),
    system=st.booleans(),
    limit=st.integers(30, 160),
    context=st.sampled_from([0.0, 0.5, 0.9]),
)
def test_every_reply_that_fits_is_learnt_once_and_every_other_is_counted(
    family: str, said: list[Any], system: bool, limit: int, context: float
) -> None:
    template = renderer(family)
    said = answered(family, said)
    said = [{"role": "system", "content": "be kind"}, *said] if system else said
    (row,) = record(said).iter_rows(named=True)
    found = tokenized(row, template, params(limit, context))
    learnt = [turn for example in found.examples for turn in example.turns]
    assert learnt == sorted(set(learnt)) and set(learnt) <= set(replies_of(row))
    assert found.lost == (len(replies_of(row)) - len(learnt) if found.examples else 0)
    assert bool(found.reason) == (not found.examples)
    for example in found.examples:
        assert len(example.input_ids) == len(example.labels) <= limit
        assert example.reply_ends[-1] == len(example.input_ids)
        for turn, span in zip(example.turns, spans(example), strict=True):
            assert said[turn]["content"].rpartition("</think>")[2].strip() in decoded(template, span)
    for turn in set(replies_of(row)) - set(learnt):  # only what is too long even with its question alone
        alone = [*said[:system], *said[turn - 1 : turn + 1]]
        assert sum(len(e.input_ids) for e in template.examples(alone)) > limit


def test_a_later_example_begins_with_the_prompt_of_a_server_that_forgot_the_turns_before() -> None:
    said = talk(*[f"turn {n} " + "word " * 8 for n in range(40)], system="be kind")
    (found,) = done(record(said), params(400))
    second = found.examples[1]
    assert not found.lost and len(found.examples) > 2
    (span, *_) = spans(second)
    prompt = second.input_ids[: second.reply_ends[0] - len(span)]
    first_turn = int(decoded(renderer("chatml"), prompt).split("turn ")[1].split()[0]) + 1  # behind the system prompt
    assert prompt == served(renderer("chatml"), [said[0], *said[first_turn : second.turns[0]]])
    assert first_turn < second.turns[0] - 1 and len(prompt) <= 200


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (talk("hello"), "no assistant turn"),
        (talk("a", "word " * 500), "no reply fits into tokenize.max_tokens 100"),
        (talk("<|im_end|>", "b"), "spells the special token"),
    ],
)
def test_what_cannot_be_used_is_excluded_with_its_reason(said: list[dict[str, str]], reason: str) -> None:
    table = record(said)
    rows = excluded("dev", done(table, params(100)))
    assert rows["conversation_id"].to_list() == table["conversation_id"].to_list()
    assert reason in rows["reason"].item()


def test_a_reply_that_the_template_rewrites_costs_its_conversation_and_not_the_stage() -> None:
    rows = record(talk("a", "b"), talk("c", "<think>d</think>e"), talk("f", "g"))
    found = done(rows, family="qwen3")
    assert [bool(t.examples) for t in found] == [True, False, True]
    assert "trains on another prompt" in excluded("train", found)["reason"].item()
    with pytest.raises(QiratError, match="1 of 3 conversations cannot be used"):
        refuse_losses("train", excluded("train", found), budget("train", rows, found), params())


def weighed(*weights: Any) -> pl.DataFrame:
    return record(talk("a", "b", "c", "d")).with_columns(metadata=pl.lit(json.dumps({"weights": weights})))


@pytest.mark.parametrize(("weights", "turns"), [((1, 0, 1, 1), [3]), ((1, 1, 1, None), [1, 3]), ((0, 1, 0, 0), [1])])
def test_a_reply_of_weight_zero_is_context_only(weights: tuple[Any, ...], turns: list[int]) -> None:
    ((found,),) = ([t.examples for t in done(weighed(*weights))],)
    assert [turn for example in found for turn in example.turns] == turns
    assert sum(len(spans(example)) for example in found) == len(turns)
    text = decoded(renderer("chatml"), found[-1].input_ids)
    assert all(f"\n{word}<|im_end|>" in text for word in "abcd"[: turns[-1] + 1])


def test_weights_that_fit_no_longer_or_leave_nothing_to_learn_set_the_conversation_aside() -> None:
    (merged,), (silent,) = done(weighed(1, 0, 1, 0, 1)), done(weighed(1, 0, 1, 0))
    assert merged.reason is not None and "weighs 5 messages and it has 4" in merged.reason
    assert silent.reason == "every assistant turn has the weight 0"


def test_the_budget_adds_up_by_language() -> None:
    long = talk("a", "word " * 60, "c", "d")
    table = record(talk("a", "b"), talk("أين؟", "هنا"), talk("alone"), long, language=["en", "ar", "en", "en"])
    found = done(table, params(100))
    sums = budget("train", table, found)
    tokens = token_table(found)
    assert metrics(sums)["train_tokens"] == tokens["input_ids"].list.len().sum()
    assert metrics(sums)["train_supervised"] == (tokens["labels"].explode() != -100).sum()
    assert metrics(sums)["train_examples"] == tokens.height
    named = ("language", "conversations", "replies", "lost_replies", "truncated", "dropped")
    assert sums.select(named).rows() == [("ar", 1, 1, 0, 0, 0), ("en", 2, 2, 1, 1, 1)]


def test_padding_is_what_stays_empty() -> None:
    def sized(*sizes: int) -> list[Tokenized]:
        (template,) = done(record(talk("a", "b")))
        (example,) = template.examples
        return [Tokenized("", "", [type(example)([0] * size, [0] * size, [])]) for size in sizes]

    assert padding(sized(60, 40, 50, 50), 100) == {"padding_one_a_row": 0.1667, "padding_packed": 0.0}
    assert padding(sized(60, 50), 100) == {"padding_one_a_row": 0.0833, "padding_packed": 0.45}
    assert padding([], 100) == {}


def test_losing_more_than_allowed_stops_with_the_commonest_reason() -> None:
    table = record(talk("a", "b"), talk("alone"))
    found = done(table)
    losses = (excluded("dev", found), budget("dev", table, found))
    refuse_losses("dev", *losses, params(max_excluded=0.5))
    with pytest.raises(QiratError, match=r"1 of 2 conversations cannot be used \(commonest reason, 1 times: no assist"):
        refuse_losses("dev", *losses, params(max_excluded=0.4))


def test_losing_more_replies_than_allowed_stops_with_their_number() -> None:
    table = record(talk("a", "b", "c", "word " * 60, "e", "f"))
    found = done(table, params(100))
    losses = (excluded("dev", found), budget("dev", table, found))
    refuse_losses("dev", *losses, params(max_lost_replies=0.4))
    with pytest.raises(QiratError, match="1 of 3 replies are too long to be learnt"):
        refuse_losses("dev", *losses, params(max_lost_replies=0.3))


@pytest.fixture
def mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the template that a tiny project names in place of its model's own."""
    root = project(tmp_path, rows=30)
    monkeypatch.chdir(root)
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["model"]["template"] = "training/template/jinja/ours.jinja"
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    (root / "training/template/jinja").mkdir(parents=True)
    return root / "training/template/jinja/ours.jinja"


def test_a_template_of_ours_is_proved_used_and_saved(mended: Path) -> None:
    mended.write_text("{# ours #}" + CHATML, "utf-8")
    tokenize.main()
    assert pl.read_parquet("data/tokenized/train.parquet").height
    load_tokenizer(load_params("model", Model)).save_pretrained("saved")
    assert Path("saved/chat_template.jinja").read_text("utf-8").startswith("{# ours #}")


def test_a_template_of_ours_that_says_otherwise_or_is_nowhere_stops_the_stage(mended: Path) -> None:
    with pytest.raises(SystemExit, match=r"training/template/jinja/ours.jinja is missing"):
        tokenize.main()
    mended.write_text("Support chat.\n" + CHATML, "utf-8")
    with pytest.raises(SystemExit, match=r"model.template says otherwise what the model's own template can say"):
        tokenize.main()
