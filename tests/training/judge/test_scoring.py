"""What is scored is what an arm wrote: an echoing model shows whose words went where."""

import math
from typing import Any, cast

import polars as pl
import pytest

from curation.core.record.playbook import Playbook
from curation.harness.errors import QiratError
from tests.builders import ROOT, params, record, talk
from tests.training.tiny import CHATML, renderer, support
from tests.training.tiny import model as tiny
from training.judge.arms import Before, bare, few_shot, prompted, prompted_few_shot
from training.judge.metrics.chrf import likeness
from training.judge.scoring import PREDICTIONS, Evaluate, Scorer, arm_table, reply_scores, sayable

PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
SETTINGS = Evaluate.model_validate({**params("evaluate"), "max_new_tokens": 400})
KIND = "Thank you for contacting Zaafaran Home. I am sorry. Is there anything else I can help you with?"


class Echo:
    """A model that answers with all that stood before the customer's last words, roles left out."""

    device, training = "cpu", True  # in training nothing is read at once

    @property
    def config(self) -> Any:
        return tiny().config

    def generate(self, input_ids: Any, attention_mask: Any, generation_config: Any) -> Any:
        import torch

        tokenizer = renderer().tokenizer
        said = [str(tokenizer.decode(row[seen.bool()])) for row, seen in zip(input_ids, attention_mask, strict=True)]
        turns = [[part.partition("\n")[2].strip() for part in text.split("<|im_start|>")[1:-2]] for text in said]
        words = [" ".join(turn.removesuffix("<|im_end|>") for turn in turn_list) for turn_list in turns]
        replies = [[*tokenizer(text)["input_ids"], renderer().stop_id] for text in words]
        longest = max(map(len, replies))
        filled = torch.tensor([[*r, *[tokenizer.pad_token_id] * (longest - len(r))] for r in replies])
        return torch.cat([input_ids, filled], dim=1)


def judge(template: str = CHATML, model: Any = None) -> Scorer:
    echo = cast("Any", model or Echo())
    return Scorer(echo, renderer(template), PLAYBOOK, SETTINGS, lambda items, *rest: items)


def written(*texts: str) -> pl.DataFrame:
    """What an arm wrote in one conversation of two replies."""
    rows = [("arm", "", 2 * n + 1, 10, text, 5, True) for n, text in enumerate(texts)]
    return pl.DataFrame(rows, schema=PREDICTIONS, orient="row")


def scored(*texts: str) -> dict[str, tuple[float, float]]:
    talks = record(talk("Where is it?", KIND, "And?", KIND), label=["late_delivery"])
    talks = talks.with_columns(conversation_id=pl.lit(""))
    rows = reply_scores(written(*texts), talks, PLAYBOOK)
    return {metric: (value, weight) for _, _, metric, value, weight in rows.iter_rows()}


def test_an_arm_is_scored_by_what_it_wrote_under_its_own_prompt() -> None:
    table = support(12)
    test = table.tail(3)
    told, shown = prompted({"en": KIND, "ar": KIND}), few_shot(table.head(9), shots=1, shot_words=80)
    both = prompted_few_shot(told, shown)
    arms: dict[str, Before] = {"base": bare, "prompted": told, "few_shot": shown, "prompted_few_shot": both}
    echoed = {arm: judge().write(arm, test, before) for arm, before in arms.items()}
    first = {arm: rows.filter(pl.col("turn") == 1)["text"].to_list() for arm, rows in echoed.items()}
    assert first["base"] == ["", "", ""]  # nothing stood before the first question
    assert first["prompted"] == [KIND] * 3
    assert all("Zaafaran" in text or "زعفران" in text for text in first["few_shot"])
    assert first["prompted_few_shot"] == [f"{KIND} {text}" for text in first["few_shot"]]

    scores = reply_scores(pl.concat(echoed.values()), test, PLAYBOOK)
    kept = arm_table(scores, test, SETTINGS.redraws).filter(language="en", metric="playbook")
    shares = dict(kept.select("arm", "value").iter_rows())
    assert shares["base"] == 0  # the team's own replies keep every rule; the arm that echoes nothing keeps none
    assert shares["prompted"] == 1
    assert set(kept["better"]) == {1}


