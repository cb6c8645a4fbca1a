"""A project after split, and what is published of it."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.checks.check import FINDINGS
from curation.core.record.conversation import FACTS, SCHEMA, message
from curation.core.record.ledger import SCHEMA as LEDGER
from curation.curate.fates import CURATED
from curation.decisions.decisions import Decision, write_decisions
from curation.privacy.tables import without_personal_data
from qirat.publish import Wanted, publish
from tests.builders import ROOT, params, record, save, save_codes, talk

MASKED = [kind for kind, treatment in params("route")["pii"].items() if treatment == "mask"]
ASKED, ANSWERED = "Where is my parcel? Call 0501234567", "It comes tomorrow, I will call 0501234567."
EDIT = talk("أين طلبي؟ رقمي 0559876543", "وصل المستودع، وسنتصل على 0559876543 غداً.")
CALL = [
    {"role": "user", "content": "Is the blue lamp in stock?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "function": {"name": "stock", "arguments": "{}"}}],
    },
    {"role": "tool", "content": '{"left": 3}', "tool_call_id": "c1"},
    {"role": "assistant", "content": "Yes, three are left."},
]
TOOLS = '[{"type": "function", "function": {"name": "stock", "parameters": {"type": "object", "properties": {}}}}]'
RAW = [
    talk(ASKED, ANSWERED),
    talk("أين طلبي؟ رقمي 0559876543", "لا نعرف. نتصل على 0559876543"),  # edited
    CALL,
    talk("May I return the kettle?", "Of course, within two weeks."),  # kept
    talk("هل يمكن تغيير العنوان؟", "ليست مشكلتنا."),  # dropped for its tone
    talk("Can you wrap it?", "No.", "Why?", "Because."),  # dropped, but which reply?
    talk("Do you ship to Oman?", "Stop asking."),  # dropped, of the customer of the test row
    talk("What is a voucher?", "Go away."),  # dropped, stands in an evaluation set
    talk("Is the shop open today?", "Yes, until nine."),  # the test
    talk("متى تفتحون؟", "من التاسعة صباحاً."),  # dev
]
PARTS = {"train": [0, 1, 2, 3], "dev": [9], "test": [8]}
CUSTOMERS = ["Ali Hasan <ali@mail.example>", None, None, None, None, None, "s-77", None, "s-77", None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after split, whose people edited, kept and dropped."""
    raw = record(*RAW, customer=CUSTOMERS, language=["ar" if n in (1, 4, 9) else "en" for n in range(10)])
    tools = pl.Series([TOOLS if n == 2 else None for n in range(10)], dtype=pl.String)
    raw = raw.with_columns(
        tools=tools, source_file=pl.lit("secret-export.csv"), metadata=pl.lit('{"agent": "zz-internal"}')
    )
    ids = raw["conversation_id"].to_list()
    write_decisions(
        [
            Decision(conversation_id=ids[1], decision="edit", messages=tuple(EDIT), reasons=("wrong_answer",)),
            Decision(conversation_id=ids[3], decision="keep", annotators=("zz-reviewer",)),
            *(Decision(conversation_id=ids[n], decision="drop", reasons=("wrong_tone",)) for n in (4, 5, 6, 7)),
        ],
        tmp_path / "data/review/decisions.jsonl",
    )
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    save_codes(tmp_path)
    save(tmp_path, "ingested/conversations", raw)
    save(tmp_path, "ledger", pl.DataFrame(schema=LEDGER))
    leak = {"conversation_id": [ids[7]], "code": ["evaluation_leak"]}
    save(tmp_path, "scored/findings", pl.DataFrame(leak, schema={k: FINDINGS[k] for k in leak}))
    save(tmp_path, "dedup/clusters", raw.select("row_id", survivor=pl.lit(True)))
    save(tmp_path, "dedup/pairs", pl.DataFrame({"left": [ids[4]], "right": [ids[9]]}))
    kept_out = pl.lit(None, pl.String)
    curated = raw.select(SCHEMA.names()).with_columns(origin=pl.lit("accepted"), parent_id=kept_out)
    rows = curated.to_dicts()
    rows[1] |= {"messages": [message(**m) for m in EDIT], "origin": "edited", "parent_id": ids[1]}
    rows[3]["origin"] = "kept"
    table, _ = without_personal_data(pl.DataFrame(rows, schema=CURATED), MASKED, ["SA"])
    fact = {"turn": 1, "field": "content", "start": 10, "end": 18, "kind": "date", "treatment": "unlearn"}
    table = table.with_columns(
        facts=pl.Series([[fact] if r == "file:1" else [] for r in table["row_id"]], dtype=FACTS),
        cluster_id=pl.col("conversation_id"),
    )
    wanted = [n for part in PARTS.values() for n in part]
    save(tmp_path, "curated/conversations", table.filter(pl.col("source_row").is_in([n + 1 for n in wanted])))
    for part, numbers in PARTS.items():
        save(tmp_path, f"splits/{part}", table.filter(pl.col("source_row").is_in([n + 1 for n in numbers])))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def published(**wanted: Any) -> Path:
    folder = Path("out/set")
    publish(Wanted("cc-by-4.0", folder, **wanted), yes=True)
    return folder


def rewrite(part: str, n: int, **changed: Any) -> None:
    """Other values in a row of a split, and of what is curated."""
    for path in (Path(f"data/splits/{part}.parquet"), Path("data/curated/conversations.parquet")):
        table = pl.read_parquet(path)
        rows = [row | (changed if row["source_row"] == n + 1 else {}) for row in table.to_dicts()]
        pl.DataFrame(rows, schema=table.schema).write_parquet(path)
