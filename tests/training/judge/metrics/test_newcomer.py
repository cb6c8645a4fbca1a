"""A new metric is one new file: it is measured, may decide, and stands on the page and in the docs."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import yaml

from benchmarks import document
from curation.report import __main__ as report
from tests.training.tiny import project
from training import strength, tokenize
from training.baseline import __main__ as baseline
from training.evaluate import __main__ as evaluate
from training.judge import metrics as package
from training.train import __main__ as train

FILE = '''
"""How many replies hold a question."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    margin=0.25,
    title={"en": "Replies that ask, share (higher is better)", "ar": "نسبة الردود التي تسأل (الأعلى أفضل)"},
    explanation={"en": "Replies with a question mark.", "ar": "الردود التي فيها علامة استفهام."},
)
def questions(talk: Answered) -> Score:
    """Share of the replies."""
    return sum("?" in reply["text"] for reply in talk.replies), len(talk.replies)
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project after its stages, with the newcomer among the metrics and first in what decides."""
    folder, root = tmp_path_factory.mktemp("metrics"), project(tmp_path_factory.mktemp("finished"))
    (folder / "questions.py").write_text(FILE, "utf-8")
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["evaluate"]["primary"] = "questions"
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    (root / "data/validated").mkdir()
    (root / "data/validated/passed").write_text("passed\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "__path__", [*package.__path__, str(folder)])
        patch.setattr(package, "_METRICS", dict(package._METRICS))
        patch.chdir(root)
        package.metrics.cache_clear()
        for stage in (tokenize, baseline, train, strength, evaluate, report):
            stage.main()
        yield root
    package.metrics.cache_clear()
    del sys.modules[f"{package.__name__}.questions"]


def read(root: Path, place: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / place).read_text("utf-8"))
    return found


def test_it_is_measured_of_every_arm_and_compared_with_its_direction(finished: Path) -> None:
    scores = pl.read_parquet(finished / "data/evaluated/scores.parquet").filter(metric="questions")
    assert set(scores["arm"]) == {"base", "prompted", "few_shot", "prompted_few_shot", "optimised", "adapter"}
    compared = pl.read_parquet(finished / "data/evaluated/comparisons.parquet").filter(metric="questions")
    assert set(compared["better"]) == {1}
    assert {"base_questions", "prompted_questions"} <= read(finished, "metrics/baseline.json").keys()
    assert "adapter_questions" in read(finished, "metrics/evaluate.json")


def test_it_may_decide_and_its_margin_is_in_force(finished: Path) -> None:
    verdict = read(finished, "data/evaluated/verdict.json")
    reasons = str(verdict)
    assert "only 4 conversations stand behind questions" in reasons
    assert "questions (2)" in reasons


def test_it_stands_on_the_page_in_both_languages(finished: Path) -> None:
    """By its name, since its figures rest on too few conversations to be shown and explained."""
    told = read(finished, "data/evaluated/metrics.json")["questions"]
    page = (finished / "reports/index.html").read_text("utf-8")
    assert all(text in page for text in told["title"].values())  # type: ignore[index]


def test_it_stands_in_the_docs(finished: Path) -> None:
    row = "| `questions` | Replies that ask, share (higher is better). Replies with a question mark. |"
    assert row in document.page("training.md")
