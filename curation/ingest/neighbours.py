"""Chats that lie beside one another: who speaks in most of them is the team, whoever writes first in any."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from curation.ingest.archives import DAMAGED, Member
from curation.ingest.chats import MANY, regulars_of
from curation.ingest.encodings import as_utf8, encoding_of
from curation.ingest.formats.whatsapp import speakers_of
from curation.ingest.reading import RawFile

LOOKED_AT = 2**16  # bytes of each chat, in which its people have spoken


def with_regulars(files: Sequence[RawFile]) -> list[RawFile]:
    """The files, those in a folder of many texts with the names of who speaks in most of them."""
    folders: dict[str, list[RawFile]] = {}
    for file in files:
        if file.path.name.lower().endswith(".txt") and not file.refused:
            folders.setdefault(_folder(file), []).append(file)
    found = {
        file.name: regulars
        for texts in folders.values()
        if len(texts) >= MANY and (regulars := regulars_of(speakers_of(_beginning(text)) for text in texts))
        for file in texts
    }
    return [replace(file, regulars=found[file.name]) if file.name in found else file for file in files]


def _folder(file: RawFile) -> str:
    """Where a file lies, or the archive that it is in."""
    depth = len(PurePosixPath(file.path.inner).parts) if isinstance(file.path, Member) else 0
    return "/".join(PurePosixPath(file.name).parts[: -depth - 1])


def _beginning(file: RawFile) -> Iterator[str]:
    try:
        with file.path.open("rb") as handle:
            data = handle.read(LOOKED_AT)
        whole = data[: data.rfind(b"\n") + 1] or data
        text = b"".join(as_utf8([whole], encoding_of([whole]))).decode("utf-8", "replace")
    except (*DAMAGED, UnicodeError):  # reading it will say why not
        text = ""
    yield from text.splitlines()
