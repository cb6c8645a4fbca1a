"""What an Argilla elsewhere holds of those who are to be forgotten: every record that its key opens, whoever made it.

The embedded one is a file of the project, which the scan reads. Another is asked where the environment names it.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from curation.commands.traces import Known
from curation.harness.errors import QiratError
from curation.harness.files import progress
from curation.review.argilla_http import connected, content
from curation.review.embedded.process import Address, address

NAMED = 3  # records of a data set that are named
_READ = 500  # records a request; Argilla gives 1,000 at most
_UNNAMED = "an Argilla elsewhere (QIRAT_ARGILLA_URL and QIRAT_ARGILLA_API_KEY name none)"


@dataclass(frozen=True)
class Argilla:
    """What came of looking: lines of a certificate, and what was not looked into."""

    lines: list[str]
    unread: str


def elsewhere(known: Known) -> Argilla:
    """Looks through every record, answer and suggestion of every data set of the Argilla that the environment names."""
    if not (os.environ.get("QIRAT_ARGILLA_URL") or os.environ.get("QIRAT_ARGILLA_API_KEY")):
        return Argilla([], _UNNAMED)
    try:
        return Argilla(list(_looked_through(address(), known)), "another Argilla than that, backups of that")
    except QiratError as error:
        return Argilla([], f"an Argilla elsewhere ({error})")


def _looked_through(there: Address, known: Known) -> Iterator[str]:
    client = connected(there)
    ask = partial(content, client, there.url, "GET")
    sets, looked = ask("me/datasets")["items"], 0
    held = []
    for dataset in sets:
        records = list(progress(_records(ask, dataset["id"]), "forget: looking through Argilla", unit="records"))
        looked += len(records)
        found = [record["id"] for record in records if known.among(json.dumps(record, ensure_ascii=False))]
        if known.among(json.dumps(dataset, ensure_ascii=False)):
            held.append(f"  HELD  Argilla at {there.url}: name or guidelines of {dataset['name']}; change them there")
        if found:
            named = ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED:,} more" if len(found) > NAMED else "")
            held.append(
                f"  HELD  Argilla at {there.url}: {len(found):,} records of {dataset['name']} ({named}); "
                "`qirat review push` retires what nobody answered, delete the others there"
            )
    yield from held or [f"  gone  Argilla at {there.url}: {looked:,} records of {len(sets):,} data sets"]


def _records(ask: Any, dataset: str) -> Iterator[dict[str, Any]]:
    """Every record with all that people and suggestions said of it.

    Raises QiratError where records came or went meanwhile, for then one may have been passed over.
    """
    offset, totals = 0, set[int]()
    while not totals or offset < max(totals):
        asked = {"offset": offset, "limit": _READ, "include": "responses,suggestions"}
        page = ask(f"datasets/{dataset}/records", params=asked)
        yield from page["items"]
        offset += _READ
        totals.add(page["total"])
        if len(totals) > 1:
            raise QiratError("records came or went while Argilla was read; ask again when nobody pushes")
