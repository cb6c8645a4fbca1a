"""What is left of forgotten people is found in every file, whatever it is packed in and however they are spelled."""

import gzip
import hashlib
import io
import json
import random
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from curation.commands.certificate import prove
from curation.commands.forget import forget
from curation.core.record.conversation import canonical_json
from curation.decisions import answers
from curation.decisions.answers import Answer
from curation.decisions.forget import ForgetRules, forgotten, read_rules, rule, write_rules
from curation.harness.errors import QiratError
from tests.builders import record, save, talk
from tests.core.text.test_identity import ADDRESSES, PHONES, UNSEEN

HER = "+966 50 123 4567"
SPELLED = "‏٠٠٩٦٦ ٥٠ ١٢٣ ٤٥٦٧"
WORDS = "وصلني الجهاز مكسورا من الأسفل وأريد استرجاع المبلغ"
ROWS = record(talk(WORDS, "نأسف لذلك"), talk("hello there", "hi"), customer=[SPELLED, "sara"])
HERS = ROWS["conversation_id"][0]
LINE = f"customer,said\n{SPELLED},{WORDS}\n"


def as_table(text: str) -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"n": [1], "said": [[{"content": text}]]}).write_parquet(file, compression="zstd")
    return file.getvalue()


def as_zip(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv.gz", gzip.compress(text.encode()))
    return file.getvalue()


def as_freed_pages(text: str) -> bytes:
    """A database out of which the row was deleted."""
    path = Path("freed.db")
    with sqlite3.connect(path) as database:
        database.execute("pragma secure_delete = off")
        database.execute("create table records (said text)")
        database.execute("insert into records values (?)", (text,))
        database.commit()
        database.execute("delete from records")
        database.commit()
    database.close()
    data = path.read_bytes()
    path.unlink()
    return data


FORMATS: dict[str, Callable[[str], bytes]] = {
    "csv": str.encode,
    "utf-16": lambda text: text.encode("utf-16"),
    "json": lambda text: json.dumps({"said": text}).encode(),
    "html": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zstd": lambda text: zstandard.compress(text.encode()),
    "zip": as_zip,
    "parquet": as_table,
    "sqlite": as_freed_pages,
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, "ingested/conversations", ROWS)
    write_rules([])
    return tmp_path


def put(path: str, data: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)


def held(said: str = "") -> list[str]:
    """The lines of a certificate that say where something is left."""
    told, gone = prove(read_rules(), said)
    found = [line for line in told.splitlines() if line.startswith("  HELD")]
    assert gone == (not found)
    return found


def forgotten_and_run() -> None:
    """The rule is written and the pipeline has run."""
    forget(rule("customer", HER), HER, write=True)
    save(Path(), "ingested/conversations", ROWS[1:])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("what", [LINE, f"said,{WORDS}", f"phone {SPELLED}", f'"{HERS}.1"'])
def test_it_is_found_in_every_format_by_name_by_words_and_by_id(kind: str, what: str) -> None:
    forget(rule("customer", HER), HER, write=True)  # before the rows have left, so that the words are known
    put("handed_out/file.bin", FORMATS[kind](what))
    assert [line for line in held() if "handed_out/file.bin" in line and "exported or handed out" in line]


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_found_of_others(kind: str) -> None:
    forgotten_and_run()
    put("handed_out/file.bin", FORMATS[kind]("customer,said\n+966507654321,hello there\n12345678901,1.966501234567\n"))
    assert held() == []


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("data/review/.old.jsonl", "people's decisions"),
        ("data/raw/a.csv", "raw exports"),
        ("data/evaluation/a.csv", "evaluation sets"),
        ("data/cache/ingest/a.parquet", "what stages remember"),
        ("data/scored/findings.parquet", "tables and metrics"),
        ("reports/index.html", "reports"),
        ("models/adapter/README.md", "adapters"),
        (".dvc/cache/files/md5/ab/cdef", "DVC's cache"),
        (".dvc/tmp/exps/a.patch", "DVC's own notes"),
        (".qirat/argilla/backups/1.tar", "backups of Argilla"),
        (".qirat/argilla/home/argilla.db-wal", "Argilla's database"),
        ("for the auditor.csv", "exported or handed out"),
    ],
)
def test_every_place_is_named_with_its_cure(path: str, place: str) -> None:
    forgotten_and_run()
    put(path, LINE.encode())
    [line] = held()
    assert place in line and path in line and ";" in line
    Path(path).unlink()
    assert held() == []


