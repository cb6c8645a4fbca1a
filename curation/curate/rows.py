"""What becomes of each used row by itself: personal data taken out, facts found. Done once, for later runs too."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import polars as pl

from curation.curate.facts import FINISHED, reader
from curation.curate.fates import CURATED
from curation.curate.knowledge import STATED
from curation.curate.masking import masker
from curation.harness.parts import among
from curation.privacy.params import Privacy
from curation.privacy.tables import MASKED

KEY = ["row_id", "row"]
_TOLD_BY_ROW = [name for name in STATED if name in CURATED]
_STATED = pl.Struct({name: dtype for name, dtype in STATED.items() if name not in CURATED})
MADE = pl.Schema(
    [
        *FINISHED.items(),
        ("stated", pl.List(_STATED)),  # STATED, less what the row tells too
        ("value", MASKED["value"]),  # MASKED; null where nothing was replaced
        ("evidence", MASKED["evidence"]),
    ]
)
REMEMBERED = pl.Schema([*MADE.items(), ("row", pl.UInt64())])
Used = Callable[[], Iterable[pl.DataFrame]]  # CURATED of all used rows in parts, the same whenever it is called


def keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """CURATED and a hash of the whole `row`.

    The hash is Polars' own, which another version may change: what is remembered under it has that version in its own.
    """
    return rows.with_columns(row=pl.struct(pl.all()).hash())


def maker(
    kinds: Collection[str], privacy: Privacy, treatments: Mapping[str, str], confirmed: Collection[str]
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The kernel: REMEMBERED of rows as `keyed` gives them, tags in place of these kinds of personal data.

    Edits and tags move what stands behind them, so facts are looked for last.
    """
    mask, read = masker(kinds, privacy) if kinds else None, reader(treatments, confirmed)

    def make(rows: pl.DataFrame) -> pl.DataFrame:
        masked, done = mask(rows) if mask else (rows, MASKED.to_frame())
        # by the row's own id: without personal data two conversations may be one
        found, stated = read(masked.with_columns(conversation_id="row_id"))
        nested = stated.select(row_id="conversation_id", stated=pl.struct(field.name for field in _STATED.fields))
        by_row = nested.group_by("row_id", maintain_order=True).agg("stated")
        return (
            found.with_columns(masked["conversation_id"])
            .join(by_row, on="row_id", how="left", maintain_order="left")
            .join(done.select("row_id", "value", "evidence"), on="row_id", how="left", maintain_order="left")
            .with_columns(pl.col("stated").fill_null([]))
            .select(pl.col(name).cast(dtype) for name, dtype in REMEMBERED.items())
        )

    return make


def known_parts(remembered: Iterable[pl.DataFrame], here: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """REMEMBERED of the rows that are `here` (KEY)."""
    for part in remembered:
        yield among(part, here, KEY)


def masked_of(rows: pl.DataFrame) -> pl.DataFrame:
    """MASKED of rows of MADE."""
    done = rows.filter(pl.col("value").is_not_null())
    return done.with_columns(conversation_id=pl.coalesce("parent_id", "conversation_id")).select(MASKED.names())


def stated_of(rows: pl.DataFrame) -> pl.DataFrame:
    """STATED of rows of MADE, in their order."""
    each = rows.select(*_TOLD_BY_ROW, "stated").explode("stated", empty_as_null=False)
    return each.unnest("stated").select(STATED.names())
