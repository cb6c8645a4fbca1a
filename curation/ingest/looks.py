r"""What a file that Qirat does not read looks like, and what its owner may do: by its first bytes, lines or columns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from curation.ingest.encodings import is_text
from curation.ingest.provenance import ALIASES, spelled
from curation.ingest.unpacking import Source

EXPORT = "export the conversations as CSV, JSON lines or .xlsx instead"
WORKBOOK = "open it in Excel or LibreOffice and save it as .xlsx or CSV (UTF-8)"
UNPACK = "unpack it here, or pack it as .zip, .gz or .zst"
NO_WORDS = "no conversation is read out of it; move it out of this folder"

# First bytes -> what it is and what to do. Sources: the formats' own documents, as libmagic gathers them.
MAGIC: Sequence[tuple[bytes, str, str]] = (
    (b"%PDF", "a PDF", EXPORT),
    (b"{\\rtf", "a rich-text document", EXPORT),
    (b"SQLite format 3\0", "a SQLite database", f"{EXPORT}: one row a message, or one a conversation"),
    (b"\0\1\0\0Standard", "a Microsoft Access database", EXPORT),
    (b"!BDN", "an Outlook mailbox (.pst)", "save its mails as .eml or .mbox"),
    (b"\x89PNG", "an image", NO_WORDS),
    (b"\xff\xd8\xff", "an image", NO_WORDS),
    (b"GIF8", "an image", NO_WORDS),
    (b"II*\0", "an image", NO_WORDS),
    (b"MM\0*", "an image", NO_WORDS),
    (b"OggS", "a voice message or other audio", "transcribe it; " + EXPORT),
    (b"ID3", "audio", "transcribe it; " + EXPORT),
    (b"#!AMR", "a voice message", "transcribe it; " + EXPORT),
    (b"\x1aE\xdf\xa3", "a video", "transcribe it; " + EXPORT),
    (b"\x93NUMPY", "a NumPy array", NO_WORDS),
    (b"\x89HDF", "an HDF5 file", "write its table as Parquet or CSV"),
    (b"Obj\1", "an Avro file", "write its rows as Parquet or JSON lines"),
    (b"ORC", "an ORC table", "write it as Parquet"),
    (b"FEA1", "an old Feather table", "write it as Parquet"),
    (b"Rar!\x1a\7", "a RAR archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ", "an xz archive", UNPACK),
    (b"\x7fELF", "a program", NO_WORDS),
    (b"MZ", "a program", NO_WORDS),
)
TEXTUAL = (b"%PDF", b"{\\rtf")  # of these marks, those that a text may not begin with by chance
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Office wrote before 2007, and wraps what is locked in
IN_OLE = (
    ("EncryptedPackage", "a workbook or document with a password", "save it without the password, as .xlsx or CSV"),
    ("__substg1.0", "an Outlook message (.msg)", "save it as .eml"),
    ("WordDocument", "an old Word document (.doc)", EXPORT),
    ("PowerPoint Document", "an old presentation (.ppt)", EXPORT),
    ("Workbook", "an old Excel workbook (.xls)", WORKBOOK),
    ("Book", "an old Excel workbook (.xls)", WORKBOOK),
)
IN_ZIP = (
    (b"word/", "a Word document", EXPORT),
    (b"ppt/", "a presentation", EXPORT),
    (b"opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)", WORKBOOK),
    (b"opendocument.text", "an OpenDocument text", EXPORT),
    (b"application/epub", "an e-book", NO_WORDS),
    (b"xl/workbook.bin", "a binary Excel workbook (.xlsb)", WORKBOOK),
    (b"archive/data.pkl", "the weights of a model", NO_WORDS),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05][^\0]?")
_FTYP = re.compile(rb"....ftyp", re.DOTALL)
_MARKUP = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(!doctype html|html|head|body|table|\?xml)\b", re.IGNORECASE | re.DOTALL)


def refused_by_bytes(head: bytes, path: Source) -> str:
    """Why a file is not read whose first bytes say what it is; "" where they say nothing of the kind."""
    binary = not is_text(head[:4096])
    found = next(((w, c) for mark, w, c in MAGIC if head.startswith(mark) and (binary or mark in TEXTUAL)), None)
    found = found or _in_office(head) or _in_zip(head, path) or _of_media(head) or _of_markup(head)
    return told(path.name, *found) if found else ""


def told(name: str, what: str, cure: str) -> str:
    """The sentence on a file that looks like something."""
    return f"{name} looks like {what}; {cure}"


def _in_office(head: bytes) -> tuple[str, str] | None:
    if not head.startswith(OLE):
        return None
    inside = ((what, cure) for stream, what, cure in IN_OLE if stream.encode("utf-16-le") in head)
    return next(inside, ("an old Office document", WORKBOOK))


def _in_zip(head: bytes, path: Source) -> tuple[str, str] | None:
    import zipfile

    if not head.startswith(b"PK\3\4"):
        return None
    try:
        with zipfile.ZipFile(path.open("rb")) as archive:
            names = "\n".join(archive.namelist()[:1000]).encode("utf-8", "replace")
    except (OSError, ValueError, zipfile.BadZipFile):
        return None  # cut off or damaged
    return next(((what, cure) for mark, what, cure in IN_ZIP if mark in head[:200] + names), None)


def _of_media(head: bytes) -> tuple[str, str] | None:
    if head.startswith(b"RIFF"):
        return ("an image", NO_WORDS) if head[8:12] == b"WEBP" else ("audio or video", "transcribe it; " + EXPORT)
    if _FTYP.match(head):
        return "audio, video or a photograph", "transcribe what is said; " + EXPORT
    if head[257:262] == b"ustar":
        return "a tar archive", UNPACK
    if _PICKLE.match(head):
        return "a Python pickle, which may run code when it is read", "write its table as Parquet or JSON lines"
    return None


def _of_markup(head: bytes) -> tuple[str, str] | None:
    start = _MARKUP.match(head[:4096])
    if not start:
        return None
    if start[1].lower() != b"?xml" or b"<html" in head[:2000].lower():
        page = "a web page, perhaps of a login, and no export"
        return ("a web page with a table", WORKBOOK) if b"<table" in head.lower() else (page, EXPORT)
    if b"<smses" in head[:4096]:
        return "a backup of text messages (SMS)", EXPORT
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head[:4096]:
        return "an Excel workbook as XML", WORKBOOK
    return "an XML document", EXPORT


# -- texts -------------------------------------------------------------------------------------------------------------

LINES_LIKE = 0.5  # share of the first lines that must have a shape
_LINES: Sequence[tuple[re.Pattern[str], str, str]] = (
    (
        re.compile(
            r"^\S+ \S+ \S+ \[[^\]]+\] \"|"
            r"^[\[<]?\S{8,30}[T ,]?\S{0,16}[\]>]?[ :|-]+\[?(?:DEBUG|INFO|WARN(?:ING)?|ERROR|TRACE|FATAL)\b"
            r"|^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ \S+:",
        ),
        "server logs",
        "log the conversations themselves, one a line as JSON, or move the file out of this folder",
    ),
    (re.compile(r"^\s*\d\d:\d\d(?::\d\d)?[.,]\d{3} --> |^WEBVTT|^\d+$"), "subtitles", EXPORT),
    (re.compile(r"^(?:BEGIN|END|VERSION|FN|N|TEL|EMAIL)[:;]"), "contacts (vCard)", NO_WORDS),
    (re.compile(r"^\s*https?://\S+\s*$"), "a list of addresses", NO_WORDS),
    (
        re.compile(
            r"^\s*(?:import |from \S+ import |def |class |function |const |let |var |return\b|#include|package |"
            r"public |private |if ?\(|for ?\(|while ?\(|else\b|[})\]];?\s*$|//|@\w+|#!|[\w.]+\(.*\);?\s*$|[\w.]+ = .+)"
        ),
        "source code",
        NO_WORDS,
    ),
    (
        re.compile(r"^\W*(?:[\d٠-٩][\d٠-٩:/., -]*\W*)?[^\W\d_][^:\n]{0,39}: ?\S"),
        "a conversation with a speaker on each line",
        "put each conversation into one cell of a CSV with a column `transcript`",
    ),
    (
        re.compile(r"^\S[^,;\t]*(?:[,;\t][^,;\t]*){2,}$"),
        "a table",
        "call the file .csv or .tsv and put names of columns above it",
    ),
)
_SQL = re.compile(r"(?im)^\s*(?:insert into|create table|-- (?:mysql|postgresql|mariadb) )")


def look_of_text(lines: Sequence[str]) -> tuple[str, str]:
    """What the first lines of a text look like, and what to do."""
    if _SQL.search("\n".join(lines)):
        return "a dump of a database (SQL)", "load it into the database and " + EXPORT
    counted = [(sum(bool(shape.search(line)) for line in lines), what, cure) for shape, what, cure in _LINES]
    count, what, cure = max(counted, key=lambda one: one[0])
    if count > LINES_LIKE * len(lines):
        return what, cure
    return "a note, a manual or another text without speakers", f"{NO_WORDS}, or {EXPORT}"


# -- tables ------------------------------------------------------------------------------------------------------------

ONE_TEXT_CURE = "Qirat needs both sides: what customers say, and what is answered to them"
_TICKET = re.compile(r"ticket|case|subject|status|priority|assignee|requester|تذكرة|الحالة")
WORDS_OF_TEXT = 4  # words in the mean from which a column holds texts


def look_of_rows(values: Sequence[Any]) -> tuple[str, str]:
    """What rows look like that no format knows, and what to do."""
    rows = [value for value in values if isinstance(value, Mapping)]
    if not rows:
        return "a list of single values", ONE_TEXT_CURE
    texts = texts_in(rows)
    fields = {spelled(str(key)): key for row in rows for key in row}
    if len(texts) == 1:
        labelled = any(alias in fields for alias in ALIASES["label"])
        return (
            f"texts{' with their labels' if labelled else ''} in one column, {texts[0]}",
            f"{ONE_TEXT_CURE}; where each row is a message, ingest.columns says what the other columns are",
        )
    if not texts and sum(bool(_TICKET.search(name)) for name in fields) > 1:
        return "a list of tickets without their messages", "export them with their messages (comments, conversations)"
    if not texts:
        return "a table of ids and figures without texts", NO_WORDS
    return (
        f"a table with texts in {', '.join(texts[:5])}",
        "say in params.yaml: ingest.columns which column is what; `qirat ingest --explain` proposes it",
    )


def texts_in(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields that hold texts of several words, the longest first."""
    length: dict[str, list[int]] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, str) and value.strip():
                length.setdefault(str(key), []).append(len(value.split()))
    means = {key: sum(words) / len(words) for key, words in length.items()}
    return sorted((key for key, mean in means.items() if mean >= WORDS_OF_TEXT), key=lambda key: -means[key])
