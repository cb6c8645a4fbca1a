"""The facts that replies of the curated set state, counted: the seed of an index for retrieval.

`statements` tells each row's facts by the row alone; `knowledge` counts them and sees what changed over time.
"""

import csv
import io
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from curation.core.text.cells import harmless
from curation.core.text.facts import Fact, facts, ungrounded
from curation.curate.contexts import TURNING, around
from curation.curate.over_time import CONTRADICTORY, VARIABLE, Told, course
from curation.curate.stating import TOLD, may_state
from curation.privacy.finds import masked

ALIKE = 2 / 3  # share of the words of a context that another one has, and no word beside them, to be the same
CONTACT = "contact"  # the kind that is told of the house alone

_STATED: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_id": pl.String,
    "kind": pl.String,
    "value": pl.String,
    "turn": pl.Int32,
    "words": pl.String,  # as written
    "context": pl.List(pl.String),  # the content words around it
    "sentence": pl.String,  # with the fact blanked
    "subject": pl.List(pl.String),  # stems of the context, sorted
    "own": pl.Boolean,  # said of what is the customer's
    "ungrounded": pl.Boolean,  # nothing said before holds it; true at the first place alone
    "language": pl.String,
    "source_file": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
}
_FACTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "kind": pl.String,
    "value": pl.String,  # one for all spellings
    "words": pl.String,  # as most often written
    "context": pl.String,  # what it is the price, hour or number of: content words around it
    "sentence": pl.String,  # one that says it, the fact blanked
    "language": pl.String,
    "context_id": pl.UInt32,  # the same for all values of one context
    "course": pl.String,  # of the context: steady, changed, disputed or variable, as over_time.py tells them apart
    "contradictory": pl.Boolean,  # its values contradict one another: changed or disputed
    "conversations": pl.UInt32,
    "replies": pl.UInt32,  # that state it
    "ungrounded": pl.UInt32,  # conversations in which nothing said before holds it
    "house": pl.Boolean,  # the house's own by the check `grounding`: a person should confirm it
    "first_seen": pl.Datetime("us", "UTC"),
    "last_seen": pl.Datetime("us", "UTC"),
    "sources": pl.List(pl.String),
}
STATED, FACTS = pl.Schema(_STATED), pl.Schema(_FACTS)
Key = tuple[str, str, frozenset[str]]  # kind, language, subject
Value = tuple[str, str]  # kind, value
Row = Mapping[str, Any]


def statements(rows: pl.DataFrame) -> pl.DataFrame:
    """STATED: each fact of each reply, in order. `rows`: CURATED."""
    worth = may_state(rows).iter_rows(named=True)
    found = (stated(row, list(ungrounded(row["messages"], row["turn"]))) for row in worth)
    return pl.DataFrame(list(itertools.chain.from_iterable(found)), schema=STATED)


def knowledge(stated: pl.DataFrame, least: float, countries: Sequence[str]) -> pl.DataFrame:
    """FACTS: one row for each kind, value and context, most told first.

    What at least so many conversations tell without its standing there before is the house's own. Nothing in the table
    is personal: masking took that out of the rows, and here it is taken out of single values once more, whatever the
    policy says, but for contacts that are the house's own.
    """
    by_subject = defaultdict[Key, list[Row]](list)
    for row in stated.iter_rows(named=True):
        by_subject[row["kind"], row["language"], frozenset(row["subject"])].append(row)
    contexts = defaultdict[Key, list[Row]](list)
    for key, leader in led({key: len(rows) for key, rows in by_subject.items()}).items():
        contexts[leader] += by_subject[key]
    ordered = [contexts[key] for key in sorted(contexts, key=_order)]
    told = stated.filter("ungrounded").group_by("kind", "value").len()
    house = set(told.filter(pl.col("len") >= least).select("kind", "value").iter_rows())
    found = [one for number, rows in enumerate(ordered, 1) for one in _counted(number, rows, house, countries)]
    names = ["conversations", "replies", "kind", "value", "language", "context_id"]
    return pl.DataFrame(found, schema=FACTS).sort(names, descending=[True, True, *[False] * 4])


def led(told: Mapping[Key, int]) -> dict[Key, Key]:
    """Each context with the one that it counts as: the one most told among those ALIKE, or itself.

    Two contexts of a kind and language are alike if one's words are the other's with a few more. Where each has a word
    that the other lacks, delivery to Riyadh and to Jeddah, they are about two things.
    """
    leaders = dict[Key, Key]()
    holding = dict[Key, Key]()  # parts of a leader's words -> the leader
    for key in sorted(told, key=lambda key: (-told[key], _order(key))):
        parts = list(_parts(key))
        leader = next((part for part in parts if leaders.get(part) == part), holding.get(key, key))
        leaders[key] = leader
        if leader == key:
            for part in parts:
                holding.setdefault(part, key)
    return leaders


def counted(table: pl.DataFrame) -> dict[str, int]:
    """What metrics say of FACTS."""
    return {
        "facts": table.height,
        "facts_ungrounded": int(table["ungrounded"].sum()),
        "facts_contradictory": table.filter("contradictory")["context_id"].n_unique(),
    }


