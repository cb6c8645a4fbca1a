"""The embedded Argilla server: how fast records are written and searched, and what survives what.

    python -m benchmarks.review.server [--only push similar people kills disk] [--records 5000] [--kills 20]

Every part starts a server of its own in a temporary folder. CPU is the server's alone, as the kernel counts it.
"argilla 2.8 as it is" is the same server without our repairs of it (patches.py of curation/review/embedded).
Results stay in benchmarks/results/review_server.json; `python -m benchmarks.document` shows them in docs/benchmarks.md.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS
from benchmarks.review.push import cpu_seconds
from curation.review.embedded import process
from curation.review.embedded.environment import interpreter
from tests.review.server.argilla import Dataset, api_of, dataset
from tests.review.server.load import answer, kill_soon, push, saved, team, together

DIMENSIONS, BATCH = 512, 200
WORDS = """the parcel arrived late and broken please send my money back order refund customer service promised twice
    الطلب متأخر جدا أريد استرداد المال من فضلكم شكرا لكم وصل مكسورا خدمة العملاء وعدت مرتين""".split()

# The server with only what it needs to run at all: jobs without Redis.
_AS_IT_IS = """
import sys, sqlite_argilla.__main__ as server
serve = server.serve
def unpatched(*arguments):
    from sqlite_argilla import patches
    patches.apply = lambda app: patches._run_jobs_in_this_process()
    serve(*arguments)
server.serve = unpatched
sys.argv = ["sqlite_argilla", "--home", sys.argv[1], "--port", "0"]
server.main()
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=["push", "similar", "people", "kills", "disk"])
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    measures: dict[str, Callable[[], Any]] = {
        "push": lambda: pushed(arguments.records),
        "similar": lambda: similar(2 * arguments.records),
        "people": lambda: people(arguments.records),
        "kills": lambda: kills(arguments.kills),
        "disk": full_disk,
    }
    path = RESULTS / "review_server.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in arguments.only:
        results[name] = measures[name]()
        path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(markdown(results))


# -- speed -------------------------------------------------------------------------------------------------------------


def pushed(records: int) -> list[dict[str, Any]]:
    """Records written a second of the server's CPU, with our repairs and without, with vectors and without."""
    found = []
    for server, started in (("Qirat's", running), ("argilla 2.8 as it is", running_as_it_is)):
        for vectors in (False, True):
            count = records if started is running else records // 10
            with started() as home:
                made = dataset(api_of(home), dimensions=DIMENSIONS)
                cpu, seconds = written(home, made, count, vectors)
            speed = {"records": count, "per_cpu_second": round(count / cpu), "per_second": round(count / seconds)}
            found.append({"server": server, "vectors": vectors, **speed})
    return found


def written(home: Path, made: Dataset, records: int, vectors: bool) -> tuple[float, float]:
    """Seconds of CPU and of waiting."""
    rng = random.Random(0)
    batches = [
        json.dumps({"items": [synthetic(rng, n, vectors) for n in range(start, min(start + BATCH, records))]})
        for start in range(0, records, BATCH)
    ]
    cpu, begun = cpu_seconds(home), time.monotonic()
    for batch in batches:
        headers = {"Content-Type": "application/json"}
        made.api.ask("PUT", f"{made.place}/records/bulk", content=batch, headers=headers).raise_for_status()
    return cpu_seconds(home) - cpu, time.monotonic() - begun


def synthetic(rng: random.Random, number: int, vectors: bool) -> dict[str, Any]:
    """Four turns of forty words, as long as the conversations of a support desk."""
    said = [" ".join(rng.choices(WORDS, k=40)) for _ in range(5)]
    chat = [{"role": ("user", "assistant")[turn % 2], "content": text} for turn, text in enumerate(said[:4])]
    about = {"language": "en", "rank": number, "priority": rng.random()}
    record = {"external_id": f"{number:016x}", "fields": {"chat": chat, "why": said[4]}, "metadata": about}
    return record | ({"vectors": {"words": [rng.gauss(0, 1) for _ in range(DIMENSIONS)]}} if vectors else {})


def similar(records: int) -> dict[str, Any]:
    """Milliseconds of the server's CPU for "find similar": after vectors changed, and then; and for a text search."""
    with running() as home:
        made = dataset(api_of(home), dimensions=DIMENSIONS)
        written(home, made, records, vectors=True)
        vector = {"name": "words", "value": [1.0] * DIMENSIONS}
        first = cpu_milliseconds(home, 1, lambda: made.search(query={"vector": vector}))
        later = cpu_milliseconds(home, 20, lambda: made.search(query={"vector": vector}))
        text = cpu_milliseconds(home, 20, lambda: made.text("refund المال"))
    return {"records": records, "first": first, "later": later, "text": text}


def cpu_milliseconds(home: Path, times: int, ask: Callable[[], Any]) -> int:
    begun = cpu_seconds(home)
    for _ in range(times):
        ask()
    return round((cpu_seconds(home) - begun) / times * 1000)


# -- nothing is lost ---------------------------------------------------------------------------------------------------


