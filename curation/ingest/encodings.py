"""Which encoding a text file is in. UTF-8 unless its bytes say otherwise, and never a guess that nothing supports.

A file with some broken bytes among good UTF-8 is UTF-8: its broken rows are for the quarantine. A file none of whose
letters beyond ASCII is UTF-8 comes from an older Windows; of its encodings two are told apart, Arabic and Western.
"""

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator

SURVEYED = 64 * 2**20  # bytes looked at; broken rows beyond are quarantined one by one
LONG_LINE = 2**20
EVIDENCE = 64 * 2**10  # bytes of lines that are not UTF-8, enough to tell their encoding
BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
CODECS = {"windows-1256": "cp1256", "windows-1252": "cp1252"}

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LATIN_OR_ARABIC = re.compile(r"[\t\n\r\x20-\x7e\xa0-\u024f\u0600-\u06ff\u2000-\u206f\ufb50-\ufeff]")
_ARABIC = re.compile(r"[\u0621-\u064a]+")
_ARABIC_WORD = re.compile(r"(?<![^\W\d_])[\u0621-\u0652]{2,}(?![^\W\d_])")  # no letter of another script beside it
_USUAL_ARABIC = re.compile("[اليمونرتهبسعدكفقةأ]")  # nine of ten letters of any Arabic text
_USUAL_WESTERN = re.compile("[àâäáãåæçéèêëíìîïñóòôöõøœúùûüßÀÂÄÁÃÅÆÇÉÈÊËÍÌÎÏÑÓÒÔÖÕØŒÚÙÛÜªº]")
_TYPOGRAPHIC = re.compile("[‘’“”–—…•€£§°«»¿¡\u00a0©®™·´¨]")
_LETTER_RUN = re.compile(r"(?:(?![A-Za-z])[^\W\d_]){3,}")  # three accented letters in a row: hardly Western


def encoding_of(blocks: Iterable[bytes]) -> str:
    """ "utf-8", "utf-16-le", "utf-16-be", "windows-1256" or "windows-1252"; "utf-8" where nothing else fits."""
    stream = iter(blocks)
    head = next(stream, b"")
    marked = next((name for bom, name in BOMS.items() if head.startswith(bom)), None)
    return marked or _wide(head[:4096]) or _narrow(itertools.chain([head], stream))


def as_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The stream in UTF-8 without its byte order mark. What its encoding lacks becomes bytes that UTF-8 lacks too."""
    stream = iter(blocks)
    if encoding == "utf-8":
        first = next(stream, b"")
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from stream
        return
    wide = encoding.startswith("utf-16")
    decoder = codecs.getincrementaldecoder(CODECS.get(encoding, encoding))(
        "surrogatepass" if wide else "surrogateescape"
    )
    mark = "\ufeff" if wide else ""
    for block in stream:
        yield decoder.decode(block).removeprefix(mark).encode("utf-8", "surrogatepass")
        mark = ""
    if decoder.getstate()[0]:
        yield b"\xff"  # half a character at the end


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a text."""
    encoding = encoding_of([head])
    text = b"".join(as_utf8([head], encoding)).decode("utf-8", "replace")
    return bool(text.strip()) and not _CONTROLS.search(text) and text.count("\ufffd") <= 1  # cut in a character


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark shows in the NUL of every ASCII character, always on the same side."""
    pairs = len(head) // 2
    first, second = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if not pairs or max(first, second) < 0.05 * pairs or min(first, second) > 0.1 * max(first, second):
        return None
    encoding = "utf-16-le" if second > first else "utf-16-be"
    text = head[: 2 * pairs].decode(encoding, "replace")
    return encoding if len(_LATIN_OR_ARABIC.findall(text)) >= 0.9 * len(text) else None


def _narrow(blocks: Iterable[bytes]) -> str:
    good, bad, size, evidence = 0, 0, 0, bytearray()
    for lines in _lines_at_a_time(blocks):
        size += len(lines)
        if not lines.isascii():
            for line in lines.split(b"\n") if not _is_utf8(lines) else [lines]:
                if _is_utf8(line):
                    good += not line.isascii()
                else:
                    bad += 1
                    if len(evidence) < EVIDENCE:
                        evidence += line[:EVIDENCE] + b"\n"
        if size > SURVEYED:
            break
    if not bad or good * 10 >= bad:
        return "utf-8"
    return _legacy(bytes(evidence)) or "utf-8"


def _lines_at_a_time(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream cut at line ends; a very long line at spaces or quotes, so that no character is cut."""
    held = b""
    for block in blocks:
        held += block
        cut = held.rfind(b"\n") + 1
        if not cut and len(held) > LONG_LINE:
            cut = max(held.rfind(b" "), held.rfind(b'"')) + 1 or len(held)
        if cut:
            yield held[:cut]
            held = held[cut:]
    yield held


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _legacy(lines: bytes) -> str | None:
    """The Windows encoding in which these bytes are words; None when in neither."""
    arabic = lines.decode("cp1256")
    if _CONTROLS.search(arabic):
        return None
    letters = sum(map(len, _ARABIC.findall(arabic)))
    in_words = sum(map(len, _ARABIC_WORD.findall(arabic)))
    if letters >= 4 and in_words >= 0.8 * letters and len(_USUAL_ARABIC.findall(arabic)) >= 0.7 * letters:
        return "windows-1256"
    try:
        western = lines.decode("cp1252")
    except UnicodeDecodeError:
        return None
    beyond = sum(not c.isascii() for c in western)
    usual, signs = len(_USUAL_WESTERN.findall(western)), len(_TYPOGRAPHIC.findall(western))
    telling = usual >= 3 or bool(re.search("[\x80-\x9f]".encode("latin-1"), lines))
    if telling and usual + signs >= 0.95 * beyond and sum(map(len, _LETTER_RUN.findall(western))) <= 0.05 * beyond:
        return "windows-1252"
    return None
