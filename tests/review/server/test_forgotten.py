"""Whoever is to be forgotten is found in an Argilla elsewhere too, whoever put them there."""

from pathlib import Path

import pytest

from curation.commands.certificate import prove, what_holds_them
from curation.decisions.forget import read_rules, rule, write_rules
from tests.builders import record as conversation
from tests.builders import save, talk
from tests.review.server.argilla import Api, dataset, record

HER = "+966 50 123 4567"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIRAT_ARGILLA_URL", owner.url)
    monkeypatch.setenv("QIRAT_ARGILLA_API_KEY", owner.key)
    save(tmp_path, "ingested/conversations", conversation(talk("hello", "hi"), customer=["sara"]))
    write_rules([rule("customer", HER)])


def test_her_record_is_found_whoever_made_it_and_others_are_not(owner: Api) -> None:
    made = dataset(owner)
    by_hand, _, other = made.write(
        record("a", "رقمي ٠٠٩٦٦ ٥٠ ١٢٣ ٤٥٦٧"), record("b", "hello"), record("c", "hello +966507654321")
    )
    told, gone = prove(read_rules())
    [held] = [line for line in told.splitlines() if line.startswith("  HELD")]
    assert not gone and owner.url in held and "1 records" in held and by_hand["id"] in held
    assert other["id"] not in told and held in what_holds_them(read_rules())
    owner.delete(f"{made.place}/records?ids={by_hand['id']}")
    told, gone = prove(read_rules())
    assert gone and f"gone  Argilla at {owner.url}" in told


@pytest.mark.parametrize(
    ("url", "key", "why"),
    [("http://127.0.0.1:9", "k", "no Argilla answers"), (None, "k", "set both"), (None, None, "name none")],
)
def test_one_that_cannot_be_asked_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str | None, key: str | None, why: str
) -> None:
    for name, value in (("URL", url), ("API_KEY", key)):
        monkeypatch.delenv(f"QIRAT_ARGILLA_{name}")
        if value:
            monkeypatch.setenv(f"QIRAT_ARGILLA_{name}", value)
    told, gone = prove(read_rules())
    [line] = [line for line in told.splitlines() if "an Argilla elsewhere" in line]
    assert gone and why in line and told.index("Not looked into") < told.index(line)
