"""The search for a better prompt, by a model that finds a reply the likelier the more of its words stood before."""

import copy
import dataclasses
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.record.draw import fair_order
from curation.core.record.playbook import Playbook
from curation.harness.memory import Memory
from tests.builders import ROOT, params, record, talk
from tests.training.speakers import echo
from tests.training.tiny import renderer
from training.baseline.__main__ import Baseline, candidates
from training.baseline.answers import rivals
from training.baseline.material import blocks, demonstrations, habits, rules
from training.baseline.optimise import Found, Material, Optimise, Prompt, Reader, optimise, plain
from training.judge.arms import few_shot, optimised, prompted
from training.judge.scoring import Evaluate, Scorer
from training.model.sharing import can_share

PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
NOISE = "- 4711 ## 0815 %% 2342 @@ 9999 ~~ 6000 && 5551"
WRITTEN = {"en": f"Be kind.\n\n{NOISE}", "ar": f"كن لطيفاً.\n\n{NOISE}"}
REPLIES = {"en": "Thank you for contacting Zaafaran Home.", "ar": "شكراً لتواصلك مع زعفران هوم."}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def judge(model: Any = None, **values: Any) -> Scorer:
    asked = Evaluate.model_validate({**params("evaluate"), "max_new_tokens": 64, **values})
    return Scorer(model or echo(), renderer(), PLAYBOOK, asked, lambda items, *rest: items)


def talks(language: str, reply: str, count: int, start: int = 0) -> pl.DataFrame:
    said = [talk(f"{n} {'أين' if language == 'ar' else 'where'}?", reply) for n in range(start, start + count)]
    return record(*said, language=[language] * count)


def material(dev: dict[str, str] = REPLIES, train: dict[str, str] = REPLIES) -> Material:
    shown = pl.concat([talks(code, reply, 8) for code, reply in train.items()])
    asked = pl.concat([talks(code, reply, 8, start=100) for code, reply in dev.items()])
    return Material(shown, asked, few_shot(shown, 1, 80), 80)


def search(tokens: int = 6_000, on: Material | None = None, by: Scorer | None = None, seed: int = 7) -> list[Found]:
    wanted = Optimise(tokens=tokens, conversations=2, seed=seed)
    return optimise(by or judge(), WRITTEN, on or material(), wanted, "v")


def told(found: list[Found]) -> list[dict[str, Any]]:
    return [one.as_json() for one in found]


def test_the_found_prompt_beats_the_written_one_on_conversations_it_was_not_chosen_on() -> None:
    for found in search():
        assert found.optimised is not None
        assert found.written is not None
        assert found.optimised < found.written - 0.1, found
        said = plain(found)
        assert REPLIES[found.language] in " ".join(m["content"] for m in said)  # shown or quoted
        assert NOISE not in said[0]["content"]
        assert said[-1]["role"] == "assistant"
        assert found.changes[-1]["loss"] < found.changes[0]["loss"]


def test_the_arm_says_what_was_found_in_each_language_and_the_first_to_all_others() -> None:
    found = search()
    before = optimised({one.language: one.before for one in found})
    english, arabic, mixed = (
        [m["content"] for m in before({"language": code, "messages": talk("?", "!")}, 1)]
        for code in ("en", "ar", "mixed")
    )
    assert english == [m["content"] for m in plain(found[0])] == mixed
    assert arabic == [m["content"] for m in plain(found[1])]
    assert arabic != english


def test_what_helps_only_where_the_search_looks_is_not_taken() -> None:
    """The conversations that lead speak like train, the others like the written prompt."""
    dev = talks("en", REPLIES["en"], 4)
    order = fair_order(dev, 7)["conversation_id"].to_list()
    other = record(*[talk(m[0]["content"], NOISE) for m in dev["messages"]])
    other = other.with_columns(dev["conversation_id"])
    led = pl.col("conversation_id").is_in(order[::2])
    on = dataclasses.replace(material(), dev=pl.concat([dev.filter(led), other.filter(~led)]))
    english = search(on=on)[0]
    assert english.prompts > 5
    assert english.optimised == english.written
    assert english.changes == []
    assert "\n".join(m["content"] for m in plain(english)) == WRITTEN["en"]


