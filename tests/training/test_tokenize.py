import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.text.facts.patterns import KINDS
from curation.curate.facts import with_facts
from curation.harness.errors import QiratError
from curation.harness.params import load_params
from tests.builders import record, talk
from tests.training.model.template.families import CHATML, answered, decoded, renderer, served, spans
from tests.training.tiny import project as made
from training import tokenize
from training.model.base import Model, load_tokenizer, tokenizer_id
from training.model.template import Renderer
from training.tokenize import (
    Tokenize,
    Tokenized,
    budget,
    excluded,
    keyed,
    made_table,
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
    rows = excluded("dev", made_table(done(table, params(100))))
    assert rows["conversation_id"].to_list() == table["conversation_id"].to_list()
    assert reason in rows["reason"].item()


def test_a_reply_that_the_template_rewrites_costs_its_conversation_and_not_the_stage() -> None:
    rows = record(talk("a", "b"), talk("c", "<think>d</think>e"), talk("f", "g"))
    found = done(rows, family="qwen3")
    assert [bool(t.examples) for t in found] == [True, False, True]
    made = made_table(found)
    assert "trains on another prompt" in excluded("train", made)["reason"].item()
    with pytest.raises(QiratError, match="1 of 3 conversations cannot be used"):
        refuse_losses("train", excluded("train", made), budget("train", rows, made), params())


MARKED = ["chatml", "qwen3", "llama 3", "mistral, ours", "gemma with system", "phi 3", "command r", "lfm2"]


def marked(*train: bool | None) -> pl.DataFrame:
    said = [{**m, "train": mark} for m, mark in zip(talk("a1", "b2", "c3", "d4"), train, strict=True)]
    return record(said)


@pytest.mark.parametrize("family", MARKED)
@pytest.mark.parametrize(
    ("train", "turns"),
    [((None, False, None, True), [3]), ((None, None, None, None), [1, 3]), ((None, True, None, False), [1])],
)
def test_a_reply_that_is_not_to_be_learnt_is_context_only(
    family: str, train: tuple[bool | None, ...], turns: list[int]
) -> None:
    (found,) = done(marked(*train), family=family)
    template = renderer(family)
    assert [turn for example in found.examples for turn in example.turns] == turns
    learnt = [decoded(template, span) for example in found.examples for span in spans(example)]
    assert [text.removesuffix(template.stop_token).strip() for text in learnt] == [
        ("b2", "d4")[turn // 2] for turn in turns
    ]
    told = decoded(template, found.examples[-1].input_ids)
    assert all(word in told for word in ("a1", "b2", "c3", "d4")[: turns[-1] + 1])
    assert (found.lost, found.reason) == (0, None)


def test_a_conversation_in_which_nothing_is_to_be_learnt_is_set_aside() -> None:
    (silent,) = done(marked(None, False, None, False))
    assert silent.reason == "every reply is marked not to be learnt (weight 0 or train: false)"


AGENT_FIRST = [
    {"role": "assistant", "content": "Hello, Rana here, how can I help?"},
    *talk("أين طلبي؟", "هو في الطريق إليك."),
]


@pytest.mark.parametrize("family", MARKED)
@pytest.mark.parametrize("system", [False, True])
def test_what_an_agent_opens_is_learnt_behind_an_empty_turn_that_carries_no_loss(family: str, system: bool) -> None:
    said = [{"role": "system", "content": "be kind"}, *AGENT_FIRST] if system else AGENT_FIRST
    (found,) = done(record(said), family=family)
    template = renderer(family)
    assert found.reason is None and found.lost == 0
    assert [turn for example in found.examples for turn in example.turns] == replies_of({"messages": said})
    learnt = [decoded(template, span) for example in found.examples for span in spans(example)]
    replies = [m["content"] for m in said if m["role"] == "assistant"]
    assert [text.removesuffix(template.stop_token).strip() for text in learnt] == replies
    begun = [*said[:system], {"role": "user", "content": ""}]
    prompt = served(template, begun)
    assert found.examples[0].input_ids[: len(prompt)] == prompt


def test_an_agents_opening_may_be_left_out_or_stand_behind_an_empty_system_message() -> None:
    whole = Renderer(renderer("chatml").tokenizer, opening="system").examples(AGENT_FIRST)
    assert decoded(renderer("chatml"), whole[0].input_ids).startswith(
        "<|im_start|>system\n<|im_end|>\n<|im_start|>assistant"
    )
    out = Renderer(renderer("chatml").tokenizer, opening="leave_out")
    (found,) = [tokenized(row, out, params()) for row in record(AGENT_FIRST).iter_rows(named=True)]
    assert found.reason is not None and "model.opening is leave_out" in found.reason
    assert out.examples(talk("a", "b")) == renderer("chatml").examples(talk("a", "b"))


@pytest.mark.parametrize(
    ("family", "asked"), [("chatml", "leave_out"), ("chatml", "learn"), ("qwen3 thinking", "learn")]
)
def test_reasoning_is_learnt_only_where_params_ask_for_it(family: str, asked: Any) -> None:
    said = [talk("a1")[0], {"role": "assistant", "content": "b2", "reasoning": "the parcel left"}]
    settings = params().model_copy(update={"reasoning": asked})
    (found,) = done(record(said), settings, family)
    assert found.reason is None
    ((span,),) = [spans(example) for example in found.examples]
    told = decoded(renderer(family), found.examples[0].input_ids)
    assert ("the parcel left" in decoded(renderer(family), span)) == (asked == "learn")
    assert ("the parcel left" in told) == (asked == "learn")


@pytest.mark.parametrize("family", ["qwen2.5", "qwen3", "llama 3.2", "lfm2"])
def test_results_stand_under_their_calls_in_templates_that_tell_tools(family: str) -> None:
    (one, two) = (
        {"id": key, "type": "function", "function": {"name": "track", "arguments": "{}"}} for key in ("c1", "c2")
    )
    said = [
        {"role": "user", "content": "Where are they?"},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([one])},
        {"role": "tool", "content": "in Jeddah", "tool_call_id": "c1"},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([two])},
        {"role": "tool", "content": "in Amman", "tool_call_id": "c2"},
        {"role": "assistant", "content": "One in Jeddah, one in Amman."},
    ]
    (found,) = done(record(said), family=family)
    assert found.reason is None and found.replies == 3


