"""Zips: each member is a raw file of its own, and nothing in one can harm or hide."""

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.commands.explain import explain
from curation.ingest import __main__ as ingest
from curation.ingest import archives
from curation.ingest.files import raw_files
from tests.builders import talk

GOOD = json.dumps({"messages": talk("Where is my order?", "On its way.")})
CHAT = """[31/12/2024, 21:15:03] Lamp House: \u200eMessages and calls are end-to-end encrypted.
[31/12/2024, 21:15:04] Lamp House: Good morning
[31/12/2024, 21:15:05] Huda: is it there
[31/12/2024, 21:16:05] Lamp House: \u200e<attached: 001-PHOTO.jpg>
"""


def zipped(path: Path, *members: tuple[str, str | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def refusals(folder: Path) -> dict[str, str | None]:
    return {file.name: file.refused for file in raw_files(folder)}


def test_the_zip_of_whatsapp_is_its_chat_and_its_media_are_passed_over_and_told(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    media = [(f"00{n}-PHOTO.jpg", b"\xff\xd8") for n in range(3)]
    zipped(Path("data/raw/WhatsApp Chat - Huda.zip"), ("_chat.txt", CHAT), *media, ("__MACOSX/._chat.txt", b"\0"))
    ingest.main()
    (row,) = pl.read_parquet("data/ingested/conversations.parquet").iter_rows(named=True)
    assert (row["row_id"], row["source"]) == ("WhatsApp Chat - Huda.zip/_chat.txt:2", "whatsapp")  # behind a notice
    assert [m["role"] for m in row["messages"]] == ["assistant", "user"]
    assert (
        "3 pictures, recordings or documents and 1 hidden files in the archive passed over" in capsys.readouterr().err
    )
    said = explain()
    assert (
        'who is who: team: "Lamp House"; customer: "Huda"; told by: the customer is whom the chat is named after'
        in said
    )
    assert "3 pictures, recordings or documents" in said


def test_every_container_is_read_out_of_a_zip(project: Path):
    table = io.BytesIO()
    pl.DataFrame([{"messages": talk("Hi", "Hello")}]).write_parquet(table)
    csv = "ticket_id,author,body\n1,customer,Hi\n1,agent,Hello\n"
    members = [("a.jsonl", GOOD), ("b/b.json", f"[{GOOD}]"), ("c.csv", csv), ("d.parquet", table.getvalue())]
    zipped(Path("data/raw/all.zip"), *members, ("محادثات/e.jsonl", GOOD))
    ingest.main()
    files = pl.read_parquet("data/ingested/files.parquet")
    assert files["source_file"].to_list() == [
        f"all.zip/{n}" for n in ("a.jsonl", "b/b.json", "c.csv", "d.parquet", "محادثات/e.jsonl")
    ]
    assert files["conversations"].to_list() == [1] * 5


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.jsonl", "leads out of the archive"),
        ("/etc/evil.jsonl", "leads out of the archive"),
        ("..\\evil.jsonl", "leads out of the archive"),
        ("C:\\evil.jsonl", "leads out of the archive"),
        ("a/../../evil.jsonl", "leads out of the archive"),
        ("inner.zip", "an archive in an archive"),
        ("inner.tar", "an archive in an archive"),
    ],
)
def test_members_that_are_not_read_say_why(tmp_path: Path, name: str, reason: str):
    zipped(tmp_path / "x.zip", (name, GOOD), ("good.jsonl", GOOD))
    found = refusals(tmp_path)
    assert found.pop("x.zip/good.jsonl") is None
    ((shown, refused),) = found.items()
    assert reason in str(refused)
    assert ".." not in Path(shown).parts


def test_bombs_encryption_damage_and_empty_archives_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 2**20)
    zipped(tmp_path / "bomb.zip", ("zeros.jsonl", b"0" * 2**22), ("good.jsonl", GOOD))
    secret = zipped(tmp_path / "secret.zip", ("a.jsonl", GOOD)).read_bytes()
    place = secret.index(b"PK\x01\x02")
    (tmp_path / "secret.zip").write_bytes(secret[:6] + b"\x01" + secret[7 : place + 8] + b"\x01" + secret[place + 9 :])
    (tmp_path / "torn.zip").write_bytes(secret[: len(secret) // 2])
    zipped(tmp_path / "media.zip", ("a.jpg", b"x"), ("b.opus", b"x"))
    zipped(tmp_path / "none.zip")
    found = refusals(tmp_path)
    assert "unpack to more than 500 times as many" in str(found.pop("bomb.zip/zeros.jsonl"))
    assert found.pop("bomb.zip/good.jsonl") is None
    assert "it is encrypted" in str(found.pop("secret.zip/a.jsonl"))
    assert "the archive is damaged" in str(found.pop("torn.zip"))
    assert "2 pictures, recordings or documents in the archive passed over" in str(found.pop("media.zip"))
    assert "no file in the archive that Qirat reads" in str(found.pop("none.zip"))
    assert not found


def test_a_member_that_is_damaged_inside_is_one_row_of_the_quarantine(project: Path):
    path = zipped(Path("data/raw/x.zip"), ("a.jsonl", (GOOD + "\n") * 2000), ("b.jsonl", GOOD))
    data = bytearray(path.read_bytes())
    data[60:70] = b"\xff" * 10
    path.write_bytes(data)
    ingest.main()
    conversations = pl.read_parquet("data/ingested/conversations.parquet")
    assert conversations["source_file"].to_list()[-1] == "x.zip/b.jsonl"
    quarantine = pl.read_parquet("data/ingested/quarantine.parquet")
    assert quarantine["reason"].str.contains("the file cannot be read").any()


def test_names_that_are_not_utf8_or_stand_twice_stay_apart(tmp_path: Path):
    path = tmp_path / "x.zip"
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(path, ("a.jsonl", GOOD), ("a.jsonl", GOOD), ("zz.jsonl", GOOD))
    path.write_bytes(path.read_bytes().replace(b"zz.jsonl", b"\x81\x82.jsonl"))
    names = list(refusals(tmp_path))
    assert names[:2] == ["x.zip/a.jsonl", "x.zip/a.jsonl (2)"]
    assert len(set(names)) == 3


def test_documents_of_an_office_are_no_archives(tmp_path: Path):
    zipped(tmp_path / "a.xlsx", ("[Content_Types].xml", "<x/>"), ("xl/sheet.xml", "<x/>"))
    assert list(refusals(tmp_path)) == ["a.xlsx"]


def test_a_slack_export_is_read_out_of_its_zip(project: Path):
    users = [{"id": "U1", "profile": {"display_name": "Huda"}}, {"id": "U2", "profile": {"real_name": "Support Sam"}}]
    day = [
        {"type": "message", "user": user, "ts": f"171041041{n}.0001", "text": "x"}
        for n, user in enumerate(("U1", "U2"))
    ]
    zipped(
        Path("data/raw/slack.zip"),
        *[("users.json", json.dumps(users)), ("channels.json", "[]")],
        *[(f"help/2024-03-1{n}.json", json.dumps(day)) for n in range(3)],
    )
    ingest.main()
    rows = pl.read_parquet("data/ingested/conversations.parquet")
    assert rows["source_file"].to_list() == [f"slack.zip/help/2024-03-1{n}.json" for n in range(3)]
    assert rows["customer"].to_list() == ["Huda"] * 3
    assert pl.read_parquet("data/ingested/quarantine.parquet").height == 0


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@given(names=st.lists(NAMES, min_size=1, max_size=6, unique=True))
def test_whatever_members_are_called_each_is_listed_once_or_counted(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
):
    folder = tmp_path_factory.mktemp("zips")
    path = zipped(folder / "x.zip", *((name, GOOD) for name in names))
    with zipfile.ZipFile(path) as archive:
        count = len(archive.infolist())
    found = list(archives.members(path))
    listed = [part.name for part in found if part.member]
    assert len(set(listed)) == len(listed)
    passed = sum(int(word) for part in found for word in part.note.split() if word.isdigit())
    folders = sum(name.replace("\\", "/").endswith("/") for name in names)
    assert len(listed) + passed + folders >= count or not listed


def test_who_speaks_in_most_chats_of_a_folder_is_the_team_whoever_greets(project: Path):
    for n, customer in enumerate(("Huda", "هدى", "Omar", "+962 7 9000 0000")):
        first, second = ("Nour", customer) if n % 2 else (customer, "Nour")
        text = f"31/12/2024, 09:11 - {first}: Good morning\n31/12/2024, 09:12 - {second}: good morning\n"
        Path(f"data/raw/chat{n}.txt").write_text(text, "utf-8")
    ingest.main()
    rows = pl.read_parquet("data/ingested/conversations.parquet")
    assert rows["customer"].to_list() == ["Huda", "هدى", "Omar", "+962 7 9000 0000"]
    assert rows["metadata"].str.contains("the team is who speaks in most of many chats").all()


def test_the_terminal_says_what_was_assumed_and_of_a_phone_in_another_language(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    lines = ["Los mensajes y las llamadas están cifrados de extremo a extremo.", "Ana: hola", "Pedro: sí"]
    Path("data/raw/a.txt").write_text("\n".join(f"31/12/24, 09:11 - {line}" for line in lines), "utf-8")
    ingest.main()
    said = capsys.readouterr().err
    assert "in 1 who is who is told by what people say" in said
    assert "from a phone in Spanish" in said


def test_explain_tells_why_a_chat_of_several_is_held_and_masks_numbers(project: Path):
    names = ("Rana", "+962 7 9123 4567", "Omar")
    Path("data/raw/g.txt").write_text("\n".join(f"31/12/24, 09:11 - {name}: hi" for name in names), "utf-8")
    Path("data/raw/h.txt").write_text("\n".join(f"31/12/24, 09:11 - {name}: hi" for name in names[:2]), "utf-8")
    said = explain()
    assert "who is who: 3 people speak in this chat (first in rows 1, 2 and 3)" in said
    assert 'who is who: team: "Rana"' in said
    assert "9123" not in said
