"""What looks on while the trainer runs: dev loss and best weights, checkpoints, faults of the loss, the speed."""

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.harness.errors import QiratError
from curation.harness.files import atomic
from curation.harness.memory import CACHE
from training.model.base import computes_in_bfloat16
from training.model.template import Example
from training.train.checkpoints import Checkpoints
from training.train.ranks import shared_token_loss

if TYPE_CHECKING:
    from torch import Tensor

SPIKE_WINDOW = 20  # steps before it that a loss is compared with
SPIKE = 6.0  # times their spread (median absolute deviation) above their median
SPIKE_LEAST = 1.5  # and times their median
FLAT = 0.01  # share of the first dev loss that training must win, or it has learnt nothing


class DivergedError(QiratError):
    """The loss is no number any more."""


@dataclass
class Curve:
    """Dev loss by step, and the adapter's weights where it was lowest."""

    losses: dict[int, float] = field(default_factory=dict)
    best_step: int = 0
    best: "dict[str, Tensor]" = field(default_factory=dict)

    def add(self, step: int, loss: float, weights: "Callable[[], dict[str, Tensor]]") -> None:
        if not self.losses or loss < self.losses[self.best_step]:
            self.best_step, self.best = step, weights()
        self.losses[step] = loss

    @property
    def since_best(self) -> int:
        """Measurements after the best one."""
        return sum(step > self.best_step for step in self.losses)

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        save_file(self.best, folder / "best.safetensors")
        (folder / "curve.json").write_text(json.dumps({"losses": self.losses, "best_step": self.best_step}), "utf-8")

    def load(self, folder: Path) -> None:
        from safetensors.torch import load_file

        found = json.loads((folder / "curve.json").read_text("utf-8"))
        self.losses = {int(step): loss for step, loss in found["losses"].items()}
        self.best_step, self.best = found["best_step"], load_file(folder / "best.safetensors")


def dev_watch(curve: Curve, dev: Sequence[Example], points: int, patience: int | None) -> Any:
    """A callback that measures the dev loss at the start, at the end and evenly between, and stops where told.

    All it knows is in `curve`, so a run that goes on from a checkpoint stops where an unbroken one would.
    """
    from peft import get_peft_model_state_dict
    from transformers import TrainerCallback

    class DevWatch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self.steps = {round(i * state.max_steps / (points - 1)) for i in range(points)}
            if not curve.losses:
                self._measure(state.global_step, rest["model"])

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step in self.steps:
                self._measure(state.global_step, rest["model"])
                if patience and curve.since_best >= patience:
                    control.should_training_stop = True

        def _measure(self, step: int, model: Any) -> None:
            model.eval()
            with as_it_comes(model.device):
                loss = shared_token_loss(model, dev)
            model.train()
            curve.add(step, loss, lambda: {k: v.detach().clone() for k, v in get_peft_model_state_dict(model).items()})

    return DevWatch()


@contextmanager
def as_it_comes(place: Any) -> Iterator[None]:
    """In the trainer's numbers, and not compiled: what is read in trees has another shape each time."""
    import torch

    stance: Any = torch.compiler.set_stance
    with stance("force_eager"), torch.autocast(place.type, torch.bfloat16, enabled=computes_in_bfloat16()):
        yield


def keeper(checkpoints: Checkpoints, curve: Curve, minutes: float) -> Any:
    """A callback that has a checkpoint written when so many minutes have passed, and makes it whole."""
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self.last = time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            # A run that ends here ends from the checkpoint before: one that went on from its last step would not end.
            goes_on = state.global_step < state.max_steps and not control.should_training_stop
            if goes_on and _as_the_first(time.monotonic() - self.last >= 60 * minutes, args.device):
                control.should_save = True

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            _as_the_first(True, args.device)  # each process has written its part
            if state.is_world_process_zero:
                folder = checkpoints.place / f"checkpoint-{state.global_step}"
                curve.save(folder)
                checkpoints.completed(folder)
            self.last = time.monotonic()

    return Keeper()


def _as_the_first(due: bool, device: Any) -> bool:
    """What the first of several processes says, when all have come here: their clocks differ."""
    import torch

    if not torch.distributed.is_initialized():
        return due
    said = torch.tensor(int(due), device=device)
    torch.distributed.all_reduce(said if torch.distributed.get_rank() == 0 else said.zero_())
    return bool(said)


