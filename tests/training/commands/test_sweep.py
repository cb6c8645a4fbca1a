import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from curation.core.statistics.sequential import reach_of
from curation.harness.errors import QiratError
from tests.builders import params, save
from tests.training.tiny import tokenized
from training.commands import sweep as asked
from training.commands import trial
from training.commands.curve import LOSSES
from training.evaluate.looks import LEDGER, Look, looked
from training.evaluate.seeds import seeds_behind
from training.judge.scoring import PREDICTIONS, Evaluate
from training.model.adapter import read_provenance
from training.model.recipe import Recipe
from training.model.seeds import Seeds, read_seeds
from training.train import __main__ as train
from training.train.fit import fit
from training.train.watch import DivergedError

LIMIT = 6_200  # tokens: a training and its judging take some 900, so three are tried beside four that confirm


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tokenized(tmp_path_factory.mktemp("sweep"))
    values = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    values["train"]["cpu"] |= {"train_tokens": 500, "dev_points": 2}
    (root / "params.yaml").write_text(yaml.safe_dump(values), "utf-8")
    save(root, "baseline/scores", pl.DataFrame())
    (root / "data/baseline/passed").write_text("passed\n", "utf-8")
    return root


def recipe(**values: Any) -> Recipe:
    whole = {"dev_points": 2, "epochs": 1, "rank": 8, "alpha": 16, "dropout": 0, "learning_rate": 1e-3, "warmup": 0}
    return Recipe.model_validate({**whole, "batch": 2, **values})


def planted(best_rate: float, best_epochs: float) -> Any:
    """A loss with one lowest place, by the distance of the logarithms."""
    return lambda one: abs(math.log(one.learning_rate / best_rate)) + abs(math.log(one.epochs / best_epochs))


def search(limit: float, judge: Any, seeds: int = 2) -> tuple[list[asked.Tried], float]:
    """What was tried from `recipe()`, and what all of it costs with the confirmation; an epoch costs 1."""
    budget = asked.Budget(limit, "tokens", seeds, lambda one: one.epochs)
    stands: Any = type("Stands", (), {"recipe": recipe()})
    found = asked.searched(stands, budget, judge)
    best = min(found, key=lambda one: one.loss)
    return found, sum(one.recipe.epochs for one in found) + seeds * (best.recipe.epochs + 1)


@pytest.mark.parametrize(("rate", "epochs"), [(9e-3, 4), (1e-4, 0.25), (1e-3, 1), (3e-4, 2)])
def test_a_planted_best_recipe_is_found_from_either_side(rate: float, epochs: float) -> None:
    found, _ = search(200, planted(rate, epochs))
    best = min(found, key=lambda one: one.loss).recipe
    assert (best.epochs, best.rank) == (epochs, 8)
    assert abs(math.log(best.learning_rate / rate)) < math.log(3) / 2
    tried = [(one.recipe.learning_rate, one.recipe.epochs, one.recipe.rank) for one in found]
    assert len(set(tried)) == len(tried)


@given(limit=some.floats(6, 60), rate=some.floats(1e-5, 1e-1), epochs=some.floats(0.2, 8), seeds=some.integers(2, 4))
def test_no_search_costs_more_than_its_budget(limit: float, rate: float, epochs: float, seeds: int) -> None:
    limit = max(limit, 2 + 2 * seeds)
    found, cost = search(limit, planted(rate, epochs), seeds)
    assert cost <= limit + 1e-9
    assert found[0].recipe == recipe()


def sample(draw: Any, gain: float, luck: float) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """LOSSES of three seeds before and after: conversations differ, and so do seeds."""
    talks = draw.normal(2.0, 0.3, 40)

    def seed(level: float) -> pl.DataFrame:
        rows = [(f"c{n:02}", "en", 10 * (talks[n] + level + draw.normal(0, 0.2)), 10.0) for n in range(40)]
        return pl.DataFrame(rows, schema=LOSSES, orient="row")

    return [seed(draw.normal(-gain, luck)) for _ in range(3)], [seed(draw.normal(0, luck)) for _ in range(3)]


@pytest.mark.parametrize("luck", [0.0, 0.1])
def test_the_interval_covers_the_truth_with_the_luck_of_seeds_in_it(luck: float) -> None:
    draw = np.random.default_rng(5)
    found = [asked.gained(*sample(draw, 0.3, luck)) for n in range(120)]
    assert sum(one.low <= 0.3 <= one.high for one in found) >= 110  # 92% of them; nominal 95%


def test_luck_that_differs_more_widens_the_interval_and_moves_nothing() -> None:
    ours, theirs = sample(np.random.default_rng(1), 0.3, 0.0)
    moved = [one.with_columns(value=pl.col("value") + at) for one, at in zip(ours, (-2.0, 0.0, 2.0), strict=True)]
    calm, wild = (asked.gained(each, theirs) for each in (ours, moved))
    assert wild.value == pytest.approx(calm.value)
    assert wild.high - wild.low > 2 * (calm.high - calm.low)


def test_a_later_look_is_as_much_less_sure_of_a_gain() -> None:
    before, after = sample(np.random.default_rng(3), 0.2, 0.01)
    once, later = (asked.gained(after, before, reach_of(look)) for look in (1, 5))
    assert later.low < once.low < later.value < once.high < later.high


