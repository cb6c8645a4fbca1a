"""How much of what is wrong with a data set is stopped, and how much of what is right.

    python -m benchmarks.corruption --english star.jsonl.gz tm4.jsonl.gz --arabic arbanking77/ [--peers]

Clean rows of real dialogues (English: JSON lines of {messages, meta}; Arabic: ArBanking77's questions under replies of
ours) get known defects; the stages of Qirat, and with --peers the recipes of Data-Juicer, datatrove and text-dedup, run
over the same rows. Results go to benchmarks/results/corruption.json; `python -m benchmarks.document` shows them in
docs/benchmarks.md.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.corruption import qirat, tables
from benchmarks.corruption.spoilt import spoilt
from benchmarks.peers import recipes
from benchmarks.peers.environment import PACKAGES, add_options, python_of
from benchmarks.results import RESULTS
from curation.checks import checks
from curation.planting.defects import PERSONAL, PHRASES
from curation.planting.rows import Row

BUDGETS = (0.02, 0.05, 0.1, 0.2)


def main() -> None:
    arguments = parsed()
    rows, evaluation = spoilt(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        project = arguments.project or Path(scratch)
        qirat.prepare(project, rows, evaluation, arguments.playbook)
        results: dict[str, Any] = {"rows": len(rows), "rate": arguments.rate, "seed": arguments.seed}
        results |= ours(project, rows)
        results["peers"] = theirs(project, rows, arguments) if arguments.peers else {}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(tables.markdown(results))


def ours(project: Path, rows: list[Row]) -> dict[str, Any]:
    """What became of the rows by policy on personal data, budget and language; what every code spoke against; costs."""
    qirat.curate(project)
    review = dict.fromkeys(PERSONAL, "review")
    policies: dict[str, dict[str, Any]] = {"mask": {}, "review": {}}
    spoken: dict[str, Any] = {}
    for policy, pii in (("mask", {}), ("review", review)):
        for budget in BUDGETS:
            qirat.route(project, budget=budget, pii=pii)
            found = qirat.outcomes(project, rows)
            policies[policy][str(budget)] = tables.by_language(found)
            if (policy, str(budget)) == ("review", tables.BUDGET):
                spoken = tables.codes(found)
    versions = {name: check.version for name, check in checks().items()}
    return {"policies": policies, "codes": spoken, "costs": qirat.costs(project), "versions": versions}


def theirs(project: Path, rows: list[Row], arguments: argparse.Namespace) -> dict[str, Any]:
    pythons = {tool: python_of(tool, arguments) for tool in PACKAGES}
    truth = pl.DataFrame([{"id": r.id, "language": r.language, "defect": r.defect} for r in rows])
    found = recipes.outcomes(project, rows, pythons)
    return {
        tool: tables.by_language(truth.with_columns(outcome=pl.col("id").replace_strict(became)))
        for tool, became in found.items()
    }


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--english", type=Path, nargs="+", default=[])
    parser.add_argument("--arabic", type=Path)
    parser.add_argument("--rows", type=int, default=5000, help="clean rows of each language")
    parser.add_argument("--rate", type=float, default=0.004, help="share of the rows that get each defect")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--playbook", type=Path, help="rules to judge by; without, none")
    parser.add_argument("--phrases", type=Path, default=PHRASES, help="words to plant, in the form of phrases.yaml")
    parser.add_argument("--project", type=Path, help="folder to work in and keep")
    parser.add_argument("--results", type=Path, default=RESULTS / "corruption.json")
    parser.add_argument("--peers", action="store_true", help="run the peers too, in environments of their own")
    add_options(parser, *PACKAGES)
    return parser.parse_args()


if __name__ == "__main__":
    main()
