"""The defects of the benchmark: those by which `audit` tries the checks, copies, and leaks from an evaluation set.

Each takes a clean row and gives it back spoilt, or None where the row is not fit for it.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from curation.planting import defects
from curation.planting.copies import RETYPED, near_copy, retyped
from curation.planting.defects import Draw, Phrases, Spoil
from curation.planting.rows import Row

# -- copies ------------------------------------------------------------------------------------------------------------


def exact_copy(row: Row, draw: Draw) -> Row | None:
    return replace(row, id=f"{row.id} again", twin=row.id)


# -- leaks -------------------------------------------------------------------------------------------------------------


def evaluation_leak(row: Row, draw: Draw) -> Row | None:
    """The row itself is clean; `planted` puts it, or most of it, into the evaluation set."""
    return row if len(row.text.split()) >= 30 else None


DEFECTS: dict[str, Spoil] = {
    "near_copy": near_copy,
    "exact_copy": exact_copy,
    **defects.DEFECTS,
    "evaluation_leak": evaluation_leak,
}


def planted(rows: Sequence[Row], rate: float, seed: int, words: Phrases) -> tuple[list[Row], list[Row]]:
    """The rows of one language with every defect in `rate` of them, and the evaluation set that some leaked from.

    A row has one defect at most. The evaluation set holds as many rows again that are nowhere in the rows.
    """
    rng = random.Random(seed)
    order = rng.sample(range(len(rows)), len(rows))
    count = max(1, round(rate * len(rows)))
    held_out = {order.pop() for _ in range(count)}
    spoilt: dict[int, Row] = {}
    copies: list[Row] = []
    for name, spoil in DEFECTS.items():
        done = 0
        for number in list(order):
            if done == count:
                break
            drawn = Draw(random.Random(f"{seed} {name} {rows[number].id}"), rows, words)
            if (found := spoil(rows[number], drawn)) is None:
                continue
            done += 1
            order.remove(number)
            found = replace(found, defect=name)
            if found.twin:
                copies.append(found)
            else:
                spoilt[number] = found
    kept = [spoilt.get(number, row) for number, row in enumerate(rows) if number not in held_out]
    mixed = kept + copies
    rng.shuffle(mixed)
    leaked = [row for row in kept if row.defect == "evaluation_leak"]
    quoted = [_quoted(row, Draw(random.Random(f"{seed} quote {row.id}"), rows, words)) for row in leaked]
    return mixed, quoted + [rows[number] for number in sorted(held_out)]


def _quoted(row: Row, draw: Draw) -> Row:
    """As evaluation sets have it: whole, retyped, or without what follows the last reply."""
    how = draw.rng.randrange(3)
    if how == 1:
        return retyped(row, draw.rng.choice(RETYPED), draw)
    if how == 2:
        return replace(row, messages=row.messages[: row.said("assistant")[-1] + 1])
    return row


def as_json(row: Row) -> dict[str, Any]:
    """The row as a raw file holds it; nothing of the truth."""
    label = {"label": row.label} if row.label else {}
    return {"id": row.id, "messages": [dict(m) for m in row.messages], **label}


def renamed(rows: Iterable[Row]) -> list[Row]:
    """The rows under ids that tell nothing."""
    listed = list(rows)
    new = {row.id: f"{row.language}-{number:05}" for number, row in enumerate(listed, 1)}
    return [replace(r, id=new[r.id], twin=new[r.twin] if r.twin else None) for r in listed]
