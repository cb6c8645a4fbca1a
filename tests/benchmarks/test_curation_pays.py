"""The benchmarks of training, on a model of a few thousand weights."""

import json
from pathlib import Path

import polars as pl
import pytest

from benchmarks import document
from benchmarks.training import adapter_wins, curation_pays
from benchmarks.training.curation_pays import Held, drawn, family, over_seeds, pools, summary
from tests.builders import save
from tests.training.tiny import project, support


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after split: every fourth row is defective and was dropped, row 1 copies row 0."""
    monkeypatch.chdir(project(tmp_path, rows=90))
    rows = support(90)
    ids = rows["row_id"].to_list()
    save(tmp_path, "ingested/conversations", rows.drop("origin", "parent_id", "cluster_id"))
    clusters = rows.select(
        "row_id", "conversation_id", cluster_id=pl.Series([ids[0], ids[0], *ids[2:]]), survivor=pl.Series(ids) != ids[1]
    )
    save(tmp_path, "dedup/clusters", clusters)
    save(tmp_path, "dedup/pairs", pl.DataFrame(schema={"left": pl.String, "right": pl.String}))
    defects = ["truncated" if n % 4 == 3 else "clean" for n in range(90)]
    rows.select("row_id", "language", defect=pl.Series(defects)).write_parquet("data/sample_truth.parquet")
    clean = rows.filter(pl.Series(defects) == "clean", pl.Series(ids) != ids[1])
    for split, part in (("test", clean[:6]), ("dev", clean[6:10]), ("train", clean[10:])):
        save(tmp_path, f"splits/{split}", part)
    return tmp_path


def test_no_set_holds_a_row_of_dev_or_test_or_a_copy_of_one(made: Path) -> None:
    held = {row for split in ("dev", "test") for row in pl.read_parquet(f"data/splits/{split}.parquet")["row_id"]}
    found = pools("en")
    assert "chats.jsonl:0" in held
    for pool in found.values():
        assert not held & set(pool["row_id"])
        assert "chats.jsonl:1" not in set(pool["row_id"])  # the copy of row 0


def test_raw_and_random_keep_the_defects_that_curated_has_lost(made: Path) -> None:
    found = pools("en")
    assert [(pool["defect"] != "clean").any() for pool in found.values()] == [True, True, False]
    assert set(found["curated"]["row_id"]) < set(found["raw"]["row_id"])


def test_customers_and_copies_make_one_family() -> None:
    rows = support(5).with_columns(customer=pl.Series(["a", None, "b", "a", None]))
    clusters = rows.select("conversation_id", cluster_id=pl.Series(["x", "x", "y", "z", "w"]))
    pairs = pl.DataFrame(schema={"left": pl.String, "right": pl.String})
    found = family(rows, clusters, pairs).to_list()
    assert found[0] == found[1] == found[3]
    assert len(set(found)) == 3


def test_sets_are_of_the_same_size_differ_by_seed_and_only_where_they_must() -> None:
    raw = pl.DataFrame({"row_id": [str(n) for n in range(200)], "tokens": [100 + n for n in range(200)]})
    sets = {"raw": raw, "curated": raw.filter(pl.col("tokens") % 5 > 0)}
    found = [drawn(sets, 20, 4000, seed) for seed in (1, 2)]
    assert all(one.height == 20 and abs(one["tokens"].sum() - 4000) < 60 for both in found for one in both.values())
    assert set(found[0]["raw"]["row_id"]) != set(found[1]["raw"]["row_id"])
    for both in found:
        assert both["curated"]["row_id"].n_unique() == 20
        for before, after in zip(both["raw"].rows(), both["curated"].rows(), strict=True):
            assert (before == after) == (before[1] % 5 > 0)


def test_the_raw_draw_carries_the_share_of_defects_asked_for_and_curated_none() -> None:
    defects = ["planted" if n % 4 == 0 else "clean" for n in range(200)]
    columns = {"row_id": [str(n) for n in range(200)], "tokens": [100 + n for n in range(200)], "defect": defects}
    raw = pl.DataFrame(columns)
    found = drawn({"raw": raw, "curated": raw.filter(defect="clean")}, 20, 4000, 1, defects=0.5)
    assert [(one["defect"] == "planted").sum() for one in found.values()] == [10, 0]
    assert all(one.height == 20 and abs(one["tokens"].sum() - 4000) < 60 for one in found.values())
    kept = [before == after for before, after in zip(found["raw"].rows(), found["curated"].rows(), strict=True)]
    assert sum(kept) == 10
    assert kept[:10].count(True) not in (0, 10)  # defects stand among the others


def test_all_sets_take_the_same_steps_and_a_second_call_trains_nothing(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held.of("en", tokens=600, judged=5)
    for name in curation_pays.SETS:
        held.run(name, 1, generated=2)
    found = summary(held, [1])
    assert len(found["steps"]) == 1
    assert found["judged"] == 3  # half of the six test conversations are English
    assert found["sets"]["curated"]["planted"] == [0]
    assert found["sets"]["curated"]["loss"]["value"] < found["untrained"]["value"]
    text = curation_pays.markdown({"en": found})
    assert "| curated |" in text
    assert "**English**" in text

    monkeypatch.setattr(curation_pays, "fit", None)
    for name in curation_pays.SETS:
        held.run(name, 1, generated=2)


def test_the_interval_over_seeds_widens_with_their_spread() -> None:
    assert over_seeds([{"value": 0.1}]) is None
    narrow, wide = (over_seeds([{"value": 0.2 + d} for d in (-spread, 0, spread)]) for spread in (0.01, 0.1))
    assert narrow is not None and wide is not None
    assert narrow[1] > 0 > wide[1]


def test_the_tables_show_the_arms_that_were_measured_and_no_other() -> None:
    found = json.loads((document.RESULTS / "adapter_wins.json").read_text("utf-8"))
    ours = [one for one in found["arms"] if one["arm"] == "adapter"]
    theirs = [{**one, "arm": "prompted_few_shot"} for one in found["arms"] if one["arm"] == "few_shot"]
    gains = [{**one, "against": "prompted_few_shot"} for one in found["comparisons"] if one["against"] == "few_shot"]
    tables = adapter_wins.markdown({**found, "arms": [*ours, *theirs], "comparisons": gains}).splitlines()
    assert "|  | prompted_few_shot | adapter |" in tables
    assert [line.split(" | ")[0] for line in tables if "few_shot | " in line][1:] == ["| prompted_few_shot"]


def test_the_page_has_a_place_for_what_was_measured() -> None:
    page = (document.ROOT / "docs/benchmarks.md").read_text("utf-8")
    for name, markdown in (("curation_pays", curation_pays.markdown), ("adapter_wins", adapter_wins.markdown)):
        path = document.RESULTS / f"{name}.json"
        if path.exists():
            text = markdown(json.loads(path.read_text("utf-8")))
            assert document.with_section(page, name, text) == page
