"""The section about the people who review: how far and how fast they are, how reliable, what they say of the checks."""

from collections.abc import Mapping, Sequence
from typing import Any

from curation.consensus.insight import Insight, Rate
from curation.report.blocks import Block, Cell, Note, Table, auto, count, rows_of, share
from curation.report.data_sections import explanation
from curation.report.figures import interval
from curation.report.results import Results
from curation.report.words import Words

WHOLE = (0.0, 1.0)  # the scale of a share


def people(results: Results, words: Words) -> list[Block]:
    """The figures of metrics/review.json, as people read them; what nobody can tell yet is not there."""
    found = results.insight
    if found is None or not found.answers:
        return [Note(words("people.none"))]
    blocks: list[Block] = [_numbers(found, words), _annotators(found, words)]
    if found.false_keep or found.false_drop:
        blocks.append(_estimates(found, words))
    if any(rate and rate.corrected for rate in (found.false_keep, found.false_drop)):
        blocks.append(Note(words("people.corrected")))
    if found.overturned.height:
        blocks.append(_overturned(found, words))
    return blocks


def preference(results: Results, words: Words) -> list[Block]:
    """What people said of the adapter's replies beside the best prompt's, and who they are."""
    found = results.preference
    against = words.name_of("arm", found["against"]) if found else ""
    if not found or not found["asked"]:
        return [Note(words("preference.none"))]
    judges: list[list[Cell]] = [
        [
            auto(judge["annotator"]),
            count(judge["answers"]),
            f"{judge['gold_right']} / {judge['gold_asked']}" if judge["gold_asked"] else "",
            f"{judge['weight']:.2f}",
        ]
        for judge in found["judges"]
    ]
    header = [words(f"preference.{name}") for name in ("annotator", "answers", "gold", "weight")]
    table = Table(words("preference.judges"), header, judges, frozenset({1, 2, 3}))
    return [*_preferred(found, against, words), table]


def _preferred(found: Mapping[str, Any], against: str, words: Words) -> list[Block]:
    """The counts of conversations and the net; nothing where nobody's word counts."""
    if "value" not in found:
        return [Note(words("preference.uncounted"), "warning")]
    rows: list[list[Cell]] = [
        [words(f"preference.{name}", against=against), count(found[name])] for name in ("wins", "losses", "ties")
    ]
    for name, net in (("net", found), ("net_corrected", found.get("corrected"))):
        if net:
            value, low, high = (f"{net[end]:+.2f}".replace("-", "−") for end in ("value", "low", "high"))
            rows.append([words(f"preference.{name}"), f"{value} ({low} … {high})"])
    rows += [
        [words("preference.ticked", reason=words.name_of("preference_reasons", reason)), count(times)]
        for reason, times in found["reasons"].items()
    ]
    header = [words("people.figure"), words("people.value")]
    return [Table(words("preference.caption"), header, rows, frozenset({1}))]


def _numbers(found: Insight, words: Words) -> Table:
    rows: list[list[Cell]] = [
        [words(f"people.{name}"), count(getattr(found, name))]
        for name in ("answers", "decided", "applied", "pending", "held")
    ]
    if found.minutes is not None:
        rows.append([words("people.minutes"), f"{found.minutes:.1f}"])
    if found.alpha is not None:
        value, low, high = found.alpha
        rows.append([words("people.alpha"), f"{value:.2f} ({low:.2f} – {high:.2f})"])
    return Table(words("people.caption"), [words("people.figure"), words("people.value")], rows, frozenset({1}))


def _annotators(found: Insight, words: Words) -> Table:
    rows: list[list[Cell]] = [
        [
            auto(row["annotator"]),
            count(row["answers"]),
            "" if row["per_hour"] is None else count(row["per_hour"]),
            "" if row["minutes"] is None else f"{row['minutes']:.1f}",
            "" if row["agreement"] is None else share(row["agreement"], 1),
            f"{row['gold_right']} / {row['gold_asked']}" if row["gold_asked"] else "",
            *_share(row["quality"], row["low"], row["high"]),
        ]
        for row in found.annotators.iter_rows(named=True)
    ]
    names = ("annotator", "answers", "per_hour", "minutes_each", "agreement", "gold", "quality")
    return Table(words("people.annotators"), _header(names, words), rows, frozenset(range(1, 8)))


def _estimates(found: Insight, words: Words) -> Table:
    rates: Sequence[tuple[str, Rate | None]] = (("false_keep", found.false_keep), ("false_drop", found.false_drop))
    rows: list[list[Cell]] = [
        [
            words(f"people.{name}"),
            *(count(number) for number in (rate.population, rate.decided, rate.changed)),
            *_share(rate.share, rate.low, rate.high),
        ]
        for name, rate in rates
        if rate
    ]
    names = ("estimate", "population", "sampled", "otherwise", "share")
    return Table(words("people.blind"), _header(names, words), rows, frozenset(range(1, 6)))


def _overturned(found: Insight, words: Words) -> Table:
    rows: list[list[Cell]] = [
        [
            words.titled_code(doubt),
            explanation(doubt, words),
            rows_of(count(decided), "why", "--code", doubt),
            rows_of(count(kept), "why", "--kept", "--code", doubt),
            *_share(*ends),
        ]
        for doubt, decided, kept, *ends in found.overturned.iter_rows()
    ]
    names = ("doubt", "means", "with_it", "kept", "share")
    return Table(words("people.overturned"), _header(names, words), rows, frozenset(range(2, 6)))


def _header(names: Sequence[str], words: Words) -> list[str]:
    """The columns, of which the last has an interval and a drawing of it beside it."""
    return [words(f"people.{name}") for name in (*names, "interval", "drawing")]


def _share(value: float, low: float, high: float) -> list[Cell]:
    return [share(value, 1), f"{100 * low:.0f} – {100 * high:.0f}%", interval(value, low, high, WHOLE)]
