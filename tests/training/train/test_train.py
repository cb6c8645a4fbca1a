import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from curation.harness.engine import Machine
from curation.harness.errors import QiratError
from tests.builders import CHILDREN_PATH, ROOT, params, talk
from tests.training.tiny import model, renderer, tokenizer
from training.model.adapter import FILES, WEIGHTS, module_count, refuse_damaged, write_adapter
from training.model.base import Model, load_model
from training.model.cost import Numbers, Shape
from training.model.likelihood import negative_log_likelihoods
from training.model.plan import BatchPlan, fair_sample, plan
from training.model.recipe import Asked, Train
from training.model.template import Example
from training.train.__main__ import card_used, rows_of, sampled
from training.train.checkpoints import Checkpoints
from training.train.fit import as_before, be_deterministic, fit, fit_on_all, in_order, predicted


def examples(*talks: list[dict[str, str]]) -> list[Example]:
    return [e for said in talks for e in renderer().examples(said)]


def table(rows: list[Example]) -> pl.DataFrame:
    schema = {"input_ids": pl.List(pl.Int32), "labels": pl.List(pl.Int32)}
    return pl.DataFrame([(e.input_ids, e.labels) for e in rows], schema=schema, orient="row")


def a_token(tuned: Any, rows: list[Example]) -> float:
    """Nats a token, each reply measured by the model's own loss and weighed by its tokens."""
    import torch

    def own(e: Example) -> float:
        return float(tuned(input_ids=torch.tensor([e.input_ids]), labels=torch.tensor([e.labels])).loss.detach())

    return sum(own(e) * e.supervised for e in rows) / sum(e.supervised for e in rows)


def confident() -> Any:
    """The tiny model with larger logits, so that a few steps of LoRA can change its mind."""
    import torch

    made = model()
    with torch.no_grad():
        made.lm_head.weight.mul_(20)
    return made


def recipe(**values: Any) -> Train:
    settings = params("train")
    return Train.model_validate({**settings, "cpu": {**settings["cpu"], **values}})


def test_dev_loss_weighs_tokens_and_the_adapter_kept_is_that_of_the_lowest(tmp_path: Path) -> None:
    from peft import PeftModel

    learnt = examples(*[talk(f"question {n}", "yes yes yes") for n in range(12)])
    dev = examples(talk("question 3", "yes yes yes yes yes yes"), talk("question", "no"))
    settings = recipe(learning_rate=0.01, epochs=6, dev_points=10, batch=2, passes=1, warmup=0.0)
    trained = fit(confident(), tokenizer(), table(learnt), dev, settings, settings.recipe)
    losses, best = trained.curve.losses, trained.curve.best_step

    assert losses[0] == pytest.approx(a_token(confident(), dev), rel=1e-4)
    mean_of_means = sum(a_token(confident(), [e]) for e in dev) / len(dev)
    assert abs(losses[0] - mean_of_means) > 0.01  # the two can be told apart here
    assert 0 < best < max(losses)
    assert losses[best] < losses[max(losses)] - 0.05  # it rose after the best step, as "no" was unlearnt

    trained.model.save_pretrained(tmp_path)
    saved = PeftModel.from_pretrained(confident(), str(tmp_path)).eval()
    for kept in (trained.model, saved):
        assert sum(negative_log_likelihoods(kept, dev)) / sum(e.supervised for e in dev) == pytest.approx(
            losses[best], rel=1e-5
        )


