import io
import json
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.speed.check_costs import costs
from curation.checks import checks, findings, seen
from curation.checks.check import NOTHING, Check, Context, Noted, Reading, Score, in_order
from curation.checks.models import words
from curation.checks.models.words import LEAST
from curation.harness.engine import Machine
from curation.harness.errors import QiratError
from curation.harness.memory import CACHE
from curation.harness.parts import in_parts
from curation.harness.stage import Stage
from curation.score import __main__ as score
from curation.score.__main__ import (
    consulted,
    found_by_row,
    found_by_set,
    look_at_rows,
    recorder,
    with_personal_data,
    without_words,
)
from curation.score.notes import notes, numbers
from curation.score.planted import spoilt_looker
from curation.score.rows import ALONE, RowResults, findings_by_set, keyed, looked_once, of_that_size, rows_of_a_part
from curation.score.told import Told
from tests.builders import context, params, record, talk

REPLY = "Thank you for contacting Zaafaran Home. Your parcel left our warehouse this morning and will"
TALKS = [
    *(
        talk(f"Where is order {n}? It cost {n} SAR.", f"{REPLY} arrive on day {n}, call 05012345{n:02}")
        for n in range(9)
    ),
    talk("There is smoke!", "Odd. " * 20),
    talk("أين طلبي؟", "خرج طردك من المستودع هذا الصباح وسيتصل بك السائق قبل وصوله."),
    talk("أين الطلب الذي طلبته أمس؟", REPLY),
    talk("Hi", ""),
    talk("Hi", "As an AI language model, I cannot do that. It costs 499 SAR."),
    talk("Hi", "Broken \ufffd reply"),
]
TABLE = record(*TALKS).sort("conversation_id")
BY_ROW = [check for check in checks().values() if not check.whole_set]
BY_SET = [check for check in checks().values() if check.whole_set]
READINGS = {check.reads for check in BY_SET if check.reads}


def findings_by_row(stage: Stage[Score], table: pl.DataFrame, using: Context, which: list[Check]) -> pl.DataFrame:
    told = told_by_row(stage, lambda: in_parts([table], 2), using, which, READINGS)
    return pl.concat([NOTHING, *found_by_row(told)])


def told_by_row(stage: Stage[Score], read: Callable[[], Iterable[pl.DataFrame]], *others: Any) -> Told:
    names = [ALONE, *sorted(reading.__name__ for reading in others[-1])]
    told = Told(Path(tempfile.mkdtemp(dir=".")) / "told", names, pl.concat(map(keyed, read())))
    look_at_rows(stage, told, read, *others)
    return told


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage[Score]]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(json.dumps({"score": params("score"), "privacy": params("privacy")}))
    with Stage("score", Score) as running:
        yield running


