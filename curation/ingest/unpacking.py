"""The bytes of a raw file as a stream: unpacked, and bounded in what they may cost."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.ingest.archives import DAMAGED, MOST_RATIO, RATIO_FROM, Member

BLOCK = 4 * 2**20  # bytes handed on at a time
PIECE = 4096  # packed bytes unpacked at a time: zstd lets each such piece become 128 MiB

MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
Tick = Callable[[int], object]  # told how many bytes of the file were read
Source = Path | Member


class TornError(Exception):
    """The stream cannot be read on: why, as a sentence with the cure. What came before it is good."""


class BombError(TornError):
    """The stream is made to fill memories and disks: nothing of it is good."""


@dataclass(frozen=True)
class SizeLimits:
    """What a raw file may cost."""

    row_bytes: int = 64 * 2**20  # of one row
    unpacked_bytes: int = 50 * 2**30  # of one file


def packing(path: Source) -> str:
    """ "gzip", "zstd", or "" for a file that is not packed."""
    with path.open("rb") as handle:
        head = handle.read(4)
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")


def size_of(path: Source) -> int:
    """Bytes of the file as they are read."""
    return path.size() if isinstance(path, Member) else path.stat().st_size


def blocks(path: Source, limits: SizeLimits, tick: Tick = lambda _: None) -> Iterator[bytes]:
    """The file's bytes in blocks of about BLOCK, never empty; TornError where they cannot be had."""
    kind = packing(path)
    if not kind:
        return _gathered(_bounded(_read(path, tick), None, limits))
    packed = _Counted(_read(path, tick))
    return _gathered(_bounded(_unpacked(packed, kind), packed, limits))


def _read(path: Source, tick: Tick) -> Iterator[bytes]:
    try:
        with path.open("rb") as handle:
            while block := handle.read(BLOCK):
                yield block
                tick(len(block))
    except DAMAGED as error:
        raise TornError(unreadable(error)) from None


def unreadable(error: Exception) -> str:
    """Why a file cannot be read, as a sentence with the cure."""
    return f"the file cannot be read ({getattr(error, 'strerror', None) or error}); export it again"


class _Counted:
    """The stream in small pieces, and how many bytes of it were taken."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._stream:
            for start in range(0, len(block), PIECE):
                piece = block[start : start + PIECE]
                self.taken += len(piece)
                yield piece


def _unpacked(packed: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """The members of a gzip file, the frames of a zstd file, one after another."""
    import zstandard

    kinds: dict[str, tuple[Callable[[], Any], type[Exception], bytes]] = {
        "gzip": (lambda: zlib.decompressobj(wbits=31), zlib.error, b"\0"),  # which may follow a member
        "zstd": (lambda: zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError, b""),
    }
    begin, broken, padding = kinds[kind]
    member: Any = None
    try:
        for piece in packed:
            while piece := piece if member else piece.lstrip(padding):
                member = member or begin()
                yield member.decompress(piece)
                piece, member = (member.unused_data, None) if member.eof else (b"", member)
    except broken as error:
        raise TornError(f"the {kind} data is damaged ({error}); export the file again") from None
    if member:
        raise TornError(f"the {kind} data ends in the middle; export the file again")


def _bounded(pieces: Iterable[bytes], packed: _Counted | None, limits: SizeLimits) -> Iterator[bytes]:
    """Stops at a stream that is larger than allowed, or than any text of so many packed bytes can be."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limits.unpacked_bytes:
            raise TornError(
                f"it holds more than {limits.unpacked_bytes:,} bytes (params.yaml: ingest.max_unpacked_bytes)"
            )
        if packed and size > RATIO_FROM and size > MOST_RATIO * packed.taken:
            raise BombError(
                f"its first {packed.taken:,} bytes unpack to more than {MOST_RATIO:,} times as many, which no text "
                "does; if the file is right, unpack it yourself"
            )
        yield piece


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= BLOCK:
                yield b"".join(held)
                held, size = [], 0
    except TornError:
        if any(held):
            yield b"".join(held)
        raise
    if any(held):
        yield b"".join(held)


def unix_lines(data: Iterable[bytes]) -> Iterator[bytes]:
    r"""The stream with \n for every \r\n and \r."""
    pending = b""
    try:
        for block in data:
            block = pending + block
            pending = b"\r" if block.endswith(b"\r") else b""  # its \n may stand in the next block
            if pending:
                block = block[:-1]
            if b"\r" in block:
                block = re.sub(rb"\r\n?", b"\n", block)
            yield block
    except TornError:
        if pending:
            yield b"\n"
        raise
    if pending:
        yield b"\n"
