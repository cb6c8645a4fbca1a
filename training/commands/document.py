"""Write what each metric says of itself into docs/training.md.  python -m training.commands.document"""

import re
from pathlib import Path

from training.judge.metrics import Metric, metrics

PAGE = Path("docs/training.md")
NEEDS = {
    "likelihood": "the team's own replies under each arm's prompt",
    "replies": "written replies, each turn with the true turns before it",
    "corpus": "all written replies together",
}
TABLE = re.compile(r"(?<=<!-- metrics -->\n).*?(?=<!-- metrics: end -->)", re.DOTALL)


def main() -> None:
    """Takes the place of the table between the marks."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(TABLE.sub(lambda _: f"\n{table()}\n", page), "utf-8")


def table() -> str:
    """The metrics in Markdown, those that may decide first."""
    lines = ["| metric | what | on | may decide | margin |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_row, metrics().values())]) + "\n"


def _row(metric: Metric) -> str:
    margin = "" if metric.margin is None else f"{metric.margin:g}"
    what = f"{metric.title['en']}. {metric.explanation['en']}"
    facts = (what, NEEDS[metric.needs], "yes" if metric.decides else "no", margin)
    return f"| `{metric.name}` | {' | '.join(facts)} |"


if __name__ == "__main__":
    main()
