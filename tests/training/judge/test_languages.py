"""Limits and languages are read off the team's own replies, whatever the tokenizer and the script."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.record.playbook import Playbook
from curation.harness.errors import QiratError
from tests.builders import ROOT, params, record, talk
from tests.training.tiny import model, renderer, support
from training.judge import forgetting
from training.judge.arms import bare, prompted
from training.judge.languages import LanguageProfile, Measures, figures, profiles, spelt, told
from training.judge.scoring import Evaluate, Scorer, answerable

ENGLISH = "Thank you for contacting Zaafaran Home, order ZH-312345 leaves tomorrow"
ARABIC = "شكراً لتواصلك مع زعفران هوم، يصلك الطلب غداً"
FAMILIES = {
    "ar": ARABIC,
    "ru": "Спасибо за обращение, ваш заказ отправят завтра",
    "el": "Ευχαριστούμε που επικοινωνήσατε μαζί μας σήμερα",
    "fa": "از تماس شما سپاسگزاریم، سفارش فردا می‌رسد",
    "hi": "हमसे संपर्क करने के लिए धन्यवाद",
}


def words(text: str) -> int:
    """A tokenizer that knows every word."""
    return len(text.split())


def english_only(text: str) -> int:
    """One that was made of English, as SmolLM2's: other letters, or their bytes, one by one."""
    return sum(1 if word.isascii() else len(word) for word in text.split())


def said(language: str, *replies: str) -> pl.DataFrame:
    talks = [talk("?", reply) for reply in replies]
    return record(*talks, language=[language] * len(talks))


def measures(tokens: Any = words, limit: Any = "auto", most: int = 600) -> Measures:
    return Measures(tokens, limit, most, max_words=120)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=300), st.lists(st.integers(1, 900), min_size=1, max_size=5))
def test_auto_lets_all_but_a_hundredth_of_the_teams_replies_through_and_never_looks_at_test(
    lengths: Sequence[int], test: Sequence[int]
) -> None:
    team = said("ar", *("كلمة " * n for n in lengths))
    asked = said("ar", *("كلمة " * n for n in test))
    found = profiles(team, asked, measures(), "auto")["ar"]
    assert found.limit - 1 in lengths
    assert found.cut == sum(n + 1 > found.limit for n in lengths) / len(lengths) <= 0.01
    assert found == profiles(team, said("ar", *["كلمة"] * len(test)), measures(), "auto")["ar"]


def test_one_endless_reply_among_many_moves_no_limit() -> None:
    team = said("en", *[ENGLISH] * 199, ENGLISH * 500)
    assert profiles(team, team, measures(), "auto")["en"].limit == words(ENGLISH) + 1


def test_each_language_has_its_own_limit_and_a_fixed_one_tells_what_it_cuts() -> None:
    team = pl.concat([said("en", *[ENGLISH] * 3), said("ar", *[ARABIC] * 3)])
    own = profiles(team, team, measures(english_only), "all")
    assert (own["en"].limit, own["ar"].limit) == (english_only(ENGLISH) + 1, english_only(ARABIC) + 1)
    fixed = profiles(team, team, measures(english_only, limit=12), "all")
    assert {code: (its.limit, its.cut) for code, its in fixed.items()} == {"en": (12, 0), "ar": (12, 1)}
    assert figures(fixed) == {
        "reply_limit_ar": 12,
        "reply_limit_en": 12,
        "team_replies_cut_ar": 1,
        "team_replies_cut_en": 0,
    }


def test_a_language_that_only_test_has_gets_the_longest_limit_and_no_limit_passes_what_is_asked() -> None:
    team = pl.concat([said("en", ENGLISH), said("ar", ARABIC * 9)])
    found = profiles(team, pl.concat([team, said("fr", "Merci")]), measures(most=40), "auto")
    assert found["fr"].limit == found["ar"].limit == 40