@pytest.mark.parametrize("shard", ["off", "on"])
def test_two_processes_learn_what_one_learns(shard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started as for several GPUs, on this CPU: a step's rows are shared out, and dev, and with shard the weights too.

    The result is the same but rounding: sums over two processes are added in another order.
    """
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", CHILDREN_PATH)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    confident().save_pretrained("base")
    tokenizer().save_pretrained("base")
    base = Model(name="base", dtype="float32", template_arguments={})
    learnt = table(examples(*[talk(f"question {n}", "yes " * (n % 3 + 1)) for n in range(8)]))
    dev = examples(*[talk(f"question {n}", "yes " * n + "no" * 400) for n in range(3)])
    settings = recipe(learning_rate=0.01, epochs=1, dev_points=3, batch=2, passes="auto")
    alone = fit(load_model(base), tokenizer(), learnt, dev, settings, settings.recipe)
    often, several = Machine(checkpoint_minutes=0), settings.model_copy(update={"shard": shard})

    def spread_out() -> Any:
        return fit_on_all(2, base, learnt, table(dev), several, settings.recipe, Checkpoints({"seed": 7}), often)

    spread = spread_out()
    assert spread.took["processes"] == 2
    assert (spread.took["predicted_bytes"] != alone.took["predicted_bytes"]) == (shard == "on")
    assert spread.curve.losses == pytest.approx(alone.curve.losses, rel=1e-5)
    assert spread.curve.losses[4] < spread.curve.losses[0]
    for name, weights in alone.curve.best.items():
        torch.testing.assert_close(spread.curve.best[name], weights, atol=1e-5, rtol=1e-4)
    assert sum(negative_log_likelihoods(spread.model, dev)) / sum(e.supervised for e in dev) == pytest.approx(
        min(spread.curve.losses.values()), rel=1e-5
    )
    if shard == "off":
        return
    last = Path("data/cache/train/checkpoint-3")
    assert sorted(path.name for path in last.glob("rng_state*")) == ["rng_state_0.pth", "rng_state_1.pth"]
    again = spread_out()
    assert (again.took["resumed"], again.curve.losses) == (1, spread.curve.losses)
    assert all(torch.equal(weights, again.curve.best[name]) for name, weights in spread.curve.best.items())
    for at, trained in (("one", alone), ("two", again)):
        write_adapter(Path(at), trained.model, tokenizer(), origin(base), pl.DataFrame({"row_id": ["a"]}))
    one, two = (
        {path.name: path.read_bytes() for path in Path(at).iterdir() if path.name != FILES} for at in ("one", "two")
    )
    assert [name for name in one if one[name] != two[name]] == [WEIGHTS]
    assert one.keys() == two.keys()
    refuse_damaged(Path("two"))
    assert module_count(Path("two")) == module_count(Path("one")) == 14


def origin(base: Model) -> dict[str, Any]:
    """As much of a provenance as a card of the adapter tells."""
    figures = dict.fromkeys("examples_seen examples tokens_seen tokens steps best_step strength".split(), 1)
    losses = {"dev_loss_start": 1.0, "dev_loss": 1.0}
    return {
        "base": {"name": base.name, "weights": "sha256:0"},
        "data": {"train_sha256": "0"},
        "template": {"arguments": {}, "stop_token": "<|im_end|>"},
        "params": {"model": base.model_dump(), "recipe": {"rank": 8, "alpha": 8, "learning_rate": 0.01, "epochs": 1}},
        "training": {**figures, **losses},
    }


def test_dev_is_weighed_once_however_many_processes_share_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each passes as often through the model as the others: where weights are shared out they wait for one another."""
    import torch

    from training.train import ranks

    tiny = model().double()
    dev = examples(*[talk(f"question {n}", "yes " * 200) for n in range(3)], talk("hello", "no"))
    whole = sum(negative_log_likelihoods(tiny, dev)) / sum(e.supervised for e in dev)
    passes: list[int] = []
    tiny.register_forward_hook(lambda *_: passes.append(1))
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda _: None)
    for processes in (1, 2, 3, 5):
        monkeypatch.setattr(ranks, "several", lambda processes=processes: processes)
        shares, counts = [], set()
        for rank in range(processes):
            monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
            passes.clear()
            shares.append(ranks.shared_token_loss(tiny, dev))
            counts.add(len(passes))
        assert sum(shares) == pytest.approx(whole, rel=1e-9)
        assert len(counts) == 1


def test_a_run_that_stopped_early_and_was_killed_before_it_wrote_stops_at_the_same_step(tmp_path: Path) -> None:
    learnt = table(examples(*[talk(f"question {n}", "yes yes yes") for n in range(12)]))
    dev = examples(talk("question", "no"))
    values = {"learning_rate": 0.02, "epochs": 6, "dev_points": 10, "patience": 1, "batch": 2, "passes": 1}
    settings = recipe(**values, warmup=0.0)
    often = Checkpoints({"seed": 7}, tmp_path / "place"), Machine(checkpoint_minutes=0)
    runs = [fit(confident(), tokenizer(), learnt, dev, settings, settings.recipe, *often) for _ in range(2)]
    assert max(runs[0].curve.losses) < 36  # it stopped early
    assert runs[1].took["resumed"]
    assert runs[1].curve.losses == runs[0].curve.losses


