import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.audit import __main__ as audit
from curation.audit import copies
from curation.audit.__main__ import told
from curation.audit.recall import RECALL, Judge, recall
from curation.checks.check import NOTHING
from curation.checks.models.swaps import as_doubtful
from curation.commands.calibrate import as_text
from curation.core.record.conversation import ROLES, SCHEMA, UNTAUGHT
from curation.dedup.__main__ import Dedup
from curation.harness.dvc import listed, stages
from curation.planting import shadow
from curation.planting.copies import NEAR_COPY, TWIN, copied
from curation.planting.defects import DEFECTS
from curation.planting.rows import Row
from curation.planting.shadow import SHADOW, Audit, Read, as_record, as_rows, pool, replacing, shadow_id, spoilt
from curation.score import __main__ as score
from curation.score.planted import PLANTED
from curation.similarity.vectors import Vectors
from tests.builders import ROOT, params, record, save, shipped_policy, talk

MARKER = "zqxvplanted"
QUESTIONS = {
    "en": ["Where is the {w} that I ordered last week, please?", "My {w} is broken, can you send me another one?"],
    "ar": ["أين {w} الذي طلبته الأسبوع الماضي من فضلكم؟", "وصل {w} مكسوراً فهل ترسلون لي غيره من فضلكم؟"],
}
REPLIES = {
    "en": [
        "The {w} left our warehouse and the courier is going to call you.",
        "We're sorry, a new {w} is coming to you.",
    ],
    "ar": [
        "خرج {w} من المستودع وسوف يتصل بكم المندوب قبل أن يصل إليكم.",
        "نعتذر منكم، سنرسل {w} جديداً إليكم في أقرب وقت.",
    ],
}
WORDS = {
    "en": "lamp table chair rug mirror shelf sofa bed".split(),
    "ar": "مصباح طاولة كرسي سجادة مرآة رف أريكة سرير".split(),
}
LABELS = ("where", "broken")


def talks(language: str, size: int) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """Dialogues of two topics, in the words of their own."""
    for n in range(size):
        draw = random.Random(f"{language} {n}")
        one, two = draw.randrange(2), draw.randrange(2)
        things = [draw.choice(WORDS[language]) for _ in range(2)]
        said = [
            text.format(w=thing)
            for kind, thing in zip((one, two), things, strict=True)
            for text in (QUESTIONS[language][kind], REPLIES[language][kind])
        ]
        yield talk(f"{said[0]} {n}", *said[1:]), LABELS[one]


def table_of(sizes: dict[str, int]) -> pl.DataFrame:
    made = [(*found, language) for language, size in sizes.items() for found in talks(language, size)]
    labels, languages = [one[1] for one in made], [one[2] for one in made]
    return record(*(one[0] for one in made), label=labels, language=languages).sort("conversation_id")


TABLE = table_of({"en": 230, "ar": 230})
SMALL = table_of({"en": 30, "ar": 30})


def vectors_of(table: pl.DataFrame) -> pl.DataFrame:
    """Vectors that tell the label of a row, and little else."""
    rng = np.random.default_rng(7)
    at = (table["label"] == LABELS[0]).to_numpy()[:, None] * np.array([2.0, 0, 0, 0]) + np.array([-1.0, 0, 0, 0])
    sides = [at + rng.normal(0, 0.2, (table.height, 4)) for _ in range(2)]
    vector, reply = (pl.Series(side.astype(np.float32), dtype=pl.Array(pl.Float32, 4)) for side in sides)
    return table.select("conversation_id", vector=vector, reply=reply)


def project(root: Path, table: pl.DataFrame, **sections: dict[str, Any]) -> None:
    """What score and audit read."""
    save(root, "ingested/conversations", table)
    save(root, "ingested/evaluation", pl.DataFrame(schema=SCHEMA))
    save(root, "dedup/clusters", table.select("row_id", "conversation_id", survivor=True))
    save(root, "embedded/vectors", vectors_of(table))
    (root / "playbook.yaml").write_text("company: none\nmax_words: 1000\nrules: []\n")
    (root / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text("utf-8"), "utf-8")
    names = {name for stage in ("score", "audit") for name in listed(stages(ROOT)[stage], "params")}
    written = {name: params(name) | sections.get(name, {}) for name in sorted(names)}
    (root / "params.yaml").write_text(json.dumps({**written, "machine": {"workers": 1}}))


