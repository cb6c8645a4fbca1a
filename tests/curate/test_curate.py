"""People overrule the policy, edits are checked again, and the ledger closes every row."""

import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from curation.checks.check import FINDINGS, NOTHING
from curation.core.record.conversation import conversation_id
from curation.core.record.ledger import assert_law, counts, outcomes
from curation.core.text.facts.patterns import KINDS
from curation.curate import __main__ as curate
from curation.curate.edits import checked_again, edited
from curation.curate.entries import copy_entries, fate_entries, finding_entries, masking_entries, quarantine_entries
from curation.curate.fates import CURATED, accepted, closed_as_copies, corrected, decided
from curation.curate.rows import MADE, keyed, maker
from curation.curate.used import UsedSet
from curation.decisions.decisions import Decision
from curation.harness.engine import Machine
from curation.harness.params import Params
from curation.harness.stage import Stage
from curation.policy.verdicts import VERDICTS, causes, judged
from curation.privacy import PATTERNED
from curation.privacy.params import Privacy
from curation.split import related
from tests.builders import context, record, shipped_policy, talk

GOOD = "Thank you for contacting Zaafaran Home. It is on its way. Is there anything else?"
ROWS = record(*(talk(f"Where is order number {n} of mine?", GOOD) for n in range(5)))
IDS = ROWS["conversation_id"].to_list()
PRIVACY = Privacy(countries=("SA",))
UNLEARN = dict.fromkeys(KINDS, "unlearn")


def in_twos(rows: pl.DataFrame) -> Callable[[], Iterator[pl.DataFrame]]:
    return lambda: rows.iter_slices(2)


