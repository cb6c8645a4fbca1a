"""qirat review export and import: the line-up as a file that people fill in with any spreadsheet, and answers back.

The file shows what Argilla would show. What spreadsheets do to a file is expected: other separators, encodings and line
ends, columns and rows in another order, columns added. An answer is a row with a decision.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from curation.consensus.consensus import Review
from curation.core.text.cells import harmless, taken_back
from curation.core.text.folding import fold
from curation.core.text.markdown import read_back
from curation.decisions import answers as answers_file
from curation.decisions.answers import Answer, Countries
from curation.decisions.decisions import REASONS
from curation.decisions.gold import Gold, read_gold
from curation.harness.errors import QiratError
from curation.harness.files import atomic, finished_table
from curation.ingest.encodings import as_utf8, encoding_of
from curation.policy.queue import purpose
from curation.review.form import CONFIDENCE, DECISIONS
from curation.review.lineup import Line, line_of_now
from curation.review.pull import Pulled, received
from curation.review.push import shown_now
from curation.review.readers import readable
from curation.review.records import Record, records

Row = dict[str, str]
Said = TypeVar("Said")

SHOWN = {"id": "المعرّف", "why": "لماذا تراها", "language": "اللغة", "label": "التصنيف", "conversation": "المحادثة"}
ASKED = {
    "decision": "القرار",
    "reasons": "الأسباب",
    "corrected": "الردود المصححة",
    "label_corrected": "التصنيف المصحح",
    "confidence": "ما مدى تأكدك",
    "comment": "ملاحظة",  # for the team; nobody reads it here
}
COLUMNS = SHOWN | ASKED

_TURN = 4_000  # characters of one turn that are shown
_CELL = 30_000  # of a conversation; a cell of Excel holds 32,767
_TOLD = 10  # faults of a file that are told at once
_LONGEST = 2**31 - 1  # characters of a cell that are read
ROLES = {
    "en": {"user": "Customer", "assistant": "Assistant", "system": "System", "tool": "Tool"},
    "ar": {"user": "العميل", "assistant": "المساعد", "system": "النظام", "tool": "أداة"},
}
_CUT = {"en": "(cut here: {:,} more characters)", "ar": "(بقي {:,} من الأحرف لا تظهر هنا)"}

_NUMBERED = re.compile(r"\[\d+\]\n")
_ID = re.compile(r"([0-9a-f]{32})(?:\.(\d+))?")
_LIST_SIGNS = re.compile(r"[,;|،؛\n]+")
_LOST_LETTERS = re.compile(r"\?{2,}(?:\s+\?{2,})+")  # what is left of Arabic in a file for Western letters only


@dataclass(frozen=True)
class Imported:
    """`answers`: rows with a decision; `half_filled`: numbers of rows with something, yet without a decision."""

    answers: int
    half_filled: list[int]
    pulled: Pulled


# -- out ---------------------------------------------------------------------------------------------------------------


def export(path: Path, params: Review, countries: Countries, limit: int | None, languages: Sequence[str] = ()) -> int:
    """Writes the first `limit` of the line-up, all for None, and returns how many they are.

    With `languages` only what somebody can read who reads these, the first ones first.
    """
    check_new(path)
    line = line_of_now(params, countries)
    rows = read_by(line, languages)
    found = records(
        rows.head(rows.height if limit is None else limit), line.conversations, countries, shown_now(line, params)
    )
    write_sheet(path, [sheet_row(record) for record in found], COLUMNS)
    return len(found)


def read_by(line: Line, languages: Sequence[str]) -> pl.DataFrame:
    """The line's rows, ranked anew, in languages that somebody reads, the first ones first; all without languages."""
    if not languages:
        return line.rows.sort("rank")
    read = readable(languages)
    spoken = line.conversations.unique("conversation_id", keep="first").select("conversation_id", "language")
    rows = line.rows.join(spoken, on="conversation_id").filter(pl.col("language").is_in(read))
    ordered = rows.sort(pl.col("language").replace_strict(read, range(len(read)), return_dtype=pl.Int64), "rank")
    return ordered.drop("language").with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))


def check_new(path: Path) -> None:
    """Raises QiratError for a name that is no sheet's, and for a file that people may have filled in."""
    _check_suffix(path)
    if path.exists():
        raise QiratError(f"{path} is there already, perhaps with answers; choose another name")


