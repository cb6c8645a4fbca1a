"""People in every spelling, their rows in every kind of file: once forgotten, no byte of the project tells of them."""

import gzip
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from curation.commands.forget import forget
from curation.decisions import decisions
from curation.decisions.decisions import Decision, read_decisions, write_decisions
from curation.decisions.forget import rule
from tests.builders import talk
from tests.chaos.project import ROAD, TRIED, main_of, small, whole

PEOPLE = 51 if whole() else 9  # every third of them in one of WHEN
WHEN = ("the rule comes before the rows", "the rule comes after the rows", "the rows have left before the rule comes")
LETTERS = "abcdfghijlmnopqrstuvwxyz"  # without those of KEPT
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PHONES = (
    "+966{0}{1}{2}",
    "966{0}{1}{2}",
    "+966 {0} {1} {2}",
    "+966-{0}-{1}–{2}",
    "tel:+966-{0}-{1}{2}",
    "\u200e+966 {0} {1} {2}\u200f",
    "966{0}{1}{2}.0",
    "(+966) {0} {1}.{2}",
    "966{0}{1}{2}@s.whatsapp.net",
    "https://wa.me/966{0}{1}{2}",
)
ADDRESSES = (
    "{0}.{1}@example.com",
    "{0}.{1}@Example.COM",
    "mailto:{0}.{1}@example.com",
    "Huda {1} <{0}.{1}@example.com>",
    "<{0}.{1}@example.com>",
    "{0}.{1}%40example.com",
    "  {0}.{1}@example.com ",
    "\u200f{0}.{1}@example.com",
    "MAILTO:{0}.{1}@EXAMPLE.COM?subject=hello",
    "هدى {1} <{0}.{1}@example.com>",
)
SPELLINGS = len(PHONES) + len(ADDRESSES)
KEPT = "zrqkept"  # what the row says of whom nobody forgets


class Row(NamedTuple):
    """A conversation of one question and one reply."""

    customer: str
    question: str
    reply: str


def of(person: int) -> list[Row]:
    """What a person asked, once in each spelling of who they are."""
    return [
        Row(
            customer,
            f"My kettle {mark(person)}q came broken, what do I do with box {number}?",
            f"Put the kettle {mark(person)}r back into box {number}, a courier fetches it within two days.",
        )
        for number, customer in enumerate((*phones(person), *addresses(person)))
    ]


def mark(person: int) -> str:
    """A word that only this person's rows have; of letters alone, since digits are masked."""
    return f"zrq{LETTERS[person // 20]}{LETTERS[person % 20]}"


def phones(person: int) -> list[str]:
    parts = "50", f"7{person:02}", f"{9100 + person}"
    found = [pattern.format(*parts) for pattern in PHONES]
    found[2] = found[2].translate(ARABIC)
    return found


def addresses(person: int) -> list[str]:
    return [pattern.format("huda", f"n{person:02}") for pattern in ADDRESSES]


# -- files -------------------------------------------------------------------------------------------------------------


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def chats(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{"messages": talk(row.question, row.reply), "customer": row.customer} for row in rows]


def sharegpt(rows: Sequence[Row]) -> list[dict[str, object]]:
    sides = ("human", "gpt")
    return [
        {
            "conversations": [{"from": side, "value": said} for side, said in zip(sides, row[1:], strict=True)],
            "customer": row.customer,
        }
        for row in rows
    ]


def table(rows: Sequence[Row], question: str, reply: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["customer", question, reply], orient="row")


def tickets(rows: Sequence[Row]) -> pl.DataFrame:
    said = [
        (number, side, text, row.customer)
        for number, row in enumerate(rows)
        for side, text in (("customer", row.question), ("agent", row.reply))
    ]
    return pl.DataFrame(said, schema=["ticket_id", "author", "body", "customer"], orient="row")


