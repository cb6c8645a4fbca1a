"""Zip archives: each member that may hold conversations is a raw file of its own, named ARCHIVE/MEMBER.

Nothing is unpacked to disk, so that no name can lead anywhere; nothing is read beyond the size that the archive states.
"""

import functools
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

MOST_RATIO = 500  # unpacked bytes to packed ones; text never comes near it
RATIO_FROM = 64 * 2**20  # unpacked bytes from which the ratio counts
MOST_MEMBERS = 100_000
DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)  # what reading may raise

_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_OFFICE = ("[Content_Types].xml", "mimetype")  # members of documents that are zips: tables, texts, books
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".bz2", ".xz")
_ENCRYPTED = 0x1  # bit of a member's flags
_MEDIA = frozenset(
    ".jpg .jpeg .png .gif .webp .bmp .heic .tiff .svg .ico .mp4 .mov .avi .mkv .webm .3gp .opus .ogg .oga .mp3 .m4a "
    ".aac .amr .wav .flac .pdf .doc .docx .ppt .pptx .apk .vcf .was .tgs .css .js .woff .woff2 .ttf".split()
)


@dataclass(frozen=True)
class Member:
    """A file in an archive, opened and named as a path is."""

    archive: Path
    place: int  # among the archive's members
    inner: str  # its name there, as it can be read

    @property
    def name(self) -> str:
        return PurePosixPath(self.inner).name

    @property
    def suffixes(self) -> list[str]:
        return PurePosixPath(self.inner).suffixes

    def size(self) -> int:
        return self._info().file_size

    def open(self, mode: str = "rb") -> zipfile.ZipExtFile:
        """Its bytes; DAMAGED where they cannot be had."""
        return cast(zipfile.ZipExtFile, _archive(self.archive).open(self._info()))

    def above(self, name: str) -> "Member | None":
        """The member of this name in the folder above this one's."""
        wanted = str(PurePosixPath(self.inner).parent.parent / name)
        place = _places(self.archive, self.archive.stat().st_mtime_ns).get(wanted)
        return None if place is None else Member(self.archive, place, wanted)

    def holds_below(self, pattern: str) -> bool:
        """Whether a member's place, as seen from this one's folder, is of this glob."""
        folder = PurePosixPath(self.inner).parent
        depth = len(folder.parts) + len(PurePosixPath(pattern).parts)
        places = map(PurePosixPath, _places(self.archive, self.archive.stat().st_mtime_ns))
        return any(
            len(place.parts) == depth and place.is_relative_to(folder) and place.match(pattern) for place in places
        )

    def _info(self) -> zipfile.ZipInfo:
        return _archive(self.archive).infolist()[self.place]


@dataclass(frozen=True)
class Listed:
    """What becomes of a part of an archive: it is read, or refused with a reason."""

    name: str
    member: Member | None = None
    refused: str | None = None
    note: str = ""  # what was passed over beside it


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, and no document of an office that is one inside."""
    try:
        with path.open("rb") as handle:
            if handle.read(4) not in _MAGIC:
                return path.suffix.lower() == ".zip"
        return path.suffix.lower() == ".zip" or not any(name in _archive(path).NameToInfo for name in _OFFICE)
    except DAMAGED:
        return path.suffix.lower() == ".zip"


def members(path: Path) -> Iterator[Listed]:
    """The parts of an archive by their names, media and hidden files passed over; "" is the archive itself."""
    try:
        infos = _archive(path).infolist()
    except DAMAGED as error:
        yield Listed(
            "", refused=f"the archive is damaged ({error}); export it again, or unpack it and put its files here"
        )
        return
    read = [info for info in infos if not _passed_over(info) and not _refused(info, _readable(info))]
    if reason := bomb(sum(info.file_size for info in read), path.stat().st_size, len(infos)):
        yield Listed("", refused=reason)
        return
    passed: Counter[str] = Counter(_passed_over(info) for info in infos)
    note = _note(passed)
    found = sorted((_readable(info), place) for place, info in enumerate(infos) if not _passed_over(info))
    if not found:
        yield Listed("", refused=f"there is no file in the archive that Qirat reads{f' ({note})' if note else ''}")
    seen: Counter[str] = Counter()
    for name, place in found:
        seen[name] += 1
        shown = name if seen[name] == 1 else f"{name} ({seen[name]})"
        refused = _refused(infos[place], name)
        yield Listed(
            "/".join("(up)" if part == ".." else part for part in shown.split("/")),
            Member(path, place, name),
            refused,
            note,
        )
        note = ""


@functools.lru_cache(4)
def _opened(path: Path, changed: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


@functools.lru_cache(4)
def _places(path: Path, changed: int) -> dict[str, int]:
    return {_readable(info): place for place, info in enumerate(_opened(path, changed).infolist())}


def _archive(path: Path) -> zipfile.ZipFile:
    return _opened(path, path.stat().st_mtime_ns)


def _readable(info: zipfile.ZipInfo) -> str:
    """A member's name; without the mark of UTF-8 it is taken for UTF-8 where it can be."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    plain = "".join(character if character.isprintable() else "?" for character in name.replace("\\", "/"))
    return plain.lstrip("/") if plain.strip("/") else "?"


def _passed_over(info: zipfile.ZipInfo) -> str:
    """As what a member is passed over; "" when it is not."""
    name = _readable(info)
    parts = PurePosixPath(name).parts
    if info.is_dir() or name.endswith("/"):
        return "folder"
    if any(part.startswith(".") and part != ".." for part in parts) or parts[:1] == ("__MACOSX",):
        return "hidden file"
    return "picture, recording or document" if PurePosixPath(name).suffix.lower() in _MEDIA else ""


def _note(passed: Counter[str]) -> str:
    counted = {
        "pictures, recordings or documents": passed["picture, recording or document"],
        "hidden files": passed["hidden file"],
    }
    said = [f"{count:,} {what}" for what, count in counted.items() if count]
    return f"{' and '.join(said)} in the archive passed over" if said else ""


def _refused(info: zipfile.ZipInfo, name: str) -> str | None:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or info.filename.startswith(("/", "\\")) or ":" in name.partition("/")[0][:2]:
        return "its name leads out of the archive; export it again, or unpack it and put its files here"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; unpack it with its password and put the file here"
    if PurePosixPath(name).suffix.lower() in _ARCHIVES:
        return "an archive in an archive is not opened; unpack it and put its files here"
    return bomb(info.file_size, info.compress_size, 1)


def bomb(unpacked: int, packed: int, count: int) -> str | None:
    """Why what unpacks to so many bytes, in so many files, is not opened; None where it may be."""
    if count > MOST_MEMBERS:
        return f"it holds more than {MOST_MEMBERS:,} files; unpack it and put those here that hold conversations"
    if unpacked > RATIO_FROM and unpacked > MOST_RATIO * packed:
        return (
            f"its {packed:,} bytes unpack to more than {MOST_RATIO:,} times as many, which no text does; if the file "
            "is right, unpack it yourself"
        )
    return None
