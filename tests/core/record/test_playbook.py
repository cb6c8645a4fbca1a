import pytest

from curation.core.record.playbook import Playbook
from tests.builders import ROOT, talk

PLAYBOOK = Playbook.load(ROOT / "playbook.yaml")
HELLO, BYE = "Thank you for contacting Zaafaran Home.", "Is there anything else I can help with?"
AHLAN, MAA = "شكراً لتواصلك مع زعفران هوم.", "هل هناك شيء آخر أساعدك به؟"


def broken(*contents: str, language: str = "en", label: str | None = None, complete: bool = True) -> set[str]:
    judged = PLAYBOOK.judge(talk(*contents), language, label, complete=complete)
    return {f"{j.rule}:{j.kind}" for j in judged if not j.ok}


def test_a_reply_of_the_house_breaks_nothing():
    assert broken("Where is my sofa?", f"{HELLO} It arrives today. {BYE}") == set()
    assert broken("أين طلبي؟", f"{AHLAN} يصل اليوم. {MAA}", language="ar") == set()


def test_greeting_and_closing_are_missed():
    assert broken("Where is my sofa?", "It arrives today.") == {"greeting:required", "closing:required"}


def test_arabic_spelling_and_marks_do_not_matter():
    assert broken("أين طلبي؟", "شكرا لتواصلك مع زعفران هوم. هل هنـاك شيء اخر؟", language="ar") == set()


def test_an_apology_is_due_only_for_its_labels():
    said = ("My table came broken", f"{HELLO} We will replace it. {BYE}")
    assert broken(*said, label="damaged_item") == {"apology:required"}
    assert broken(*said, label="product_question") == set()


def test_forbidden_words_are_whole_words():
    assert "no_blame:forbidden" in broken("Hm", f"{HELLO} Please calm down. {BYE}")
    assert broken("Hm", f"{HELLO} The sea will calm downstream. {BYE}") == set()


@pytest.mark.parametrize("trigger", ["There is SMOKE coming out of it", "I got an electric shock"])
def test_a_safety_case_must_be_handed_over(trigger: str):
    assert broken(trigger, f"{HELLO} Noted. {BYE}") == {"escalate_safety:escalation_missing"}
    assert broken(trigger, f"{HELLO} I am putting you through to our safety team. {BYE}") == set()


def test_handing_over_without_cause_is_undue():
    said = broken("Where is my sofa?", f"{HELLO} Our safety team will call. {BYE}")
    assert said == {"escalate_safety:escalation_undue"}


def test_handing_over_before_the_customer_said_so_does_not_count():
    said = ("Hi", f"{HELLO} Our safety team is great.", "There is smoke!", f"Oh. {BYE}")
    assert broken(*said) == {"escalate_safety:escalation_missing"}


def test_what_may_still_be_said_is_not_judged_yet():
    assert broken("Where is my sofa?", HELLO, complete=False) == set()


def test_rules_are_silent_in_languages_they_have_no_words_for():
    assert broken("Où est mon canapé?", "Il arrive aujourd'hui.", language="fr") == set()


def test_a_mixed_conversation_may_use_either_language():
    assert broken("Where is طلبي", f"{AHLAN} It arrives today. {BYE}", language="mixed") == set()


def test_replies_are_to_be_short():
    assert broken("Hi", f"{HELLO} {'word ' * 130}. {BYE}") == {"max_words:length"}