def cells(root: Path) -> dict[tuple[str, str], dict[str, Any]]:
    rows = pl.read_parquet(root / "data/audited/recall.parquet").to_dicts()
    return {(row["kind"], row["language"]): row for row in rows}


def everything(root: Path) -> Iterator[tuple[Path, str]]:
    """All files below a folder, tables unpacked."""
    for path in (one for one in root.rglob("*") if one.is_file()):
        if path.suffix == ".parquet":
            yield path, json.dumps(pl.read_parquet(path).to_dicts(), default=str, ensure_ascii=False)
        else:
            yield path, path.read_bytes().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored project in which the audit planted a marker in every conversation that it spoilt."""
    root = tmp_path_factory.mktemp("run")
    project(root, TABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(shadow, "DEFECTS", {name: _marking(spoil) for name, spoil in DEFECTS.items()})
        patch.setattr(copies, "copied", lambda *given: [_marked(copy) for copy in copied(*given)])
        score.main()
        audit.main()
    return root


def _marking(spoil: Any) -> Any:
    def marked(row: Row, draw: Any) -> Row | None:
        found = spoil(row, draw)
        same = found is None or [m["content"] for m in found.messages] == [m["content"] for m in row.messages]
        return found if same else _marked(found)

    return marked


def _marked(row: Row) -> Row:
    first, *rest = row.messages
    return replace(row, messages=({**first, "content": f"{first['content']} {MARKER}"}, *rest))


def test_every_kind_is_planted_in_both_languages_and_its_count_adds_up(run: Path):
    found = cells(run)
    assert {kind for kind, _ in found} == {*DEFECTS, NEAR_COPY}  # no word of these makes a twin
    assert {language for _, language in found} == {"en", "ar"}
    assert all(0 <= cell["found"] <= cell["planted"] == 8 for cell in found.values())
    assert all(cell["low"] <= cell["share"] <= cell["high"] for cell in found.values())
    metrics = json.loads((run / "metrics/audit.json").read_text())
    assert metrics["planted"] == sum(cell["planted"] for cell in found.values())
    assert metrics["loop_ar"] == found["loop", "ar"]["share"]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    "kind", ["loop", "empty_reply", "pii_email", "pii_card", "invented_fact", "roles_swapped", "wrong_label"]
)
def test_what_the_checks_see_well_is_found(run: Path, kind: str, language: str):
    assert cells(run)[kind, language]["share"] >= 0.85


def test_no_spoilt_row_is_in_any_file_of_the_run_but_what_is_remembered_of_them(run: Path):
    read = dict(everything(run))
    remembered = [path for path in read if path.stem.endswith("_of_spoilt")]
    assert remembered
    for path in remembered:
        assert path.parent == run / "data/cache/score"
        read.pop(path)
    assert {"recall.parquet", "findings.parquet", "alone.parquet", "audit.json"} <= {path.name for path in read}
    assert [str(path) for path, text in read.items() if MARKER in text or SHADOW in text] == []


def test_rows_of_the_run_are_as_score_left_them(run: Path):
    assert pl.read_parquet(run / "data/ingested/conversations.parquet").equals(TABLE)
    assert set(pl.read_parquet(run / "data/scored/findings.parquet")["conversation_id"]) <= set(
        TABLE["conversation_id"]
    )


def test_what_score_finds_is_the_same_bytes_with_spoilt_rows_beside_it_and_without(run: Path, tmp_path: Path):
    project(tmp_path, TABLE, audit={"share": 0})
    shutil.copytree(run / "data/cache", tmp_path / "data/cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        score.main()
    for name in ("findings", "notes"):
        assert (tmp_path / f"data/scored/{name}.parquet").read_bytes() == (
            run / f"data/scored/{name}.parquet"
        ).read_bytes()
    assert pl.read_parquet(tmp_path / "data/scored/planted.parquet").is_empty()
    assert not [*(tmp_path / "data/cache/score").glob("*_of_spoilt.parquet")]


def test_what_a_small_set_hides_from_the_checks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    project(tmp_path, SMALL)
    score.main()
    audit.main()
    said = capsys.readouterr().err
    for language in ("en", "ar"):
        cell = cells(tmp_path)["roles_swapped", language]
        assert cell["blind"]
        assert f"blind here: of roles_swapped in {language}, {cell['found']} of {cell['planted']}" in said
    blind = sum(cell["blind"] for cell in cells(tmp_path).values())
    assert json.loads((tmp_path / "metrics/audit.json").read_text())["blind"] == blind


def test_with_a_share_of_nothing_it_is_off_and_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(json.dumps({"audit": {"share": 0, "seed": 7}, "machine": {"workers": 1}}))
    audit.main()
    assert pl.read_parquet("data/audited/recall.parquet").is_empty()


# -- what is spoilt ----------------------------------------------------------------------------------------------------


def rows_of(table: pl.DataFrame, seed: int = 7) -> list[Row]:
    return spoilt(table, reading(table), pl.Series([], dtype=pl.String), ("en", "ar"), Audit(share=0.1, seed=seed))


def test_the_seed_decides_and_not_the_order_of_the_rows():
    once = rows_of(SMALL)
    assert rows_of(SMALL.sample(fraction=1, shuffle=True, seed=1)) == once
    assert rows_of(SMALL, seed=8) != once


def test_a_small_set_is_tried_on_every_kind_too():
    planted = {(row.defect, row.language) for row in rows_of(SMALL)}
    assert planted >= {(kind, language) for kind in DEFECTS for language in ("en", "ar")}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("hotel+taxi", "taxi", True),
        ("card_arrival", "Card lost", True),
        ("hotel+taxi", "card_arrival", False),
        ("حجز_فندق", "إلغاء_فندق", True),
        ("حجز_فندق", "فتح_حساب", False),
    ],
)
def test_labels_that_share_a_word_are_about_the_same(one: str, other: str, alike: bool):
    labels = ["hotel+taxi", "taxi", "card_arrival", "Card lost", "حجز_فندق", "إلغاء_فندق", "فتح_حساب"]
    about = shadow.topics_of(labels)
    assert bool(about[one] & about[other]) == alike


def test_words_that_all_labels_have_make_them_not_alike():
    about = shadow.topics_of(["intent_refund", "intent_delivery", "intent_opening"])
    assert not about["intent_refund"] & about["intent_delivery"]


def test_rows_that_have_a_fault_already_are_drawn_last():
    faulty = SMALL["conversation_id"].head(10)
    table = table_of({"en": 400})
    both = pl.concat([table, SMALL]).unique("conversation_id")
    rows = spoilt(both, reading(both), faulty, ("en",), Audit(share=0.1, seed=7))
    assert not {row.id for row in rows} & set(faulty)


LONG = ["a b c d e f g h i j k l m n o", "أين الطلب الذي طلبته منكم أمس يا سادة يا كرام، وأين المندوب؟"]
CONTENT = st.one_of(st.text(max_size=40), st.sampled_from(LONG))
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from([*ROLES, UNTAUGHT]), "content": CONTENT}), max_size=6
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(MESSAGES, st.sampled_from(["en", "ar", "mixed", "fr"]), st.sampled_from([None, "x", "y"])), max_size=8
    )
)
def test_any_conversation_is_spoilt_or_left_and_takes_no_real_place(
    made: list[tuple[list[dict[str, Any]], str, str | None]],
):
    columns = {"language": [one[1] for one in made], "label": [one[2] for one in made]}
    table = record(*(one[0] for one in made), **columns).unique("conversation_id", keep="first", maintain_order=True)
    rows = rows_of(table)
    made_anew = as_record(rows, table)
    assert made_anew.drop("made_of", "replies_of").schema == table.schema
    assert made_anew["conversation_id"].is_unique().all()
    assert all(len(key) != 32 and key.endswith(SHADOW) for key in made_anew["conversation_id"])
    assert {row.language for row in rows} <= {"en", "ar", "mixed"}
    gone = {row.id for row in rows}
    assert replacing(table, made_anew).height == table.height - len(gone) + len(rows)


@pytest.mark.parametrize(("rows", "share", "most"), [(60, 0.0, 400), (460, 0.1, 400), (6000, 0.1, 600)])
def test_there_are_no_more_spoilt_rows_than_the_set_pays_for(rows: int, share: float, most: int):
    table = pl.concat([SMALL] * 100).head(rows).with_columns(conversation_id=pl.format("{}", pl.int_range(pl.len())))
    made = spoilt(table, reading(table), pl.Series([], dtype=pl.String), ("en", "ar"), Audit(share=share, seed=7))
    assert most / 2 < len(made) <= most


def test_languages_of_which_there_are_hardly_any_rows_are_not_tried():
    table = pl.concat([TABLE, SMALL.filter(language="ar").head(10).with_columns(language=pl.lit("mixed"))])
    assert {row.language for row in rows_of(table.unique("conversation_id"))} == {"en", "ar"}


def test_nothing_is_embedded_and_replies_of_another_conversation_have_its_vector():
    rows = [row for row in rows_of(SMALL) if row.defect == "wrong_conversation"]
    vectors = Vectors.of(vectors_of(SMALL))
    places = vectors.also_of(as_record(rows, SMALL)).places
    assert places.head(len(vectors)).equals(vectors.places)
    by_id = {key: (said, told) for key, said, told in places.iter_rows()}
    for row in rows:
        assert by_id[shadow_id(row)] == (by_id[row.id][0], by_id[str(row.replies_of)][1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.lists(st.floats(-1, 2), max_size=10))
def test_what_is_as_odd_as_a_row_is_as_doubtful_and_what_is_odder_no_less(rows: list[float], odd: list[float]):
    real = np.unique(rows)
    share = real**2
    assert np.array_equal(as_doubtful(real, share, real), share)
    assert np.all(np.diff(as_doubtful(real, share, np.sort(odd))) >= 0)


# -- copies ------------------------------------------------------------------------------------------------------------

CARDS = {
    "en": ("I would like to know why my {w} was refused by the machine near the station", "card", "cheque"),
    "ar": ("أود أن أعرف لماذا رفضت الآلة {w} قرب المحطة مساء أمس يا سادة", "بطاقتي", "فاتورة"),
}


def at_length(language: str, number: int) -> list[dict[str, Any]]:
    """A dialogue of its own words, in which one word may be exchanged for another that others say there."""
    rng = random.Random(f"{language} {number}")
    letters = {"en": "bcdfghklmnprstaeiou", "ar": "بتجحدرسصطعفقكلمنهي"}[language]
    own = [" ".join("".join(rng.choices(letters, k=6)) for _ in range(14)) for _ in range(3)]
    text, *things = CARDS[language]
    asked = text.format(w=things[number % 2]) if number < 6 else own[2]
    return talk(f"{own[0]} {asked} {own[1]}", f"{own[1]} {own[0]}")


def reading(table: pl.DataFrame) -> Read:
    return lambda wanted: iter([table.join(wanted, on="row_id", how="semi")])


def both_ways(params_: dict[str, Any]) -> dict[tuple[str, str], set[bool]]:
    made = [(at_length(language, n), language) for language in ("en", "ar") for n in range(120)]
    table = record(*(one for one, _ in made), language=[language for _, language in made])
    none = pl.Series([], dtype=pl.String)
    found: dict[tuple[str, str], set[bool]] = {}
    for kind, language, right in copies.outcomes(
        table, reading(table), none, ("en", "ar"), Dedup.model_validate(params("dedup") | params_), 7
    ):
        found.setdefault((kind, language), set()).add(right)
    return found


def test_dedup_itself_is_tried_on_copies_and_on_twins_of_the_run_s_own_rows():
    found = both_ways({})
    assert set(found) == {(kind, language) for kind in (NEAR_COPY, TWIN) for language in ("en", "ar")}
    assert all(found[TWIN, language] == {True} for language in ("en", "ar"))
    assert all(True in found[NEAR_COPY, language] for language in ("en", "ar"))


def test_a_dedup_that_merges_nothing_finds_no_copy_and_loses_no_twin():
    found = both_ways({"threshold": 1.0})
    assert all(right == {kind == TWIN} for (kind, _), right in found.items())


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_twin_differs_in_one_word_that_others_say_in_that_place(language: str):
    made = [at_length(language, n) for n in range(120)]
    table = record(*made, language=[language] * 120)
    none, sizes = pl.Series([], dtype=pl.String), table["language"].value_counts()
    drawn = as_rows(pool(table.iter_slices(50), sizes, none, ("en", "ar"), 7, 2_000))[language]
    at_once = pool([table], sizes, none, ("en", "ar"), 7, 30)
    assert pool(table.iter_slices(7), sizes, none, ("en", "ar"), 7, 30).equals(at_once)
    by_id = {row.id: row.text.split() for row in drawn}
    twins = [copy for copy in copied(drawn, 8, 7) if copy.defect == TWIN]
    assert twins
    for twin in twins:
        was, now = by_id[str(twin.twin)], twin.text.split()
        assert len(was) == len(now)
        assert sum(one != other for one, other in zip(was, now, strict=True)) == 1


# -- what is found -----------------------------------------------------------------------------------------------------


def seen(kind: str, code: str, value: float, *, before: float | None = None) -> pl.DataFrame:
    """PLANTED of one row, in which this was seen, and `before` it was spoilt that."""
    values = [(False, value)] + ([] if before is None else [(True, before)])
    return pl.DataFrame([(0, kind, "en", side, code, one) for side, one in values], schema=PLANTED, orient="row")


def is_found(planted: pl.DataFrame, **route: Any) -> bool:
    ((_, _, found),) = Judge(shipped_policy(**route), NOTHING, 100).outcomes(planted)
    return found


def test_what_the_row_had_before_finds_nothing():
    assert is_found(seen("loop", "repetition", 1.0))
    assert not is_found(seen("loop", "repetition", 1.0, before=1.0))
    assert is_found(seen("loop", "repetition", 1.0, before=0.0))


def test_a_row_in_which_nothing_was_seen_counts_as_missed():
    nothing = pl.DataFrame([(0, "loop", "en", None, None, None)], schema=PLANTED, orient="row")
    assert not is_found(nothing)


def test_below_its_limit_a_code_finds_nothing():
    assert not is_found(seen("loop", "unusual_reply", 0.01))


@pytest.mark.parametrize(
    ("treatment", "found"), [("mask", True), ("reject", True), ("review", True), ("report", False)]
)
def test_personal_data_is_found_where_something_becomes_of_it(treatment: str, found: bool):
    assert is_found(seen("pii_email", "pii_email", 1), pii=params("route")["pii"] | {"email": treatment}) == found


@pytest.mark.parametrize(("facts", "found"), [(1.0, False), (2.0, True)])
def test_a_fact_beside_one_that_stood_there_is_found_by_their_number(facts: float, found: bool):
    assert is_found(seen("invented_fact", "ungrounded_price", facts, before=1.0)) == found


def test_masked_personal_data_says_nothing_of_another_defect():
    assert not is_found(seen("loop", "pii_email", 1))


@given(st.integers(1, 40), st.data())
def test_a_kind_is_blind_where_surely_less_than_half_is_found(planted: int, data: st.DataObject):
    hits = data.draw(st.integers(0, planted))
    (cell,) = recall(("loop", "en", n < hits) for n in range(planted)).to_dicts()
    assert (cell["planted"], cell["found"]) == (planted, hits)
    assert cell["blind"] == (cell["high"] < 0.5)
    assert len(told(pl.DataFrame([cell], schema=RECALL))) == 1 + cell["blind"]


def test_calibrate_says_where_checks_are_blind():
    cell = recall([("loop", "en", False)] * 10).to_dicts()
    answer = {"decisions_used": 0, "decisions": 0, "target": 0.5, "codes": [], "params": "", "recall": cell}
    assert "loop                 en              10      0   0.00   0.00 to 0.28   blind here" in as_text(answer)