def test_versions_in_git_and_experiments_are_found_and_remotes_are_named(project: Path) -> None:
    def git(*command: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(["git", *who, *command], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("remote", "add", "upstream", "https://git.example/x")
    for name, ref in (("notes.csv", "refs/heads/old"), ("tried.csv", "refs/exps/ab/cdef/quick-fox")):
        put(name, f"{name} {LINE}".encode())
        git("add", name)
        git("commit", "--quiet", "-m", name)
        git("update-ref", ref, "HEAD")
        git("update-ref", "-d", "HEAD")
        git("rm", "--quiet", "--cached", name)
        Path(name).unlink()
    put("lost.csv", f"lost {LINE}".encode())
    git("hash-object", "-w", "lost.csv")
    Path("lost.csv").unlink()
    put(".dvc/config", b"['remote \"store\"']\n    url = s3://bucket\n")
    forgotten_and_run()
    told, _ = prove(read_rules())
    assert "branches and tags: notes.csv;" in told and "experiments: tried.csv;" in told and "unnamed;" in told
    assert "remotes: store" in told and "upstream" in told


def test_adapters_are_named_and_after_a_training_without_her_they_are_not() -> None:
    def trained(folder: str, rows: pl.DataFrame) -> None:
        put(f"{folder}/adapter_config.json", b"{}")
        put(f"{folder}/adapter_model.safetensors", b"0")
        listing = rows.select("row_id", "conversation_id", parent_id=pl.lit(None, pl.String))
        listing.write_parquet(f"{folder}/trained_on.parquet")

    trained("models/adapter", ROWS)
    forgotten_and_run()
    told, gone = prove(read_rules())
    assert not gone and "models/adapter: trained on 1 of these rows" in told and "1 of theirs" in told
    trained("models/adapter", ROWS[1:])
    told, gone = prove(read_rules())
    assert gone and "No adapter here learnt from them." in told and "1 rows, 0 of theirs" in told
    assert told.count("SHA-256") == 3


MADE = {"data": {"train_sha256": "a"}, "params": {"train": {"seed": 1}}, "training": {"strength": 1.0}}
MODELS: dict[
    str, tuple[str, dict[str, Any]]
] = {  # what lies in a folder that `qirat export` wrote, or a training that was killed
    "a merged export": ("handed_out/merged", {"provenance.json": MADE, "export.json": {"kind": "merged"}}),
    "an export of another strength": ("نسخة/merged", {"provenance.json": {**MADE, "training": {"strength": 0.5}}}),
    "an adapter's export": ("handed_out/adapter", {"provenance.json": MADE, "adapter_config.json": {}}),
    "a GGUF": ("gguf", {"export.json": {"adapter": hashlib.sha256(canonical_json(MADE).encode()).hexdigest()}}),
    "a checkpoint": (
        "data/cache/train/checkpoint-3",
        {"adapter_config.json": {}, "../certificate.json": {**MADE, "code": "x"}},
    ),
}


def put_model(folder: str, files: Mapping[str, Mapping[str, Any]], rows: pl.DataFrame | None = None) -> None:
    for name, value in files.items():
        put(f"{folder}/{name}", json.dumps(value).encode())
    put(f"{folder}/model.safetensors", b"0")
    if rows is not None:
        listing = rows.select("row_id", "conversation_id", parent_id=pl.lit(None, pl.String))
        listing.write_parquet(f"{folder}/trained_on.parquet")


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_without_a_list_of_rows_is_known_by_what_it_was_made_from(kind: str) -> None:
    adapter = {"provenance.json": MADE, "adapter_config.json": {}}
    forgotten_and_run()
    put_model("models/adapter", adapter, ROWS[1:])
    put_model(*MODELS[kind])
    assert held() == []
    put_model("models/adapter", adapter, ROWS)
    told = "\n".join(held())
    assert (
        f"models that learnt from them, or may have: {', '.join(sorted((MODELS[kind][0], 'models/adapter')))}" in told
    )
    assert f"{MODELS[kind][0]}: trained on 1 of these rows" in prove(read_rules())[0]


@pytest.mark.parametrize("kind", MODELS)
def test_of_a_model_that_names_nothing_that_is_here_nobody_says_that_it_forgot(kind: str) -> None:
    forgotten_and_run()
    other = {"provenance.json": {**MADE, "data": {"train_sha256": "b"}}, "adapter_config.json": {}}
    put_model("models/adapter", other, ROWS[1:])
    put_model(*MODELS[kind])
    [line] = held()
    assert MODELS[kind][0] in line and "models/adapter" not in line
    assert "so it may have seen any row" in prove(read_rules())[0]


def test_a_name_is_looked_for_where_it_is_given() -> None:
    save(Path(), "ingested/conversations", record(talk("x", "y"), customer=["فاطمة الزهراني"]))
    forget(rule("customer", "فاطمه الزهرانى"), "فاطمه الزهرانى", write=True)
    save(Path(), "ingested/conversations", ROWS[1:])
    put("list.txt", "الاسم: فَاطِمَة الزهراني".encode())
    assert "name them" in prove(read_rules())[0] and held() == []
    assert held("فاطمة الزهراني")


def test_what_cannot_be_read_is_said_and_no_rule_proves_nothing() -> None:
    with pytest.raises(QiratError, match="no rule to prove"):
        prove(read_rules())
    forgotten_and_run()
    put("torn.zip", as_zip(LINE)[:60])
    assert "files that cannot be read: torn.zip" in prove(read_rules())[0]


def people(count: int) -> list[tuple[str, list[Callable[[str], str]]]]:
    """Made-up people, by phone or by address, with the ways to spell each."""
    draw = random.Random(15)
    phones = [f"9665{draw.randrange(10**8):08}" for _ in range(count // 2)]
    addresses = [f"p{draw.randrange(10**6)}.x@example.com" for _ in range(count // 2)]
    return [*((one, list(PHONES)) for one in phones), *((one, list(ADDRESSES)) for one in addresses)]


def test_a_thousand_spellings_of_fifty_people_are_forgotten_and_nobody_else() -> None:
    draw = random.Random(7)
    theirs = [(who, draw.choice(UNSEEN)(draw.choice(ways)(who), draw)) for who, ways in people(50) for _ in range(20)]
    others = [spelled for who, ways in people(100)[25:50] for spelled in (ways[0](who), ways[3](who))]
    table = record(*[talk(str(n), "ok") for n in range(1050)], customer=[said for _, said in theirs] + others)
    rules: ForgetRules = frozenset(rule("customer", draw.choice(ways)(who)) for who, ways in people(50))
    assert len(rules) == 50
    assert forgotten(table, rules).to_list() == [True] * 1000 + [False] * 50


@pytest.mark.parametrize("when", ["rule before rows", "rule after rows", "rows gone"])
def test_no_byte_of_fifty_people_is_left_where_the_command_claims_it(when: str) -> None:
    draw = random.Random(len(when))
    said = {who: f"{draw.choice(ways)(who)} {draw.choice(ways)(who)}" for who, ways in people(50)}
    rows = record(*[talk(f"{text} يسأل عن طلبه", "ok") for text in said.values()], customer=list(said))
    rows = pl.concat([rows, ROWS[1:]])
    answered = [
        Answer(key, "sara", "edit", corrected=f"{text} corrected", at="2026-01-05T10:00:00Z")
        for key, text in zip(rows["conversation_id"][:50], said.values(), strict=True)
    ]
    rules = frozenset(rule("customer", who) for who in said)
    if when == "rule before rows":
        write_rules(rules)
    save(Path(), "ingested/conversations", rows)
    answers.write_answers(answered)
    if when == "rows gone":
        put(".dvc/cache/files/md5/ab/cd", Path("data/ingested/conversations.parquet").read_bytes())
        save(Path(), "ingested/conversations", ROWS[1:])
    for who in said:
        forget(rule("customer", who), who, write=True)
    save(Path(), "ingested/conversations", ROWS[1:])
    shutil.rmtree(".dvc", ignore_errors=True)
    assert held() == []
    everything = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert not [who for who, text in said.items() if who.encode() in everything or text.encode() in everything]
