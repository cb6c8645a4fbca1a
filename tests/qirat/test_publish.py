"""What leaves the machine: loads where people's other tools are, and holds nothing that should have stayed."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.check import FINDINGS
from curation.curate.fates import CURATED
from curation.decisions.decisions import Decision, write_decisions
from curation.harness.errors import QiratError
from curation.privacy.tables import without_personal_data
from curation.record.conversation import FACTS, SCHEMA, message
from curation.record.ledger import SCHEMA as LEDGER
from curation.record.pairs import Judgement, write_judgements
from qirat.publish import Wanted, publish
from qirat.publish.columns import COLUMNS
from qirat.publish.preferences import edited_replies
from tests.builders import ROOT, params, record, save, save_codes, talk
from tests.training import tiny
from training.model.adapter import identity

MASKED = [kind for kind, treatment in params("route")["pii"].items() if treatment == "mask"]
ASKED, ANSWERED = "Where is my parcel? Call 0501234567", "It comes tomorrow, I will call 0501234567."
EDIT = talk("أين طلبي؟ رقمي 0559876543", "وصل المستودع، وسنتصل على 0559876543 غداً.")
CALL = [
    {"role": "user", "content": "Is the blue lamp in stock?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "function": {"name": "stock", "arguments": "{}"}}],
    },
    {"role": "tool", "content": '{"left": 3}', "tool_call_id": "c1"},
    {"role": "assistant", "content": "Yes, three are left."},
]
TOOLS = '[{"type": "function", "function": {"name": "stock", "parameters": {"type": "object", "properties": {}}}}]'
RAW = [
    talk(ASKED, ANSWERED),
    talk("أين طلبي؟ رقمي 0559876543", "لا نعرف. نتصل على 0559876543"),  # edited
    CALL,
    talk("May I return the kettle?", "Of course, within two weeks."),  # kept
    talk("هل يمكن تغيير العنوان؟", "ليست مشكلتنا."),  # dropped for its tone
    talk("Can you wrap it?", "No.", "Why?", "Because."),  # dropped, but which reply?
    talk("Do you ship to Oman?", "Stop asking."),  # dropped, of the customer of the test row
    talk("What is a voucher?", "Go away."),  # dropped, stands in an evaluation set
    talk("Is the shop open today?", "Yes, until nine."),  # the test
    talk("متى تفتحون؟", "من التاسعة صباحاً."),  # dev
]
PARTS = {"train": [0, 1, 2, 3], "dev": [9], "test": [8]}
CUSTOMERS = ["Ali Hasan <ali@mail.example>", None, None, None, None, None, "s-77", None, "s-77", None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after split, whose people edited, kept and dropped."""
    raw = record(*RAW, customer=CUSTOMERS, language=["ar" if n in (1, 4, 9) else "en" for n in range(10)])
    tools = pl.Series([TOOLS if n == 2 else None for n in range(10)], dtype=pl.String)
    raw = raw.with_columns(
        tools=tools, source_file=pl.lit("secret-export.csv"), metadata=pl.lit('{"agent": "zz-internal"}')
    )
    ids = raw["conversation_id"].to_list()
    write_decisions(
        [
            Decision(conversation_id=ids[1], decision="edit", messages=tuple(EDIT), reasons=("wrong_answer",)),
            Decision(conversation_id=ids[3], decision="keep", annotators=("zz-reviewer",)),
            *(Decision(conversation_id=ids[n], decision="drop", reasons=("wrong_tone",)) for n in (4, 5, 6, 7)),
        ],
        tmp_path / "data/review/decisions.jsonl",
    )
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    save_codes(tmp_path)
    save(tmp_path, "ingested/conversations", raw)
    save(tmp_path, "ledger", pl.DataFrame(schema=LEDGER))
    leak = {"conversation_id": [ids[7]], "code": ["evaluation_leak"]}
    save(tmp_path, "scored/findings", pl.DataFrame(leak, schema={k: FINDINGS[k] for k in leak}))
    save(tmp_path, "dedup/clusters", raw.select("row_id", survivor=pl.lit(True)))
    save(tmp_path, "dedup/pairs", pl.DataFrame({"left": [ids[4]], "right": [ids[9]]}))
    kept_out = pl.lit(None, pl.String)
    curated = raw.select(SCHEMA.names()).with_columns(origin=pl.lit("accepted"), parent_id=kept_out)
    rows = curated.to_dicts()
    rows[1] |= {"messages": [message(**m) for m in EDIT], "origin": "edited", "parent_id": ids[1]}
    rows[3]["origin"] = "kept"
    table, _ = without_personal_data(pl.DataFrame(rows, schema=CURATED), MASKED, ["SA"])
    fact = {"turn": 1, "field": "content", "start": 10, "end": 18, "kind": "date", "treatment": "unlearn"}
    table = table.with_columns(
        facts=pl.Series([[fact] if r == "file:1" else [] for r in table["row_id"]], dtype=FACTS),
        cluster_id=pl.col("conversation_id"),
    )
    wanted = [n for part in PARTS.values() for n in part]
    save(tmp_path, "curated/conversations", table.filter(pl.col("source_row").is_in([n + 1 for n in wanted])))
    for part, numbers in PARTS.items():
        save(tmp_path, f"splits/{part}", table.filter(pl.col("source_row").is_in([n + 1 for n in numbers])))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def published(**wanted: Any) -> Path:
    folder = Path("out/set")
    publish(Wanted("cc-by-4.0", folder, **wanted), yes=True)
    return folder