@settings(deadline=None, max_examples=8)
@given(st.integers(1, 1500))
def test_no_search_reads_more_than_its_budget_and_none_tries_without_judging(tokens: int) -> None:
    found = search(tokens)
    assert sum(one.tokens for one in found) <= tokens
    for one in found:
        assert (one.written is None) == (one.optimised is None) == (one.tokens == 0)
        assert one.written is not None or plain(one) == [{"role": "system", "content": WRITTEN[one.language]}]


def test_what_one_language_cannot_use_the_next_one_gets() -> None:
    english, arabic = search(3_000, dataclasses.replace(material(), dev=talks("en", REPLIES["en"], 8)))
    assert english.tokens > 1_500
    assert arabic.written is None
    assert "are too few for one" in str(arabic)


class Counting:
    """The model, counting what it is asked, which breaks after so many times."""

    def __init__(self, most: float = float("inf")) -> None:
        self.asked, self.most = 0, most

    def __getattr__(self, name: str) -> Any:
        return getattr(echo(), name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.asked += 1
        if self.asked > self.most:
            raise KeyboardInterrupt
        return echo()(*args, **named)


def test_a_search_that_was_killed_goes_on_and_ends_in_the_same_and_a_rerun_reads_nothing(tmp_path: Path) -> None:
    whole = Counting()
    expected = told(search(by=judge(whole)))
    (tmp_path / "data").rename(tmp_path / "away")
    with pytest.raises(KeyboardInterrupt):
        search(by=judge(Counting(most=whole.asked // 2)))
    rest, again = Counting(), Counting()
    assert told(search(by=judge(rest))) == expected
    tried = Counting()
    can_share(cast("Any", tried))  # every model is asked, once, what it allows
    assert 0 < rest.asked <= whole.asked // 2 + 2 + tried.asked
    assert told(search(by=judge(again))) == expected
    assert again.asked == 0


def test_what_is_remembered_depends_on_what_is_learnt_and_what_reads_it() -> None:
    """The same tokens of which fewer are the team's to learn, and the same in another number format."""
    import torch

    asked, reply, *rest = talk("100 where?", REPLIES["en"], "100 and then?", "Now.")
    learnt, partly = (record([asked, first, *rest]) for first in (reply, {**reply, "train": False}))
    half, prompt = copy.deepcopy(echo()).to(torch.bfloat16), Prompt(("Be kind.",))

    def loss(rows: pl.DataFrame, memory: str, model: Any = None) -> tuple[list[list[int]], float]:
        reader = Reader(judge(model), {}, few_shot(learnt, 1, 80), Memory(memory), "v", set())
        texts = reader.texts(prompt, rows) or []
        return [one.input_ids for one in texts], reader.loss(prompt, rows, texts)

    cases: list[tuple[pl.DataFrame, Any]] = [(learnt, None), (partly, None), (partly, half)]
    shared = [loss(rows, "one", model) for rows, model in cases]
    assert shared == [loss(rows, f"own{place}", model) for place, (rows, model) in enumerate(cases)]
    assert shared[0][0] == shared[1][0] == shared[2][0], "the same tokens"
    assert len({value for _, value in shared}) == 3


def test_another_seed_draws_other_conversations() -> None:
    assert search(seed=1)[0].written != search(seed=2)[0].written


@given(st.text(alphabet="ab-1.) #\nء•"))
def test_the_blocks_of_a_prompt_are_the_prompt(text: str) -> None:
    plainly = "\n".join(line if line.strip() else "" for line in text.strip().split("\n"))
    assert "".join(blocks(text)).strip("\n") == plainly.strip("\n")


def test_points_paragraphs_and_headings_are_blocks_in_either_script() -> None:
    text = "Be kind\nand brief.\n\n- One\n  more\n- Two\n## Then\n١. أولاً\n٢. ثانياً"
    assert [block.strip() for block in blocks(text)] == [
        "Be kind\nand brief.",
        "- One\n  more",
        "- Two",
        "## Then",
        "١. أولاً",
        "٢. ثانياً",
    ]


@pytest.mark.parametrize(
    ("language", "begins", "ends"),
    [("en", "Welcome to us!", "Anything else?"), ("ar", "أهلاً بك.", "هل من شيء آخر؟")],
)
def test_how_the_team_begins_ends_and_how_long_it_writes_is_told_in_its_language(
    language: str, begins: str, ends: str
) -> None:
    said = [talk(f"q{n}", f"{begins} x{n} y{n}.", f"r{n}", f"z{n}. {ends}") for n in range(5)]
    words, first, last = habits(record(*said), language)
    assert begins in first
    assert ends in last
    assert "x1" not in first + last
    assert str(round(len(f"{begins} x y".split()) / 2 + len(f"z {ends}".split()) / 2)) in words


def test_what_single_conversations_say_is_no_habit_and_an_unknown_language_has_none() -> None:
    said = record(*[talk("q", f"Only {n}.") for n in range(5)])
    assert len(habits(said, "en")) == 1  # the length
    assert habits(said, "fr") == []
    assert habits(said.clear(), "en") == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_rule_is_stated_with_its_phrases(language: str) -> None:
    stated = rules(PLAYBOOK, language)
    assert len(stated) == len(PLAYBOOK.rules)
    for rule, sentence in zip(PLAYBOOK.rules, stated, strict=True):
        assert rule.say[language][0] in sentence
        assert all(asked in sentence for asked in rule.customer_says.get(language, ()))
        assert all(never in sentence for never in rule.say[language] if rule.kind == "forbidden")
    assert rules(PLAYBOOK, "fr") == []


def test_demonstrations_cover_what_train_is_about() -> None:
    chairs = [talk(f"a chair {n}", "We mend every chair.") for n in range(9)]
    lamps = [talk(f"my lamp {n}", "Lamps glow at night.") for n in range(5)]
    shown = list(demonstrations(record(*chairs, *lamps, talk("long " * 50, "no")), 20, 7).values())
    assert "chair" in shown[0][0]["content"]
    assert "lamp" in shown[1][0]["content"]
    assert not [said for said in shown if "long" in said[0]["content"]]


def test_a_language_that_test_has_not_is_not_searched() -> None:
    """Though prompt, train and dev have it."""
    on = material()
    by = judge(max_new_tokens="auto").profiled(on.train, on.dev.filter(language="en"))
    wanted = {**params("baseline"), "optimise": {"tokens": 3000, "conversations": 2, "seed": 7}}
    found = candidates(by, on.train, on.dev, WRITTEN, Baseline.model_validate(wanted), "v")
    assert [one.language for one in found.searched] == ["en"]


def test_the_strongest_prompt_is_chosen_where_the_search_did_not_look() -> None:
    """The half that the search saw is likelier behind one prompt, the other half behind the other."""
    seen, unseen = talks("en", REPLIES["en"], 6), talks("en", NOISE, 6, start=50)
    arms = {"written": prompted({"en": NOISE}), "optimised": prompted({"en": REPLIES["en"]})}
    by, dev, looked_at = judge(rivals="strongest"), pl.concat([seen, unseen]), set(seen["conversation_id"])
    assert list(rivals(by, dev, arms, 4, looked_at)[0]) == ["written"]
    assert list(rivals(by, seen, arms, 4, looked_at)[0]) == ["optimised"], "all there is"
    (english, arabic) = search()
    assert len({*english.looked_at, *arabic.looked_at}) == 4
    assert "looked_at" not in english.as_json()


def test_without_a_written_prompt_in_a_language_nothing_is_searched_in_it() -> None:
    found = optimise(judge(), {"en": "Be kind."}, material(), Optimise(tokens=3000, conversations=4, seed=7), "v")
    assert [one.language for one in found] == ["en"]
    assert prompted({"en": "Be kind."})({"language": "ar"}, 1)[0]["content"] == "Be kind."
