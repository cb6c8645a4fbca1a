"""Personal data in what would leave the machine: found by the finder that curate masks with, told by row and kind."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import polars as pl

from curation.core.record.conversation import canonical_json, conversations, message
from curation.harness.engine import Machine, map_rows, reduce
from curation.harness.errors import QiratError
from curation.harness.files import progress
from curation.privacy import KINDS, PATTERNED
from curation.privacy.names import name_finder
from curation.privacy.params import Privacy
from curation.privacy.tables import without_personal_data
from qirat.publish.rows import FIELDS, Row

CHUNK = 1_000  # rows that a process looks through in one go
LARGE = 8_000  # rows from which starting processes pays
SHOWN = 8  # rows named of each kind
_SAID = {"messages": (), "prompt": ("completion", "chosen", "rejected")}  # column -> what may stand behind it
_BESIDE = ("licence", "source", "reasons", "language")


def refuse_unmasked(
    sets: Mapping[str, Sequence[Row]], privacy: Privacy, machine: Machine, allowed: Collection[str]
) -> None:
    """Stops where a row of any set holds personal data of a kind that is not allowed to leave.

    A tag such as [phone_1] is none. Rows are named by id, kinds counted; no value is repeated.
    """
    if unknown := sorted(set(allowed) - set(KINDS)):
        raise QiratError(f"--allow {unknown[0]}: no such kind of personal data; there are {', '.join(KINDS)}")
    said = [
        f"{len(ids):,} rows of {name} hold a value of kind {kind}: {', '.join(ids[:SHOWN])}"
        + (f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else "")
        for name, rows in sets.items()
        for kind, ids in held(rows, privacy, machine, name).items()
        if kind not in allowed
    ]
    if said:
        raise QiratError(
            "nothing leaves: personal data stands unmasked in it.\n"
            + "\n".join(said)
            + "\nMask it (params.yaml, route.pii: KIND: mask), `dvc repro` and publish again; or look at the rows "
            "(`qirat why ID`) and, where it is nobody's or may leave, say so with --allow KIND"
        )


def held(rows: Sequence[Row], privacy: Privacy, machine: Machine, name: str) -> dict[str, list[str]]:
    """Kind -> ids of the rows that hold a value of it, in the order of KINDS."""
    table = conversations([read for row in rows for read in _as_read(row)]).with_columns(
        parent_id=pl.lit(None, pl.String)
    )
    parts = map_rows(partial(_finder, privacy), table, CHUNK, machine, LARGE)
    watched = progress(parts, f"looking for personal data in {name}", -(-table.height // CHUNK), "thousand rows")
    found = reduce(pl.concat, watched)
    kinds = {
        (kind, row_id.rpartition("|")[0])
        for row_id, told in found.select("row_id", "evidence").iter_rows()
        for kind in (part.split(" ", 1)[1] for part in told.split(", "))
    }
    by_kind = {kind: sorted(row for of, row in kinds if of == kind) for kind in KINDS}
    return {kind: ids for kind, ids in by_kind.items() if ids}


def _finder(privacy: Privacy) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: MASKED of what masking every kind that is looked for would replace.

    Names by themselves: asked for with the others they have every row read closely, and numbers found that curate,
    which looks closely only where something may stand, leaves as they are.
    """
    find_names = name_finder(privacy.names, privacy.name_model)
    looked_for = [PATTERNED] if privacy.names == "off" else [PATTERNED, frozenset(KINDS) - PATTERNED]

    def found(rows: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([without_personal_data(rows, kinds, privacy.countries, find_names)[1] for kinds in looked_for])

    return found


def _as_read(row: Row) -> list[Row]:
    """A row in the shape of the record: one for each thing that may be said in it, its other texts beside them."""
    column = next(name for name in _SAID if name in row)
    answers = [row[name] for name in _SAID[column] if name in row] or [[]]
    return [
        {
            "row_id": f"{row['id']}|{number}",
            "messages": [_recorded(m) for m in (*row[column], *answer)],
            "label": row["label"] if isinstance(row.get("label"), str) else None,
            "tools": canonical_json(row["tools"]) if row.get("tools") else None,
            "metadata": canonical_json({name: row[name] for name in _BESIDE if row.get(name)}),
        }
        for number, answer in enumerate(answers)
    ]


def _recorded(said: Row) -> Row:
    ours = {theirs: name for name, theirs in FIELDS.items()}
    return message(**{ours.get(name, name): value for name, value in said.items()})