def outcome(
    *decisions: Decision,
    verdict: str = "review",
    read: pl.DataFrame = ROWS,
    evaluation: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ledger and curated set when every row has this verdict."""
    verdicts = verdicts_of(read, verdict)
    by_id = {d.conversation_id: d for d in decisions}
    edits = edited(read, by_id)
    refound = judged(checked_again(in_twos(read), edits, context(evaluation)), shipped_policy(), 5)
    fates = decided(verdicts, by_id, edits, decisive(refound))
    used, curated = used_set(accepted(read, fates), corrected(edits, fates))
    masking, closed = used.done(), fate_entries(read, closed_as_copies(fates, used.copies()))
    ledger = pl.concat([finding_entries(edits, refound, "curate"), masking_entries(masking), closed])
    assert_law(ledger, read["row_id"])
    return ledger, curated.select(CURATED.names())


def used_set(*parts: pl.DataFrame) -> tuple[UsedSet, pl.DataFrame]:
    """What came of masking, and MADE."""
    make = maker(PATTERNED, PRIVACY, UNLEARN, ())
    with tempfile.TemporaryDirectory() as folder:
        used = UsedSet(Path(folder), sum(part.height for part in parts))
        for part in parts:
            used.put(make(keyed(part)))
        return used, pl.concat([MADE.to_frame(), *used.distinct_parts()])


def decisive(refound: pl.DataFrame) -> pl.DataFrame:
    return causes(refound.filter(pl.col("severity") != "info"), shipped_policy())


def verdicts_of(read: pl.DataFrame, verdict: str) -> pl.DataFrame:
    told = {"verdict": verdict, "code": "pii_email", "codes": ["pii_email"], "priority": 0.5}
    return pl.DataFrame([{"conversation_id": key, **told} for key in read["conversation_id"]], schema=VERDICTS)


def decision(row: int, what: str, **more) -> Decision:
    return Decision(conversation_id=IDS[row], decision=what, annotators=("sara",), **more)


def test_doubtful_rows_wait_until_somebody_decides():
    ledger, curated = outcome()
    assert counts(ledger)["held"] == 5
    assert curated.is_empty()


def test_people_overrule_the_policy_both_ways():
    ledger, curated = outcome(decision(0, "keep"), decision(1, "drop", reasons=("rude",)), verdict="reject")
    assert (counts(ledger)["kept"], counts(ledger)["dropped"]) == (1, 4)
    assert curated.select("conversation_id", "origin").rows() == [(IDS[0], "kept")]
    assert ledger.filter(pl.col("code") == "rude")["evidence"].to_list() == ["decided by sara"]
    ledger, curated = outcome(decision(1, "drop"), verdict="accept")
    assert IDS[1] not in curated["conversation_id"].to_list()


def test_an_edit_is_a_new_conversation_that_names_its_parent():
    words = talk("Where is order number 0 of mine?", GOOD.replace("on its way", "out for delivery"))
    ledger, curated = outcome(decision(0, "edit", messages=tuple(words)))
    assert curated.select("conversation_id", "origin", "parent_id").rows() == [
        (conversation_id(words), "edited", IDS[0])
    ]
    assert counts(ledger)["edited"] == 1


def test_a_corrected_label_keeps_the_words_and_their_id():
    _, curated = outcome(decision(0, "edit", label="order_status"))
    assert curated.select("conversation_id", "label", "origin").rows() == [(IDS[0], "order_status", "edited")]


def test_an_edit_that_fails_a_check_is_dropped_with_its_reason():
    ledger, curated = outcome(decision(0, "edit", messages=tuple(talk("Where is order number 0 of mine?", ""))))
    assert curated.is_empty()
    assert ledger.filter(pl.col("outcome") == "dropped")["code"].to_list() == ["empty_reply"]


def test_an_edit_that_copies_an_evaluation_row_is_dropped():
    words = (
        "My blue lamp flickers since the storm on Monday and the shop is closed, what now?",
        "Please unscrew the bulb, wait a minute and put the spare one from the box into the socket of the lamp.",
    )
    held_out = record(talk(*words))
    ledger, curated = outcome(decision(0, "edit", messages=tuple(talk(*words))), evaluation=held_out)
    assert curated.is_empty()
    assert ledger.filter(pl.col("outcome") == "dropped")["code"].to_list() == ["evaluation_leak"]
    _, curated = outcome(decision(0, "edit", messages=tuple(talk(*words))))
    assert curated.height == 1


def test_what_an_edit_states_and_no_turn_before_is_told():
    stated = GOOD.replace("It", "Order 7788991")
    change = decision(0, "edit", messages=tuple(talk("Where is order number 0 of mine?", stated)))
    edits = edited(ROWS, {change.conversation_id: change})
    found = checked_again(in_twos(ROWS), edits, context()).filter(check="grounding")
    assert found.select("conversation_id", "code").rows() == [(edits["conversation_id"][0], "ungrounded_number")]


def test_an_edit_into_words_that_are_there_already_is_a_copy():
    same = tuple(talk("Where is order number 1 of mine?", GOOD))
    ledger, curated = outcome(decision(0, "edit", messages=same), decision(1, "keep"))
    assert counts(ledger)["duplicate"] == 1
    assert curated["conversation_id"].to_list() == [IDS[1]]


@pytest.mark.parametrize("other", ["drop", "edit", None])
def test_an_edit_into_words_that_are_not_used_is_used(other: str | None):
    same = talk("Where is order number 1 of mine?", GOOD)
    away = tuple(talk("Where is order number 9 of mine?", GOOD))
    decisions = [decision(0, "edit", messages=tuple(same))]
    decisions += [decision(1, other, messages=away if other == "edit" else None)] if other else []
    ledger, curated = outcome(*decisions)
    assert conversation_id(same) in curated["conversation_id"].to_list()
    assert counts(ledger)["duplicate"] == 0


def test_two_edits_into_the_same_words_are_used_once_and_each_finding_is_told_once():
    words = tuple(talk("Where is my parcel?", "It is on its way to you and should"))
    ledger, curated = outcome(decision(0, "edit", messages=words), decision(1, "edit", messages=words))
    assert curated.height == 1
    assert counts(ledger)["duplicate"] == 1
    assert not ledger.is_duplicated().any()


def test_an_edit_is_repaired_and_its_language_told_like_any_raw_row():
    words = ("أين طلبي رقم صفر من فضلكم؟\r\n", "شكراً لتواصلك مع زعفران هوم. طلبك في الطريق. هل هناك شيء آخر؟ ")
    _, curated = outcome(decision(0, "edit", messages=tuple(talk(*words))))
    assert curated["language"].to_list() == ["ar"]
    assert [m["content"] for m in curated["messages"][0]] == [text.strip() for text in words]


def test_an_edit_stands_beside_the_other_rows_and_not_beside_what_it_replaces(monkeypatch: pytest.MonkeyPatch):
    looked_at: list[str] = []

    def seen(rows: pl.DataFrame, *_: object) -> pl.DataFrame:
        looked_at.extend(rows["conversation_id"])
        return NOTHING

    monkeypatch.setattr("curation.curate.edits.seen", seen)
    edits = edited(
        ROWS, {IDS[0]: decision(0, "edit", messages=tuple(talk("Where is it?", "It has left, I am sorry.")))}
    )
    checked_again(in_twos(ROWS), edits, context())
    assert sorted(looked_at) == sorted([*IDS[1:], edits["conversation_id"][0]])


def test_a_check_that_is_skipped_does_not_look_at_edits_either():
    edits = edited(ROWS, {IDS[0]: decision(0, "edit", messages=tuple(talk("Hi", "You are a damn idiot.")))})
    all_checks = context()
    without = replace(all_checks, params=all_checks.params.model_copy(update={"skip": ("profanity",)}))
    seen = [set(checked_again(in_twos(ROWS), edits, using)["check"]) for using in (all_checks, without)]
    assert seen[0] - seen[1] == {"profanity"}


def test_a_decision_about_other_words_sticks_to_nothing():
    ledger, _ = outcome(Decision(conversation_id="f" * 32, decision="keep"))
    assert counts(ledger)["held"] == 5


def test_only_serious_findings_stand_in_the_ledger():
    seen = [{"conversation_id": IDS[0], "check": "length", "code": "reply_words", "value": v} for v in (0.0, 50.0)]
    found = judged(pl.DataFrame(seen, schema=FINDINGS), shipped_policy(), 5)
    assert finding_entries(ROWS, found, "score").select("row_id", "code", "value", "threshold").rows() == [
        ("file:1", "reply_words", 0.0, 1.0)
    ]


def test_copies_are_closed_with_their_survivor():
    clusters = pl.DataFrame(
        {
            "row_id": ["a", "b"],
            "conversation_id": ["x", "y"],
            "survivor": [True, False],
            "duplicate_of": [None, "a"],
            "kind": [None, "near"],
            "similarity": [None, 0.8],
        }
    )
    assert copy_entries(clusters).select("row_id", "code", "value", "evidence").rows() == [
        ("b", "near", 0.8, "copy of a")
    ]


# -- personal data -----------------------------------------------------------------------------------------------------


def calling(number: str, **columns) -> pl.DataFrame:
    return record(
        talk(f"Please call me on {number} about my order.", GOOD.replace("It is", f"We call {number}, it is")),
        **columns,
    )


def test_masked_words_are_a_new_conversation_that_names_its_parent():
    read = calling("0501234567", metadata=['{"mobile":"+966501234567","seen":2}'], source_id=["0501234567"])
    ledger, curated = outcome(verdict="accept", read=read)
    row = curated.row(0, named=True)
    assert [m["content"] for m in row["messages"]] == [
        "Please call me on [phone_1] about my order.",
        GOOD.replace("It is", "We call [phone_1], it is"),
    ]
    assert (row["conversation_id"], row["parent_id"]) == (conversation_id(row["messages"]), read["conversation_id"][0])
    assert (row["metadata"], row["source_id"], row["origin"]) == (
        '{"mobile":"[phone_1]","seen":2}',
        "[phone_1]",
        "accepted",
    )
    told = ledger.filter(pl.col("code") == "masked").select("conversation_id", "stage", "outcome", "value", "evidence")
    assert told.rows() == [(read["conversation_id"][0], "curate", "finding", 1.0, "1 phone")]


def test_a_row_without_personal_data_keeps_its_id_and_every_word():
    _, curated = outcome(verdict="accept")
    assert curated.drop("origin", "parent_id").equals(ROWS.sort("conversation_id"))
    assert curated["parent_id"].null_count() == 5


def test_rows_that_masking_makes_the_same_are_used_once():
    read = pl.concat([calling("0501234567"), calling("0559876543", row_id=["file:2"])])
    ledger, curated = outcome(verdict="accept", read=read)
    assert (curated.height, counts(ledger)["accepted"], counts(ledger)["duplicate"]) == (1, 1, 1)
    gone = outcomes(ledger).filter(outcome="duplicate").row(0, named=True)
    assert (gone["code"], gone["evidence"]) == ("masked", f"without personal data a copy of {curated['row_id'][0]}")


def test_what_a_person_decided_stands_before_what_the_policy_accepted():
    read = pl.concat([calling("0501234567"), calling("0559876543", row_id=["file:2"])])
    for key in read["conversation_id"]:
        _, curated = outcome(Decision(conversation_id=key, decision="keep"), verdict="accept", read=read)
        assert curated.select("parent_id", "origin").rows() == [(key, "kept")]


def test_a_decision_holds_for_the_words_as_they_were_read_and_an_edit_is_masked_too():
    read = calling("0501234567")
    words = talk("Please call me.", GOOD.replace("It is", "We call 0501234567, it is"))
    _, curated = outcome(
        Decision(conversation_id=read["conversation_id"][0], decision="edit", messages=tuple(words)), read=read
    )
    row = curated.row(0, named=True)
    assert "We call [phone_1]" in row["messages"][1]["content"]
    assert (row["origin"], row["parent_id"]) == ("edited", read["conversation_id"][0])


def test_customers_become_numbers_that_still_tell_them_apart():
    customers = ["sara@x.com", "0501234567", None, "sara@x.com", "u-5"]
    _, curated = outcome(verdict="accept", read=ROWS.with_columns(customer=pl.Series(customers)))
    named = dict(curated.select("row_id", "customer").iter_rows())
    assert named["file:1"] == named["file:4"]
    assert named["file:3"] is None
    assert {named["file:1"], named["file:2"], named["file:5"]} == {"customer_1", "customer_2", "customer_3"}


def test_related_conversations_stay_related_when_they_are_masked():
    read = pl.concat([calling("0501234567"), ROWS.head(1).with_columns(row_id=pl.lit("file:2"))])
    _, curated = outcome(verdict="accept", read=read)
    pairs = pl.DataFrame({"left": [read["conversation_id"][0]], "right": [read["conversation_id"][1]]})
    assert [set(pair) for pair in related(curated, pairs)] == [set(curated["conversation_id"])]


def test_unreadable_rows_are_quarantined_forgotten_ones_dropped_and_reasons_quote_nobody():
    columns = {
        "row_id": ["a", "b"],
        "code": ["unreadable", "forgotten"],
        "reason": ["mail sara@x.com is no role", "asked"],
    }
    entries = quarantine_entries(pl.DataFrame(columns), ("SA",))
    assert entries.select("outcome", "code", "evidence").rows() == [
        ("quarantined", "unreadable", "mail [email] is no role"),
        ("dropped", "forgotten", "asked"),
    ]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage[Params]]:
    (tmp_path / "params.yaml").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with Stage("curate", Params) as running:
        yield running


def as_bytes(table: pl.DataFrame) -> bytes:
    """As a stage writes them."""
    with io.BytesIO() as buffer:
        table.write_parquet(buffer, compression="zstd", statistics=True)
        return buffer.getvalue()


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_become_the_same_bytes_whatever_the_parts_shelves_processes_and_what_is_remembered(
    stage: Stage[Params], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    numbers = [f"05{n}1234567" for n in range(5)]
    said = (calling(number, customer=[number]) for number in numbers)
    fees = record(*(talk(f"And for {n}?", f"It is {n} SAR.") for n in range(30, 33)))
    read = pl.concat([*said, fees, ROWS.sort("row_id", descending=True)])
    read = read.with_columns(row_id=pl.format("raw:{}", pl.row_index()))
    nothing = pl.DataFrame(schema={**FINDINGS, "severity": pl.String})
    chosen = accepted(read, decided(verdicts_of(read, "accept"), {}, edited(read, {}), decisive(nothing)))
    at_once, whole = used_set(chosen)
    assert (at_once.done().height, whole["stated"].list.len().sum()) == (5, 3)
    assert whole["conversation_id"].is_sorted()
    monkeypatch.setattr(curate, "CHUNK", 2)
    monkeypatch.setattr(curate, "LARGE", 0)
    monkeypatch.setattr("curation.harness.parts.ROWS_A_SHELF", 3)
    stage.machine = Machine(workers=workers)
    prepare = partial(maker, PATTERNED, PRIVACY, UNLEARN, ())
    remembered = maker(PATTERNED, PRIVACY, UNLEARN, ())(keyed(chosen))
    others = remembered.with_columns(pl.col("row") + 1, evidence=pl.lit("of other words"))
    for known in (remembered.clear(), pl.concat([others, remembered.sample(fraction=0.5)]), remembered):
        with stage.scratch() as folder:
            used = UsedSet(folder, read.height)
            shuffled = chosen.sample(fraction=1, shuffle=True)
            for part in curate.made_parts(stage, partial(shuffled.iter_slices, 4), known.iter_slices(3), prepare):
                used.put(part)
            curated = pl.concat(used.distinct_parts())
        assert as_bytes(curated) == as_bytes(whole)
        assert as_bytes(used.done()) == as_bytes(at_once.done())


def test_rows_that_are_remembered_are_not_made_anew(stage: Stage[Params]) -> None:
    accepted_rows = ROWS.with_columns(origin=pl.lit("accepted"), parent_id=pl.lit(None, pl.String))
    remembered = maker(PATTERNED, PRIVACY, UNLEARN, ())(keyed(accepted_rows))
    seen: list[pl.DataFrame] = []

    def prepare() -> Callable[[pl.DataFrame], pl.DataFrame]:
        return lambda rows: seen.append(rows) or remembered.join(rows, on="row_id", how="semi")

    relabelled = accepted_rows.with_columns(label=pl.when(pl.col("row_id") == ROWS["row_id"][0]).then(pl.lit("new")))
    read = partial(relabelled.iter_slices, 2)
    pl.concat(curate.made_parts(stage, read, [remembered], prepare))
    assert [row for rows in seen for row in rows["row_id"]] == [ROWS["row_id"][0]]


def test_nothing_is_touched_where_nothing_is_to_be_masked() -> None:
    read = calling("0501234567", customer=["sara@x.com"]).with_columns(parent_id=pl.lit(None, pl.String))
    made = maker([], PRIVACY, UNLEARN, ())(keyed(read.with_columns(origin=pl.lit("accepted"))))
    assert made.select(read.columns).equals(read)
