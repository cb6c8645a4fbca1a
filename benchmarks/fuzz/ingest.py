"""Damaged raw files, read by the real reader: nothing crashes, nothing hangs, no row is unaccounted for.

    python -m benchmarks.fuzz.ingest [--files 10000] [--seed 7] [--seconds 60] [--keep FOLDER]

Every file is a seeded mutation of rows of the shipped sample, in every container and in the formats that the sample
does not have. After each one: every raw row stands in exactly one outcome, row ids are unique, ids are the hashes of
their words, metadata is JSON, and both tables survive Parquet. A failing file is kept under --keep and named.
"""

import argparse
import contextlib
import faulthandler
import gzip
import io
import json
import random
import re
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import polars as pl
import yaml

from curation.core.record.conversation import conversation_id
from curation.harness.parts import write_parts
from curation.ingest.files import raw_files
from curation.ingest.reading import Ingest, Part, RawFile, beginnings, mapper, tasks_of

ROOT = Path(__file__).resolve().parents[2]
ROWS = 12  # of a file before it is damaged
HUGE = 3_000_000  # bytes of a field that is larger than the limit here
LONG_LINE = 100_000_000
BOMB = 200_000_000
RARE = 1000  # the files that cost seconds are made once in so many

Mutation = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Seed:
    """A good raw file."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Damaged:
    """A file to be read."""

    kind: str
    name: str
    data: bytes


class StuckError(Exception):
    """A file took longer than it may."""


def main() -> None:
    """Makes the files, reads them, prints a table by kind of damage."""
    asked = arguments()
    faulthandler.enable()
    given = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))["ingest"]
    params = Ingest.model_validate({**given, "max_row_bytes": HUGE - 1000})
    files: Counter[str] = Counter()
    found: dict[str, Counter[str]] = {}
    failures: list[tuple[Damaged, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, damaged in enumerate(damaged_files(asked.files, asked.seed)):
            files[damaged.kind] += 1
            try:
                with time_limit(asked.seconds):
                    counts = check(damaged, Path(folder), params)
                found[damaged.kind] = found.get(damaged.kind, Counter()) + counts
            except (Exception, pl.exceptions.PanicException):
                failures.append((damaged, traceback.format_exc()))
                print(f"file {number}, {damaged.kind}, {damaged.name}:\n{failures[-1][1]}", file=sys.stderr, flush=True)
                if asked.keep:
                    asked.keep.mkdir(parents=True, exist_ok=True)
                    (asked.keep / f"{number}-{damaged.kind}-{Path(damaged.name).name}").write_bytes(damaged.data)
    print(table(files, found, Counter(damaged.kind for damaged, _ in failures)))
    sys.exit(bool(failures))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=60, help="that one file may take")
    parser.add_argument("--keep", type=Path, help="where failing files are kept")
    return parser.parse_args()


def table(files: Mapping[str, int], found: Mapping[str, Mapping[str, int]], failed: Mapping[str, int]) -> str:
    columns = ("rows", "conversations", "quarantined")
    lines = ["| damage | files | raw rows | conversations | quarantined | failed |", "|---|---:|---:|---:|---:|---:|"]
    for kind in sorted(files):
        counts = [found.get(kind, {}).get(column, 0) for column in columns]
        lines.append(f"| {kind} | {files[kind]:,} | {' | '.join(f'{c:,}' for c in counts)} | {failed.get(kind, 0)} |")
    sums = [sum(of_kind.get(column, 0) for of_kind in found.values()) for column in columns]
    total = f"| all | {sum(files.values()):,} | {' | '.join(f'{c:,}' for c in sums)} | {sum(failed.values())} |"
    return "\n".join([*lines, total])


# -- the law -----------------------------------------------------------------------------------------------------------


def check(damaged: Damaged, folder: Path, params: Ingest) -> Counter[str]:
    """Reads one file with the real reader and asserts all that must hold. Returns how many rows became what."""
    path = folder / Path(damaged.name).name
    path.write_bytes(damaged.data)
    try:
        file = RawFile(damaged.name, path)
        parts = list(map(mapper(params, frozenset()), tasks_of(file, params)))
        conversations = pl.concat(part.conversations for part in parts)
        quarantine = pl.concat(part.quarantine for part in parts)
        raw_rows = given_rows(path, parts, params)
    finally:
        path.unlink()
    further = pl.concat(part.parts for part in parts)
    outcomes = conversations.height + quarantine.height + further.height
    assert outcomes == raw_rows, f"{outcomes} outcomes of {raw_rows} rows"
    ids = pl.concat([conversations["row_id"], quarantine["row_id"], further["row_id"]])
    assert ids.is_unique().all(), "a row id stands twice"
    assert quarantine["reason"].is_not_null().all(), "a reason is missing"
    for row in conversations.select("conversation_id", "messages", "metadata").iter_rows(named=True):
        assert row["conversation_id"] == conversation_id(row["messages"])
        json.loads(row["metadata"] or "{}", parse_constant=no_number)
    for frame in (conversations, quarantine):
        write_parts(path, {}, [frame], frame.schema)
        assert pl.read_parquet(path).equals(frame)
        path.unlink()
    return Counter(rows=raw_rows, conversations=conversations.height, quarantined=quarantine.height)


def given_rows(path: Path, parts: Sequence[Part], params: Ingest) -> int:
    """How many rows the file has, counted apart from the reader of its format."""
    refused = sum(part.quarantine.filter(source_row=0).height for part in parts)
    lists = () if refused else beginnings(RawFile(path.name, path), params)
    return refused or sum(chunk.count() for _, chunks in lists for chunk in chunks)


def no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raises StuckError in a block that takes too long."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise StuckError(f"not done after {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


# -- the files ---------------------------------------------------------------------------------------------------------


def damaged_files(number: int, seed: int, rare: int = RARE) -> Iterator[Damaged]:
    """So many damaged files, the same ones for the same seed."""
    good = seeds()
    for n in range(number):
        chance = random.Random(f"{seed}:{n}")
        if rare and n % rare == rare - 1:
            yield expensive(n // rare)
            continue
        kind = list(KINDS)[n % len(KINDS)]
        chosen = good[chance.randrange(len(good))]
        yield KINDS[kind](kind, chosen, chance, good)


def seeds() -> list[Seed]:
    """The good files: a few rows of each of the sample's, and the same rows in other formats and containers."""
    found = []
    for file in raw_files(ROOT / "data/raw"):
        for head, chunks in beginnings(file, Ingest(roles={}, merge_consecutive=True)):
            values = [row.value for chunk in chunks for row in chunk.rows()]
            found += in_its_container(file.name, values[:ROWS], head.around.columns, dict(head.around.beside))
    talks = [value["messages"] for seed in found if seed.name.endswith(".jsonl") for value in json_lines(seed.data)]
    found += in_other_formats([[m for m in talk if m["role"] in ("user", "assistant")] for talk in talks])
    return sorted([*found, *encoded(found), *packed(found)], key=lambda seed: seed.name)


