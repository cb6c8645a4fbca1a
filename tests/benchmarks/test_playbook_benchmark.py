import pytest

from benchmarks.playbook.__main__ import matched
from curation.core.record.playbook import Rule
from tests.builders import record, talk


def rule(name: str, kind: str, language: str, say: str, **more: object) -> Rule:
    return Rule.model_validate({"id": name, "kind": kind, "say": {language: [say]}, **more})


@pytest.mark.parametrize("language", ["en", "ar"])
def test_rules_are_one_by_what_they_do_and_not_by_their_words(language: str):
    talks = [talk("a", "hello there friend", "help", "shame on you" if n < 4 else "bye") for n in range(20)]
    rows = record(*talks, language=[language] * 20).to_dicts()
    author = [
        rule("hello", "required", language, "hello", where="first_reply"),
        rule("no_shame", "forbidden", language, "shame on"),
        rule("help", "escalation", language, "bye", customer_says={language: ["help"]}),
    ]
    ours = [
        rule("greeting", "required", language, "there friend", where="first_reply"),
        rule("forbidden_1", "forbidden", language, "on you"),
        rule("closing", "required", language, "friend", where="last_reply"),
        rule("forbidden_2", "forbidden", language, "never said"),
    ]
    found = matched(author, ours, rows, language)
    assert found["author"] == {"hello": "greeting", "no_shame": "forbidden_1", "help": None}
    assert found["proposed"] == {"greeting": "hello", "forbidden_1": "no_shame", "closing": None, "forbidden_2": None}
