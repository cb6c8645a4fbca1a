import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.core.record.playbook import Playbook
from curation.proposals.propose import Proposed, proposed
from tests.builders import record, talk
from tests.proposals.talks import BAGGAGE, BYE, DESK, HELLO, team, words
from tests.proposals.talks import shuffled as without_rules

COUNTRIES = ("SA", "US")


def found(table: pl.DataFrame) -> Proposed:
    return proposed(table, COUNTRIES)


def rules(table: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {one.rule.id: one.rule.model_dump(exclude={"id", "why"}) for one in found(table).rules}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_rules_of_a_team_are_proposed_and_no_others(language: str):
    proposals = {one.rule.id: one.rule for one in found(team(3, language, 480)).rules}
    assert set(proposals) == {"greeting", "closing", "handover_1" if language == "ar" else "answer_1", "phrase_1"}
    answer = proposals["handover_1" if language == "ar" else "answer_1"]
    assert proposals["greeting"].where == "first_reply" and proposals["closing"].where == "last_reply"
    assert proposals["greeting"].said.find(HELLO[language], language)
    assert proposals["closing"].said.find(BYE[language], language)
    assert answer.kind == "escalation" and answer.said.find(DESK[language], language)
    assert set(answer.customer_says[language]) == set(BAGGAGE[language])
    assert proposals["phrase_1"].labels == ("delay", "refund")


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000), language=st.sampled_from(["en", "ar"]))
def test_nothing_is_proposed_where_replies_are_shuffled(seed: int, language: str):
    assert rules(without_rules(team(seed, language, 240), seed)) == {}


def test_a_rule_of_two_languages_is_one_and_a_mixed_conversation_may_keep_it_in_either():
    both = pl.concat([team(1, "en", 320), team(2, "ar", 320)])
    proposals = found(both).rules
    assert all(set(one.rule.say) == {"en", "ar"} == set(one.evidence) for one in proposals)
    playbook = Playbook(company="", max_words=100, rules=tuple(one.rule for one in proposals))
    mixed = talk("الحقيبة suitcase", f"{HELLO['en']}. hm", "ok", f"{DESK['ar']}. {BYE['ar']}")
    assert all(judgement.ok for judgement in playbook.judge(mixed, "mixed", "booking"))


def test_evidence_is_what_the_playbook_judges_of_the_rows():
    table = team(3, "en", 480)
    broken = table["row_id"][0]
    messages = talk("kalo", "kami", "loter", "terbra")
    table = pl.concat([record(messages, label=["booking"]).with_columns(row_id=pl.lit(broken)), table[1:]])
    proposals = found(table)
    playbook = Playbook(company="", max_words=10_000, rules=tuple(one.rule for one in proposals.rules))
    judged = {
        row["row_id"]: playbook.judge(row["messages"], row["language"], row["label"])
        for row in table.iter_rows(named=True)
    }
    for one in proposals.rules:
        against = {r for r, found in judged.items() if any(j.rule == one.rule.id and not j.ok for j in found)}
        tally = one.evidence["en"]
        assert {*tally.broken, *tally.undue} == against
    assert broken in next(one for one in proposals.rules if one.rule.id == "greeting").evidence["en"].broken


def test_the_order_of_rows_changes_nothing():
    table = team(5, "en", 240)
    assert rules(table) == rules(table.sample(fraction=1, shuffle=True, seed=1))


@pytest.mark.parametrize("kind", ["Sara Haddad", "+966 50 123 4567", "ali@mail.example", "4111 1111 1111 1111"])
def test_nothing_personal_is_proposed_however_often_it_is_said(kind: str):
    draw = random.Random(1)
    talks = [
        talk(
            "kalo", f"Hello, my name is {kind}. {' '.join(words(draw, 'en', 9))}", "mi", " ".join(words(draw, "en", 9))
        )
        for _ in range(160)
    ]
    said = [phrase.lower() for one in found(record(*talks)).rules for phrase in one.rule.say["en"]]
    assert not [phrase for phrase in said if set(phrase.split()) & set(kind.lower().split())]


def test_a_greeting_is_told_by_where_it_stands_and_not_by_being_frequent():
    draw = random.Random(2)
    everywhere = [
        talk(
            "kalo", *(f"Noted with thanks. {' '.join(words(draw, 'en', 9))}" if n % 2 == 0 else "mi" for n in range(5))
        )
        for _ in range(160)
    ]
    assert rules(record(*everywhere)) == {}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_greeting_and_closing_are_told_apart_where_conversations_have_one_reply(language: str):
    draw = random.Random(6)
    said = [f"{HELLO[language]}. {' '.join(words(draw, language, 9))}. {BYE[language]}" for _ in range(160)]
    talks = [talk(" ".join(words(draw, language, 5)), text) for text in said]
    proposals = {one.rule.id: one.rule for one in found(record(*talks, language=[language] * 160)).rules}
    assert set(proposals) == {"greeting", "closing"}
    assert proposals["greeting"].said.find(HELLO[language], language)
    assert not proposals["greeting"].said.find(BYE[language], language)


def test_the_company_and_the_length_are_those_of_the_replies():
    table = team(4, "en", 240)
    proposals = found(table)
    longest = max(len(m["content"].split()) for said in table["messages"] for m in said if m["role"] == "assistant")
    assert proposals.company == "Nordlicht Reisen" and longest <= proposals.max_words <= longest + 10


def test_a_language_with_too_few_conversations_is_named_and_proposes_nothing():
    proposals = found(pl.concat([team(1, "en", 240), team(1, "ar", 40)]))
    assert proposals.too_few == {"ar": 40} and all("ar" not in one.rule.say for one in proposals.rules)


@pytest.mark.parametrize("table", [record(), record(talk("only a question"))])
def test_a_set_without_replies_proposes_no_rule(table: pl.DataFrame):
    assert rules(table) == {}


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("way", ["fact", "echo", "wording"])
def test_what_only_follows_the_subject_is_no_rule(language: str, way: str):
    draw = random.Random(8)
    asks = {"en": "what about the winter forecast", "ar": "ما توقعات الشتاء عندكم"}[language]
    says = {
        "fact": {"en": "Today brings {} degrees celsius there", "ar": "يصل اليوم إلى {} درجة مئوية هناك"},
        "echo": {"en": "About the winter forecast", "ar": "ما توقعات الشتاء"},
        "wording": {"en": "Our meteorologists answer gladly", "ar": "يسعد خبراؤنا بالإجابة"},
    }[way][language]

    def turn(sentence: str, lead: bool) -> str:
        return ". ".join(
            [" ".join(words(draw, language, 9)), *([sentence.format(draw.randint(1, 40))] if lead else [])]
        )

    talks = [
        talk(*(turn(one, n % 5 == 0) for one in (asks, says)), turn("", False), turn("", False)) for n in range(300)
    ]
    labels = ["weather" if n % 5 == 0 else f"other{n % 5}" for n in range(300)]
    table = record(*talks, label=labels, language=[language] * 300)
    assert bool(rules(table)) == (way == "wording")