def test_a_sweep_that_was_killed_goes_on_confirms_once_and_proposes(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ready)
    before = (ready / "params.yaml").read_bytes()
    seeds: list[int] = []

    def counted(base: Any, tokenizer: Any, tokens: Any, dev: Any, params: Any, *rest: Any) -> Any:
        if len(seeds) == 3:
            seeds.append(0)
            raise KeyboardInterrupt
        seeds.append(params.seed)
        return fit(base, tokenizer, tokens, dev, params, *rest)

    monkeypatch.setattr(trial, "fit", counted)
    with pytest.raises(KeyboardInterrupt):
        asked.sweep(LIMIT, "tokens", 2, judged=6)
    found = asked.sweep(LIMIT, "tokens", 2, judged=6)
    assert "one training takes" in capsys.readouterr().err
    best = next(row for row in found["tried"] if row["best"])
    assert best["dev_loss"] == min(row["dev_loss"] for row in found["tried"])
    confirmed = len(found["test"])
    assert [seed for seed in seeds if seed] == [7] * len(found["tried"]) + [8, 9] * confirmed
    assert set(found["test"][-1]["losses"]) == {"8", "9"}
    changes = {name: best[name] for name in asked.SETTINGS if best[name] != found["tried"][0][name]}
    flags = [f"train.cpu.{name}={value:g}" for name, value in changes.items()]
    assert found["proposal"] == [*flags, *(["strength.cpu=auto"] if flags else [])]
    assert ("dvc exp run -S train.cpu." in asked.as_text(found)) == bool(flags)
    assert (ready / "params.yaml").read_bytes() == before

    monkeypatch.setattr(trial, "fit", None)  # one more training would fail
    assert asked.sweep(LIMIT, "tokens", 2, judged=6) == found

    assert found["look"] == 1, "the killed one and the repeated one are the same look"
    assert len(LEDGER.read_text("utf-8").splitlines()) == 1 + 1
    test = pl.read_parquet("data/splits/test.parquet")
    settings = Evaluate.model_validate(params("evaluate"))
    assert looked(Look.at(test, "an adapter", pl.DataFrame(schema=PREDICTIONS), settings)) == 2
    assert "look 1 at it (data/looks.jsonl), so intervals stand at 97.50%" in asked.as_text(found)

    train.main()
    told = seeds_behind(read_provenance(ready / "models/trained"), read_seeds()).told
    assert [(reason.code, reason.figures["n"]) for reason in told] == [("seeds", 2), ("seeds_differ", 2)]
    assert told[1].figures["value"] == found["test"][0]["gain"]["value"]


def test_a_recipe_that_diverges_is_the_worst_and_ends_no_sweep(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)

    def lost(*_: Any) -> Any:
        raise DivergedError("step 3: loss is nan")

    monkeypatch.setattr(trial, "fit", lost)
    stands = asked.Trial.of_recipe()
    dev = pl.read_parquet("data/tokenized/dev.parquet")
    assert asked.judged_once(stands, dev, asked.changed(stands.recipe, "learning_rate", 5)) == math.inf
    with pytest.raises(DivergedError):
        asked.judged_once(stands, dev, stands.recipe)


def test_an_adapter_of_no_sweep_has_one_seed_behind_it() -> None:
    origin = {"base": {"weights": "w"}, "data": {}, "template": {}, "params": {"recipe": {"rank": 8}}}
    (told,) = seeds_behind(origin, Seeds(qirat="seeds", version=1, trainings={})).told
    assert str(told) == "training seeds that stand behind it: 1"


def test_a_budget_that_holds_no_search_says_what_would(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)
    with pytest.raises(QiratError, match=r"100 tokens hold no search: .* or more, or fewer --seeds"):
        asked.sweep(100, "tokens", 2, judged=6)


def test_minutes_are_told_by_the_last_training_here(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready)
    monkeypatch.setattr(asked, "took_last", dict)
    with pytest.raises(QiratError, match="give --tokens instead"):
        asked.sweep(9, "minutes", 2, judged=6)
    monkeypatch.setattr(asked, "took_last", lambda: {"operations": 1.0, "seconds": 1e6})
    with pytest.raises(QiratError, match="9 minutes hold no search"):
        asked.sweep(9, "minutes", 2, judged=6)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", '{"trainings": {}}', '{"qirat": "decisions", "trainings": {}, "version": 1}'),
        *('{"qirat": "seeds", "trainings": {}, "version": 99}', '{"qirat": "seeds", "version": 1, "train'),
    ],
)
def test_seeds_that_are_empty_torn_foreign_or_of_a_later_version_are_not_taken_for_none(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "seeds.json").write_text(text)
    with pytest.raises(QiratError, match=r"^[^\n]*seeds\.json: [^\n]*; restore it from git[^\n]*$"):
        read_seeds(tmp_path / "seeds.json")


def test_an_empty_test_set_is_no_look() -> None:
    with pytest.raises(QiratError, match=r"data/splits/test\.parquet holds no conversation"):
        Look.of_sweep(pl.DataFrame(schema={"conversation_id": pl.String}), ["a"], ["b"])
