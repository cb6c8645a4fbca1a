"""Writes rows as the files a support team would export, and the truth about them.

A row learns its `row_id`, file and place in it, while it is written: line of a JSONL file, element of a JSON list, row
of a table, or the first data row of a ticket.
"""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from curation.harness.files import atomic
from qirat.sample.copies import evaluation_id
from qirat.sample.dialogues import Conversation
from qirat.sample.rows import SampleRow

TRUTH = pl.Schema(
    dict.fromkeys(("row_id", "defect", "kind", "partner_row_id", "language", "intent_true", "note"), pl.String())
)
_SHAREGPT = {"user": "human", "assistant": "gpt", "system": "system"}


def export(folder: Path, rows: Sequence[SampleRow], rng: random.Random) -> None:
    """Every row into the file of its channel, in the order given."""
    for path, (channel, half, writer) in _FILES.items():
        held = [row for row in rows if row.channel == channel and half in (None, row.half)]
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with atomic(folder / path) as temporary:
            for row, place in zip(held, writer(temporary, held, rng), strict=True):
                row.row_id = f"{path}:{place}"


def write_evaluation(folder: Path, held_out: Sequence[Conversation]) -> None:
    """support_eval.jsonl, one conversation a line."""
    lines = [{"id": evaluation_id(i), "messages": written.messages} for i, written in enumerate(held_out)]
    with atomic(folder / "support_eval.jsonl") as temporary:
        temporary.write_text("".join(_json(line) + "\n" for line in lines), "utf-8", newline="\n")


def write_truth(path: Path, rows: Sequence[SampleRow]) -> dict[str, int]:
    """One line a raw row, sorted by row_id; answers the number of rows by defect."""
    known = [
        (
            row.row_id,
            row.defect,
            row.kind,
            row.partner.row_id if row.partner else "",
            row.language,
            row.intent,
            row.note,
        )
        for row in rows
    ]
    truth = pl.DataFrame(known, schema=TRUTH, orient="row").with_columns(pl.all().replace("", None)).sort("row_id")
    with atomic(path) as temporary:
        truth.write_parquet(temporary, compression="zstd", statistics=False)
    return dict(sorted(Counter(row.defect for row in rows).items()))


# -- one writer a format: (path, rows, rng) -> place of each row -----------------------------------------------------


def _openai(path: Path, rows: Sequence[SampleRow], rng: random.Random) -> Iterable[int]:
    path.write_text("".join(_openai_line(row, i) + "\n" for i, row in enumerate(rows, 1)), "utf-8", newline="\n")
    return range(1, len(rows) + 1)


