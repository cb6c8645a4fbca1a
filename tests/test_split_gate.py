"""Nothing alike across the parts; too few examples stop the road with advice."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import gate
from curation.checks import checks
from curation.checks.codes import codes
from curation.commands.why import listed, why
from curation.core.record.conversation import FACTS
from curation.core.record.groups import groups
from curation.core.record.ledger import entries
from curation.core.text.facts.patterns import KINDS
from curation.curate import knowledge
from curation.curate.facts import with_facts
from curation.gate import Gate, help_for, readiness, shortfalls, stated_facts, untold
from curation.harness.errors import QiratError
from curation.harness.files import table_path
from curation.ingest.reading import QUARANTINE
from curation.privacy.shown import Shown
from curation.score.notes import NOTES
from curation.split import Split, assert_apart, assigned, filled, meant, related, told
from tests.builders import ROOT, context, record, talk

PARAMS = Split(test=0.2, dev=0.2, largest_group=0.1, seed=1)


def asks(**changed) -> Gate:
    return Gate.model_validate(
        {"min_clean": 1000, "min_per_language": 100, "min_per_label": 0, "max_facts": 0.3, **changed}
    )


def curated(count: int, **columns) -> pl.DataFrame:
    table = record(*(talk(f"question {n}", "answer") for n in range(count)), **columns)
    return table.with_columns(parent_id=pl.lit(None, pl.String), facts=pl.lit([], FACTS))


def parts_of(table: pl.DataFrame, pairs: pl.DataFrame, params: Split = PARAMS) -> pl.DataFrame:
    grouped = table.with_columns(cluster_id=groups(table["conversation_id"], related(table, pairs)))
    return grouped.with_columns(part=assigned(grouped, params))


def pairs_of(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema={"left": pl.String, "right": pl.String}, orient="row")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=40), st.integers(0, 5))
def test_pairs_and_customers_never_cross(links: list[tuple[int, int]], seed: int):
    table = curated(60, customer=[f"c{n % 25}" if n % 3 else None for n in range(60)])
    ids = table["conversation_id"].to_list()
    params = PARAMS.model_copy(update={"seed": seed})
    found = parts_of(table, pairs_of(*((ids[x], ids[y]) for x, y in links)), params)
    part = dict(found.select("conversation_id", "part").iter_rows())
    assert all(part[ids[x]] == part[ids[y]] for x, y in links)
    assert (
        found.filter(pl.col("customer").is_not_null()).group_by("customer").agg(pl.col("part").n_unique())["part"].max()
        == 1
    )


def test_an_edited_row_stays_with_what_its_parent_was_like():
    table = curated(40)
    ids = table["conversation_id"].to_list()
    edited = table.with_columns(parent_id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("f" * 32)))
    found = parts_of(edited, pairs_of(("f" * 32, ids[1])))
    assert found["cluster_id"][0] == found["cluster_id"][1]


def test_adding_unrelated_data_moves_no_group():
    before, after = parts_of(curated(200), pairs_of()), parts_of(curated(300), pairs_of())
    both = before.join(after, on="conversation_id")
    assert both.height == 200
    assert (both["part"] == both["part_right"]).all()


def test_shares_are_about_those_asked_for():
    sizes = parts_of(curated(3000), pairs_of())["part"].value_counts()
    assert dict(sizes.iter_rows())["test"] == pytest.approx(600, rel=0.15)


def test_a_customer_with_a_tenth_of_all_rows_stays_in_train():
    table = curated(100, customer=["busy"] * 20 + [None] * 80)
    for seed in range(10):
        found = parts_of(table, pairs_of(), PARAMS.model_copy(update={"seed": seed}))
        assert set(found.filter(pl.col("customer") == "busy")["part"]) == {"train"}


HELD_OUT = PARAMS.model_copy(update={"test_files": ("chat/2026-*.jsonl",)})


def dated(*newest: bool, **columns) -> pl.DataFrame:
    files = [f"chat/{'2026' if new else '2025'}-01.jsonl" for new in newest]
    return curated(len(newest), source_file=files, **columns)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.booleans(), min_size=60, max_size=60).filter(any),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=30),
    st.integers(0, 5),
)
def test_rows_of_test_files_and_their_like_are_the_test_and_nothing_else_is(
    newest: list[bool], links: list[tuple[int, int]], seed: int
):
    table = dated(*newest, customer=[f"c{n % 25}" if n % 3 else None for n in range(60)])
    ids = table["conversation_id"].to_list()
    params = HELD_OUT.model_copy(update={"seed": seed})
    found = parts_of(table, pairs_of(*((ids[x], ids[y]) for x, y in links)), params)
    of_newest = found.filter(pl.col("source_file") == "chat/2026-01.jsonl")
    assert set(of_newest["part"]) == {"test"}
    test = found.filter(pl.col("part") == "test")
    assert set(test["cluster_id"]) == set(of_newest["cluster_id"])
    assert not set(found.filter(pl.col("part") != "test")["cluster_id"]) & set(test["cluster_id"])


def test_a_newest_month_moves_nothing_of_train_and_dev():
    year, month = [False] * 300, [True] * 40
    before, after = parts_of(dated(*year), pairs_of()), parts_of(dated(*year, *month), pairs_of(), HELD_OUT)
    both = before.join(after, on="conversation_id")
    assert both.height == 300
    assert set(both.filter(part="train")["part_right"]) == {"train"}
    assert set(both.filter(part="dev")["part_right"]) == {"dev"}
    assert set(both.filter(part="test")["part_right"]) == {"train"}


def test_a_busy_customer_of_a_test_file_leaves_train_as_a_whole():
    table = dated(*[False] * 30, True, *[False] * 69, customer=["busy"] * 31 + [None] * 69)
    found = parts_of(table, pairs_of(), HELD_OUT)
    assert set(found.filter(customer="busy")["part"]) == {"test"}
    (said,) = told(found, HELD_OUT.test_files)
    assert "30 conversations of other files went to test with the 1" in said


@pytest.mark.parametrize("glob", ["شات/2026.zip", "2026.zip/*.jsonl", "شات", "ش*/2026*"])
def test_a_test_file_may_be_named_by_its_folder_or_archive(glob: str):
    files = pl.Series(["شات/2026.zip/يناير.jsonl", "chat/2025.jsonl"])
    assert meant(files, (glob,)).to_list() == [True, False]


def test_where_test_files_mean_nothing_the_test_is_drawn_and_it_is_told():
    table = dated(*[False] * 300)
    drawn, asked = parts_of(table, pairs_of()), parts_of(table, pairs_of(), HELD_OUT)
    assert (drawn["part"] == asked["part"]).all()
    no_file, at_random = told(asked, HELD_OUT.test_files)
    assert "no clean conversation comes from chat/2026-*.jsonl; the files are chat/2025-01.jsonl" in no_file
    assert "drawn at random" in at_random
    assert list(told(asked, ())) == []


@pytest.mark.parametrize(("groups_", "empty"), [(0, 3), (1, 2), (2, 1), (3, 0), (5, 0), (30, 0)])
@pytest.mark.parametrize("seed", range(5))
def test_a_tiny_set_leaves_no_part_empty_where_it_has_three_groups(groups_: int, empty: int, seed: int):
    params = PARAMS.model_copy(update={"seed": seed})
    table = curated(max(groups_, 1)).head(groups_).with_columns(cluster_id="conversation_id")
    part = filled(table, assigned(table, params), params)
    assert len({"train", "dev", "test"} - set(part)) == empty


def test_filling_an_empty_part_moves_nothing_of_a_set_that_has_all_three():
    table = curated(300).with_columns(cluster_id="conversation_id")
    part = assigned(table, PARAMS)
    assert (filled(table, part, PARAMS) == part).all()


def test_a_model_that_nothing_could_judge_is_not_let_through():
    assert untold(1, 1) == []
    assert untold(0, 0) == [
        "Nothing is in dev and test, so no model could be judged: three unrelated conversations at least."
    ]


def test_a_conversation_in_two_parts_is_an_error():
    rows = curated(1).with_columns(cluster_id=pl.lit("a"))
    with pytest.raises(QiratError, match="two parts"):
        assert_apart({"train": rows, "dev": rows, "test": rows})


def test_the_gate_says_how_many_are_missing():
    (fault,) = shortfalls(900, {"en": 900}, {}, asks(min_per_language=0))
    assert "900 clean training examples, 100 fewer than gate.min_clean: 1,000" in fault
    assert shortfalls(1000, {"en": 900}, {}, asks()) == []


def test_the_gate_names_the_language_and_the_label_that_are_short():
    faults = shortfalls(1000, {"en": 990, "ar": 10}, {"refund": 3}, asks(min_clean=1, min_per_label=5))
    assert "ar 10" in faults[0]
    assert "refund 3" in faults[1]


def test_the_gate_says_what_would_help():
    closed = [
        ("a", "held", "pii_email"),
        ("b", "dropped", "empty_reply"),
        ("c", "quarantined", "unreadable"),
        ("d", "accepted", None),
    ]
    ledger = entries(pl.DataFrame(closed, schema=["row_id", "outcome", "code"], orient="row"), "curate")
    unsayable = pl.Series(["the chat template drops the tool call of turn 3 ('track')", "the agent speaks first"])
    advice = help_for(ledger, 1, unsayable.append(unsayable.head(1).str.replace("3", "5")))
    assert "3 further clean training conversations cannot be learnt" in advice
    assert "2 times: the chat template drops the tool call of a turn ('track')" in advice
    assert "1 doubtful rows wait for people (`qirat review push`)" in advice
    assert "empty_reply 1" in advice
    assert "25% end as training examples" in advice


def found(*rows: tuple[str, str, float, str]) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema=["conversation_id", "code", "value", "evidence"], orient="row")
    return table.with_columns(check=pl.Series([codes()[row[1]].check for row in rows], dtype=pl.String))


def test_conversations_whose_replies_state_facts_are_counted_among_survivors_and_in_train():
    clusters = pl.DataFrame({"survivor": [True] * 10 + [False] * 5})
    train = curated(4).with_columns(conversation_id=pl.Series(list("abcd")))
    train = train.with_columns(parent_id=pl.Series([None, None, None, "e"], dtype=pl.String))
    findings = found(
        ("a", "ungrounded_price", 1, "price: 5 sar"),
        ("a", "ungrounded_number", 1, "number: 12345"),
        ("e", "ungrounded_date", 2, "date: 3/4/2025"),
        ("z", "house_fact", 0.01, "price: 10 sar"),
        ("c", "house_fact", 0.4, "number: 920001234"),  # our telephone number
        ("d", "unfinished_reply", 1, ""),
    )
    facts = stated_facts(findings, clusters, train)
    assert (facts.share_of_survivors, facts.share_of_train, facts.share) == (0.3, 0.5, 0.5)
    assert facts.kinds == {
        "ungrounded_number: number": 1,
        "ungrounded_price: price": 1,
        "ungrounded_date: date": 1,
        "house_fact: price": 1,
    }
    assert facts.examples == ("a", "e", "z")


def test_style_passes_and_facts_are_told_with_what_tuning_would_and_would_not_teach():
    clusters = pl.DataFrame({"survivor": [True] * 10})
    facts = stated_facts(found(*((str(n), "ungrounded_price", 1, "price: 5") for n in range(4))), clusters, curated(9))
    assert readiness(1000, facts, asks(max_facts=0.4))["verdict"] == ""
    told = readiness(1000, facts, asks(max_facts=0.3))
    assert told["verdict"] == "use retrieval"
    assert told["because"] == [{"code": "facts", "figures": {"share": 0.4, "most": 0.3}}]
    said = " ".join(told["reasons"])
    for part in (
        "in 40% of the conversations",
        "ungrounded_price: price 4",
        "for example 0, 1",
        "would teach the tone",
    ):
        assert part in said


def excluded(*keys: str, reason: str = "the chat template drops the tool 'track'") -> pl.DataFrame:
    schema = {"conversation_id": pl.String, "split": pl.String, "reason": pl.String}
    return pl.DataFrame([(key, "train", reason) for key in keys], schema=schema, orient="row")


def test_what_the_template_cannot_say_is_not_counted_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    table = record(*(talk(f"What about item {n}?", MANNERS[n % 2]) for n in range(12)))
    table = table.with_columns(parent_id=pl.lit(None, pl.String), facts=pl.lit([], FACTS))
    out = table["conversation_id"].to_list()[:4]
    closed = table.select("row_id", "conversation_id", outcome=pl.lit("accepted"), code=pl.lit(None, pl.String))
    tables = {
        **{f"splits/{part}": table if part == "train" else table.tail(1) for part in ("train", "dev", "test")},
        "scored/notes": pl.DataFrame(schema=NOTES),
        "ledger": entries(closed, "curate"),
        "scored/findings": checks()["grounding"](table, context()),
        "dedup/clusters": table.select("row_id", survivor=pl.lit(True)),
        "tokenized/excluded": excluded(*out),
        "facts/facts": pl.DataFrame(schema=knowledge.FACTS),
    }
    for name, rows in tables.items():
        (tmp_path / table_path(name)).parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(tmp_path / table_path(name))
    (tmp_path / "data/tokenized/passed").write_text("passed\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    settings = "gate: {min_clean: %d, min_per_language: 0, min_per_label: 0, max_facts: 1}"
    (tmp_path / "params.yaml").write_text(settings % 9)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SystemExit, match=r"8 clean training examples, 1 fewer .* 4 further clean .* drops the tool 'track'"
    ):
        gate.main()
    (tmp_path / "params.yaml").write_text(settings % 8)
    gate.main()
    assert "4 further clean training conversations cannot be learnt" in capsys.readouterr().err
    told = json.loads((tmp_path / "metrics/gate.json").read_text("utf-8"))
    assert (told["clean"], told["excluded"], told["language_en"]) == (8, 4, 8)
    for name, rows in {
        "ingested/conversations": table.drop("parent_id"),
        "ingested/quarantine": QUARANTINE.to_frame(),
    }.items():
        (tmp_path / table_path(name)).parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(tmp_path / table_path(name))
    assert "tokenize found not_trained: the chat template drops the tool 'track'" in why("file:1", Shown(("SA",)))
    assert "not_trained" not in why("file:5", Shown(("SA",)))
    assert [line.split(":")[1] for line in listed(None, "not_trained", 9, Shown(("SA",))).splitlines()[:-1]] == list(
        "1234"
    )


PRICES = [f"The {thing} costs {9 + 7 * n} SAR today." for n, thing in enumerate(["lamp", "bed", "sofa", "rug"] * 15)]
MANNERS = ["Thank you for asking, I will look into it for you.", "I am sorry to hear that, please send it back."] * 30


@pytest.mark.parametrize(
    ("replies", "treatment", "enough"),
    [(PRICES, "report", False), (PRICES, "unlearn", True), (PRICES, "ground", True), (MANNERS, "report", True)],
)
def test_a_set_of_volatile_facts_yields_use_retrieval_by_the_checks_and_the_gate_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replies: list[str], treatment: str, enough: bool
):
    table = record(*(talk(f"What about item {n}, please?", said) for n, said in enumerate(replies)))
    table = with_facts(table.with_columns(parent_id=pl.lit(None, pl.String)), dict.fromkeys(KINDS, treatment), ())
    closed = table.select("row_id", outcome=pl.lit("accepted"), code=pl.lit(None, pl.String))
    tables = {
        **dict.fromkeys(("splits/train", "splits/dev", "splits/test"), table),
        "scored/notes": pl.DataFrame(schema=NOTES),
        "ledger": entries(closed, "curate"),
        "scored/findings": checks()["grounding"](table, context()),
        "dedup/clusters": table.select("row_id", survivor=pl.lit(True)),
        "tokenized/excluded": excluded(),
        "facts/facts": pl.DataFrame(schema=knowledge.FACTS),
    }
    for name, rows in tables.items():
        (tmp_path / table_path(name)).parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(tmp_path / table_path(name))
    (tmp_path / "data/tokenized/passed").write_text("passed\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    (tmp_path / "params.yaml").write_text(
        "gate: {min_clean: 50, min_per_language: 0, min_per_label: 0, max_facts: 0.3}"
    )
    monkeypatch.chdir(tmp_path)
    if enough:
        gate.main()
    else:
        with pytest.raises(SystemExit, match=r"use retrieval: in 100% of the conversations .* price"):
            gate.main()
    assert (tmp_path / "data/gate/passed").exists() == enough
    told = json.loads((tmp_path / "data/gate/readiness.json").read_text("utf-8"))
    assert (told["verdict"] == "") == enough
    assert (told["clean"], told["wanted"]) == (60, 50)
