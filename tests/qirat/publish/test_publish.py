"""What leaves the machine loads where people's other tools are, and holds nothing that should have stayed."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import yaml

from curation.core.record.conversation import message
from curation.harness.errors import QiratError
from curation.privacy.tables import without_personal_data
from curation.report.cards import plain
from curation.report.profile import PATH, read_versions
from qirat.publish import Wanted, publish
from qirat.publish import folder as folders
from qirat.publish.columns import COLUMNS
from tests.builders import params, record, save, talk
from tests.qirat.publish.project import MASKED, project, published, rewrite

__all__ = ["project"]  # the fixture


# -- what leaves -------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_leave_and_leaves_nothing(project: Path):
    before = set(project.rglob("*"))
    told = publish(Wanted("internal use only", Path("out")), yes=False)
    assert set(project.rglob("*")) == before
    for said in ("train/data-00000-of-00001.arrow", "bytes", "train 4, dev 1, test 1", *COLUMNS["conversations"]):
        assert said in told
    assert "licence: internal use only" in told
    assert "1 facts stated in replies" in told


def test_the_set_loads_as_a_dataset_dict_with_nothing_internal_in_it(project: Path):
    from datasets import load_from_disk

    folder = published()
    found = load_from_disk(folder)
    assert {part: rows.num_rows for part, rows in found.items()} == {"train": 4, "dev": 1, "test": 1}
    assert set(found["train"].column_names) == set(COLUMNS["conversations"])
    by_words = {row["messages"][0]["content"]: row for row in found["train"]}
    assert "Where is my parcel? Call [phone_1]" in by_words
    call = by_words["Is the blue lamp in stock?"]
    assert call["messages"][1]["tool_calls"][0]["function"] == {"name": "stock", "arguments": {}}
    assert call["tools"][0]["function"]["name"] == "stock"
    assert all(None not in m.values() for row in found["train"] for m in row["messages"])
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    before_masking = pl.read_parquet("data/ingested/conversations.parquet")["conversation_id"][0].encode()
    for kept in (b"0501234567", b"ali@mail", b"s-77", b"secret-export", b"zz-internal", b"zz-reviewer", before_masking):
        assert kept not in everything


def test_what_went_out_is_kept_as_counts_and_a_dry_run_keeps_nothing(project: Path):
    publish(Wanted("mit", Path("out")), yes=False)
    assert read_versions() == []
    published()
    shutil.rmtree("out")
    published()
    [kept] = read_versions()
    ledger = pl.read_parquet("data/ledger.parquet")
    assert kept.sizes["outcome"] == ledger["row_id"].n_unique()
    assert b"mail" not in PATH.read_bytes()


def test_the_same_project_writes_the_same_bytes(project: Path):
    once = {path: path.read_bytes() for path in published().rglob("*") if path.is_file()}
    shutil.rmtree("out")
    assert {path: path.read_bytes() for path in published().rglob("*") if path.is_file()} == once


def test_files_load_as_the_hub_loads_them_by_the_card(project: Path):
    from datasets import load_dataset

    folder = published()
    cache = {"cache_dir": str(project / "cache")}
    for name, column in (("preference", "chosen"), ("kto", "completion")):
        assert column in load_dataset(str(folder), name, **cache)["train"].column_names


def test_croissant_names_every_file_by_its_hash_and_every_column_of_it(project: Path):
    from datasets import load_from_disk

    folder = published()
    said = json.loads((folder / "croissant.json").read_text("utf-8"))
    files = {file["@id"]: file["sha256"] for file in said["distribution"]}
    there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.arrow")}
    assert files == {name: hashlib.sha256(held).hexdigest() for name, held in there.items()}
    for records in said["recordSet"]:
        (place,) = {field["source"]["fileObject"]["@id"] for field in records["field"]}
        columns = {field["source"]["extract"]["column"] for field in records["field"]}
        assert columns == set(load_from_disk(str((folder / place).parent)).column_names)
        assert records["key"]["@id"] in {field["@id"] for field in records["field"]}
    assert len(said["recordSet"]) == len(there)


def test_card_and_provenance_say_licence_version_and_what_a_plain_trainer_does_not_know(project: Path):
    folder = published()
    card = (folder / "README.md").read_text("utf-8")
    assert "license: cc-by-4.0" in card
    assert "Published under: `cc-by-4.0`" in card
    assert "marked unlearn" in card
    told = json.loads((folder / "provenance.json").read_text("utf-8"))
    assert set(told["rows_sha256"]) == {"conversations", "preference", "kto"}
    assert {"version", "dvc_lock_sha256", "made_with"} <= told.keys()


HOSTILE = (
    "mit` ![x](https://evil.example/p.png) <img src=x onerror=alert(1)>\n# Licence | \x1b[31m\u202e{{ 7*7 }}"
    + "a" * 9_999
)


def test_words_of_the_data_are_words_in_the_card(project: Path):
    rewrite("train", 2, licence=HOSTILE, label=HOSTILE)
    rewrite("train", 3, messages=[message(**m) for m in talk("Hi <|im_end|>", "Hello.")])
    folder = published()
    card = (folder / "README.md").read_text("utf-8")
    assert "1 conversations spell marks by which chat templates part turns" in card
    outside_code = re.sub(r"`[^`\n]*`", "", card)
    assert not re.search(r"evil|onerror|\x1b|\u202e|^# Licence \|", outside_code, re.MULTILINE)
    assert max(map(len, card.splitlines())) < 1_000
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "cc-by-4.0" and set(front["language"]) == {"ar", "en"}


def test_a_judge_whose_name_is_code_is_not_named(project: Path, monkeypatch: pytest.MonkeyPatch):
    judged = [SimpleNamespace(annotator="o`brien|x")]
    monkeypatch.setattr(folders, "read_judgements", lambda: judged)
    assert folders.unnamed(f"| {plain('o`brien|x')} | 3 |") == "| `judge 1` | 3 |"


# -- what must not -----------------------------------------------------------------------------------------------------


UNMASKED = [
    ({"messages": [message(**m) for m in talk("My mail is huda@mail.example", "Thanks.")]}, "email", "huda"),
    ({"messages": [message(**m) for m in talk("جوالي ٠٥٠١٢٣٤٥٦٧", "شكراً لك.")]}, "phone", "٠٥٠١٢٣٤٥٦٧"),
    ({"messages": [message(**m) for m in talk("My name is Huda Mansour", "Thanks.")]}, "name", "Huda"),
    ({"label": "call 0501234567"}, "phone", "0501234567"),
    ({"licence": "ask omar@mail.example"}, "email", "omar"),
    ({"tools": '[{"type": "function", "function": {"name": "a", "description": "omar@mail.example"}}]'}, "email", "om"),
]


@pytest.mark.parametrize(("changed", "kind", "value"), UNMASKED)
def test_personal_data_stops_it_with_rows_named_by_id_and_no_word_of_them(
    project: Path, changed: dict[str, Any], kind: str, value: str
):
    rewrite("test", 8, **changed)
    row = pl.read_parquet("data/splits/test.parquet")["conversation_id"][0]
    for yes in (False, True):
        with pytest.raises(QiratError) as stopped:
            publish(Wanted("mit", Path("out")), yes)
        assert row in str(stopped.value)
        assert kind in str(stopped.value)
        assert value not in str(stopped.value)
    assert not Path("out").exists()
    assert f"these kinds may stand in it: {kind}" in publish(Wanted("mit", Path("out"), allowed=[kind]), yes=True)


def test_what_curate_masks_and_leaves_is_not_held_against_its_rows(project: Path):
    words = "Cancel the sofa. You will find it under ZH-421446. id be glad of some advice."  # no identity, but looks so
    row = record(talk(words, "It is cancelled.")).with_columns(parent_id=pl.lit(None, pl.String))
    masked, _ = without_personal_data(row, MASKED, params("privacy")["countries"])
    rewrite("test", 8, messages=masked["messages"][0].to_list())
    assert "nothing was written" in publish(Wanted("mit", Path("out")), yes=False)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("mit"), "--push OWNER/NAME"),
        (Wanted("", Path("out")), "--licence"),
        (Wanted("mit", Path("data")), "is there already"),
        (Wanted("mit", Path("out"), public=True), "--public"),
        (Wanted("mit", repository="name"), "OWNER/NAME"),
        (Wanted("mit", repository="a/b"), "HF_TOKEN"),
        (Wanted("mit", Path("out"), allowed=["fax"]), "no such kind"),
        (Wanted("mit", Path("out"), adapter=True), "trained_on.parquet"),
    ],
)
def test_what_cannot_be_done_is_told(project: Path, monkeypatch: pytest.MonkeyPatch, wanted: Wanted, said: str):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(QiratError, match=said):
        publish(wanted, yes=True)


def test_decisions_and_splits_of_another_run_stop_it(project: Path):
    lock = "stages:\n  curate:\n    deps:\n    - path: data/review/decisions.jsonl\n      md5: 0123\n"
    Path("dvc.lock").write_text(lock, "utf-8")
    with pytest.raises(QiratError, match="has changed since"):
        published()
    Path("dvc.lock").unlink()
    save(project, "splits/dev", pl.read_parquet("data/splits/dev.parquet").clear())
    with pytest.raises(QiratError, match="dvc repro split"):
        published()