@pytest.mark.parametrize("language", FAMILIES)
def test_a_script_that_is_spelt_is_known_from_one_that_is_read_by_words(language: str) -> None:
    text = FAMILIES[language]
    assert spelt([text], english_only) == 1
    assert spelt([text], lambda said: len(said.encode())) == 1  # bytes
    assert spelt([text], words) == 0
    assert spelt([text], lambda said: -(-len(said) // 2)) == 0  # two letters a token, as good tokenizers come to
    assert spelt([f"{ENGLISH} {text}"], english_only) > 0.25


def test_ideographs_are_one_token_each_for_a_tokenizer_that_knows_them_and_several_for_one_that_does_not() -> None:
    text = ["感谢您联系我们,您的订单明天发货。"]
    assert spelt(text, len) == 0
    assert spelt(text, lambda said: 2 * len(said)) == 1


def test_numbers_names_of_orders_and_short_words_do_not_make_a_language_unknown() -> None:
    assert spelt(["ZH-312345 312345678 no. a I to OK!"], len) == 0


def test_auto_judges_the_languages_that_the_base_knows_and_tells_of_the_others() -> None:
    team = pl.concat([said("en", ENGLISH), said("ar", ARABIC, ARABIC), said("mixed", f"{ENGLISH} {ARABIC}")])
    found = profiles(team, team, measures(english_only), "auto")
    assert {code for code, its in found.items() if its.judged} == {"en"}
    lines = list(told(found))
    assert any(line.startswith("ar is not judged (2 test conversations)") for line in lines)
    assert any(line.startswith("en: a reply is cut at") for line in lines)
    both = profiles(team, team, measures(words), "auto")
    assert all(its.judged for its in both.values())


def test_what_is_named_is_judged_and_a_name_that_no_conversation_has_is_refused() -> None:
    team = pl.concat([said("en", ENGLISH), said("ar", ARABIC)])
    for languages in (("ar",), ("ar", "fr")):
        found = profiles(team, team, measures(english_only), languages)
        assert {code for code, its in found.items() if its.judged} == {"ar"}
    assert all(its.judged for its in profiles(team, team, measures(english_only), "all").values())
    with pytest.raises(QiratError, match=r"evaluate.languages: no test conversation is in fr; expected some of ar, en"):
        profiles(team, team, measures(), ("fr",))


def test_where_the_base_knows_none_of_the_languages_all_are_judged() -> None:
    team = said("ar", ARABIC)
    assert profiles(team, team, measures(english_only), "auto")["ar"].judged


def test_the_playbooks_words_are_told_against_the_limit() -> None:
    team = said("en", *[ENGLISH] * 3)
    (_, line) = told(profiles(team, team, measures(), "auto"))
    assert "allows some 132 tokens, an arm writes 11:" in line
    assert len(list(told(profiles(team, team, measures(limit=200), "auto")))) == 1


# -- what follows of it ------------------------------------------------------------------------------------------------


class Silent:
    """A model that stops at once, and notes how much it might have written to how many prompts."""

    device, dtype, training = "cpu", "float32", False

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def generate(self, input_ids: Any, attention_mask: Any, generation_config: Any) -> Any:
        import torch

        self.asked.append((generation_config.max_new_tokens, len(input_ids)))
        stops = torch.full((len(input_ids), 1), renderer().stop_id)
        return torch.cat([input_ids, stops], dim=1)


def judge(speaks: Any = None, **settings: Any) -> Scorer:
    evaluate = Evaluate.model_validate({**params("evaluate"), "batch": 100, "forgetting": 2, **settings})
    playbook = Playbook.load(ROOT / "playbook.yaml")
    return Scorer(cast("Any", speaks or model()), renderer(), playbook, evaluate, lambda items, *_: items)


def profile(limit: int, known: bool = True) -> LanguageProfile:
    return LanguageProfile(limit, 0.0, 0, 0.0 if known else 1.0, known, 4)


def test_every_arm_writes_with_the_limit_of_the_conversations_language_and_in_their_order() -> None:
    test, silent = support(12).tail(6), Silent()
    profiled = replace(judge(silent), profiles={"en": profile(30), "ar": profile(70)})
    for arm, before in (("base", bare), ("prompted", prompted({"en": "Be brief."}))):
        written = profiled.write(arm, test, before)
        turns = [
            (row["conversation_id"], turn) for row in test.to_dicts() for turn in range(1, len(row["messages"]), 2)
        ]
        assert written.select("conversation_id", "turn").rows() == turns
    assert silent.asked == [(30, 8), (70, 2)] * 2
    fixed = Silent()
    judge(fixed, max_new_tokens=9).write("base", test, bare)
    assert fixed.asked == [(9, 10)]


def test_a_language_that_is_not_judged_is_asked_nothing_in_test_in_dev_and_in_general_questions() -> None:
    test = support(30)
    unknown = replace(judge(), profiles={"en": profile(30), "ar": profile(70, known=False)})
    assert set(answerable(test, unknown, 100)["language"]) == {"en"}
    assert set(forgetting.answers("base", unknown)["language"]) == {"en"}
    both = replace(judge(), profiles={"en": profile(30), "ar": profile(70)})
    assert set(answerable(test, both, 100)["language"]) == {"en", "ar"}
    assert set(forgetting.answers("base", both)["language"]) == {"en", "ar"}


def test_general_questions_in_a_language_without_conversations_go_by_their_own_words() -> None:
    lettered = SimpleNamespace(tokens=english_only, params=SimpleNamespace(languages="auto"), profiles={})
    texts = {"en": [ENGLISH], "ar": [ARABIC]}
    assert Scorer.judged(cast("Any", lettered), texts) == {"en"}
    named = SimpleNamespace(tokens=english_only, params=SimpleNamespace(languages=("fr",)), profiles={})
    assert Scorer.judged(cast("Any", named), texts) == {"en", "ar"}


def test_general_questions_are_asked_in_a_language_that_is_judged_though_the_base_spells_it() -> None:
    """As where all test conversations are Arabic, and the base knows none of their languages."""
    team = said("ar", ARABIC)
    found = profiles(team, team, measures(english_only), "auto")
    asked = SimpleNamespace(tokens=english_only, params=SimpleNamespace(languages="auto"), profiles=found)
    assert Scorer.judged(cast("Any", asked), {"en": [ENGLISH], "ar": [ARABIC]}) == {"en", "ar"}


@pytest.mark.parametrize("wrong", [0, -1, "all", 2.5])
def test_a_limit_is_a_number_of_tokens_or_auto(wrong: Any) -> None:
    with pytest.raises(ValueError, match="max_new_tokens"):
        judge(max_new_tokens=wrong)
