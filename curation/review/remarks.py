"""What the commands of review say of records, rows and answers that they left out."""

from collections.abc import Sequence

from curation.harness.terminal import say


def print_half_filled(rows: Sequence[int]) -> None:
    """Rows of a filled file without a decision."""
    if rows:
        shown = ", ".join(map(str, rows[:10]))
        say(f"{len(rows):,} rows have no decision and were left out (first: {shown})", err=True)


def print_by_hand(count: int) -> None:
    """Records that are not ours."""
    if count:
        say(f"{count:,} records that somebody made by hand on the server were left as they are", err=True)


def print_unreadable(faults: Sequence[str]) -> None:
    """Answers on the server that were not taken."""
    for fault in faults:
        say(f"not taken: {fault}", err=True)