def people(records: int) -> dict[str, Any]:
    """Six annotators answer while a push writes."""
    with running() as home:
        made, ids, annotators = team(home, annotators=6, records=200)
        acknowledged: dict[tuple[str, str], str] = {}
        refused: list[str] = []
        begun = time.monotonic()
        work = [(answer, home, person, ids, acknowledged, refused) for person in annotators]
        together(*work, (push, home, made, 0, refused, records // 40))
        seconds = time.monotonic() - begun
        found = saved(made.api, made)
        there = made.search(limit=1).total - len(ids)
    lost = sum(found.get(place) != decision for place, decision in acknowledged.items())
    return {"answers": len(found), "records": there, "seconds": round(seconds), "lost": lost, "refused": len(refused)}


def kills(count: int) -> dict[str, Any]:
    """The server is killed (-9) at random moments while four annotators answer and a push writes."""
    rng = random.Random(0)
    with running() as home:
        made, ids, annotators = team(home, annotators=4, records=4000)
        acknowledged: dict[tuple[str, str], str] = {}
        starts = []
        for turn in range(count):
            server = process.running(home)
            assert server
            work = [(answer, home, person, ids[turn::count], acknowledged) for person in annotators]
            killed = (kill_soon, server, rng.uniform(0.2, 3))
            together(*work, (push, home, made, turn, None, 100), killed)
            begun = time.monotonic()
            process.serve_in_background(0, home)
            starts.append(time.monotonic() - begun)
        found = saved(api_of(home), made)
    lost = sum(found.get(place) != decision for place, decision in acknowledged.items())
    return {"kills": count, "acknowledged": len(acknowledged), "saved": len(found), "lost": lost,
            "start_seconds": round(statistics.median(starts), 1)}  # fmt: skip


def full_disk() -> dict[str, Any]:
    """A small disk runs full under a push, and gets room again. Needs the right to mount one."""
    with small_disk() as disk, running(disk / "home") as home:
        made, ids, [person] = team(home, annotators=1, records=200)
        acknowledged: dict[tuple[str, str], str] = {}
        refused: list[str] = []
        answer(home, person, ids[:20], acknowledged, refused)
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as handle:
            while True:
                handle.write(b"x" * 4096)
                handle.flush()
        push(home, made, 0, refused, batches=3)
        answer(home, person, ids[20:40], acknowledged, refused)
        while_full = len(refused)
        ballast.unlink()
        answer(home, person, ids[40:60], acknowledged, refused)
        push(home, made, 1, refused, batches=3)
        found = saved(made.api, made)
    lost = sum(found.get(place) != decision for place, decision in acknowledged.items())
    said = sorted({words.partition("Not saved: ")[2].partition(";")[0] for words in refused})
    return {"acknowledged": len(acknowledged), "saved": len(found), "lost": lost, "refused_while_full": while_full,
            "refused_after": len(refused) - while_full, "said": said}  # fmt: skip


# -- servers -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(home: Path | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        home = home or Path(folder, "home")
        process.serve_in_background(0, home)
        try:
            yield home
        finally:
            process.stop(home)


@contextlib.contextmanager
def running_as_it_is() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        environment = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parent)}
        command = [str(interpreter()), "-c", _AS_IT_IS, str(home)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            server.stdout.readline()
            try:
                yield home
            finally:
                server.terminate()


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    folder = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], check=True)
    try:
        yield Path(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder)


# -- results -----------------------------------------------------------------------------------------------------------


def markdown(results: Mapping[str, Any]) -> str:
    """Tables of docs/benchmarks.md."""
    lines = ["| server | vectors of 512 | records | written a second of CPU | a second |", "|---|---|---:|---:|---:|"]
    for row in results["push"]:
        vectors = "yes" if row["vectors"] else "no"
        cells = (row["server"], vectors, row["records"], row["per_cpu_second"], row["per_second"])
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    found, team, killed, disk = (results[name] for name in ("similar", "people", "kills", "disk"))
    return "\n".join(
        [
            *lines,
            "",
            f"To find and show 50 similar ones of {found['records']:,} vectors takes {found['later']} ms of CPU, and "
            f"{found['first']} ms when records were written since; to find two common words {found['text']} ms.",
            "",
            "| what happens | answers acknowledged | lost or doubled | refused | afterwards |",
            "|---|---:|---:|---:|---|",
            f"| six people answer while {team['records']:,} records are written | {team['answers']:,} | {team['lost']} "
            f"| {team['refused']} | {team['seconds']} s in all |",
            f"| killed (-9) {killed['kills']} times while four people answer and records are written "
            f"| {killed['acknowledged']:,} | {killed['lost']} | the connection breaks "
            f"| answers again after {killed['start_seconds']} s |",
            f"| the disk runs full | {disk['acknowledged']:,} | {disk['lost']} | {disk['refused_while_full']}, told "
            f"“{'”, “'.join(disk['said'])}” | {disk['refused_after']} refused once there is room |",
            "",
        ]
    )


if __name__ == "__main__":
    main()
