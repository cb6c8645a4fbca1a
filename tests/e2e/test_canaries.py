"""Personal data planted everywhere comes out nowhere: the real stages on a small set, and every byte they leave."""

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.results import road
from curation.privacy import PATTERNED
from curation.privacy.plain import Plain
from curation.review.records import records
from tests.builders import ROOT, params
from tests.chaos.project import run, walk
from tests.privacy.personal_examples import luhn

COPIED = "expectations dvc.yaml params.yaml playbook.yaml prompt.md data/evaluation data/review".split()
STAGES = road("ingest", "curate")
LATER = ("validate", "split", "report")  # which may find the set wanting
KEYS = {"birth_date": "date_of_birth", "ip_address": "ip", "secret": "password", "card": "card_number"}
WORDS = """
    parcel lamp carpet kettle mirror curtain shelf blanket garden window kitchen terrace neighbour driver evening
    morning voucher colour cable handle corner drawer bottle basket pillow ladder hammer candle vase armchair
    bench wardrobe
""".split()


class Canaries:
    """Values of every kind, each planted once. `where` tells where a value that is found outside was planted."""

    def __init__(self) -> None:
        self.where: dict[str, str] = {}
        self._rng = random.Random(7)

    def new(self, kind: str, place: str) -> str:
        number = len(self.where) + 1
        value = {
            "email": f"canary{number}@leak{number}.example.com",
            "phone": f"0501{number:03}{number:03}",
            "card": luhn(f"4556{number:011}"),
            "iban": _iban(number),
            "national_id": luhn(f"1{number:04}{number:04}"),
            "birth_date": f"{number % 28 + 1}/{number % 12 + 1}/{1950 + number % 50}",
            "ip_address": f"10.77.{number}.{number}",
            "secret": f"hunter{number}!x",
            "address": f"{1000 + number} Canary Street",
        }[kind]
        self.where[value] = f"{kind} in {place}"
        return value

    def said(self, kind: str, place: str) -> str:
        """The value in a sentence that tells what it is, in either language."""
        english = {
            "email": "My email is {}.",
            "phone": "Call me on {} please.",
            "card": "My card number is {}.",
            "iban": "My IBAN is {}.",
            "national_id": "My national ID is {}.",
            "birth_date": "I was born on {}.",
            "ip_address": "My IP is {}.",
            "secret": "My password is {}.",
            "address": "My home is at {}.",
        }
        return english[kind].format(self.new(kind, place))

    def filler(self) -> str:
        """Words enough for no two conversations to be copies."""
        return "I have a question about the " + " and the ".join(self._rng.sample(WORDS, 9)) + "."


def _iban(number: int) -> str:
    account = f"80{number:018}"
    return f"SA{98 - int(f'{account}281000') % 97:02}{account}"


def reply(text: str, rng: random.Random) -> str:
    about = ", the ".join(rng.sample(WORDS, 6))
    return f"Thank you for contacting Zaafaran Home. We looked at the {about}. {text} Is there anything else?"


