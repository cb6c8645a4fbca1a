from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from training.train.watch import Curve, health, note_text, notes, spikes

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
