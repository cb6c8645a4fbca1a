"""The header of every file that people keep in git is read: what has lost it is never taken for a file of nothing."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record import pairs
from curation.core.record.json_lines import read_lines, write_lines
from curation.decisions import answers, decisions, forget, gold
from curation.harness.errors import QiratError
from training.evaluate import looks


def read_looks(path: Path) -> Sequence[Any]:
    before, looks.LEDGER = looks.LEDGER, path
    try:
        return looks.read_looks()
    finally:
        looks.LEDGER = before


FILES: dict[str, Callable[[Path], Any]] = {
    "forget": forget.read_rules,
    "decisions": decisions.read_decisions,
    "answers": answers.read_answers,
    "gold": gold.read_gold,
    "pairs": pairs.read_judgements,
    "looks": read_looks,
}
BROKEN = {
    "empty": b"",
    "only white space": b"\n \r\n\t\n",
    "zeros that a crash left": b"\0" * 512,
    "a byte order mark alone": b"\xef\xbb\xbf",
    "a header cut off": b'{"qirat":"KIND","ver',
    "no header": b'{"conversation_id":"%s","decision":"keep"}\n' % (b"a" * 32),
    "a newer version": b'{"qirat":"KIND","version":99}\n',
    "an older version": b'{"qirat":"KIND","version":0}\n',
    "no version": b'{"qirat":"KIND"}\n',
    "a version in words": '{"qirat":"KIND","version":"واحد"}\n'.encode(),
    "a version that is no number": b'{"qirat":"KIND","version":true}\n',
    "of another kind": b'{"qirat":"seeds","version":1}\n',
    "of another program": b'{"name":"x","private":true}\n',
    "a word called qirat": b'"qirat"\n',
    "a list with qirat in it": b'["qirat"]\n',
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "a conflict of a merge": b'<<<<<<< HEAD\n{"qirat":"KIND","version":1}\n=======\n',
    "a page": b"<!doctype html><title>404</title>\n",
    "a spreadsheet": b"forget,value\ncustomer,ali\n",
    "UTF-16": '{"qirat":"KIND","version":1}\n'.encode("utf-16"),
    "packed": b"\x1f\x8b\x08\0\0\0",
    "nested without end": b"[" * 100_000,
    "a second header of another kind": b'{"qirat":"KIND","version":1}\n{"qirat":"seeds","version":1}\n',
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("what", BROKEN)
def test_a_file_without_its_header_is_an_error_with_place_and_cure(kind: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.jsonl"
    path.write_bytes(BROKEN[what].replace(b"KIND", kind.encode()))
    with pytest.raises(QiratError, match=r"restore it from git|update Qirat") as told:
        FILES[kind](path)
    assert f"{path}, line {2 if what.startswith('a second') else 1}: " in str(told.value)


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_file_is_an_error_too_and_no_file_at_all_is_none(kind: str, tmp_path: Path) -> None:
    assert not FILES[kind](tmp_path / "none")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name in ("folder", "link"):
        with pytest.raises(QiratError, match=rf"{name} cannot be read .*restore it from git"):
            FILES[kind](tmp_path / name)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("spelled", ['{{"version": 1, "qirat": "{}"}}\r\n\r\n', '\ufeff{{"qirat":"{}","version":1}}'])
def test_a_header_may_be_spelled_as_json_and_editors_spell_it(kind: str, spelled: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(spelled.format(kind), "utf-8")
    assert not FILES[kind](path)


@given(st.lists(st.dictionaries(st.text(max_size=5).filter(lambda key: key != "qirat"), st.text(), max_size=3)))
def test_a_file_cut_anywhere_says_so_or_lost_whole_lines_at_its_end(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("torn") / "file"
    header = {"qirat": "any", "version": 1}
    write_lines(path, header, values)
    whole = path.read_bytes()
    assert list(read_lines(path, header, dict)) == values
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        try:
            read = list(read_lines(path, header, dict))
        except QiratError:
            continue
        assert cut >= len(json.dumps(header, separators=(",", ":"))) and read == values[: len(read)]
