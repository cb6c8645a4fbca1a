import time
from datetime import UTC, datetime, timedelta
from typing import Any

from curation.review.present import Present
from curation.review.push import ASIDE_FOR, PushPlan, plan
from tests.review.fake_server import present

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)  # when the fake server's records were written
DATA = {"a", "b"}


def record(external_id: str, digest: str = "d", corrected: str | None = None) -> dict[str, Any]:
    return {"external_id": external_id, "fields": {}, "metadata": {"digest": digest}, "corrected": corrected}


def there(external_id: str, *statuses: str, corrected: str | None = None, **metadata: Any) -> Present:
    responses = [{"status": status} for status in statuses]
    return present(external_id, {"digest": "d", **metadata}, corrected, responses)


def planned(wanted: list[Any], present: list[Present], now: datetime = NOW) -> PushPlan:
    return plan(wanted, present, DATA, now)


def test_what_is_there_already_is_not_written() -> None:
    assert planned([record("a")], [there("a")]) == PushPlan([], [], [], [], [], unchanged=1)


def test_what_is_missing_is_new_and_keeps_its_order() -> None:
    assert [r["external_id"] for r in planned([record("b"), record("a")], []).new] == ["b", "a"]


def test_other_doubts_about_the_same_words_are_shown_while_nobody_has_answered() -> None:
    assert planned([record("a", "other")], [there("a")]).changed == [record("a", "other")]


def test_what_was_there_to_be_edited_is_taken_away_when_that_reply_is_no_longer_doubted() -> None:
    before = there("a", corrected="[2]\nx")
    assert planned([record("a", "other")], [before]).cleared == [before]
    assert planned([record("a", "other", "[4]\ny")], [before]).cleared == []


def test_an_answered_record_is_never_touched_not_even_a_draft() -> None:
    for status in ("draft", "submitted", "discarded"):
        found = planned([record("a", "other")], [there("a", status), there("b", status), there("c", status)])
        assert found == PushPlan([], [], [], [], [], unchanged=1)


def test_what_left_the_line_unanswered_is_set_aside_once_and_deleted_when_nobody_can_have_it_open() -> None:
    assert planned([], [there("b"), there("a")]).aside == [there("a"), there("b")]
    aside = there("a", aside=True)
    assert planned([], [aside], NOW + timedelta(hours=1)) == PushPlan([], [], [], [], [], 0)
    assert planned([], [aside], NOW + ASIDE_FOR + timedelta(seconds=1)).gone == ["argilla-a"]


def test_what_was_set_aside_comes_back_when_it_is_wanted_again() -> None:
    assert planned([record("a")], [present("a", {"digest": "", "aside": True})]).changed == [record("a")]


def test_a_conversation_that_the_data_has_no_more_goes_at_once_for_it_may_have_been_erased() -> None:
    assert planned([], [there("erased"), there("erased.2")]).gone == ["argilla-erased", "argilla-erased.2"]


def test_a_second_look_is_a_record_beside_the_first() -> None:
    found = planned([record("a.2")], [there("a", "submitted")])
    assert [r["external_id"] for r in found.new] == ["a.2"] and not found.aside


def test_what_somebody_made_by_hand_is_neither_changed_nor_deleted_and_takes_nobodys_place() -> None:
    by_hand = [present(name, {"team": "x"}) for name in ("", "", "b", "ticket 7", "تذكرة")]
    found = planned([record("a")], by_hand)
    assert [r["external_id"] for r in found.new] == ["a"]
    assert (found.aside, found.gone, found.by_hand) == ([], [], 5)


def test_a_plan_for_twenty_thousand_records_takes_no_time_that_grows_with_their_square() -> None:
    held = [there(f"gone{n}") for n in range(20_000)]
    started = time.process_time()
    assert len(planned([], held).gone) == 20_000
    assert time.process_time() - started < 5
