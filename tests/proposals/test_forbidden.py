import random
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from curation.core.record.playbook import Playbook
from curation.decisions.decisions import Decision
from curation.proposals.evidence import Proposal
from curation.proposals.forbidden import forbidden
from tests.builders import record, talk
from tests.proposals.talks import words

SAID = {
    "forbidden_promises": {"en": "I promise it comes today", "ar": "أعدك أنها تصل اليوم"},
    "forbidden_blame": {"en": "That is your own fault", "ar": "الخطأ منك أنت"},
    "forbidden_dismissals": {"en": "That's not our problem", "ar": "هذي مو مشكلتنا"},
    "forbidden_liability": {"en": "It was our fault", "ar": "نتحمل كامل المسؤولية"},
    "forbidden_other_customers": {"en": "Another customer told us so", "ar": "قال أحد عملائنا ذلك"},
    "forbidden_insults": {"en": "Don't be an idiot", "ar": "أنت غبي"},
}
OPPOSITE = {
    "en": ("We can't give what I promise", "No agent says I guarantee"),
    "ar": ("لا أعدك بشيء", "لا أستطيع أن أعدك"),
}
STRANGE = {"en": "quite the grumpy walrus", "ar": "يا فصيح زمانك هذا"}


def said(language: str, planted: Mapping[int, str], count: int = 120, asked: Mapping[int, str] | None = None) -> Any:
    """Conversations of made-up words; those numbered have a sentence more, said by agents or `asked` by customers."""
    draw = random.Random(5)

    def turn(sentence: str | None) -> str:
        return ". ".join([" ".join(words(draw, language, 9)), *([sentence] if sentence else []), "ok"])

    talks = [talk(turn((asked or {}).get(n)), turn(planted.get(n))) for n in range(count)]
    return record(*talks, language=[language] * count, row_id=[f"{language}:{n:03}" for n in range(count)])


def found(table: pl.DataFrame, decisions: Sequence[Decision] = ()) -> dict[str, Proposal]:
    return {one.rule.id: one for one in forbidden(table.to_dicts(), decisions, ("SA", "US"))}


def decided(table: pl.DataFrame, numbers: Sequence[int], **what: Any) -> list[Decision]:
    return [Decision.model_validate({"conversation_id": table["conversation_id"][n], **what}) for n in numbers]


def rewritten(table: pl.DataFrame, numbers: Sequence[int], replaced: str) -> list[Decision]:
    without = [
        tuple({"role": m["role"], "content": m["content"].replace(replaced, "noted")} for m in table["messages"][n])
        for n in numbers
    ]
    return [
        d for n, new in zip(numbers, without, strict=True) for d in decided(table, [n], decision="edit", messages=new)
    ]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("kind", SAID)
def test_what_every_team_forbids_is_proposed_with_the_rows_where_few_say_it(kind: str, language: str):
    proposals = found(said(language, dict.fromkeys(range(4), SAID[kind][language])))
    assert set(proposals) == {kind}
    rule, tally = proposals[kind].rule, proposals[kind].evidence[language]
    assert rule.kind == "forbidden" and rule.said.find(SAID[kind][language], language) and rule.why
    assert tally.broken == [f"{language}:{n:03}" for n in range(4)] and len(tally.kept) == 116


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("count", [0, 2, 40])
def test_nothing_is_forbidden_that_is_a_slip_or_how_this_team_speaks(language: str, count: int):
    assert not found(said(language, dict.fromkeys(range(count), SAID["forbidden_promises"][language])))


@pytest.mark.parametrize("language", ["en", "ar"])
def test_who_says_the_opposite_or_only_hears_it_does_not_say_it(language: str):
    opposite = {n: OPPOSITE[language][n % 2] for n in range(8)}
    assert not found(said(language, opposite))
    assert not found(said(language, {}, asked=dict.fromkeys(range(8), SAID["forbidden_insults"][language])))


def test_a_kind_of_two_languages_is_one_rule_that_judges_both_and_counts_in_both():
    planted = {language: SAID["forbidden_blame"][language] for language in ("en", "ar")}
    proposals = found(pl.concat([said(name, {0: text, 1: text}) for name, text in planted.items()]))
    rule = proposals["forbidden_blame"].rule
    playbook = Playbook(company="", max_words=1000, rules=(rule,))
    for language, text in planted.items():
        broken = [judged.rule for judged in playbook.judge(talk("?", text), language, None) if not judged.ok]
        assert broken == [rule.id] and len(proposals[rule.id].evidence[language].broken) == 2


def test_copies_of_a_row_are_one_slip():
    table = said("en", {0: SAID["forbidden_promises"]["en"]})
    assert not found(pl.concat([table, table[:1], table[:1]]))


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("way", ["drop", "edit", "drop alone"])
def test_what_people_cut_out_or_dropped_is_proposed(language: str, way: str):
    table = said(language, dict.fromkeys(range(8), STRANGE[language]))
    bad = rewritten(table, range(8), STRANGE[language]) if way == "edit" else decided(table, range(8), decision="drop")
    kept = [] if way == "drop alone" else decided(table, range(40, 80), decision="keep")
    proposals = found(table, bad + kept)
    assert set(proposals) == {"forbidden_cut"}
    tally = proposals["forbidden_cut"].evidence[language]
    assert proposals["forbidden_cut"].rule.said.find(STRANGE[language], language)
    assert tally.cut == [f"{language}:{n:03}" for n in range(8)] == tally.broken and not tally.left


@pytest.mark.parametrize("why", ["let stand as often", "dropped for its label", "customers' words"])
def test_a_phrase_is_not_forbidden_for_standing_where_people_looked(why: str):
    asked = dict.fromkeys(range(8), STRANGE["en"]) if why == "customers' words" else {}
    count = 30 if why == "let stand as often" else 8
    table = said("en", dict.fromkeys(range(count), STRANGE["en"]), 400, asked)
    reasons = ("wrong_label",) if why == "dropped for its label" else ()
    bad = decided(table, range(8), decision="drop", reasons=reasons)
    kept = decided(table, range(8 if count == 30 else 60, 100), decision="keep")
    assert not found(table, bad + kept)


def test_what_people_let_stand_is_not_forbidden_for_its_kind():
    table = said("en", dict.fromkeys(range(4), SAID["forbidden_promises"]["en"]))
    assert not found(table, decided(table, range(4), decision="keep"))
    assert found(table, decided(table, range(3), decision="drop"))["forbidden_promises"].evidence["en"].cut


def test_a_cut_that_a_kind_says_already_is_said_once():
    table = said("en", dict.fromkeys(range(8), SAID["forbidden_promises"]["en"]))
    assert set(found(table, decided(table, range(8), decision="drop"))) == {"forbidden_promises"}


@pytest.mark.parametrize("kind", ["Sara Haddad", "+966 50 123 4567", "ali@mail.example"])
def test_no_cut_that_is_personal_is_proposed(kind: str):
    table = said("en", dict.fromkeys(range(8), f"my name is {kind}"))
    proposals = found(table, decided(table, range(8), decision="drop"))
    told = " ".join(p for one in proposals.values() for p in one.rule.say["en"]).lower().split()
    assert not set(told) & set(kind.lower().split())