def test_a_step_that_cannot_be_shared_out_is_refused() -> None:
    shape = Shape.of(model().config, 8)
    cut = recipe(batch=12, passes=4).recipe
    asked = Asked(cut, 10, Numbers(4, 4), "cpu")
    assert plan(shape, asked) == BatchPlan(4, checkpointing=False)
    with pytest.raises(QiratError, match="choose a multiple of 8"):
        plan(shape, asked, processes=2)


def test_a_resumed_run_keeps_its_passes(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"train_batch_size": 2}')
    cut = recipe(batch=8, passes="auto").recipe
    assert as_before(BatchPlan(1, checkpointing=True, processes=2), cut, tmp_path) == BatchPlan(
        2, checkpointing=True, processes=2
    )


def test_the_trial_saves_the_memory_that_the_run_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU that needs checkpointing a trial without it would run out of memory before the run began."""
    import training.train.fit

    seen = []

    def spy(trainer: Any, *rest: Any) -> dict[str, float]:
        found = predicted(trainer, *rest)
        seen.append(trainer.model.get_base_model().is_gradient_checkpointing)
        return found

    monkeypatch.setattr(training.train.fit, "predicted", spy)
    settings = recipe(batch=2, passes=1, checkpointing=True)
    rows = examples(talk("question", "yes"), talk("question", "no"))
    fit(model(), tokenizer(), table(rows), rows, settings, settings.recipe)
    assert seen == [True]


def test_the_trial_looks_at_short_and_long_examples() -> None:
    lengths = [10, 30, 20, 50, 40]
    assert [lengths[i] for i in fair_sample(lengths, 1)] == [30]
    assert [lengths[i] for i in fair_sample(lengths, 90)] == [10, 30, 50]
    assert sorted(fair_sample(lengths, 10_000)) == [0, 1, 2, 3, 4]


def weights_after(kind: str, monkeypatch: pytest.MonkeyPatch, cores: int = 2, **values: Any) -> dict[str, Any]:
    """The tuned weights, and in how many threads the passes ran: TRL's trainer, or ours for a CPU."""
    import torch

    import training.train.fit

    before = torch.get_num_threads()
    monkeypatch.setattr(training.train.fit, "_one_on_a_cpu", lambda: kind == "ours")
    learnt = table(examples(*[talk(f"question {n}", "yes " * (1 + 3 * (n % 4))) for n in range(11)]))
    asked = recipe(**{"learning_rate": 0.01, "epochs": 1, "batch": 4, "passes": 4, "warmup": 0.0, **values})
    try:
        torch.set_num_threads(cores)
        trained = fit(confident(), tokenizer(), learnt, examples(talk("question", "no")), asked, asked.recipe)
    finally:
        torch.set_num_threads(before)
    return {name: weights for name, weights in trained.model.named_parameters() if weights.requires_grad}


