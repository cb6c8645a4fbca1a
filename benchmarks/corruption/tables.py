"""The outcomes of all rows as numbers, and as the tables of docs/benchmarks.md."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from curation.checks import checks

STRICTLY = ("reject", "review", "merged", "mended", "quarantined", "removed")  # not held: that waits for a person
STOPPED = (*STRICTLY, "held_mended")  # what was planted in these can never train, whatever becomes of the row
SHOWN = ("reject", "merged", "mended", "review", "held_mended", "held", "passed")
BUDGET = "0.1"  # the review budget that the goals are set for


def by_language(rows: pl.DataFrame) -> dict[str, Any]:
    """language -> what became of each defect's rows, of all planted ones and of the clean ones."""
    found: dict[str, Any] = {}
    for (language,), part in rows.sort("language").group_by("language", maintain_order=True):
        bad, good = part.filter(pl.col("defect").is_not_null()), part.filter(pl.col("defect").is_null())
        kinds = {str(kind): counted(of) for (kind,), of in bad.sort("defect").group_by("defect", maintain_order=True)}
        found[str(language)] = {"defects": kinds, "planted": counted(bad), "clean": counted(good)}
    return found


def counted(rows: pl.DataFrame) -> dict[str, int]:
    """Rows, and how many of each outcome."""
    return {"rows": rows.height, **dict(sorted(rows["outcome"].value_counts().iter_rows()))}


def codes(rows: pl.DataFrame) -> dict[str, Any]:
    """code -> language -> the rows it spoke against, those with a planted defect among them, and with which."""
    seen = rows.explode("codes").rename({"codes": "code"}).filter(pl.col("code").is_not_null())
    found: dict[str, Any] = {}
    for (code, language), part in seen.sort("code", "language").group_by("code", "language", maintain_order=True):
        bad = part.filter(pl.col("defect").is_not_null())
        by_defect = dict(bad["defect"].value_counts().sort("defect").iter_rows())
        found.setdefault(str(code), {})[str(language)] = {"rows": part.height, "planted": bad.height, "of": by_defect}
    return found


def stopped(counts: Mapping[str, int], outcomes: Sequence[str] = STOPPED) -> float:
    return sum(counts.get(name, 0) for name in outcomes) / max(counts["rows"], 1)


def markdown(results: Mapping[str, Any]) -> str:
    """All tables, as docs/benchmarks.md shows them."""
    parts = [_overall(results["policies"]), _defects(results["policies"]["mask"][BUDGET])]
    if results["peers"]:
        parts.append(_peers(results))
    since = [name for name, check in checks().items() if results["versions"].get(name) != check.version]
    if since:
        parts.append([f"Checks that have changed since this run, or are new: {', '.join(since)}."])
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _overall(policies: Mapping[str, Any]) -> list[str]:
    clean = [f"clean {became}" for became in ("rejected", "in review", "held", "merged")]
    lines = head(
        "personal data", "review budget", "language", "defects stopped", "without held", "defects held", *clean
    )
    for policy, budgets in policies.items():
        for budget, languages in budgets.items():
            for language, found in languages.items():
                bad, good = found["planted"], found["clean"]
                clean = [_share(good.get(name, 0), good["rows"]) for name in ("reject", "review", "held", "merged")]
                strictly = f"{stopped(bad, STRICTLY):.1%}"
                caught = [f"{stopped(bad):.1%}", strictly, _share(bad.get("held", 0), bad["rows"])]
                lines.append(row(policy, f"{float(budget):.0%}", language, *caught, *clean))
    return lines


def _defects(languages: Mapping[str, Any]) -> list[str]:
    lines = head("defect", "language", "planted", "stopped", *(name.replace("_", ", ") for name in SHOWN))
    kinds = sorted({kind for found in languages.values() for kind in found["defects"]})
    for kind in [*kinds, "all"]:
        for language, found in languages.items():
            if counts := found["planted"] if kind == "all" else found["defects"].get(kind):
                shown = [str(counts.get(name, "")) for name in SHOWN]
                lines.append(row(kind, language, str(counts["rows"]), f"{stopped(counts):.0%}", *shown))
    return lines


def _peers(results: Mapping[str, Any]) -> list[str]:
    tools = {"Qirat": results["policies"]["mask"][BUDGET], **results["peers"]}
    lines = head("stopped of", "language", *tools)
    languages = list(tools["Qirat"])
    kinds = sorted({kind for found in tools["Qirat"].values() for kind in found["defects"]})
    for kind in [*kinds, "all"]:
        for language in languages:
            found = [tool[language] for tool in tools.values()]
            counts = [one["planted"] if kind == "all" else one["defects"][kind] for one in found]
            lines.append(row(kind, language, *(f"{stopped(c):.0%}" for c in counts)))
    for language in languages:
        gone = []
        for tool in tools.values():
            clean = tool[language]["clean"]
            removed = sum(clean.get(outcome, 0) for outcome in ("reject", "merged", "removed"))
            gone.append(_share(removed, clean["rows"]))
        lines.append(row("*clean rows removed*", language, *gone))
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"


def head(*names: str) -> list[str]:
    return [row(*names), "|" + "---|" * len(names)]


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
