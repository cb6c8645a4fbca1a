"""The shipped sample: reproducible, truthfully labelled, varied, and within the playbook where it is called clean."""

import csv
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.core.record.playbook import Playbook
from qirat.sample import write
from qirat.sample.dialogues import shingles
from tests.builders import record
from training.evaluate.conditions import known_sentences

ROOT = Path(__file__).parents[2]
RAW = ROOT / "data" / "raw"
NEWEST = "chat/2026-01.jsonl"
Messages = list[dict[str, Any]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    write(root)
    return root


@pytest.fixture(scope="module")
def raw(written: Path) -> dict[str, Messages | None]:
    """row_id -> messages, read here without any reader of ours; None where a row cannot be read."""
    folder = written / "data" / "raw"
    return {
        **_chat(folder, "chat/2025-h1.jsonl"),
        **_chat(folder, "chat/2025-h2.jsonl"),
        **_chat(folder, "chat/2026-01.jsonl"),
        **_pairs(folder, "faq/prompt-completion.parquet"),
        **_helpdesk(folder, "helpdesk/tickets-2025-h1.json"),
        **_helpdesk(folder, "helpdesk/tickets-2025-h2.json"),
        **_sharegpt(folder, "pilot/sharegpt-2025.json"),
        **_tickets(folder, "tickets/tickets-2025.csv"),
    }


@pytest.fixture(scope="module")
def truth(written: Path) -> pl.DataFrame:
    return pl.read_parquet(written / "data" / "sample_truth.parquet")


@pytest.fixture(scope="module")
def clean(truth: pl.DataFrame, raw: dict[str, Messages | None]) -> dict[str, Messages]:
    return {row_id: raw[row_id] or [] for row_id in truth.filter(pl.col("defect") == "clean")["row_id"]}


def test_the_committed_files_are_what_the_seed_writes(written: Path) -> None:
    committed = [*RAW.rglob("*"), *(ROOT / "data" / "evaluation").rglob("*"), ROOT / "data" / "sample_truth.parquet"]
    if not (RAW / "chat" / "2025-h1.jsonl").exists():
        pytest.skip("data/raw holds somebody's own data instead of the sample")
    for path in filter(Path.is_file, committed):
        again = written / path.relative_to(ROOT)
        if path.suffix == ".parquet":  # whose bytes may change with the version of the library
            assert pl.read_parquet(path).equals(pl.read_parquet(again)), path
        else:
            assert path.read_bytes() == again.read_bytes(), path


def test_another_seed_writes_other_conversations(tmp_path: Path, written: Path) -> None:
    write(tmp_path, seed=8, conversations=200)
    path = "data/raw/chat/2025-h1.jsonl"
    assert not set((tmp_path / path).read_text("utf-8").splitlines()) & set(
        (written / path).read_text("utf-8").splitlines()
    )


def test_every_raw_row_has_exactly_one_line_of_truth(truth: pl.DataFrame, raw: dict[str, Messages | None]) -> None:
    assert Counter(truth["row_id"]) == Counter(raw.keys())
    assert 3_900 <= truth.height <= 4_200


def test_just_the_rows_called_unreadable_cannot_be_read(truth: pl.DataFrame, raw: dict[str, Messages | None]) -> None:
    unreadable = set(truth.filter(pl.col("defect") == "unreadable")["row_id"])
    assert {row_id for row_id, messages in raw.items() if messages is None} == unreadable


def test_each_defect_is_planted_often_enough_and_all_together_stay_a_fifth(truth: pl.DataFrame) -> None:
    counts = dict(truth["defect"].value_counts().iter_rows())
    planted = {defect: n for defect, n in counts.items() if defect != "clean"}
    assert len(planted) == 18
    assert all(15 <= n <= 60 for n in planted.values()), planted
    assert 0.18 <= sum(planted.values()) / truth.height <= 0.22
    both = truth.filter(~pl.col("defect").is_in(["clean"])).group_by("defect").agg(pl.col("language").unique())
    assert all({"en", "ar"} <= set(languages) for languages in both["language"])


def test_clean_rows_obey_the_playbook(truth: pl.DataFrame, clean: dict[str, Messages]) -> None:
    playbook = Playbook.load(ROOT / "playbook.yaml")
    broken = [
        (row_id, judgement.rule)
        for row_id, language, intent in truth.select("row_id", "language", "intent_true").iter_rows()
        for judgement in playbook.judge(clean.get(row_id, ()), language, intent)
        if not judgement.ok
    ]
    assert broken == []


def test_every_planted_playbook_break_breaks_it(truth: pl.DataFrame, raw: dict[str, Messages | None]) -> None:
    playbook = Playbook.load(ROOT / "playbook.yaml")
    planted = truth.filter(pl.col("defect") == "playbook_break")
    for row_id, language, intent in planted.select("row_id", "language", "intent_true").iter_rows():
        assert not all(j.ok for j in playbook.judge(raw[row_id] or [], language, intent)), row_id


def test_clean_conversations_share_few_of_their_words(clean: dict[str, Messages], truth: pl.DataFrame) -> None:
    """True Jaccard similarity of five-word shingles to the nearest other clean conversation, twins left out."""
    twins = truth.filter(pl.col("kind") == "twin")
    single = {k: m for k, m in clean.items() if k not in {*twins["row_id"], *twins["partner_row_id"]}}
    sets = [shingles(messages) for messages in single.values()]
    holders: dict[str, list[int]] = defaultdict(list)
    for i, found in enumerate(sets):
        for shingle in found:
            holders[shingle].append(i)
    nearest = sorted(_nearest(i, sets, holders) for i in range(len(sets)))
    assert sum(value >= 0.7 for value in nearest) < 0.003 * len(nearest)
    assert nearest[int(0.99 * len(nearest))] < 0.55


def test_hardly_any_reply_is_written_twice(clean: dict[str, Messages], truth: pl.DataFrame) -> None:
    twins = set(truth.filter(pl.col("kind") == "twin")["row_id"])
    replies = Counter(
        m["content"] for row_id, messages in clean.items() if row_id not in twins for m in messages if _spoken(m)
    )
    assert sum(n for n in replies.values() if n > 1) < 0.03 * replies.total()


def test_the_newest_month_says_little_that_the_year_has_said(
    clean: dict[str, Messages], truth: pl.DataFrame, raw: dict[str, Messages | None]
) -> None:
    """Greeting, closing and what names the house stay; what is asked and explained is said in other sentences."""
    newest = {key: messages for key, messages in clean.items() if key.startswith(NEWEST)}
    assert set(truth.filter(pl.col("row_id").str.starts_with(NEWEST))["defect"]) == {"clean"}
    year = {key: messages or [] for key, messages in raw.items() if not key.startswith(NEWEST)}
    language, intent = (dict(truth.select("row_id", column).iter_rows()) for column in ("language", "intent_true"))
    for code in ("en", "ar"):
        its = [key for key in newest if language[key] == code]
        assert len(its) >= 150
        assert {intent[key] for key in its} == set(truth["intent_true"])
        train, test = record(*year.values()), record(*(newest[key] for key in its))
        assert known_sentences(train, test)["all"][0] < 0.4


def test_nobody_of_the_newest_month_wrote_in_the_year(written: Path) -> None:
    def customers(path: str) -> set[str]:
        return set(re.findall(r'"customer":"(\d+)"', (written / "data" / "raw" / path).read_text("utf-8")))

    newest, others = customers(NEWEST), (customers(f"chat/2025-h{half}.jsonl") for half in (1, 2))
    assert newest
    assert not newest & set().union(*others)


def test_copies_are_copies_of_clean_rows(truth: pl.DataFrame, raw: dict[str, Messages | None]) -> None:
    defect = dict(truth.select("row_id", "defect").iter_rows())
    for row in truth.filter(pl.col("defect").str.ends_with("duplicate")).iter_rows(named=True):
        original = row["partner_row_id"]
        same_file = original.rpartition(":")[0] == row["row_id"].rpartition(":")[0]
        assert defect[original] == "clean"
        if row["defect"] == "near_duplicate":
            ours, theirs = (shingles(raw[row_id] or []) for row_id in (row["row_id"], original))
            assert len(ours & theirs) / len(ours | theirs) >= 0.7
            assert raw[row["row_id"]] != raw[original]
        else:
            assert same_file == (row["defect"] == "exact_duplicate")
            assert raw[row["row_id"]] == raw[original]


def test_twins_differ_in_the_planted_words_only(truth: pl.DataFrame, raw: dict[str, Messages | None]) -> None:
    twins = truth.filter(pl.col("kind") == "twin")
    assert set(twins["note"]) == {"number", "negation", "name"}
    for row_id, partner, note in twins.select("row_id", "partner_row_id", "note").iter_rows():
        ours, theirs = (_words(raw[key] or []) for key in (row_id, partner))
        changed = [*(ours - theirs), *(theirs - ours)]
        assert 1 <= len(changed) <= 4, (row_id, changed)
        assert note != "number" or all(any(c.isdigit() for c in word) for word in changed)


def test_evaluation_conversations_occur_in_the_raw_data_as_planted_leaks_only(
    written: Path, truth: pl.DataFrame, raw: dict[str, Messages | None]
) -> None:
    lines = (written / "data" / "evaluation" / "support_eval.jsonl").read_text("utf-8").splitlines()
    held_out = {_text(json.loads(line)["messages"]) for line in lines}
    verbatim = truth.filter((pl.col("defect") == "leak") & (pl.col("kind") == "verbatim"))["row_id"]
    assert len(lines) == 120
    assert {row_id for row_id, messages in raw.items() if messages and _text(messages) in held_out} == set(verbatim)


# -- reading the five formats ------------------------------------------------------------------------------------------


def _chat(folder: Path, path: str) -> dict[str, Messages | None]:
    def messages(line: str) -> Messages | None:
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            return None
        return found.get("messages") if isinstance(found, dict) else None

    lines = (folder / path).read_text("utf-8").removesuffix("\n").split("\n")
    return {f"{path}:{n}": messages(line) for n, line in enumerate(lines, 1)}


def _sharegpt(folder: Path, path: str) -> dict[str, Messages | None]:
    roles = {"human": "user", "gpt": "assistant", "system": "system"}
    items = json.loads((folder / path).read_text("utf-8"))
    return {
        f"{path}:{n}": [{"role": roles[t["from"]], "content": t["value"]} for t in item["conversations"]]
        if "conversations" in item
        else None
        for n, item in enumerate(items, 1)
    }


def _pairs(folder: Path, path: str) -> dict[str, Messages | None]:
    rows = pl.read_parquet(folder / path).select("prompt", "completion").iter_rows()
    return {
        f"{path}:{n}": None if prompt is None else _turns(("user", prompt), ("assistant", reply))
        for n, (prompt, reply) in enumerate(rows, 1)
    }


def _tickets(folder: Path, path: str) -> dict[str, Messages | None]:
    roles = {"customer": "user", "agent": "assistant"}
    tickets: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    with (folder / path).open(encoding="utf-8", newline="") as handle:
        for n, row in enumerate(csv.DictReader(handle), 1):
            tickets[row["ticket_id"]].append((n, row["author"], row["body"]))
    return {
        f"{path}:{rows[0][0]}": _turns(*((roles[author], body) for _, author, body in rows))
        if all(author in roles for _, author, _ in rows)
        else None
        for rows in tickets.values()
    }


def _helpdesk(folder: Path, path: str) -> dict[str, Messages | None]:
    export = json.loads((folder / path).read_text("utf-8"))
    roles = {user["id"]: {"end-user": "user", "agent": "assistant"}[user["role"]] for user in export["users"]}
    return {
        f"{path}:{n}": _turns(*((roles[c["author_id"]], c["plain_body"]) for c in ticket["comments"] if c["public"]))
        or None
        for n, ticket in enumerate(export["tickets"], 1)
    }


def _turns(*turns: tuple[str, str]) -> Messages:
    return [{"role": role, "content": content} for role, content in turns]


def _spoken(message: dict[str, Any]) -> bool:
    return message["role"] == "assistant" and len(message["content"].split()) > 6


def _text(messages: Messages) -> str:
    return "\n".join(m["content"] for m in messages)


def _words(messages: Messages) -> Counter[str]:
    return Counter(_text(messages).split())


def _nearest(i: int, sets: list[set[str]], holders: dict[str, list[int]]) -> float:
    shared = Counter(other for shingle in sets[i] for other in holders[shingle] if other != i)
    return max((n / (len(sets[i]) + len(sets[other]) - n) for other, n in shared.items()), default=0.0)