def json_lines(data: bytes) -> list[Any]:
    return [value for line in data.split(b"\n") if (value := json.loads(line)) and "messages" in value]


def in_its_container(name: str, values: list[Any], columns: Sequence[str], beside: dict[str, Any]) -> list[Seed]:
    stem = name.rsplit(".", 1)[0]
    values = [value for value in values if value is not None]
    if name.endswith((".csv", ".parquet")):
        frame = pl.DataFrame(values, infer_schema_length=None)
        sinks = {ending: io.BytesIO() for ending in ("parquet", "arrow", "stream.arrow")}
        frame.write_parquet(sinks["parquet"])
        frame.write_ipc(sinks["arrow"])
        frame.write_ipc_stream(sinks["stream.arrow"])
        text = frame.with_columns(pl.selectors.by_dtype(pl.Datetime).cast(pl.String))
        return [
            *(Seed(f"{stem}.{ending}", sink.getvalue()) for ending, sink in sinks.items()),
            Seed(f"{stem}.csv", text.write_csv().encode()),
            Seed(f"{stem}.tsv", text.write_csv(separator="\t").encode()),
        ]
    if beside:
        return [Seed(name, json.dumps({**beside, "tickets": values}, ensure_ascii=False, indent=1).encode())]
    lines = "\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    return [
        Seed(f"{stem}.jsonl", lines.encode()),
        Seed(f"{stem}.json", json.dumps(values, ensure_ascii=bool(len(values) % 2), indent=1).encode()),
    ]