def rewrite(part: str, n: int, **changed: Any) -> None:
    """Other values in a row of a split, and of what is curated."""
    for path in (Path(f"data/splits/{part}.parquet"), Path("data/curated/conversations.parquet")):
        table = pl.read_parquet(path)
        rows = [row | (changed if row["source_row"] == n + 1 else {}) for row in table.to_dicts()]
        pl.DataFrame(rows, schema=table.schema).write_parquet(path)


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


def test_the_same_project_writes_the_same_bytes(project: Path):
    once = {path.name: path.read_bytes() for path in published().rglob("*") if path.is_file()}
    shutil.rmtree("out")
    assert {path.name: path.read_bytes() for path in published().rglob("*") if path.is_file()} == once


def test_files_load_as_the_hub_loads_them_by_the_card(project: Path, monkeypatch: pytest.MonkeyPatch):
    from datasets import load_dataset

    folder = published()
    cache = {"cache_dir": str(project / "cache")}
    for name, column in (("preference", "chosen"), ("kto", "completion")):
        assert column in load_dataset(str(folder), name, **cache)["train"].column_names


def test_croissant_metadata_is_valid(project: Path):
    mlcroissant = pytest.importorskip("mlcroissant")
    folder = published()
    found = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not found.metadata.ctx.issues.errors
    assert len(found.metadata.record_sets) == len(list(folder.rglob("*.arrow")))


def test_card_and_provenance_say_licence_version_and_what_a_plain_trainer_does_not_know(project: Path):
    folder = published()
    card = (folder / "README.md").read_text("utf-8")
    assert "license: cc-by-4.0" in card
    assert "Published under: `cc-by-4.0`" in card
    assert "marked unlearn" in card
    told = json.loads((folder / "provenance.json").read_text("utf-8"))
    assert set(told["rows_sha256"]) == {"conversations", "preference", "kto"}
    assert {"version", "dvc_lock_sha256", "made_with"} <= told.keys()


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


# -- what people's decisions teach -------------------------------------------------------------------------------------


def test_an_edit_is_a_pair_under_one_tag_for_one_value(project: Path):
    from datasets import load_from_disk

    (pair,) = load_from_disk(published() / "preference")["train"]
    assert pair["prompt"] == [{"role": "user", "content": "أين طلبي؟ رقمي [phone_1]"}]
    assert pair["chosen"] == [{"role": "assistant", "content": "وصل المستودع، وسنتصل على [phone_1] غداً."}]
    assert pair["rejected"] == [{"role": "assistant", "content": "لا نعرف. نتصل على [phone_1]"}]
    assert pair["reasons"] == ["wrong_answer"]