def write_sheet(path: Path, rows: Sequence[Row], columns: Mapping[str, str]) -> None:
    """`columns`: the name of each, and its Arabic one for the header of a .csv."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    text = "".join(lines) if path.suffix == ".jsonl" else _as_csv(rows, columns)
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8", newline="")


def sheet_row(record: Record) -> Row:
    """The row of a record: what Argilla would show, without Markdown, and empty cells for the answer."""
    shown = {
        "id": record["external_id"],
        "why": read_back(record["fields"]["why"]),
        "language": record["metadata"]["language"],
        "label": record["metadata"].get("intent", ""),
        "conversation": conversation_cell(record["fields"]["conversation"], record["metadata"]["language"]),
    }
    return shown | dict.fromkeys(ASKED, "")


def conversation_cell(bubbles: Sequence[Mapping[str, str]], language: str) -> str:
    """Each speaker's name above what they say; its first letter tells a spreadsheet the direction of the cell."""
    words = "ar" if language == "ar" else "en"
    turns: list[tuple[str, str]] = []
    for bubble in bubbles:
        text = read_back(bubble["content"])
        if turns and turns[-1][0] == bubble["role"] and not _NUMBERED.match(text):  # the rest of a long turn
            turns[-1] = bubble["role"], turns[-1][1] + text
        else:
            turns.append((bubble["role"], text))
    blocks = [f"{ROLES[words].get(role, role)}:\n{cut(text, _TURN, words)}" for role, text in turns]
    return cut("\n\n".join(blocks), _CELL, words)


def cut(text: str, longest: int, language: str) -> str:
    """The beginning of a text that is longer, with a line that says so."""
    more = len(text) - longest
    return text if more <= 0 else f"{text[:longest]}\n{_CUT[language].format(more)}"