def in_other_formats(talks: Sequence[Sequence[Mapping[str, Any]]]) -> list[Seed]:
    """Alpaca, OASST trees, Intercom and WhatsApp."""
    alpaca, oasst, intercom, chat = [], [], [], []
    for number, talk in enumerate(talks[:ROWS]):
        texts = [m["content"] for m in talk]
        alpaca.append({"instruction": texts[0], "input": "", "output": texts[-1]})
        for turn, text in enumerate(texts):
            oasst.append(
                {
                    "message_id": f"{number}-{turn}",
                    "parent_id": f"{number}-{turn - 1}" if turn else None,
                    "message_tree_id": f"{number}-0",
                    "role": "assistant" if turn % 2 else "prompter",
                    "text": text,
                }
            )
        said = [
            {"part_type": "comment", "body": f"<p>{text}</p>", "author": {"type": "admin" if turn % 2 else "user"}}
            for turn, text in enumerate(texts)
        ]
        intercom.append(
            {
                "type": "conversation",
                "id": str(number),
                "source": {"body": said[0]["body"], "author": {"type": "user", "id": "u"}},
                "conversation_parts": {"conversation_parts": said[1:]},
            }
        )
        chat += [
            f"{number + 1:02}/03/2025, 10:{turn:02} - {'Agent' if turn % 2 else 'Ali'}: {text}"
            for turn, text in enumerate(texts)
        ]
    return [
        Seed("made/alpaca.json", json.dumps(alpaca, ensure_ascii=False).encode()),
        Seed("made/oasst.jsonl", "\n".join(json.dumps(row) for row in oasst).encode()),
        Seed("made/intercom.json", json.dumps({"conversations": intercom}, ensure_ascii=False).encode()),
        Seed("made/chat.txt", "\r\n".join(chat).encode()),
    ]


def encoded(good: Sequence[Seed]) -> list[Seed]:
    """The texts in other encodings."""
    texts = [seed for seed in good if not seed.name.endswith((".parquet", ".arrow"))]
    return [
        Seed(f"{encoding}/{seed.name}", seed.data.decode().encode(encoding, "ignore"))
        for seed in texts
        for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "cp1256", "cp1252")
    ]


def packed(good: Sequence[Seed]) -> list[Seed]:
    import zstandard

    return [
        *(Seed(f"{seed.name}.gz", gzip.compress(seed.data, mtime=0)) for seed in good),
        *(Seed(f"{seed.name}.zst", zstandard.compress(seed.data)) for seed in good),
    ]


