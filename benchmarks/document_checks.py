"""docs/checks.md from the checks, what they say of their codes and what the corruption benchmark measured."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS
from curation.checks import checks
from curation.checks.check import Check
from curation.core.record.codes import Limit

LANGUAGES = ("en", "ar")


def sections() -> Iterator[tuple[str, str]]:
    """All checks in a table, then each with its codes."""
    measured = json.loads((RESULTS / "corruption.json").read_text("utf-8"))
    costs = measured["costs"]
    parts = ["\n".join(overview(costs)) + "\n"]
    for check in checks().values():
        as_measured = measured["versions"].get(check.name) == check.version
        table = codes(check, measured["codes"], as_measured)
        parts.append("\n".join([*described(check, costs), "", *table]) + "\n")
    yield "checks", "\n".join(parts)


def overview(costs: Mapping[str, float]) -> Iterator[str]:
    yield from head("check", "sees", "judges", "languages", "ms per 1,000")
    for check in checks().values():
        sees = " ".join(documentation(check).split("\n\n")[0].split())
        scope = "rows together" if check.whole_set else "each row"
        yield row(f"[{check.name}](#{check.name})", sees, scope, languages(check), cost(check, costs))


def described(check: Check, costs: Mapping[str, float]) -> list[str]:
    scope = "Compares rows with one another" if check.whole_set else "Judges each row by itself"
    known = f"languages: {languages(check)}; version {check.version}"
    facts = [f"{scope}; {known}; {cost(check, costs)} ms per 1,000 rows."]
    if check.source:
        facts.append(f"Source: {check.source.rstrip('.')}.")
    return [f"## {check.name}", "", documentation(check), "", " ".join(facts)]


def codes(check: Check, spoken: Mapping[str, Any], as_measured: bool) -> Iterator[str]:
    """With what each was right in, where the check is `as_measured`: of another version that says nothing."""
    figures = (*(f"right, {language}" for language in LANGUAGES), "mostly") if as_measured else ()
    yield from head("code", "as shipped", "about", *figures)
    for name, code in check.codes.items():
        measured = spoken.get(name, {})
        shares = (*(share(measured.get(language)) for language in LANGUAGES), mostly(measured)) if as_measured else ()
        yield row(f"`{name}`", limit(code.limit), code.says.replace("|", "\\|"), *shares)
    if not as_measured:
        yield "\nWhat it is right in was not measured since it changed."


def documentation(check: Check) -> str:
    return inspect.cleandoc(check.observe.__doc__ or "")


def languages(check: Check) -> str:
    return ", ".join(sorted(check.languages)) or "any"


def cost(check: Check, costs: Mapping[str, float]) -> str:
    return f"{costs[check.name]:,.0f}" if check.name in costs else "not measured"


def limit(given: Limit) -> str:
    direction = "below" if given.below else "from"
    limits = {"doubt": given.doubt, "fatal": given.fatal}
    told = [f"{name} {direction} {value:g}" for name, value in limits.items() if value]
    if given.fatal_with:
        told[-1] += f" beside {' or '.join(f'`{code}`' for code in given.fatal_with)}"
    return ", ".join(told) or "reported"


def share(measured: Mapping[str, Any] | None) -> str:
    return f"{measured['planted']} of {measured['rows']}" if measured else ""


def mostly(measured: Mapping[str, Any]) -> str:
    """The two defects it saw most, in all languages together."""
    found: dict[str, int] = {}
    for language in measured.values():
        for defect, rows in language["of"].items():
            found[defect] = found.get(defect, 0) + rows
    return ", ".join(sorted(found, key=lambda defect: (-found[defect], defect))[:2])