def test_judged_replies_stand_apart_and_in_the_split_of_what_they_are_like(project: Path):
    from datasets import load_from_disk

    found = load_from_disk(published() / "kto")
    said = {part: {(row["completion"][0]["content"], row["label"]) for row in rows} for part, rows in found.items()}
    assert said == {
        "train": {
            ("Of course, within two weeks.", True),
            ("وصل المستودع، وسنتصل على [phone_1] غداً.", True),
            ("لا نعرف. نتصل على [phone_1]", False),
        },
        "dev": {("ليست مشكلتنا.", False)},  # a near copy of the dev row
        "test": {("Stop asking.", False)},  # the customer of the test row
    }


def test_a_drop_of_several_replies_is_told_and_not_guessed(project: Path):
    assert "1 conversations that people dropped" in publish(Wanted("mit", Path("out")), yes=False)


@given(st.integers(1, 6), st.data())
def test_every_corrected_reply_is_found_and_no_other_turn(turns: int, data: st.DataObject):
    before = [message(**m) for m in talk(*(f"said {n}" for n in range(2 * turns)))]
    corrected = data.draw(st.sets(st.integers(0, 2 * turns - 1)))
    after = [{**m, "content": f"now {n}"} if n in corrected else m for n, m in enumerate(before)]
    assert list(edited_replies(before, after)) == sorted(n for n in corrected if n % 2)


@given(st.integers(0, 5), st.integers(0, 5))
def test_turns_taken_out_give_no_pair_of_replies_to_different_questions(at: int, behind: int):
    before = [message(**m) for m in talk(*(f"said {n}" for n in range(12)))]
    after = before[: 2 * at] + before[2 * at + 2 :]
    assert list(edited_replies(before, after)) == []
    longer = [*before[: 2 * behind], *(message(**m) for m in talk("more", "words")), *before[2 * behind :]]
    assert list(edited_replies(before, longer)) == []


# -- one step of each trainer ------------------------------------------------------------------------------------------


def arguments(config: Any, **more: Any) -> Any:
    quiet = {"output_dir": "trained", "max_steps": 1, "report_to": "none", "use_cpu": True, "bf16": False}
    return config(**quiet, save_strategy="no", disable_tqdm=True, max_length=256, **more)


@pytest.mark.parametrize("trainer", ["sft", "dpo", "kto"])
def test_one_step_of_plain_trl(project: Path, trainer: str):
    import trl
    from datasets import load_from_disk

    folder = published()
    tiny.model().save_pretrained("tiny")
    kinds = {
        "sft": (trl.SFTTrainer, trl.SFTConfig, folder, {}),
        "dpo": (trl.DPOTrainer, trl.DPOConfig, folder / "preference", {}),
        "kto": (trl.KTOTrainer, trl.KTOConfig, folder / "kto", {"per_device_train_batch_size": 3}),
    }
    made, config, place, more = kinds[trainer]
    training = made(
        model="tiny",
        args=arguments(config, **more),
        train_dataset=load_from_disk(place)["train"],
        processing_class=tiny.tokenizer(),
    )
    assert training.train().training_loss > 0


# -- the adapter -------------------------------------------------------------------------------------------------------


