"""The section on limits: how the values of each check lie about its limit, and what another limit would free."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from curation.core.record.codes import Limit
from curation.policy.limits import Policy
from curation.policy.verdicts import worst_value
from curation.report.blocks import Block, Cell, Figure, Note, Table, count, rows_of
from curation.report.figures import histogram
from curation.report.results import Results
from curation.report.words import Words

FREED = (0.25, 0.5)  # shares of the rows that a limit alone keeps out, for which the limit is told that frees them


@dataclass(frozen=True)
class Change:
    """Another limit and the rows that would be accepted under it."""

    setting: str  # as `qirat whatif` takes it
    limit: float | None  # None: off
    freed: int


def values(results: Results, words: Words) -> list[Block]:
    """Every code whose limit alone keeps rows out, most first; then the values of every check that has a limit."""
    if results.policy is None:
        return [Note(words("values.none"), "warning")]
    limits = results.policy.limits
    worst = worst_values(results["scored/findings"], results.policy)
    alone = alone_by_code(results["routed/verdicts"])
    ordered = sorted(alone.items(), key=lambda one: (-len(one[1]), one[0]))
    told = [_row(name, worst.filter(code=name), ids, limits[name], words) for name, ids in ordered if name in limits]
    rows = [row for row in told if row]
    total = sum(map(len, alone.values()))
    header = [words(f"values.{name}") for name in ("code", "limit", "alone", "quarter", "half", "unlimited", "try")]
    drawn = [_drawn(name, worst.filter(code=name), limit, words) for name, limit in limits.items()]
    figures = Markup("").join(one for one in drawn if one)
    blocks: list[Block] = [Note(words("values.gist", alone=count(total)))]
    if rows:
        blocks.append(Table(words("values.caption"), header, rows, frozenset({1, 2, 5})))
    if figures:
        blocks.append(Figure(Markup('<div class="charts">{}</div>').format(figures), words("values.drawn")))
    return blocks


def worst_values(findings: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """conversation_id, code, worst: the value by which each conversation is judged, of codes that have a limit."""
    limited = [name for name, limit in policy.limits.items() if {limit.doubt, limit.fatal} != {None}]
    known = findings.filter(pl.col("code").is_in(limited), pl.col("value").is_finite())
    return known.group_by("conversation_id", "code").agg(worst=worst_value(policy)).sort("code", "conversation_id")


def alone_by_code(verdicts: pl.DataFrame) -> dict[str, list[str]]:
    """code -> the conversations that nothing else speaks against."""
    alone = verdicts.filter(
        pl.col("codes").list.len() == 1, pl.col("verdict") != "accept", pl.col("code").is_not_null()
    )
    return dict(alone.group_by("code").agg(pl.col("conversation_id").sort()).sort("code").iter_rows())


def changes(code: str, worst: pl.Series, limit: Limit) -> list[Change]:
    """What a looser limit would free of the rows whose worst values these are: a part of them, or all.

    A fault stays one: only values short of the fatal limit are freed by another doubt.
    """
    sign = -1 if limit.below else 1  # from here on high values are the bad ones
    fatal = None if limit.fatal is None else sign * limit.fatal
    field = "fatal" if limit.doubt is None else "doubt"
    bad = (sign * worst).sort()
    if field == "doubt" and fatal is not None:
        bad = bad.filter(bad <= fatal if limit.below else bad < fatal)
    found: dict[float | None, Change] = {}
    for part in FREED if bad.len() else ():
        most = bad[math.ceil(part * bad.len()) - 1]
        new = _rounded_up(most, beyond=not limit.below)
        freed = int((bad <= new).sum() if limit.below else (bad < new).sum())
        if freed < bad.len():
            found.setdefault(new, Change(f"route.{code}.{field}={sign * new:g}", sign * new, freed))
    return [*found.values(), Change(f"route.{code}.{field}=null", None, bad.len())] if bad.len() else []


def _rounded_up(value: float, *, beyond: bool) -> float:
    """The next number of at most three decimals from a value on, or beyond it."""
    step = 10.0 ** -max(0, min(3, 3 - math.ceil(math.log10(abs(value) or 1))))
    steps = math.floor(value / step + 1e-9) + 1 if beyond else math.ceil(value / step - 1e-9)
    return round(steps * step, 6)


def _row(name: str, worst: pl.DataFrame, ids: list[str], limit: Limit, words: Words) -> list[Cell] | None:
    told = changes(name, worst.filter(pl.col("conversation_id").is_in(ids))["worst"], limit)
    if not told or worst["worst"].n_unique() < 3:
        return None
    *parts, off = told
    cells: list[Cell] = [words("values.frees", limit=f"{one.limit:g}", freed=count(one.freed)) for one in parts]
    cells = [*cells, *[""] * (len(FREED) - len(cells)), count(off.freed)]
    now = words("comma").join(f"{one:g}" for one in (limit.doubt, limit.fatal) if one is not None)
    command = rows_of(words("values.whatif"), "whatif", (parts[-1] if parts else off).setting)
    return [words.titled_code(name), now, rows_of(count(len(ids)), "why", "--code", name), *cells, command]


def _drawn(name: str, worst: pl.DataFrame, limit: Limit, words: Words) -> Markup | None:
    """Nothing where all values are the same, as of what is only seen or not."""
    if worst["worst"].n_unique() < 3:
        return None
    limits: Mapping[str, float | None] = {"doubt": limit.doubt, "fatal": limit.fatal}
    named = {kind: value for kind, value in limits.items() if value is not None}
    drawing, highest = histogram(worst["worst"].to_list(), named, limit.below)
    marks = words("comma").join(words(f"values.{k}", limit=f"{v:g}") for k, v in named.items())
    seen = words("values.highest", rows=count(highest))
    return Markup("<figure>{}<figcaption>{} <small>{}</small></figcaption></figure>").format(
        drawing, words.titled_code(name), words("comma").join((marks, seen))
    )
