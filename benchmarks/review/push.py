"""What a push costs the client and the embedded server, and that a push killed anywhere is ended by the next one.

    dvc repro route
    python -m benchmarks.review.push --work DIR --rows 5000 --kills 20

The conversations are the project's own, again and again with a number at their end, so that each is another one. Times
are CPU seconds of the two processes: wall times tell more of what else the machine does.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

from curation.core.record.codes import CODES
from curation.core.record.conversation import conversation_id
from curation.review.embedded import process

TABLES = ("ingested/conversations", "routed/queue", "scored/findings", "embedded/vectors")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    whole, killed = arguments.work / "whole", arguments.work / "killed"
    for folder in (whole, killed):
        shutil.rmtree(folder, ignore_errors=True)
        write_project(folder, arguments.rows)
    found = measured(whole)
    found |= killed_again_and_again(killed, arguments.rows, arguments.kills, records(whole))
    print(json.dumps(found, indent=1))


def measured(folder: Path) -> dict[str, Any]:
    """A first push and one with nothing to do."""
    review(folder, "serve", "--background", "--port", "0")
    found: dict[str, Any] = {}
    for name in ("first", "second"):
        server = cpu_seconds(folder / process.HOME)
        client, started = os.times().children_user + os.times().children_system, time.monotonic()
        said = review(folder, "push")
        found[name] = {
            "said": said.strip(),
            "client": round(os.times().children_user + os.times().children_system - client, 1),
            "server": round(cpu_seconds(folder / process.HOME) - server, 1),
            "wall": round(time.monotonic() - started, 1),
        }
    review(folder, "stop")
    return found


def killed_again_and_again(folder: Path, rows: int, kills: int, expected: list[tuple[str, str]]) -> dict[str, Any]:
    """Pushes that are killed when so many records are there, drawn at random; then one to the end."""
    review(folder, "serve", "--background", "--port", "0")
    draw = random.Random(7)
    points = sorted(draw.randrange(rows) for _ in range(kills))
    stood = []
    for point in points:
        push = subprocess.Popen(command("push"), cwd=folder, env=environment(), stderr=subprocess.DEVNULL)
        while push.poll() is None and len(records(folder)) < point:
            time.sleep(0.02)
        time.sleep(draw.random() * 0.5)
        push.send_signal(signal.SIGKILL)
        push.wait()
        stood.append(len(records(folder)))
    last, again = (review(folder, "push").strip() for _ in range(2))
    review(folder, "stop")
    return {"killed at": stood, "last": last, "again": again, "same set": records(folder) == expected}


# -- the project -------------------------------------------------------------------------------------------------------


def write_project(folder: Path, rows: int) -> None:
    """The project's tables with its queued conversations repeated until there are enough."""
    (folder / "data").mkdir(parents=True)
    shutil.copy("params.yaml", folder)
    (folder / CODES.parent).mkdir(parents=True)
    shutil.copy(CODES, folder / CODES)
    tables = {name: pl.read_parquet(f"data/{name}.parquet") for name in TABLES}
    queued = tables["routed/queue"].filter(pl.col("reason") == "doubt")
    talks = tables["ingested/conversations"].unique("conversation_id", maintain_order=True)
    talks = talks.join(queued, on="conversation_id", how="semi", maintain_order="left")
    copies = pl.DataFrame(
        [
            (key, conversation_id(said), said)
            for number in range(-(-rows // talks.height))
            for key, messages in talks.select("conversation_id", "messages").iter_rows()
            for said in [[*messages[:-1], messages[-1] | {"content": f"{messages[-1]['content']} ({number})"}]]
        ],
        schema={"conversation_id": pl.String, "copy": pl.String, "messages": talks.schema["messages"]},
        orient="row",
    ).head(rows)
    for name, table in tables.items():
        kept = table.drop("messages") if "messages" in table.columns else table.with_columns()
        columns = copies if "messages" in table.columns else copies.drop("messages")
        written = kept.join(columns, on="conversation_id").with_columns(conversation_id="copy").drop("copy")
        if name == "routed/queue":
            rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
            written = written.with_columns(verdict=pl.lit("review"), rank=rank)
        elif "messages" in table.columns:
            written = written.with_columns(row_id="conversation_id")
        path = folder / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        written.select(table.columns).write_parquet(path)


# -- the commands and the server ---------------------------------------------------------------------------------------


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "curation.review.commands", *arguments]


def environment() -> dict[str, str]:
    """The server's environment is that of the folder this runs in."""
    made = str(Path(process.HOME).parent.absolute() / "environment")
    return {"QIRAT_ARGILLA_ENVIRONMENT": made, **os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def review(folder: Path, *arguments: str) -> str:
    return subprocess.run(command(*arguments), cwd=folder, env=environment(), stdout=-1, text=True, check=True).stdout


def cpu_seconds(home: Path) -> float:
    """What the server has used so far, user and system, all threads."""
    fields = Path(f"/proc/{process.running(home)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def records(folder: Path) -> list[tuple[str, str]]:
    """The id and the digest of every record, as the database has them."""
    with sqlite3.connect(f"file:{folder / process.HOME / 'argilla.db'}?mode=ro", uri=True) as database:
        return database.execute(
            "SELECT external_id, json_extract(metadata, '$.digest') FROM records ORDER BY 1"
        ).fetchall()


if __name__ == "__main__":
    main()