def as_csv(table: pl.DataFrame) -> str:
    """FACTS for spreadsheets: with a byte order mark, and no cell that they would compute."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([harmless(_cell(value)) for value in row] for row in table.iter_rows())
    return "\ufeff" + out.getvalue()


# -- row by row --------------------------------------------------------------------------------------------------------


def stated(row: Row, apart: Iterable[tuple[int, Fact]]) -> Iterator[dict[str, Any]]:
    """STATED of a row of `may_state`; `apart`: turn and fact, each that nothing before the turn holds."""
    messages = row["messages"]
    first = dict[tuple[str, str], tuple[int, int]]()  # of what nothing before holds: where it stands first
    for turn, fact in apart:
        first.setdefault((fact.kind, fact.value), (turn, fact.start))
    columns = {name: row[name] for name in TOLD}
    for turn in row["turn"]:
        text, those = messages[turn]["content"], facts(messages[turn]["content"])
        asked = next((m["content"] for m in reversed(messages[:turn]) if m["role"] == "user"), "") if those else ""
        for fact in those:
            near = around(text, those, fact, asked)
            yield columns | {
                "kind": fact.kind,
                "value": fact.value,
                "turn": turn,
                "words": " ".join(text[fact.start : fact.end].split()),
                "context": list(near.words),
                "sentence": near.sentence,
                "subject": sorted(near.subject),
                "own": near.own,
                "ungrounded": first.get((fact.kind, fact.value)) == (turn, fact.start),
            }


# -- counted -----------------------------------------------------------------------------------------------------------


def _counted(
    number: int, rows: Sequence[Row], house: Collection[Value], countries: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The values of one context; those that are covered alike are one, and so are those that one tells more fully."""
    fully = _fuller(rows[0]["kind"], {row["value"] for row in rows})
    rows = [{**row, "value": fully.get(row["value"], row["value"])} for row in rows]
    told = [Told(r["conversation_id"], r["value"], r["created_at"], tuple(r["subject"]), r["own"]) for r in rows]
    several = len({row["value"] for row in rows}) > 1
    found = VARIABLE if several and not rows[0]["subject"] else course(told)  # of what, nobody knows
    of_all = {"context_id": number, "course": found, "contradictory": found in CONTRADICTORY}
    groups = defaultdict[tuple[str, bool], list[Row]](list)
    for row in rows:
        known = (row["kind"], row["value"]) in house
        groups[_covered(row["value"], row["kind"], known, countries), known].append(row)
    for value, known in sorted(groups):
        yield of_all | {"value": value, "house": known} | _fact(groups[value, known], known, countries)


def _fuller(kind: str, values: Collection[str]) -> dict[str, str]:
    """The value that says the same with its currency, its half of the day or its year, where there is just one."""
    ways: dict[str, Callable[[str, str], bool]] = {
        "price": lambda less, more: more.startswith(f"{less} "),
        "time": lambda less, more: more in less.split("|"),
        "date": lambda less, more: less.startswith("-") and more.endswith(less[1:]),
    }
    same = ways.get(kind)
    if same is None:
        return {}
    found = {less: [more for more in values if more != less and same(less, more)] for less in values}
    return {less: more[0] for less, more in found.items() if len(more) == 1}


def _fact(rows: Sequence[Row], known: bool, countries: Sequence[str]) -> dict[str, Any]:
    kind, times = rows[0]["kind"], [row["created_at"] for row in rows if row["created_at"] is not None]
    return {
        "kind": kind,
        "words": _covered(_commonest(row["words"] for row in rows), kind, known, countries),
        "context": masked(_commonest(" ".join(row["context"]) for row in rows), countries),
        "sentence": masked(_commonest(row["sentence"] for row in rows), countries),
        "language": rows[0]["language"],
        "conversations": len({row["conversation_id"] for row in rows}),
        "replies": len({(row["conversation_id"], row["turn"]) for row in rows}),
        "ungrounded": sum(row["ungrounded"] for row in rows),
        "first_seen": min(times, default=None),
        "last_seen": max(times, default=None),
        "sources": sorted({row["source_file"] for row in rows}),
    }


def _covered(words: str, kind: str, known: bool, countries: Sequence[str]) -> str:
    if kind == CONTACT:
        return words if known else f"[{CONTACT}]"
    return masked(words, countries)


def _commonest(texts: Iterable[str]) -> str:
    counts = Counter(texts)
    return min(counts, key=lambda text: (-counts[text], len(text), text))


def _parts(key: Key) -> Iterator[Key]:
    """The key with all its words, and without some that do not turn what it says, down to ALIKE of them."""
    kind, language, subject = key
    kept, others = subject & TURNING, sorted(subject - TURNING)
    fewest = math.ceil(ALIKE * len(subject)) - len(kept)
    for size in range(len(others), max(fewest, 0) - 1, -1):
        yield from ((kind, language, kept | set(some)) for some in itertools.combinations(others, size))


def _order(key: Key) -> tuple[str, str, list[str]]:
    kind, language, subject = key
    return kind, language, sorted(subject)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat()
        case list():
            return "; ".join(value)
    return str(value)
