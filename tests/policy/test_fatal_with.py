"""A list of words rejects nothing alone: the set itself must find the reply strange."""

import polars as pl
import pytest

from curation.checks.check import FINDINGS
from curation.harness.errors import QiratError
from curation.policy.verdicts import judged
from tests.builders import shipped_policy


def severity(*seen: tuple[str, str, float], **route) -> dict[tuple[str, str], str]:
    rows = [
        {"conversation_id": key, "check": "c", "code": code, "severity": "info", "value": v} for key, code, v in seen
    ]
    table = judged(pl.DataFrame(rows, schema=FINDINGS), shipped_policy(**route), 10)
    return {(key, code): told for key, code, told in table.select("conversation_id", "code", "severity").iter_rows()}


@pytest.mark.parametrize("code", ["profanity_agent", "model_refusal"])
def test_a_list_alone_asks_people_and_with_the_set_s_word_it_rejects(code: str):
    alone, both, another = ("a", code, 2), ("b", code, 2), ("c", code, 2)
    told = severity(alone, both, ("b", "unusual_reply", 0.9), another, ("c", "unusual_reply", 0.1))
    assert [told[key, code] for key in "abc"] == ["doubt", "fatal", "doubt"]


def test_what_the_set_finds_strange_in_one_row_condemns_no_other():
    told = severity(("a", "model_refusal", 2), ("b", "unusual_reply", 0.9), ("b", "model_refusal", 1))
    assert told == {("a", "model_refusal"): "doubt", ("b", "unusual_reply"): "doubt", ("b", "model_refusal"): "doubt"}


def test_codes_that_nothing_must_stand_beside_are_fatal_as_ever():
    assert severity(("a", "mojibake", 1)) == {("a", "mojibake"): "fatal"}


def test_a_team_may_say_that_the_list_is_enough():
    told = severity(("a", "model_refusal", 2), limits={"model_refusal": {"fatal_with": []}})
    assert told == {("a", "model_refusal"): "fatal"}


def test_a_code_that_no_check_reports_is_refused():
    with pytest.raises(QiratError, match=r"route.limits.mojibake.fatal_with: no check reports unusual_replies"):
        shipped_policy(limits={"mojibake": {"fatal_with": ["unusual_replies"]}})