# -- the damage --------------------------------------------------------------------------------------------------------


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def bits_flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 30))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def bytes_replaced(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + chance.randbytes(chance.randrange(1, 40)) + data[at + chance.randrange(40) :]


def piece_removed(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.choices(range(len(data)), k=2))
    return data[:start] + data[end:]


def piece_repeated(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.choices(range(len(data)), k=2))
    return data[:end] + data[start:]


def signs_inserted(data: bytes, chance: random.Random) -> bytes:
    signs = (b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\0", b"\r", b"\n", b"\xff", b"\xef\xbb\xbf", b"\\ud83d")
    changed = data
    for _ in range(chance.choice((1, 2, 20))):
        at = chance.randrange(len(changed) + 1)
        changed = changed[:at] + chance.choice(signs) + changed[at:]
    return changed


def line_ends_mixed(data: bytes, chance: random.Random) -> bytes:
    return re.sub(rb"\r?\n", lambda _: chance.choice((b"\n", b"\r\n", b"\r", b"\n\n", b"\xe2\x80\xa8")), data)


def encodings_mixed(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    codecs = ("utf-8", "cp1256", "cp1252", "utf-16-le", "latin-1")
    return b"\n".join(line.decode("utf-8", "replace").encode(chance.choice(codecs), "replace") for line in lines)


def values_changed(data: bytes, chance: random.Random) -> bytes:
    """JSON values of other types, keys that are gone, keys given twice, nesting without end."""
    strange = (
        *("null", "[]", "{}", "5", "-0", "1e999", "NaN", "-Infinity", "true", '""', '"\\ud83d"', "9" * 400),
        *("[" * 2000 + "]" * 2000, '{"a":' * 150 + "1" + "}" * 150, '{"a":1,"a":2}', '[{"text":"x"}]', '"2025-13-45"'),
    )
    values = list(re.finditer(rb'(?<=: )(?:"(?:[^"\\]|\\.)*"|\d+|null|true|false)|"\w+"(?=:)', data))
    for value in sorted(chance.sample(values, min(len(values), chance.choice((1, 3, 40)))), key=lambda m: -m.start()):
        is_key = data[value.end() : value.end() + 1] == b":"
        new = chance.choice((b'"role"', b'"content"', b'"id"')) if is_key else chance.choice(strange).encode()
        data = data[: value.start()] + new + data[value.end() :]
    return data


def field_huge(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + chance.choice((b"x", "م".encode(), b"[", b'"', b",", b"\\")) * HUGE + data[at:]


def random_bytes(_data: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 2, 10, 1000, 20_000)))


MUTATIONS: tuple[Mutation, ...] = (
    truncated,
    bits_flipped,
    bytes_replaced,
    piece_removed,
    piece_repeated,
    signs_inserted,
    line_ends_mixed,
    encodings_mixed,
    values_changed,
    values_changed,
    random_bytes,
    field_huge,
)


def once(mutation: Mutation) -> Callable[[str, Seed, random.Random, Sequence[Seed]], Damaged]:
    return lambda kind, seed, chance, _: Damaged(kind, seed.name, mutation(seed.data or b" ", chance))


def many(kind: str, seed: Seed, chance: random.Random, _good: Sequence[Seed]) -> Damaged:
    data = seed.data
    for mutation in chance.choices(MUTATIONS[:-2], k=3):
        data = mutation(data or b" ", chance)
    return Damaged(kind, seed.name, data)


def torn_archive(kind: str, seed: Seed, chance: random.Random, good: Sequence[Seed]) -> Damaged:
    archives = [other for other in good if other.name.endswith((".gz", ".zst"))]
    chosen = archives[chance.randrange(len(archives))]
    mutation = chance.choice((truncated, bits_flipped, bytes_replaced, piece_repeated))
    return Damaged(kind, chosen.name, mutation(chosen.data, chance))


def damaged_table(kind: str, seed: Seed, chance: random.Random, good: Sequence[Seed]) -> Damaged:
    tables = [other for other in good if other.name.endswith((".parquet", ".arrow"))]
    chosen = tables[chance.randrange(len(tables))]
    mutation = chance.choice((truncated, bits_flipped, bytes_replaced, piece_removed))
    return Damaged(kind, chosen.name, mutation(chosen.data, chance))


def endings_swapped(kind: str, seed: Seed, chance: random.Random, good: Sequence[Seed]) -> Damaged:
    other = good[chance.randrange(len(good))]
    endings = ("", ".txt", ".bin", ".gz", ".zst", ".xlsx")
    name = other.name if chance.random() < 0.6 else seed.name + chance.choice(endings)
    return Damaged(kind, name, seed.data)


def files_joined(kind: str, seed: Seed, chance: random.Random, good: Sequence[Seed]) -> Damaged:
    return Damaged(kind, seed.name, seed.data + chance.choice((b"", b"\n")) + good[chance.randrange(len(good))].data)


KINDS: dict[str, Callable[[str, Seed, random.Random, Sequence[Seed]], Damaged]] = {
    **{mutation.__name__.replace("_", " "): once(mutation) for mutation in MUTATIONS},
    "several at once": many,
    "torn archive": torn_archive,
    "damaged table": damaged_table,
    "endings swapped": endings_swapped,
    "files joined": files_joined,
}


def expensive(number: int) -> Damaged:
    """Files that are made to fill the memory: lines of 100 MB, fields beyond the limit, archives that explode."""
    import zstandard

    row = b'{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "x"}]}\n'
    long = row % (b"x" * LONG_LINE) + row % b"x"
    several: list[tuple[str, str, Callable[[], bytes]]] = [
        ("line of 100 MB", "long.jsonl", lambda: long),
        ("zip bomb", "bomb.jsonl.gz", lambda: gzip.compress(b" " * BOMB)),
        ("line of 100 MB", "long.json", lambda: b"[" + long.replace(b"\n", b",") + b"1]"),
        ("zip bomb", "bomb.jsonl.zst", lambda: zstandard.compress(row % b"x" * (BOMB // 80))),
        ("line of 100 MB", "long.csv", lambda: b'prompt,completion\na,b\n"' + b"x" * LONG_LINE + b'",b\nc,d\n'),
        ("zip bomb", "bomb.csv.gz", lambda: gzip.compress(b"\n" * BOMB)),
        ("line of 100 MB", "long.txt", lambda: b"x" * LONG_LINE + b"\ny\n"),
        ("zip bomb", "bomb.json.zst", lambda: zstandard.compress(b"[" * BOMB)),
        ("line of 100 MB", "quotes.jsonl", lambda: b'"' * LONG_LINE),
        ("line of 100 MB", "brackets.json", lambda: b"[" * LONG_LINE),
    ]
    kind, name, data = several[number % len(several)]
    return Damaged(kind, name, data())


if __name__ == "__main__":
    main()