def _as_csv(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """With a byte order mark, by which Excel knows UTF-8, and no cell that a spreadsheet would compute."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(f"{name} · {arabic}" for name, arabic in columns.items())
    writer.writerows([harmless(row[name]) for name in columns] for row in rows)
    return "\ufeff" + out.getvalue()


# -- back --------------------------------------------------------------------------------------------------------------


def take_in(path: Path, annotator: str, params: Review, countries: Countries) -> Imported:
    """The file's answers go the way of Argilla's. Nothing is taken of a file with a cell that cannot be read."""
    if not (annotator := annotator.strip()):
        raise QiratError("--annotator is empty; name who filled the file in, always by the same name")
    queue = finished_table("routed/queue", ["conversation_id", "reason", "codes"]).with_columns(reason=purpose())
    known = set(finished_table("ingested/conversations", ["conversation_id"])["conversation_id"])
    rows = list(read_rows(path))
    read = read_answers(rows, path, annotator, known, datetime.now(UTC).isoformat(timespec="seconds"))
    given = as_before(with_purpose(read, queue, read_gold()), answers_file.read_answers())
    filled = [name for name in ASKED if name not in ("decision", "comment")]
    half_filled = [number for number, row in rows if not row.get("decision") and any(row.get(f) for f in filled)]
    return Imported(len(given), half_filled, received(given, params, countries))


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Number and cells of each row, as a spreadsheet numbers it: below the header comes row 2. Empty rows are none."""
    _check_suffix(path)
    if not path.exists():
        raise QiratError(f"{path} is not there; name the file that your team filled in")
    data = path.read_bytes()
    if data.startswith(b"PK\x03\x04"):
        raise QiratError(f"{path} is a workbook by another name; save it as CSV, best as `CSV UTF-8`")
    text = b"".join(as_utf8([data], encoding_of([data]))).decode("utf-8", "replace")
    for number, row in (_json_rows if path.suffix == ".jsonl" else _csv_rows)(text, path):
        cells = {name: taken_back(re.sub("\r\n?", "\n", cell)).strip() for name, cell in row.items()}
        if any(cells.values()):
            yield number, cells


def read_answers(
    rows: Sequence[tuple[int, Row]], path: Path, annotator: str, known: Collection[str], now: str
) -> list[Answer]:
    """The rows with a decision, as `read_all` reads them."""

    def made(row: Row) -> Answer | None:
        return _answer(row, annotator, known, now)

    return read_all(rows, path, made, lambda answer: (answer.conversation_id, answer.round))


def read_all(
    rows: Sequence[tuple[int, Row]],
    path: Path,
    made: Callable[[Row], Said | None],
    place: Callable[[Said], Hashable],
) -> list[Said]:
    """What `made` makes of each row, less None; every fault is told with its row, and one is enough to take nothing.

    `made` raises ValueError with what is wrong with a cell. Two rows may not say different things of one `place`.
    """
    found: dict[Hashable, tuple[int, Said]] = {}
    faults: list[str] = []
    for number, row in rows:
        try:
            answer = made(row)
            if answer is None:
                continue
            before, other = found.setdefault(place(answer), (number, answer))
            if other != answer:
                raise ValueError(f"another answer on the conversation of row {before}; keep one of the two")
        except ValueError as error:
            faults.append(f"{path}, row {number}: {error}")
    if faults:
        more = f"\nand {len(faults) - _TOLD:,} more rows" if len(faults) > _TOLD else ""
        raise QiratError("\n".join(faults[:_TOLD]) + f"{more}\nNothing was taken; mend these and import again")
    return [answer for _, answer in found.values()]


def with_purpose(answers: Sequence[Answer], queue: pl.DataFrame, gold: Sequence[Gold]) -> list[Answer]:
    """The answers with why each row was shown, which the file does not tell those who fill it in."""
    known = {g.conversation_id for g in gold}
    shown = {key: (reason, tuple(codes)) for key, reason, codes in queue.iter_rows()}
    found = []
    for answer in answers:
        purpose, codes = shown.get(answer.conversation_id, ("doubt", ()))
        if answer.conversation_id in known:
            purpose = "gold"
        found.append(replace(answer, purpose=purpose, codes=codes if purpose == "doubt" else ()))
    return found


def as_before(answers: Sequence[Answer], known: Sequence[Answer]) -> list[Answer]:
    """An answer that was taken in before keeps its time: the same file again changes nothing."""
    places = {(a.conversation_id, a.annotator, a.round): a for a in known}

    def said(answer: Answer) -> Answer:
        return replace(answer, at="", started="", purpose="doubt", codes=())

    found = []
    for answer in answers:
        before = places.get((answer.conversation_id, answer.annotator, answer.round))
        found.append(before if before is not None and said(before) == said(answer) else answer)
    return found


def _answer(row: Row, annotator: str, known: Collection[str], now: str) -> Answer | None:
    """Raises ValueError with what is wrong with a cell and its cure."""
    decision = choice(row.get("decision", ""), DECISIONS, "decision")
    if not decision:
        return None
    named = _ID.fullmatch(row.get("id", "").lower())
    if not named or named[1] not in known:
        raise ValueError(f"id {row.get('id', '')!r} is none of this project's; copy the id of the exported file")
    corrected, label = row.get("corrected", ""), row.get("label_corrected", "")
    if _LOST_LETTERS.search(corrected + "\n" + label):
        raise ValueError("letters became question marks on the way; save the file as `CSV UTF-8` and import that")
    return Answer(
        conversation_id=named[1],
        annotator=annotator,
        decision=decision,  # type: ignore[arg-type]  # one of DECISIONS
        reasons=choices(row.get("reasons", ""), REASONS, "reasons"),
        corrected=corrected,
        label=label,
        confidence=choice(row.get("confidence", ""), CONFIDENCE, "confidence"),  # type: ignore[arg-type]
        at=now,
        round=int(named[2] or 1),
    )


def choices(cell: str, known: Mapping[str, str], column: str) -> tuple[str, ...]:
    """The keys that a cell names one after another."""
    return tuple(choice(word, known, column) for word in _LIST_SIGNS.split(cell) if word.strip())


def choice(cell: str, known: Mapping[Any, str], column: str) -> str:
    """The key that a cell names, by itself or by its words in either language; "" for an empty cell."""
    said = fold(cell.replace("_", " "))
    for key, words in known.items():
        if said in {fold(name.replace("_", " ")) for name in (key, words, *words.split(" · "))}:
            return str(key)
    if said:
        raise ValueError(f"{column} is {cell!r}; write one of {', '.join(known)}")
    return ""


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(_LONGEST)
    if told := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):  # as Excel writes above the header
        text = text[told.end() :]
    header_line = text.split("\n", 1)[0]
    separator = told[1] if told else max(",;\t|", key=header_line.count)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [_column(name) for name in next(records, [])]
        _check_columns(header, path)
        for number, record in enumerate(records, 2):
            yield number, dict(zip(header, record, strict=False))
    except csv.Error as error:
        raise QiratError(
            f"{path}, line {records.line_num}: {error}; save it as CSV from the spreadsheet again"
        ) from None


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                value: Any = json.loads(line)
                cells = {_column(name): _cell(cell) for name, cell in value.items()}
            except (ValueError, AttributeError, RecursionError) as error:
                raise QiratError(f"{path}, row {number}: no JSON object ({error}); write one a line") from None
            _check_columns(cells, path)
            yield number, cells


def _cell(value: Any) -> str:
    if isinstance(value, list):  # reasons
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _column(header: str) -> str:
    return header.partition("·")[0].strip().lower()


def _check_columns(names: Collection[str], path: Path) -> None:
    if missing := [name for name in ("id", "decision") if name not in names]:
        raise QiratError(
            f"{path} has no column {' and no column '.join(missing)}; its first line must name the columns, as exported"
        )


def _check_suffix(path: Path) -> None:
    if path.suffix not in (".csv", ".jsonl"):
        raise QiratError(f"{path}: give a .csv or .jsonl file; spreadsheets open .csv, and save as `CSV UTF-8`")
