from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import talk
from tests.training.tiny import model, renderer
from training.judge import generation
from training.judge.generation import Decoding, ReplyMemory, even, generate
from training.model import continuous, instep
from training.model.instep import places_alone, token_bytes
from training.model.shared import Reader


def prompts() -> list[list[int]]:
    return [renderer().prompt(talk(words)) for words in ("hi", "a longer question, with more words", "أين طلبي؟")]


def written(**settings: Any) -> list[str]:
    decoding = Decoding(**{"max_new_tokens": 12, "batch": 3, **settings})
    return [r.text for r in generate(model(), renderer(), prompts(), decoding)]


@pytest.mark.parametrize("batch", [2, 3, 8])
def test_what_stands_beside_a_prompt_does_not_change_the_words(batch: int) -> None:
    assert written(batch=1) == written(batch=batch)


def test_prompts_that_begin_with_nothing_alike_are_answered_too() -> None:
    asked = [[7, 8, 9], [11, 8], [12, 13, 14, 15]]
    alone = [generate(model(), renderer(), [prompt], Decoding(12, 1))[0] for prompt in asked]
    assert generate(model(), renderer(), asked, Decoding(12, 3)) == alone


@given(number=st.integers(1, 500), most=st.integers(1, 64), lanes=st.integers(1, 8))
def test_no_lane_waits_for_another_by_more_than_a_reply_a_batch(number: int, most: int, lanes: int) -> None:
    batches = even(number, most, lanes)
    assert [place for start, end in batches for place in range(start, end)] == [*range(number)]
    sizes = [end - start for start, end in batches]
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(batches) == 1 if number <= most else len(batches) % lanes == 0 or len(batches) == number


@given(number=st.integers(1, 300), most=st.integers(1, 64), lanes=st.integers(1, 8), room=st.integers(1, 40))
def test_no_batch_takes_more_memory_than_there_is_unless_one_reply_does(
    number: int, most: int, lanes: int, room: int
) -> None:
    batches = even(number, most, lanes, lambda start, end: end - start <= room)
    assert [place for start, end in batches for place in range(start, end)] == [*range(number)]
    assert max(end - start for start, end in batches) <= min(most, room)


def test_how_many_replies_are_written_in_step_follows_from_the_memory_that_they_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token of the tiny model takes 2 layers of 2 heads of 8 keys and values in float32."""
    tiny = model()
    monkeypatch.setattr(generation, "lanes_of", lambda _place: 1)
    assert token_bytes(tiny) == 2 * 2 * 2 * 8 * 4
    sizes: list[int] = []

    def counted(batches: Iterable[Any], _total: int) -> Iterator[Any]:
        for place, replies in batches:
            sizes.append(len(replies.replies))
            yield place, replies

    asked = [[7, 8, 9, *range(10, 10 + n)] for n in range(1, 17)]
    whole = generate(tiny, renderer(), asked, Decoding(12, 16), counted)
    assert sizes == [16]
    monkeypatch.setattr(instep, "ON_A_CPU", 3 * (16 + 12) * token_bytes(tiny))
    sizes.clear()
    assert generate(tiny, renderer(), asked, Decoding(12, 16), counted) == whole
    assert 3 <= len(sizes) <= 4
    assert max(sizes) <= 6


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=40), more=st.integers(1, 90))
def test_a_long_prompt_makes_no_room_empty_behind_all_the_short_ones(lengths: list[int], more: int) -> None:
    """On a CPU rows of about one length stand together; on a GPU all are as long as the longest."""
    rows = sorted([7, *[100 + place] * length] for place, length in enumerate(lengths))
    common = len(rows[0]) if len(rows) == 1 else 1
    least = sum(len(row) - common + more for row in rows)
    most = len(rows) * (max(map(len, rows)) - common + more)
    cpu, gpu = (places_alone(rows, more, torch.device(place)) for place in ("cpu", "cuda"))
    assert least <= cpu <= gpu == most
    one_long = [[7, *[100 + place] * (1 if place else 400)] for place in range(40)]
    assert 2 * places_alone(sorted(one_long), more, torch.device("cpu")) < 40 * (400 + more) + 80 * more


def test_replies_are_the_same_whether_rows_of_one_length_stand_together_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sixteen prompts of four to nineteen tokens, whose replies end at different steps."""
    asked = [[7, 8, 9, *range(10, 10 + n)] for n in (16, 1, 9, 3, 12, 5, 2, 14, 7, 4, 10, 6, 13, 8, 15, 11)]
    together = generate(model(), renderer(), asked, Decoding(12, 16))
    monkeypatch.setattr(instep, "PARTS", 1)
    assert generate(model(), renderer(), asked, Decoding(12, 16)) == together


def test_rows_that_go_on_write_what_they_would_have_written_without_the_others() -> None:
    rows = sorted([7, 8, *range(10, 10 + n)] for n in (1, 9, 3, 12, 5, 2))
    going = torch.tensor([4, 1, 2])
    tokens = torch.arange(20, 26)
    with torch.no_grad():
        many = instep.InStep.of(Reader(model()), rows, 4)
        many.write(tokens)
        many.select(going)
        few = instep.InStep.of(Reader(model()), [rows[at] for at in (1, 2, 4)], 4)
        few.write(tokens[[1, 2, 4]])
        found, expected = many.write(tokens[going]), few.write(tokens[[1, 2, 4]])
    assert torch.allclose(found[[1, 2, 0]], expected, atol=1e-5)