def adapter(learnt: list[str]) -> None:
    """As much of a trained adapter as is published, and of the report that tells of it."""
    folder = Path("models/adapter")
    folder.mkdir(parents=True)
    said = {"base": {"name": "acme/base-1b", "weights": "sha256:1"}}
    (folder / "provenance.json").write_text(json.dumps(said), "utf-8")
    config = {"peft_type": "LORA", "base_model_name_or_path": "/home/zz-internal/models/base"}
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    for name in ("adapter_model.safetensors", "tokenizer.json", "chat_template.jinja", "zz-notes.txt"):
        (folder / name).write_text("{}", "utf-8")
    pl.DataFrame({"conversation_id": learnt, "row_id": "secret-export.csv:1"}).write_parquet(
        folder / "trained_on.parquet"
    )
    Path("reports").mkdir()
    told = f"# Adapter `{identity(said)}`\n| `zz-reviewer` | 3 | `zz-reviewer's` |\n"
    Path("reports/model_card.md").write_text(told, "utf-8")
    judged = {"conversation_id": "0" * 32, "turn": 1, "replies": ("a" * 16, "b" * 16), "choice": "a"}
    write_judgements([Judgement(annotator="zz-reviewer", at="2026-01-05T10:00:00+00:00", **judged)])


def test_the_adapter_goes_with_its_card_and_without_what_it_was_trained_on_or_who_judged_it(project: Path):
    adapter(pl.read_parquet("data/splits/train.parquet")["conversation_id"].to_list())
    folder = published(adapter=True) / "adapter"
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "provenance.json",
        "tokenizer.json",
    }
    assert "| `judge 1` | 3 |" in (folder / "README.md").read_text("utf-8")
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == "acme/base-1b"
    assert "verdict of the evaluation: none" in publish(Wanted("mit", Path("again"), adapter=True), yes=False)


def test_an_adapter_that_learnt_what_has_left_the_set_stays_here(project: Path):
    adapter(["f" * 32])
    with pytest.raises(QiratError, match="has learnt 1 conversations that are not in the set"):
        published(adapter=True)


# -- a hub -------------------------------------------------------------------------------------------------------------


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as an upload asks for."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    private = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lines = [json.loads(line) for line in body.splitlines()]
        self.asked.append((self.path, self.headers["Authorization"], lines))
        if self.path.endswith("/preupload/main"):
            files = [{**one, "uploadMode": "regular", "shouldIgnore": False} for one in lines[0]["files"]]
            self.answer({"files": files})
        elif self.path.endswith("/repos/create"):
            self.answer({"url": "https://huggingface.co/datasets/house/set", "id": "house/set"})
        else:
            self.answer(
                {"commitUrl": "https://huggingface.co/datasets/house/set/commit/1", "commitOid": "1", "success": True}
            )

    def do_GET(self) -> None:
        self.answer([] if "/tree/" in self.path else {"id": "a/b", "private": self.private, "siblings": []})

    def answer(self, value: Any) -> None:
        said = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *said: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_seen")
    monkeypatch.setattr(Hub, "asked", [])
    monkeypatch.setattr(Hub, "private", True)
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_push_is_private_and_holds_the_folder(project: Path, hub: type[Hub]):
    told = publish(Wanted("mit", repository="house/set"), yes=True)
    assert "sent: http://127.0.0.1" in told
    assert "hf_not_to_be_seen" not in told
    (created,) = [lines[0] for path, _, lines in hub.asked if path.endswith("/repos/create")]
    assert created["visibility"] == "private"
    (commit,) = [lines for path, _, lines in hub.asked if "/commit/" in path]
    sent = {line["value"]["path"] for line in commit if line["key"] == "file"}
    assert {"README.md", "croissant.json", "provenance.json", "train/data-00000-of-00001.arrow"} <= sent


def test_a_dry_run_of_a_push_asks_the_hub_nothing(project: Path, hub: type[Hub]):
    publish(Wanted("mit", repository="house/set"), yes=False)
    assert hub.asked == []


def test_a_public_repository_is_refused_unless_public_was_said(project: Path, hub: type[Hub]):
    hub.private = False
    with pytest.raises(QiratError, match="is public"):
        publish(Wanted("mit", repository="house/set"), yes=True)
    assert not [path for path, _, _ in hub.asked if "/commit/" in path]
    assert "sent" in publish(Wanted("mit", repository="house/set", public=True), yes=True)
    assert [lines[0]["visibility"] for path, _, lines in hub.asked if path.endswith("/create")] == ["private", "public"]
