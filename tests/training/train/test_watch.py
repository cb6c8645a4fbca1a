from pathlib import Path
from types import SimpleNamespace

import pytest

from curation.harness.errors import QiratError
from training.train.watch import Curve, health, live, note_text, notes, spikes

CALM = [(step, 2.0 + 0.01 * (step % 3)) for step in range(40)]


def curve(*losses: float) -> Curve:
    found = Curve()
    for step, loss in enumerate(losses):
        found.add(step, loss, dict)
    return found


@pytest.mark.parametrize("logs", [{"loss": float("nan")}, {"loss": 1.0, "grad_norm": float("inf")}])
def test_a_loss_that_is_no_number_stops_with_the_cure(logs: dict[str, float]) -> None:
    class State:
        global_step = 7

    with pytest.raises(QiratError, match=r"step 7: .*learning_rate"):
        health().on_log(None, State(), None, logs=logs)
    health().on_log(None, State(), None, logs={"loss": 1.0, "grad_norm": 0.2})


def test_a_jump_of_the_loss_is_named_and_ups_and_downs_are_not() -> None:
    assert spikes(CALM) == []
    jumped = [*CALM[:30], (30, 4.0), *CALM[31:]]
    assert [step for step, _, _ in spikes(jumped)] == [30]
    (note,) = notes(jumped, curve(2.0, 1.5))
    assert note_text(note).startswith("step 30: the loss jumped to 4.0")


def test_a_loss_that_does_not_move_is_told() -> None:
    assert [note["code"] for note in notes(CALM, curve(2.0, 1.999))] == ["loss_flat"]
    assert notes(CALM, curve(2.0, 1.9)) == []


def test_measurements_since_the_best_survive_a_checkpoint(tmp_path: Path) -> None:
    import torch

    before = Curve()
    for step, loss in enumerate((2.0, 1.0, 1.5, 1.6)):
        before.add(step, loss, lambda at=step: {"w": torch.full((2,), float(at))})
    before.save(tmp_path)
    after = Curve()
    after.load(tmp_path)
    assert (after.losses, after.best_step, after.since_best) == (before.losses, 1, 2)
    assert after.best["w"].tolist() == [1.0, 1.0]


def logged(folder: Path, begun: int, last: int) -> None:
    """By a run that begins or goes on after a step, and is killed after another: it never says that it ended."""
    watch, state = live(folder), SimpleNamespace(global_step=begun)
    watch.on_train_begin(None, state, None)
    for state.global_step in range(begun + 1, last + 1):
        watch.on_log(None, state, None, logs={"loss": 1 / state.global_step, "grad_norm": 0.5})


def test_what_a_killed_run_logged_after_its_checkpoint_stands_in_dvclive_once(tmp_path: Path) -> None:
    logged(tmp_path / "unbroken", 0, 9)
    logged(tmp_path / "killed", 0, 5)
    logged(tmp_path / "killed", 3, 7)
    loss, grad = (tmp_path / f"killed/plots/metrics/train/{name}.tsv" for name in ("loss", "grad_norm"))
    loss.write_bytes(loss.read_bytes()[:-3])  # the row of the seventh step, torn
    grad.write_bytes(grad.read_bytes() + b"1")  # and of the eighth, or later, no more than that
    begun = loss.with_name("learning_rate.tsv")
    begun.write_bytes(b"ste")
    logged(tmp_path / "killed", 6, 9)
    assert not begun.exists()
    for path in (loss, grad):
        assert path.read_bytes() == (tmp_path / "unbroken" / path.relative_to(tmp_path / "killed")).read_bytes()