def planted(canaries: Canaries) -> Iterator[dict[str, Any]]:
    """Rows of an OpenAI chat file, clean ones and ones with every kind in every place."""
    rng = random.Random(11)

    def row(*said: dict[str, Any], **columns: Any) -> dict[str, Any]:
        return {"messages": list(said), **columns}

    def user(text: str, **more: Any) -> dict[str, Any]:
        return {"role": "user", "content": f"{canaries.filler()} {text}".strip(), **more}

    def agent(text: str = "It is on its way.", **more: Any) -> dict[str, Any]:
        return {"role": "assistant", "content": reply(text, rng), **more}

    for _ in range(40):
        yield row(user(""), agent())
    for kind in sorted(PATTERNED):
        key = KEYS.get(kind, kind)
        yield row(user(canaries.said(kind, "a question")), agent())
        yield row(user(""), agent(canaries.said(kind, "a reply").replace("My", "Your")))
        call = {"function": {"name": "find", "arguments": json.dumps({key: canaries.new(kind, "a tool call")})}}
        result = {"role": "tool", "content": json.dumps({key: canaries.new(kind, "a tool result")})}
        yield row(user(""), {"role": "assistant", "content": "", "tool_calls": [call]}, result, agent())
        yield row(user(""), agent(), metadata={key: canaries.new(kind, "metadata")})
        yield row(user(""), agent(), customer=canaries.new(kind, "a customer"))
        yield row(user(canaries.said(kind, "a rejected row")), {"role": "assistant", "content": ""})
        yield row(
            user(canaries.said(kind, "a doubtful row")),
            {"role": "assistant", "content": "We will look at it and then we"},
        )
        copied = user(canaries.said(kind, "a copied row"))
        yield row(copied, agent())
        yield row(copied, {"role": "assistant", "content": reply("", rng)})
        yield row({"role": "bot2", "content": canaries.said(kind, "an unknown role")})
        yield row({"role": canaries.said(kind, "a role"), "content": "Hi"}, agent())
    for kind in ("email", "phone"):
        yield row(user("", name=canaries.new(kind, "a speaker's name")), agent())


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Canaries, str]:
    """The project after the road, what was planted, and all that the commands said."""
    root, canaries = tmp_path_factory.mktemp("canaries"), Canaries()
    for name in [*COPIED, "data/forget.jsonl"]:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    raw = root / "data/raw"
    raw.mkdir(parents=True)
    rows = [json.dumps(row, ensure_ascii=False) for row in planted(canaries)]
    rows += [
        f'{{"messages": [{{"role": "user", "content": "{canaries.said(kind, "a torn line")}'
        for kind in sorted(PATTERNED)
    ]
    (raw / "chats.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    (raw / "notes.csv").write_text(
        f"id,{canaries.new('email', 'a header')}\n1,{canaries.said('phone', 'a cell')}\n", "utf-8"
    )
    code, said = run(root, walk(*STAGES))
    assert code == 0, said
    said += "".join(run(root, walk(stage))[1] for stage in LATER)
    asked = [f"qirat why --outcome {outcome} --sample 200" for outcome in ("dropped", "quarantined")]
    asked += [f"qirat why chats.jsonl:{row} --all" for row in range(42, 42 + 88, 12)]
    code, told = run(root, walk(*asked))
    assert code == 0, told
    return root, canaries, said + told


def leaks(canaries: Canaries, text: str) -> list[str]:
    """What was planted and stands in the text, in whatever digits and however grouped."""
    plain = Plain(text.replace("\\", "")).text
    digits = re.sub(r"(?<=\d)[ -](?=\d)", "", plain)
    return [f"{place}: {value}" for value, place in canaries.where.items() if value in plain or value in digits]


def tables(folder: Path) -> str:
    files = sorted(folder.rglob("*.parquet")) if folder.is_dir() else [folder]
    return "\n".join(json.dumps(pl.read_parquet(file).to_dicts(), default=str, ensure_ascii=False) for file in files)


@pytest.mark.parametrize(
    "place", ["data/curated", "data/splits", "data/ledger.parquet", "data/scored", "data/routed", "data/validated"]
)
def test_no_table_behind_ingest_holds_personal_data(road: tuple[Path, Canaries, str], place: str):
    root, canaries, _ = road
    text = tables(root / place)
    assert len(text) > 1000
    assert leaks(canaries, text) == []


def test_what_was_planted_is_there_to_be_found_and_used(road: tuple[Path, Canaries, str]):
    root, canaries, _ = road
    assert len(leaks(canaries, tables(root / "data/ingested"))) > 0.9 * len(canaries.where)
    curated = pl.read_parquet(root / "data/curated/conversations.parquet")
    assert curated.height > 60
    text = tables(root / "data/curated")
    assert all(f"[{kind}_1]" in text for kind in PATTERNED)


@pytest.mark.parametrize("place", ["reports", "metrics"])
def test_no_page_and_no_metric_holds_personal_data(road: tuple[Path, Canaries, str], place: str):
    root, canaries, _ = road
    files = [file for file in (root / place).rglob("*") if file.suffix in (".html", ".md", ".json", ".csv")]
    assert len(files) > 2
    assert [leak for file in files for leak in leaks(canaries, file.read_text("utf-8"))] == []


def test_no_command_says_personal_data(road: tuple[Path, Canaries, str]):
    _, canaries, said = road
    assert "[phone_1]" in said
    assert leaks(canaries, said) == []


def test_no_reviewer_is_shown_personal_data(road: tuple[Path, Canaries, str]):
    root, canaries, _ = road
    queue = pl.read_parquet(root / "data/routed/queue.parquet")
    conversations = pl.read_parquet(root / "data/ingested/conversations.parquet")
    shown = records(queue, conversations, params("privacy")["countries"])
    assert len(shown) >= len(PATTERNED)
    assert leaks(canaries, json.dumps(shown, ensure_ascii=False)) == []