@pytest.mark.parametrize("passes", [4, 1])
def test_passes_side_by_side_learn_what_trls_learn_one_after_the_other(
    passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step has three of four examples, so its passes are fewer or of other sizes."""
    import torch

    theirs, ours = (weights_after(kind, monkeypatch, passes=passes) for kind in ("trl", "ours"))
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_adapter_is_the_same_bytes_whatever_the_number_of_cores(
    dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout the passes take their turns: lanes would draw in the order in which they come."""
    import torch

    one, *more = (weights_after("ours", monkeypatch, cores, dropout=dropout) for cores in (1, 2, 4))
    for other in more:
        assert all(torch.equal(weights, other[name]) for name, weights in one.items())


def test_the_head_of_a_cpu_sees_learnt_tokens_alone() -> None:
    """Of a small model it is a third of the work."""
    import torch

    from training.train.cpu import summed_loss

    tiny = model()
    (one,) = examples(talk("a long question of the customer " * 9, "yes"))
    seen: list[int] = []
    tiny.lm_head.register_forward_hook(lambda _module, given, _out: seen.append(given[0].shape[1]))
    batch = {"input_ids": torch.tensor([one.input_ids]), "labels": torch.tensor([one.labels])}
    assert float(summed_loss(tiny, batch)) == pytest.approx(a_token(tiny, [one]) * one.supervised, rel=1e-4)
    assert seen[0] == one.supervised


@pytest.mark.parametrize("left", [0, 2])
def test_an_adapter_whose_rows_forget_would_not_find_is_not_trained(left: int) -> None:
    tokens = pl.DataFrame({"conversation_id": ["a", "b", "b", "c"]})
    split = pl.DataFrame({"row_id": ["1", "2", "3"], "conversation_id": ["a", "b", "c"], "parent_id": [None] * 3})
    assert rows_of(tokens, split)["row_id"].to_list() == ["1", "2", "3"]
    with pytest.raises(QiratError, match=r"^data/splits/train\.parquet lacks the conversations of \d of 4 examples"):
        rows_of(tokens, split.head(left))


def test_a_part_without_an_example_is_not_taken_for_one_of_long_ones() -> None:
    empty = pl.DataFrame(schema={"conversation_id": pl.String, "input_ids": pl.List(pl.Int32)})
    with pytest.raises(QiratError, match="data/tokenized holds a part without an example"):
        sampled(empty, 600, None, 7)


def test_a_checkpoint_that_finds_no_room_is_told_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    rows = examples(*[talk(f"question {n}", "yes") for n in range(8)])
    recipe = Train.model_validate(params("train")).recipe
    folder = tmp_path / "checkpoints"
    given = (table(rows), rows[:1], Train.model_validate(params("train")), recipe)
    with pytest.raises(QiratError, match=rf"^{folder}: no space left on device; free some space, then run it again$"):
        fit(model(), tokenizer(), *given, Checkpoints({"data": "these"}, folder), Machine(checkpoint_minutes=0))


def test_sums_are_made_in_order_where_torch_can_and_else_it_is_known_and_goes_on() -> None:
    import torch

    def unordered() -> None:
        done.append(torch.zeros(3).put_(torch.tensor([1]), torch.tensor([2.0])))

    done: list[Any] = []
    be_deterministic()
    assert torch.are_deterministic_algorithms_enabled() and not torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        assert in_order(lambda: torch.ones(2, 2) @ torch.ones(2, 2))
        with pytest.warns(UserWarning, match="deterministic"):
            assert not in_order(unordered)
        assert [float(part.sum()) for part in done] == [2.0]
        assert not in_order(lambda: None)  # what follows is not claimed either
    finally:
        be_deterministic()
    with pytest.raises(RuntimeError, match="size"):  # any other fault is one
        in_order(lambda: torch.ones(2) @ torch.ones(3))


def test_the_workspace_of_cublas_is_asked_for_before_any_model_is_there() -> None:
    code = "import os, training.train.__main__ as t; print(os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout.strip() == ":4096:8"


@pytest.mark.parametrize("same_bytes", [True, False])
def test_a_card_claims_the_same_bytes_only_where_it_computed_so(
    same_bytes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.train import __main__ as stage

    trained: Any = SimpleNamespace(kernels="compiled", same_bytes=same_bytes)
    assert card_used(trained) == {}  # a CPU needs no word
    monkeypatch.setattr(stage, "gpus", lambda: 1)
    monkeypatch.setattr(stage, "processes_wanted", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H200")
    card = {"name": "H200", "processes": 1, "kernels": "compiled", "same_bytes": same_bytes}
    assert card_used(trained) == {"card": card}


def test_who_is_named_to_look_on_gets_training_and_dev_losses_and_nobody_else_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    class Reporter(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            got.extend((state.global_step, name) for name in ("loss", "eval_loss") if name in logs)

    got: list[tuple[int, str]] = []
    for name in ("tensorboard", "wandb", "mlflow"):
        monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, name, Reporter)
    rows = examples(*[talk(f"question {n}", "yes") for n in range(4)])
    settings = recipe(batch=2, passes=2, epochs=1, dev_points=2)
    for named, expected in (((), []), (("mlflow",), [(0, "eval_loss"), (1, "loss"), (2, "loss"), (2, "eval_loss")])):
        got.clear()
        fit(model(), tokenizer(), table(rows), rows, settings, settings.recipe, machine=Machine(report_to=named))
        assert sorted(got) == sorted(expected)