def as_bytes(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


AT_ONCE = as_bytes(findings(TABLE, context(), BY_ROW))


@given(st.integers(1, 20))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_change_no_byte(stage: Stage[Score], size: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, "rows_of_a_part", lambda *_: size)
        stage.memory.forget_but([])
        assert as_bytes(findings_by_row(stage, TABLE, context(), BY_ROW)) == AT_ONCE


def test_local_backend_change_no_byte(stage: Stage[Score], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(score, "rows_of_a_part", lambda *_: 4)
    monkeypatch.setattr(score, "LARGE", 0)
    stage.machine = Machine(workers=2)
    assert as_bytes(findings_by_row(stage, TABLE, context(), BY_ROW)) == AT_ONCE


@given(st.sets(st.integers(0, TABLE.height - 1)))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_after_another_gives_the_bytes_of_a_first_run(stage: Stage[Score], before: set[int]):
    stage.memory.forget_but([])
    findings_by_row(stage, TABLE[sorted(before)], context(), BY_ROW)
    assert as_bytes(findings_by_row(stage, TABLE, context(), BY_ROW)) == AT_ONCE


WITH_A_STORY = (
    "My grandmother bought this lamp in a small village behind the mountains, and now its green shade is broken."
)


def talks(number: int) -> pl.DataFrame:
    """Enough conversations to be compared with one another, of both languages and with all that readings look for."""
    said = []
    for n in range(number):
        day = "Monday" if n % 3 else "Tuesday and the"  # some break off
        said.append(
            talk(f"Where is order {n}{n}?", f"Order {n}{n} costs {n % 7} SAR. It arrives on {day}", "Ok.", REPLY)
        )
        said.append(
            talk(f"أين الطلب رقم {n}؟", f"طلبك {n} في الطريق إليك، اتصل على 05012345{n % 90 + 10}.", "", "شكراً.")
        )
    said += [
        talk(WITH_A_STORY, REPLY),
        talk("Hello?"),
        talk("Hi", "qwzx vbkj pqzt xxwv jkqz"),
        talk("system only", "", system="Be kind."),
    ]
    rows = record(*said, language=["en", "ar"] * number + ["en", "en", "mixed", "ar"])
    return rows.unique("conversation_id").sort("conversation_id")


SET = talks(LEAST + 20)


VECTORS = pl.DataFrame(
    {
        "conversation_id": SET["conversation_id"],
        **{
            side: pl.Series(np.random.default_rng(seed).normal(size=(SET.height, 4)), dtype=pl.Array(pl.Float32, 4))
            for seed, side in enumerate(("vector", "reply"))
        },
    }
)
LEAKED = record(talk(f"Good day. {WITH_A_STORY}", REPLY), talk("Is it new?", REPLY), row_id=["e:1", "e:2"])
BESIDE = replace(context(LEAKED, VECTORS), params=context().params.model_copy(update={"evaluation_words": 3}))


def compared(stage: Stage[Score], rows: pl.DataFrame, at_once: int, using: Context = BESIDE) -> bytes:
    """FINDINGS of checks that are given what rows tell part by part, and are shown the words of a few."""

    def read(wanted: pl.DataFrame = rows) -> Iterator[pl.DataFrame]:
        return in_parts([rows.join(wanted, on="row_id", how="semi", maintain_order="left")], at_once)

    silent = without_words(read)
    assert "messages" not in silent.columns
    told = told_by_row(stage, read, using, [], READINGS)
    with tempfile.TemporaryDirectory() as place:
        beside = replace(using, readings=told.readings, records=recorder(silent, read, Path(place) / "records"))
        return as_bytes(found_by_set(stage, silent, silent.select("conversation_id", "row"), beside, BY_SET)[0])


SET_AT_ONCE = as_bytes(findings(SET, BESIDE, BY_SET))


@pytest.mark.parametrize("reading", sorted(READINGS, key=lambda reading: reading.__name__))
def test_what_a_row_tells_hangs_on_no_other_row_and_on_no_order(reading: Reading):
    rows = pl.concat([SET, record(talk("Trusted casinos and free spins, join tonight!!", REPLY), row_id=["x:1"])])
    mixed = rows.sample(fraction=1, shuffle=True, seed=1).iter_slices(7)
    whole, parts = reading(rows, BESIDE), pl.concat(reading(part, BESIDE) for part in mixed)
    assert whole.height
    assert repr(sorted(whole.to_dicts(), key=str)) == repr(sorted(parts.to_dicts(), key=str))


def test_rows_without_personal_data_are_not_read_for_what_is_quoted_of_them(stage: Stage[Score]):
    told = told_by_row(stage, lambda: [SET], BESIDE, [checks()["pii"]], READINGS)
    personal, read = with_personal_data(told), []

    def recorded(wanted: pl.DataFrame) -> list[pl.DataFrame]:
        read.append(set(wanted["conversation_id"]))
        return [SET.join(wanted, on="conversation_id", how="semi")]

    beside = replace(BESIDE, records=recorded)
    found = seen(SET, BESIDE, BY_SET)
    every, some = (findings_by_set(SET, told.keys, found, beside, None, known)[0] for known in (None, personal))
    assert as_bytes(every) == as_bytes(some)
    assert read[1] < read[0]
    assert read[1] <= set(personal["conversation_id"]) < set(SET["conversation_id"])
    assert every["evidence"].str.contains(r"\[phone").any()


@pytest.mark.parametrize(("rows", "processes", "at_once"), [(50, 2, 1_000), (20_000, 2, 2_500), (10**6, 16, 5_000)])
def test_each_process_gets_some_parts_and_each_part_some_rows(rows: int, processes: int, at_once: int):
    assert rows_of_a_part(rows, processes) == at_once


def test_parts_of_long_rows_are_small():
    rows = pl.DataFrame({"text": ["x" * 10_000] * 4_000})
    sizes = [part.height for part in of_that_size(rows, 3_500)]
    assert max(sizes) < 2_000
    assert sum(sizes) == rows.height
    assert [part.height for part in of_that_size(rows.with_columns(text=pl.lit("x")), 3_500)] == [3_500, 500]


SEEN = "evaluation_leak gibberish house_fact outlier response_mismatch semantic_copy unusual_reply"


def test_the_set_has_something_for_checks_that_compare_rows():
    assert set(SEEN.split()) <= set(pl.read_parquet(SET_AT_ONCE)["code"])


@given(st.integers(0, SET.height), st.booleans(), st.integers(60, SET.height), st.randoms(use_true_random=False))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_parts_nor_order_nor_an_earlier_run_change_a_byte_of_what_comparing_rows_finds(
    stage: Stage[Score], before: int, last: bool, at_once: int, chance: random.Random
):
    stage.memory.forget_but([])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, "ROWS_KEPT", chance.choice([0, SET.height]))
        patch.setattr(words, "GROUP", chance.choice([LEAST + 60, SET.height]))  # its languages apart, or together
        compared(stage, SET.tail(before) if last else SET.head(before), at_once)
        assert compared(stage, SET.sample(fraction=1, shuffle=True, seed=chance.randrange(99)), at_once) == SET_AT_ONCE


def test_a_large_set_is_compared_in_parts_by_id_each_as_if_it_were_the_set(
    stage: Stage[Score], monkeypatch: pytest.MonkeyPatch
):
    rows = talks(2 * LEAST).filter(language="en").sort("conversation_id")
    monkeypatch.setattr(words, "GROUP", rows.height - 1)
    monkeypatch.setattr(score, "ROWS_KEPT", 0)
    of_groups = [check for check in BY_SET if check.in_groups]
    halves = rows[: rows.height // 2], rows[rows.height // 2 :]
    without = replace(BESIDE, vectors=None)
    expected = in_order([findings(half, without, of_groups) for half in halves])
    assert {"gibberish", "response_mismatch"} <= set(expected["code"])
    given = pl.read_parquet(compared(stage, rows.sample(fraction=1, shuffle=True, seed=1), 60, without))
    assert given.filter(pl.col("check").is_in([check.name for check in of_groups])).equals(expected)


def test_rows_are_read_for_comparing_but_once(stage: Stage[Score]):
    seen: list[str] = []

    def first_words(rows: pl.DataFrame, _: Context) -> pl.DataFrame:
        seen.extend(rows["conversation_id"])
        return rows.select("conversation_id", words=pl.lit("w")).head(2)

    told_by_row(stage, lambda: [TABLE[:10]], context(), [], {first_words})
    told = pl.concat(told_by_row(stage, lambda: [TABLE[5:]], context(), [], {first_words}).parts("first_words"))
    assert seen == TABLE["conversation_id"].to_list()
    assert sorted(told["conversation_id"]) == TABLE["conversation_id"][5:].to_list()
    assert told["words"].count() == 2  # of the later run; the first two of the earlier one have left


def test_what_was_remembered_by_halves_is_not_trusted(stage: Stage[Score]):
    told_by_row(stage, lambda: [TABLE], context(), BY_ROW, READINGS)
    path = CACHE / "score" / "reply_tokens.parquet"
    table = pl.read_parquet(path)
    version = pl.read_parquet_metadata(path)["version"]
    stage.memory.keep("reply_tokens", version, table.head(3))  # as if an earlier, smaller run's stood here
    told = told_by_row(stage, lambda: [TABLE], context(), BY_ROW, READINGS)
    assert as_bytes(pl.concat(found_by_row(told))) == AT_ONCE
    assert sorted(pl.concat(told.parts("reply_tokens"))["conversation_id"]) == TABLE["conversation_id"].to_list()


@pytest.mark.parametrize("known", [0, 7, TABLE.height])
def test_spoilt_rows_that_an_earlier_run_looked_at_are_not_looked_at_again(stage: Stage[Score], known: int) -> None:
    names, looked = [ALONE, *sorted(reading.__name__ for reading in READINGS)], list[str]()
    look = spoilt_looker(BY_ROW, READINGS, context())

    def watched(rows: pl.DataFrame) -> RowResults:
        looked.extend(rows["conversation_id"])
        return look(rows)

    looked_once(stage.memory, "this", look, TABLE[:known], names)
    told = looked_once(stage.memory, "this", watched, TABLE, names)
    assert looked == TABLE["conversation_id"][known:].to_list()
    for name, table in look(TABLE).items():
        ordered = (one.sort("conversation_id", maintain_order=True).to_dicts() for one in (told[name], table))
        assert next(ordered) == next(ordered)
    looked_once(stage.memory, "that", watched, TABLE, names)
    assert looked == [*TABLE["conversation_id"][known:], *TABLE["conversation_id"]]


def test_a_set_in_which_no_agent_says_a_word_is_compared_all_the_same():
    silent = record(*(talk(f"question {n}") for n in range(LEAST + 1)))
    assert findings(silent, context(), [check for check in BY_SET if check.reads]).is_empty()


def seen_by(rows: list[str], times: int = 0) -> Check:
    """A check that finds nothing, or so many things in each row, and notes which rows it was shown."""

    def observe(conversations: pl.DataFrame, _: Context) -> list[dict[str, object]]:
        rows.extend(conversations["row_id"])
        found = ({"conversation_id": key, "code": "reply_words"} for key in conversations["conversation_id"])
        return [{**one, "value": float(time)} for one in found for time in range(times)]

    return replace(checks()["length"], name="shown", observe=observe)


@pytest.mark.parametrize("times", [0, 2])
def test_only_rows_not_seen_before_are_looked_at_whatever_was_found(times: int, stage: Stage[Score]):
    shown: list[str] = []
    watching = [seen_by(shown, times)]
    findings_by_row(stage, TABLE[:10], context(), watching)
    findings_by_row(stage, TABLE[5:], context(), watching)
    assert shown == [*TABLE["row_id"][:10], *TABLE["row_id"][10:]]
    findings_by_row(stage, TABLE[:5], context(), watching)  # those that left in between are forgotten
    assert shown[TABLE.height :] == TABLE["row_id"][:5].to_list()


def test_the_same_words_under_another_label_are_looked_at_again(stage: Stage[Score]):
    labelled = TABLE.with_columns(label=pl.lit("complaint"))
    findings_by_row(stage, TABLE, context(), BY_ROW)
    again = findings_by_row(stage, labelled, context(), BY_ROW)
    assert as_bytes(again) == as_bytes(findings(labelled, context(), BY_ROW))
    assert as_bytes(again) != AT_ONCE


def test_other_params_or_evaluation_sets_look_at_every_row_again(stage: Stage[Score]):
    shown: list[str] = []
    plain = context()
    other = replace(plain, params=plain.params.model_copy(update={"languages": ("en",)}))
    for using in (plain, plain, other, context(evaluation=TABLE[:1])):
        findings_by_row(stage, TABLE[:2], using, [seen_by(shown)])
    assert len(shown) == 6  # the same again is remembered


def test_a_check_of_the_set_that_is_skipped_makes_no_row_unknown(stage: Stage[Score]):
    shown: list[str] = []
    plain = context()
    skipping = replace(plain, params=plain.params.model_copy(update={"skip": ("outliers",)}))
    for using in (plain, skipping):
        findings_by_row(stage, TABLE[:2], using, [seen_by(shown)])
    assert len(shown) == 2


def test_what_is_skipped_is_noted_and_needs_no_model():
    asking = {"judge": {"model": "m", "rubric": "r", "most": 1}, "difficulty_model": "nowhere"}
    score = Score.model_validate(params("score") | asking | {"skip": ["judge", "difficulty", "outliers"]})
    assert consulted(score, checks(score.skip)) == (None, None)
    noted = dict(notes(TABLE, replace(context(), params=score)).select("code", "evidence").iter_rows())
    assert noted["skipped_judge"] == "score.skip: the check judge saw nothing"
    assert "outliers" not in noted["no_vectors"]


def broken(conversations: pl.DataFrame, _: Context) -> pl.DataFrame:
    raise ValueError("no such tongue")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_check_that_fails_is_named_with_its_rows(stage: Stage[Score], workers: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(score, "rows_of_a_part", lambda *_: 5)
    monkeypatch.setattr(score, "LARGE", 0)
    check = replace(checks()["length"], name="tongues", observe=broken)
    first, last = TABLE["row_id"][0], TABLE["row_id"][1]  # as they come
    said = rf"the check tongues failed on {first} to {last}: ValueError: no such tongue \(test_score.py, line \d+\)"
    stage.machine = Machine(workers=workers)
    with pytest.raises(QiratError, match=said):
        findings_by_row(stage, TABLE, context(), [check])


def test_every_check_has_its_cost():
    assert set(costs(TABLE, context())) == set(checks())


def ordered(groups: list[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(len(groups))]
    table = record(*(talk(f"question {n}", "ok") for n in range(len(groups))), created_at=times)
    noise = np.random.default_rng(0).normal(0, 0.05, (len(groups), 16)).astype(np.float32)
    vectors = np.eye(16, dtype=np.float32)[groups] + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return table, pl.DataFrame({"conversation_id": table["conversation_id"], "vector": vectors, "reply": vectors})


def test_a_set_whose_content_changes_with_time_is_noted():
    mixed = np.random.default_rng(1).integers(0, 4, 200).tolist()
    p_values = {}
    for name, groups in {"drifting": sorted(mixed), "mixed": mixed}.items():
        table, vectors = ordered(groups)
        (code, p_values[name], said, *_), *others = notes(table, context(vectors=vectors)).rows()
        assert (code, others) == ("non_iid", [])
        assert ("changes over time" in said) == (name == "drifting")
    assert p_values["drifting"] < 0.01 < p_values["mixed"]


def test_where_rows_lie_says_nothing_of_their_time():
    table, vectors = ordered(sorted([0, 1, 2, 3] * 50))
    dated = table.with_columns(created_at=pl.when(pl.int_range(pl.len()) % 2 == 0).then("created_at"))
    elsewhere = dated.with_columns(source_file=pl.lit("z"), source_row=-pl.col("source_row"))
    using = context(vectors=vectors)
    assert notes(dated, using).equals(notes(elsewhere, using))
    assert notes(dated, using)["code"].to_list() == ["non_iid"]
    undated = table.with_columns(created_at=pl.lit(None, pl.Datetime("us", "UTC")))
    ((code, number, said, *_),) = notes(undated, using).rows()
    assert (code, number) == ("no_times", table.height)
    assert "created_at" in said


def test_a_note_with_an_interval_is_three_figures_and_one_without_is_one():
    told = [Noted("wrong_labels", 0.1, "some 10%", 0.05, 0.2), Noted("non_iid", 0.3, "as ever")]
    assert numbers(notes(TABLE, context(), told).filter(pl.col("code") != "no_vectors")) == {
        "wrong_labels": 0.1,
        "wrong_labels_low": 0.05,
        "wrong_labels_high": 0.2,
        "non_iid": 0.3,
    }


def test_checks_that_saw_nothing_for_want_of_vectors_are_named():
    ((code, _, said, *_),) = notes(TABLE, context()).rows()
    assert code == "no_vectors"
    assert all(name in said for name in ("labels", "outliers", "semantic_copies"))
