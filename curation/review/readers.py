"""data/review/readers.jsonl: which languages each annotator reads, the one that comes first at the front, kept in git.

    {"qirat": "readers", "version": 1}
    {"languages": ["ar", "en"], "name": "sara"}

Who is not there reads all. The line stays one, with its overlap and its gold rows: a server gives each person those in
the languages chosen, in their order.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from curation.core.record.json_lines import read_lines, write_lines
from curation.decisions.answers import alone
from curation.harness.errors import QiratError
from curation.harness.files import atomic
from curation.harness.params import Params
from curation.review.backend import Annotator
from curation.review.embedded.hosting import languages as of_server

PATH = Path("data/review/readers.jsonl")
HEADER = {"qirat": "readers", "version": 1}
MIXED, UNTOLD = "mixed", "und"  # several languages in one conversation; words of none

Readers = Mapping[str, tuple[str, ...]]  # name -> languages


class Reader(Params):
    """One person and the languages, ISO 639-1 codes."""

    name: str = Field(min_length=1)
    languages: tuple[str, ...] = Field(min_length=1)


def read_readers(path: Path = PATH) -> dict[str, tuple[str, ...]]:
    """Nothing where there is no file."""
    return {one.name: one.languages for one in read_lines(path, HEADER, Reader.model_validate, lambda one: one.name)}


def choose(name: str, languages: Sequence[str], path: Path = PATH) -> None:
    """From now on. Without languages the person reads all again."""
    with alone():
        found = read_readers(path)
        found.pop(name, None)
        if languages:
            found[name] = tuple(languages)
        write_lines(path, HEADER, ({"name": one, "languages": [*read]} for one, read in sorted(found.items())))


def parsed(text: str, known: Collection[str]) -> tuple[str, ...]:
    """`ar,en`, each once. Raises QiratError for what is no language of the data set."""
    found = tuple(dict.fromkeys(filter(None, (part.strip().lower() for part in text.split(",")))))
    if unknown := [one for one in found if one not in known]:
        raise QiratError(
            f"no conversation is in {', '.join(unknown)}; the data set has {', '.join(sorted(known))}, written as ar,en"
        )
    return found


def readable(languages: Sequence[str]) -> list[str]:
    """What comes to somebody who reads these: the conversations without words too, mixed ones to who reads several."""
    beside = [MIXED, UNTOLD] if len(languages) > 1 else [UNTOLD]
    return list(dict.fromkeys([*languages, *beside])) if languages else []


def tell(home: Path, people: Iterable[Annotator], readers: Readers) -> None:
    """The server of this home knows them from its next answer on."""
    told = {one.id: readable(readers[one.name]) for one in people if one.name in readers}
    with atomic(home / of_server.NAME) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(told, indent=1, sort_keys=True), "utf-8")


def lacking(line: Iterable[str], people: Iterable[str], readers: Readers, needed: int) -> list[str]:
    """Sentences on the languages of the line that fewer people read than must answer. `line`: of each row."""
    everybody, rows = [*people], Counter(line)
    found = []
    for language, count in sorted(rows.items()):
        able = sum(language in (readable(readers.get(name, ())) or [language]) for name in everybody)
        if everybody and able < needed:
            found.append(
                f"{language}: {count:,} conversations wait and {able} of the {needed} people they need read it; "
                f"`qirat review users add NAME --languages {language}`"
            )
    return found