def test_few_shot_shows_nothing_but_conversations_of_train() -> None:
    table = support(30)
    train, test = table.head(10), table.tail(10)
    known = {m["content"] for said in train["messages"] for m in said}
    before = few_shot(train, shots=2, shot_words=80)
    shown = [before(row, 1) for row in test.iter_rows(named=True)]
    assert all(shown)
    assert {m["content"] for said in shown for m in said} <= known
    own = {said[0]["content"] for said in test["messages"]}
    assert not own & {m["content"] for said in shown for m in said}


def test_chrf_compares_what_was_written_with_the_teams_reply() -> None:
    assert scored(KIND, KIND)["chrf"] == (200, 2)
    assert scored(KIND, "")["chrf"] == (100, 2)
    assert 100 < scored(KIND, "Thank you.")["chrf"][0] < 150
    assert 0 < likeness("Thank you", KIND) < likeness("Thank you for contacting Zaafaran Home.", KIND) < 100
    assert likeness("أهلا", "أَهْلاً") == 100


@pytest.mark.parametrize("silence", [("", ""), (KIND, ""), ("", KIND), (KIND, " \n")])
def test_silence_keeps_no_rule_and_weighs_as_much_as_speech(silence: tuple[str, str]) -> None:
    kept, rules = scored(KIND, KIND)["playbook"]
    assert kept == rules > 3
    assert scored(*silence)["playbook"] == (0, rules)
    assert scored(*silence)["playbook_pass"] == (0, 1)
    assert 0 < scored("Wait.", "Wait.")["playbook"][0] < rules


def test_conversations_that_one_arm_cannot_be_asked_are_left_out_for_all_arms() -> None:
    refusing = "{% if messages[0].content == 'no' %}{{ raise_exception('not this one') }}{% endif %}" + CHATML
    talks = record(talk("a", "b"), talk("c", "d"))
    one, other = talks["conversation_id"]
    arms: dict[str, Before] = {
        "base": bare,
        "few_shot": lambda row, _: talk("no" if row["conversation_id"] == one else "yes", "x"),
    }
    assert sayable(talks, arms, judge(refusing))["conversation_id"].to_list() == [other]
    with pytest.raises(QiratError, match=r"few_shot, conversation .*: the chat template refuses it: not this one"):
        sayable(talks, {"few_shot": lambda _row, _turn: talk("no", "x")}, judge(refusing))


def test_what_only_prompt_and_examples_together_make_unsayable_is_left_out_too() -> None:
    refusing = (
        "{% if messages[0].role == 'system' and messages | length > 3 %}{{ raise_exception('too much') }}{% endif %}"
    )
    talks = record(talk("my table", "a"), talk("طاولتي", "ب"), language=["en", "ar"])
    told, shown = prompted({"en": "Be brief."}), few_shot(record(talk("a table", "x")), shots=1, shot_words=9)
    alone: dict[str, Before] = {"prompted": told, "few_shot": shown}
    assert sayable(talks, alone, judge(refusing + CHATML)).height == 2
    kept = sayable(talks, {**alone, "prompted_few_shot": prompted_few_shot(told, shown)}, judge(refusing + CHATML))
    assert kept["language"].to_list() == ["ar"]  # no example is in Arabic


def test_a_prompt_that_the_model_cannot_read_whole_is_left_out() -> None:
    talks = record(talk("a question", "yes"))
    window = tiny().config.max_position_embeddings
    arms: dict[str, Before] = {"base": bare, "prompted": prompted({"en": "word " * (window // 20)})}
    assert sayable(talks, arms, judge(model=tiny())).height == 1
    with pytest.raises(QiratError, match=f"prompted, conversation .* where the model reads {window:,}"):
        sayable(talks, {**arms, "prompted": prompted({"en": "word " * window})}, judge(model=tiny()))


def test_an_arm_may_say_something_else_before_every_reply_and_each_is_scored_once() -> None:
    talks = record(talk("a question", "one", "another", "two", "a third", "three"))
    one_prompt = judge(model=tiny()).likelihood("x", talks, bare)
    own_prompts = judge(model=tiny()).likelihood("x", talks, lambda _, turn: talk("shown", "ab"[turn > 1]))
    assert one_prompt["weight"].to_list() == own_prompts["weight"].to_list()
    tokens, size = own_prompts["weight"]
    assert (tokens > 3, size) == (True, len("onetwothree"))
    nll, bits = own_prompts["value"]
    assert bits == pytest.approx(nll / math.log(2))