def test_the_budget_adds_up_by_language() -> None:
    long = talk("a", "word " * 60, "c", "d")
    table = record(talk("a", "b"), talk("أين؟", "هنا"), talk("alone"), long, language=["en", "ar", "en", "en"])
    made = made_table(done(table, params(100)))
    sums = budget("train", table, made)
    tokens = token_table(table, made)
    assert metrics(sums)["train_tokens"] == tokens["input_ids"].list.len().sum()
    assert metrics(sums)["train_supervised"] == (tokens["labels"].explode() != -100).sum()
    assert metrics(sums)["train_examples"] == tokens.height
    named = ("language", "conversations", "replies", "lost_replies", "truncated", "dropped")
    assert sums.select(named).rows() == [("ar", 1, 1, 0, 0, 0), ("en", 2, 2, 1, 1, 1)]


def test_of_two_conversations_that_are_the_same_each_has_its_tokens() -> None:
    table = pl.concat([record(talk("a", "b", "c", "d"), language=[name]) for name in ("en", "ar")])
    made = made_table(done(table))
    assert made["examples"].list.len().to_list() == [1, 1]
    assert token_table(table, made)["language"].to_list() == ["en", "ar"]


def test_padding_is_what_stays_empty() -> None:
    assert padding([60, 40, 50, 50], 100) == {"padding_one_a_row": 0.1667, "padding_packed": 0.0}
    assert padding([60, 50], 100) == {"padding_one_a_row": 0.0833, "padding_packed": 0.45}
    assert padding([], 100) == {}


def test_losing_more_than_allowed_stops_with_the_commonest_reason() -> None:
    table = record(talk("a", "b"), talk("alone"))
    made = made_table(done(table))
    losses = (excluded("dev", made), budget("dev", table, made))
    refuse_losses("dev", *losses, params(max_excluded=0.5))
    with pytest.raises(QiratError, match=r"1 of 2 conversations cannot be used \(commonest reason, 1 times: no assist"):
        refuse_losses("dev", *losses, params(max_excluded=0.4))