def test_replies_that_begin_where_others_ended_are_those_that_are_written_in_step() -> None:
    asked = [[7, 8, 9, *range(10, 10 + n)] for n in (16, 1, 9, 3, 12, 5)]
    in_step = generate(model(), renderer(), asked, Decoding(12, 3))
    assert generate(model(), renderer(), asked, Decoding(12, 3, writing="continuous")) == in_step
    assert continuous.comes_to_the_same(model())
    assert not continuous.writes_continuously(model(), "auto")  # on a CPU


class KilledError(Exception): ...


def killed_after_one(batches: Iterable[Any], _total: int) -> Iterator[Any]:
    for number, batch in enumerate(batches):
        if number:
            raise KilledError
        yield batch


def test_a_run_that_was_killed_goes_on_behind_its_last_batch_and_gives_the_same(tmp_path: Path) -> None:
    seen: list[int] = []

    def counted(batches: Iterable[Any], _total: int) -> Iterator[Any]:
        for place, replies in batches:
            seen.append(len(replies.replies))
            yield place, replies

    kept = Decoding(12, 2, ReplyMemory(tmp_path, "version"))
    with pytest.raises(KilledError):
        generate(model(), renderer(), prompts(), kept, killed_after_one)
    assert [r.text for r in generate(model(), renderer(), prompts(), kept, counted)] == written(batch=2)
    assert seen == [1]  # one was missing
    nobody: Any = SimpleNamespace(device=model().device, dtype=model().dtype)  # all is remembered: no model is asked
    assert [r.text for r in generate(nobody, renderer(), prompts(), kept)] == written(batch=2)


def test_a_second_run_pays_only_for_what_is_new_whatever_stands_beside_it_and_in_whatever_batches(
    tmp_path: Path,
) -> None:
    memory = ReplyMemory(tmp_path, "version")
    generate(model(), renderer(), prompts()[:2], Decoding(12, 2, memory))
    asked: list[int] = []

    def counted(batches: Iterable[Any], _total: int) -> Iterator[Any]:
        for place, replies in batches:
            asked.append(len(replies.replies))
            yield place, replies

    more = [*prompts()[1:], *prompts()]
    found = generate(model(), renderer(), more, Decoding(12, 8, memory), counted)
    assert asked == [1]
    assert [r.text for r in found] == [*written()[1:], *written()]


def test_replies_of_another_version_or_of_another_limit_are_not_taken_and_go_in_the_end(tmp_path: Path) -> None:
    for version, limit in (("a", 12), ("b", 12), ("b", 5)):
        memory = ReplyMemory(tmp_path, version)
        generate(model(), renderer(), prompts(), Decoding(limit, 3, memory))
    assert len(list(tmp_path.glob("*.json"))) == 9
    memory.forget_unused()
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_what_the_models_own_settings_say_of_decoding_counts_for_nothing() -> None:
    poisoned = model()
    plain = written()
    settings = {"repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "min_new_tokens": 12, "max_time": 0.0}
    for name, value in settings.items():
        setattr(poisoned.generation_config, name, value)
    likely = [int(t) for text in plain for t in renderer().tokenizer(text)["input_ids"]]
    poisoned.generation_config.suppress_tokens = likely
    poisoned.generation_config.bad_words_ids = [[token] for token in likely]
    assert [r.text for r in generate(poisoned, renderer(), prompts(), Decoding(12, 3))] == plain


def test_a_reply_that_never_ends_is_cut_and_says_so() -> None:
    for reply in generate(model(), renderer(), prompts(), Decoding(5, 2)):
        assert reply.tokens <= 5
        assert reply.stopped == (reply.tokens < 5)


def test_the_stop_token_ends_a_reply_and_is_no_part_of_it() -> None:
    import torch

    willing = model()
    with torch.no_grad():  # every hidden state points at the stop token
        willing.lm_head.weight.zero_()
        willing.lm_head.weight[renderer().stop_id] = 0.0
        willing.model.norm.weight.fill_(0.0)
        willing.lm_head.bias = torch.nn.Parameter(
            torch.nn.functional.one_hot(torch.tensor(renderer().stop_id), 600) * 9.0
        )
    for reply in generate(willing, renderer(), prompts(), Decoding(5, 2)):
        assert (reply.text, reply.tokens, reply.stopped) == ("", 1, True)


@pytest.mark.parametrize("torn", ["", '{"text": "ha', '["not", "ours"]', "{}", "\0"])
def test_a_remembered_reply_that_is_torn_is_written_anew(torn: str, tmp_path: Path) -> None:
    memory = ReplyMemory(tmp_path, "version")
    memory.keep_nats(["asked"], 1.5)
    generate(model(), renderer(), prompts(), Decoding(12, 3, memory))
    for path in tmp_path.glob("*.json"):
        path.write_text(torn)
    assert memory.recall_nats(["asked"]) is None
    assert [r.text for r in generate(model(), renderer(), prompts(), Decoding(12, 3, memory))] == written()