def health() -> Any:
    """A callback that stops on a loss that is no number: every step after it would be lost."""
    from transformers import TrainerCallback

    class Health(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            for name in ("loss", "grad_norm"):
                if (value := (logs or {}).get(name)) is not None and not math.isfinite(value):
                    raise DivergedError(
                        f"step {state.global_step}: {name} is {value}, so the weights are lost. Lower the recipe's "
                        "learning_rate or raise its warmup (params.yaml: train); with model.dtype float16 or an old "
                        "GPU, set model.dtype to float32"
                    )

    return Health()


def notes(history: Sequence[tuple[int, float]], curve: Curve) -> list[dict[str, Any]]:
    """What a person should know of how the loss went: {"code", and figures}. `history`: (step, loss)."""
    found: list[dict[str, Any]] = [
        {"code": "loss_spike", "step": step, "loss": round(loss, 4), "usual": round(usual, 4)}
        for step, loss, usual in spikes(history)
    ]
    start, best = curve.losses[min(curve.losses)], min(curve.losses.values())
    if best > start * (1 - FLAT):
        found.append({"code": "loss_flat", "start": round(start, 4), "best": round(best, 4)})
    return found


def spikes(history: Sequence[tuple[int, float]]) -> list[tuple[int, float, float]]:
    """(step, loss, median before) of the steps whose loss stands far above those before it."""
    found = []
    for at in range(SPIKE_WINDOW, len(history)):
        before = [loss for _, loss in history[at - SPIKE_WINDOW : at]]
        usual = statistics.median(before)
        spread = statistics.median(abs(loss - usual) for loss in before)
        step, loss = history[at]
        if loss > max(usual + SPIKE * spread, SPIKE_LEAST * usual):
            found.append((step, loss, usual))
    return found


SENTENCES = {
    "loss_spike": "step {step}: the loss jumped to {loss} (usual before: {usual}); a lower learning_rate or odd rows",
    "loss_flat": "the dev loss hardly moved ({start} at the start, {best} at best): nothing was learnt; look at the "
    "data (`qirat preview`), then raise learning_rate or epochs",
}


def note_text(note: dict[str, Any]) -> str:
    """A note as a sentence."""
    return SENTENCES[note["code"]].format(**note)


def speed(rate_limit: float | None, operations_a_token: float) -> Any:
    """The trainer's bar, with tokens a second and the share of what the machine can do."""
    from transformers.trainer_callback import ProgressCallback

    class Speed(ProgressCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            super().on_train_begin(args, state, control, **rest)  # type: ignore[no-untyped-call]
            self.began, self.tokens = time.monotonic(), state.num_input_tokens_seen

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            if self.training_bar is None or "loss" not in (logs or {}):
                return
            rate = (state.num_input_tokens_seen - self.tokens) / max(time.monotonic() - self.began, 1e-9)
            share = f", {rate * operations_a_token / rate_limit:.0%} of the card" if rate_limit else ""
            self.training_bar.set_postfix_str(f"loss {logs['loss']:.3f}, {rate:,.0f} tokens/s{share}")

    return Speed()


def live(folder: Path) -> Any:
    """A callback that logs to DVCLive at the trainer's own steps, for those who watch from elsewhere."""
    from dvclive import Live  # type: ignore[attr-defined]
    from transformers import TrainerCallback

    class ToLive(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            went_on = state.global_step > 0
            if went_on:
                forget_after(folder, state.global_step)
            self.live = Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None, resume=went_on)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            self.live.step = state.global_step
            for name in ("loss", "learning_rate", "grad_norm"):
                if name in (logs or {}):
                    self.live.log_metric(f"train/{name}", logs[name])
            self.live.sync()  # type: ignore[no-untyped-call]

        def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self.live.end()  # type: ignore[no-untyped-call]

    return ToLive()


def forget_after(folder: Path, step: int) -> None:
    """Takes rows of later steps, and torn ones, out of DVCLive's tables: a run that goes on makes them again."""
    for path in sorted(folder.rglob("*.tsv")):
        whole = [row for row in path.read_text("utf-8").splitlines(keepends=True) if row.endswith("\n")]
        if not whole:
            path.unlink()  # DVCLive writes a header only into a new file
            continue
        kept = [row for row in whole[1:] if int(row.partition("\t")[0]) <= step]
        with atomic(path) as temporary:
            temporary.write_text("".join([whole[0], *kept]), "utf-8")


def reporters(names: Sequence[str], curve: Curve) -> list[Any]:
    """Callbacks of transformers that log to TensorBoard, W&B or MLflow, and one that gives them the dev loss.

    What they send is the trainer's: losses, rates and the run's settings, no conversation.
    """
    from transformers import TrainerCallback
    from transformers.integrations.integration_utils import get_reporting_integration_callbacks

    if not names:
        return []
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(CACHE / "tensorboard"))  # else among the checkpoints, which go
    kinds: Any = get_reporting_integration_callbacks
    found = [kind() for kind in kinds([*names])]

    class DevLoss(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self.on_step_end(args, state, control, **rest)

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if (loss := curve.losses.get(state.global_step)) is not None:
                for reporter in found:
                    reporter.on_log(args, state, control, logs={"eval_loss": loss}, **rest)

    return [*found, DevLoss()]