def test_losing_more_replies_than_allowed_stops_with_their_number() -> None:
    table = record(talk("a", "b", "c", "word " * 60, "e", "f"))
    made = made_table(done(table, params(100)))
    losses = (excluded("dev", made), budget("dev", table, made))
    refuse_losses("dev", *losses, params(max_lost_replies=0.4))
    with pytest.raises(QiratError, match="1 of 3 replies are too long to be learnt"):
        refuse_losses("dev", *losses, params(max_lost_replies=0.3))


@pytest.fixture
def mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the template that a tiny project names in place of its model's own."""
    root = made(tmp_path, rows=30)
    monkeypatch.chdir(root)
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["model"]["template"] = "training/model/template/jinja/ours.jinja"
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    (root / "training/model/template/jinja").mkdir(parents=True)
    return root / "training/model/template/jinja/ours.jinja"


def test_a_template_of_ours_is_proved_used_and_saved(mended: Path) -> None:
    mended.write_text("{# ours #}" + CHATML, "utf-8")
    tokenize.main()
    assert pl.read_parquet("data/tokenized/train.parquet").height
    load_tokenizer(load_params("model", Model)).save_pretrained("saved")
    assert Path("saved/chat_template.jinja").read_text("utf-8").startswith("{# ours #}")


def test_a_template_of_ours_that_says_otherwise_or_is_nowhere_stops_the_stage(mended: Path) -> None:
    with pytest.raises(SystemExit, match=r"training/model/template/jinja/ours.jinja is missing"):
        tokenize.main()
    mended.write_text("Support chat.\n" + CHATML, "utf-8")
    with pytest.raises(SystemExit, match=r"model.template says otherwise what the model's own template can say"):
        tokenize.main()


def test_conversations_that_an_earlier_run_made_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made(tmp_path))
    read, place = pl.read_parquet("data/splits/train.parquet"), Path("data/splits/train.parquet")
    asked: list[str] = []
    monkeypatch.setattr(
        tokenize, "tokenized", lambda row, **more: asked.append(row["conversation_id"]) or tokenized(row, **more)
    )

    def ran(rows: pl.DataFrame) -> dict[str, bytes]:
        rows.write_parquet(place)
        asked.clear()
        tokenize.main()
        outs = [*Path("data/tokenized").iterdir(), Path("metrics/tokenize.json")]
        return {path.name: path.read_bytes() for path in outs}

    at_first = ran(read)
    assert len(asked) == read.height + 20
    assert ran(read) == at_first and not asked
    new = read.head(3).with_columns(language=pl.lit("fr"), label=pl.lit("new"))
    new = new.with_columns(messages=pl.concat_list(pl.col("messages"), pl.col("messages")))
    changed = pl.concat([new, read[3:-5]])
    told = ran(changed)
    assert asked == new["conversation_id"].to_list()
    shutil.rmtree("data/cache")
    assert ran(changed) == told != at_first


def test_what_a_template_says_belongs_to_what_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made(tmp_path))
    model = load_params("model", Model)
    ids = {tokenizer_id(model)}
    (tmp_path / "ours.jinja").write_text(CHATML)
    ids |= {tokenizer_id(model.model_copy(update={"template": "ours.jinja"}))}
    (tmp_path / "tiny/tokenizer_config.json").write_text("{}")
    assert len(ids | {tokenizer_id(model)}) == 3


@pytest.mark.parametrize(("treatment", "known"), [("unlearn", True), ("ground", False)])
def test_a_conversation_that_is_given_facts_of_others_is_made_anew(treatment: str, known: bool) -> None:
    stated = with_facts(record(talk("How much?", "It is 25 SAR.")), dict.fromkeys(KINDS, treatment), ())
    assert keyed(stated)["row"].is_not_null().all() == known


def test_tokens_made_in_several_processes_are_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {path: path.read_bytes() for path in Path("data/tokenized").iterdir()}
    settings = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    Path("params.yaml").write_text(yaml.safe_dump({**settings, "machine": {"workers": 2}}), "utf-8")
    shutil.rmtree("data/cache")
    monkeypatch.setattr(tokenize, "LARGE", 30)  # of the splits the largest
    monkeypatch.setattr(tokenize, "AT_ONCE", 7)
    tokenize.main()
    assert {path: path.read_bytes() for path in Path("data/tokenized").iterdir()} == alone