def _openai_line(row: SampleRow, number: int) -> str:
    """The tool put its fields into `metadata` until summer, and beside the messages from then on."""
    customer = row.conversation.scenario.customer
    described: dict[str, Any] = {
        "id": f"chat-{row.half}{number:05}",
        "intent": row.label,
        "customer": customer.id,
        "created_at": f"{row.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "language": row.language,
    }
    content = _json({"messages": row.messages, **({"metadata": described} if row.half == 1 else described)})
    if row.defect != "unreadable":
        return content
    broken = {"broken_json": content[: len(content) * 2 // 3], "not_an_object": _json([described["id"], row.label])}
    return broken.get(row.kind, _json({"metadata": described}))


def _sharegpt(path: Path, rows: Sequence[SampleRow], rng: random.Random) -> Iterable[int]:
    items = []
    for i, row in enumerate(rows, 1):
        turns = [{"from": _SHAREGPT[m["role"]], "value": m["content"]} for m in row.messages]
        item = {"id": f"pilot_{i:04}", "intent": row.label, "customer": row.conversation.scenario.customer.id,
                "created_at": f"{row.created_at:%Y-%m-%d %H:%M:%S}", "conversations": turns}  # fmt: skip
        if row.defect == "unreadable":
            del item["conversations"]
        items.append(_json(item))
    path.write_text("[\n" + ",\n".join(items) + "\n]\n", "utf-8", newline="\n")
    return range(1, len(rows) + 1)


def _tickets(path: Path, rows: Sequence[SampleRow], rng: random.Random) -> Iterable[int]:
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    table.writerow(
        ("ticket_id", "created_at", "author", "customer_id", "agent", "subject", "intent", "language", "body")
    )
    places, written = [], 1
    for number, row in enumerate(rows, 10_001):
        scenario, moment = row.conversation.scenario, row.created_at
        places.append(written)
        unknown = rng.randrange(len(row.messages)) if row.kind == "unknown_author" else None
        for turn, m in enumerate(row.messages):
            author = "customer" if m["role"] == "user" else "agent"
            author = "bot2" if turn == unknown else author
            agent = scenario.agent.latin if author == "agent" else ""
            table.writerow((f"T-{number}", f"{moment:%Y-%m-%d %H:%M}", author, scenario.customer.id, agent,
                            row.conversation.subject, row.label, row.language, m["content"]))  # fmt: skip
            moment += timedelta(minutes=rng.randrange(2, 240))
            written += 1
    path.write_text(text.getvalue(), "utf-8", newline="")
    return places


def _pairs(path: Path, rows: Sequence[SampleRow], rng: random.Random) -> Iterable[int]:
    readable = [row.defect != "unreadable" for row in rows]
    pl.DataFrame(
        {
            "id": [f"faq-{i:04}" for i in range(1, len(rows) + 1)],
            "prompt": [_said(row, "user") if ok else None for row, ok in zip(rows, readable, strict=True)],
            "completion": [_said(row, "assistant") if ok else None for row, ok in zip(rows, readable, strict=True)],
            "intent": [row.label for row in rows],
            "customer_id": [row.conversation.scenario.customer.id for row in rows],
            "created_at": [row.created_at.replace(tzinfo=None) for row in rows],
        }
    ).write_parquet(path, compression="zstd", statistics=False)
    return range(1, len(rows) + 1)


def _said(row: SampleRow, role: str) -> str:
    return next(str(m["content"]) for m in row.messages if m["role"] == role)


def _helpdesk(path: Path, rows: Sequence[SampleRow], rng: random.Random) -> Iterable[int]:
    people = [person for row in rows for person in (_requester(row), _assignee(row))]
    users = {user["id"]: _json(user) for user in people}
    tickets = ",\n".join(_json(_ticket(row, number, rng)) for number, row in enumerate(rows, 500_001))
    listed = ",\n".join(users[key] for key in sorted(users))
    path.write_text(f'{{"tickets":[\n{tickets}\n],"users":[\n{listed}\n]}}\n', "utf-8", newline="\n")
    return range(1, len(rows) + 1)


def _ticket(row: SampleRow, number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "id": number,
        "requester_id": _requester(row)["id"],
        "created_at": _zulu(row.created_at),
        "subject": row.conversation.subject,
        "tags": [row.label, row.language],
        "custom_fields": [
            {"id": 7001, "title": "intent", "value": row.label},
            {"id": 7002, "title": "language", "value": row.language},
        ],
        "comments": [] if row.defect == "unreadable" else _comments(row, rng),
    }


def _comments(row: SampleRow, rng: random.Random) -> list[dict[str, Any]]:
    """As in real exports, agents' internal notes (public: false) stand between the comments."""
    people = {"user": _requester(row)["id"], "assistant": _assignee(row)["id"]}
    moment = row.created_at
    written = []
    for m in row.messages:
        written.append(_comment(people[m["role"]], moment, m["content"]))
        moment += timedelta(minutes=rng.randrange(2, 300))
        if row.defect == "clean" and rng.random() < 0.02:
            note = rng.choice(_NOTES.get(row.language, _NOTES["en"]))
            written.append(_comment(people["assistant"], moment, note, public=False))
    return written


_NOTES = {
    "en": (
        "Checked with the warehouse, waiting for the scan.",
        "Customer called before, see history.",
        "Ok to refund, approved by team lead.",
    ),
    "ar": (
        "راجعت المستودع وبانتظار المسح.",
        "اتصل العميل من قبل، انظر السجل.",
        "موافقة قائد الفريق على الاسترداد موجودة.",
    ),
}


def _requester(row: SampleRow) -> dict[str, Any]:
    customer = row.conversation.scenario.customer
    return {"id": int(customer.id), "role": "end-user", "name": customer.latin}


def _assignee(row: SampleRow) -> dict[str, Any]:
    """Agents are numbered by the letters of their names."""
    agent = row.conversation.scenario.agent
    return {"id": 900_000 + sum(map(ord, agent.latin)), "role": "agent", "name": agent.latin}


def _comment(author: int, moment: datetime, text: str, public: bool = True) -> dict[str, Any]:
    return {"author_id": author, "public": public, "created_at": _zulu(moment), "plain_body": text}


def _zulu(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


Writer = Callable[[Path, Sequence[SampleRow], random.Random], Iterable[int]]
_FILES: Mapping[str, tuple[str, int | None, Writer]] = {  # path: channel, half of the year, writer
    "chat/2025-h1.jsonl": ("chat", 1, _openai),
    "chat/2025-h2.jsonl": ("chat", 2, _openai),
    "chat/2026-01.jsonl": ("newest", None, _openai),
    "faq/prompt-completion.parquet": ("pairs", None, _pairs),
    "helpdesk/tickets-2025-h1.json": ("helpdesk", 1, _helpdesk),
    "helpdesk/tickets-2025-h2.json": ("helpdesk", 2, _helpdesk),
    "pilot/sharegpt-2025.json": ("sharegpt", None, _sharegpt),
    "tickets/tickets-2025.csv": ("tickets", None, _tickets),
}