FILES: Mapping[str, Callable[[Path, Sequence[Row]], object]] = {
    "chat.jsonl": lambda path, rows: path.write_text(lines(chats(rows)), "utf-8"),
    "document.json": lambda path, rows: path.write_text(json.dumps(chats(rows)), "utf-8"),
    "packed.jsonl.gz": lambda path, rows: path.write_bytes(gzip.compress(lines(chats(rows)).encode())),
    "sharegpt.jsonl": lambda path, rows: path.write_text(lines(sharegpt(rows)), "utf-8"),
    "alpaca.jsonl": lambda path, rows: table(rows, "instruction", "output").write_ndjson(path),
    "pairs.parquet": lambda path, rows: table(rows, "prompt", "completion").write_parquet(path),
    "questions.csv": lambda path, rows: table(rows, "question", "answer").write_csv(path),
    "tickets.tsv": lambda path, rows: tickets(rows).write_csv(path, separator="\t"),
}


def put(folder: Path, people: Sequence[int]) -> None:
    """All rows of these people, in turn in each kind of file."""
    rows = [row for person in people for row in of(person)]
    for number, (name, write) in enumerate(FILES.items()):
        write(folder / name, rows[number :: len(FILES)])


def run() -> None:
    for stage in ROAD[: ROAD.index("curate") + 1]:
        main_of(stage)()


def correct_all() -> None:
    """A reviewer corrects every row that speaks of a kettle of theirs, and her words name it too."""
    rows = pl.read_parquet("data/ingested/conversations.parquet", columns=["conversation_id", "messages"])
    edits = [
        Decision(
            conversation_id=key,
            decision="edit",
            messages=tuple(talk(messages[0]["content"], messages[-1]["content"] + " We are sorry.")),
        )
        for key, messages in rows.rows()
        if "zrq" in messages[0]["content"]
    ]
    kept = [line for line in read_decisions() if line.conversation_id not in {edit.conversation_id for edit in edits}]
    write_decisions([*kept, *edits], decisions.PATH)


def keep_in_dvc_cache() -> None:
    """The table of rows as `dvc repro` keeps each version of it."""
    folder = Path(".dvc/cache/files/md5/ab")
    folder.mkdir(parents=True)
    shutil.copy("data/ingested/conversations.parquet", folder / "cd")


def told(path: Path) -> str:
    """All that a file says, whatever holds it."""
    if path.suffix == ".parquet":
        return str(pl.read_parquet(path).rows())
    found = path.read_bytes()
    return (gzip.decompress(found) if found[:2] == b"\x1f\x8b" else found).decode("utf-8", "replace")


def places(marks: Sequence[str]) -> list[str]:
    """Files that name one of the marks, but for data/raw and DVC's cache, which `forget` leaves to people."""
    left = ("data/raw", ".dvc")
    files = (path for path in Path().rglob("*") if path.is_file() and not any(map(path.is_relative_to, left)))
    return [str(path) for path in files if any(mark in text for text in [told(path)] for mark in marks)]


@pytest.mark.parametrize("when", WHEN)
def test_no_byte_of_who_is_forgotten_is_left(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small(tmp_path))
    raw = Path("data/raw")
    people = list(range(WHEN.index(when), PEOPLE, len(WHEN)))
    (raw / "kept.jsonl").write_text(
        lines(chats([Row("+966 50 999 9999", f"Is {KEPT} sold?", "It is, open the shop.")]))
    )
    if WHEN.index(when):
        put(raw, people)
    run()
    correct_all()
    run()
    if when == WHEN[2]:
        keep_in_dvc_cache()
        for name in FILES:
            (raw / name).unlink()
        run()
    for person in people:
        for spelled in (phones(person), addresses(person)):
            said = spelled[person % len(spelled)]
            forget(rule("customer", said), said, write=True)
    if when == WHEN[0]:
        put(raw, people)
    run()

    assert (
        places(
            [*map(mark, people), *(said.strip() for person in people for said in (*phones(person), *addresses(person)))]
        )
        == []
    )
    assert places([KEPT])
    TRIED["spellings of people forgotten"] += SPELLINGS * len(people)
