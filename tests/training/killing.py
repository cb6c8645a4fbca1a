"""Trains the tiny model undisturbed, and in children that are killed at given steps, until one ends.

python -m tests.training.killing FOLDER STEP...

Writes the digest of the adapter, of the log and of the dev losses to FOLDER/unbroken/result.json and to
FOLDER/killed/result.json. Children are forked, so that the libraries are imported once.
"""

import contextlib
import gc
import hashlib
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.builders import params, talk
from tests.training.tiny import model, renderer, tokenizer


def main() -> None:
    folder, steps = Path(sys.argv[1]), [int(step) for step in sys.argv[2:]]
    import torch

    torch.set_num_threads(1)
    ended(folder / "unbroken", None)
    for name in json.loads((folder / "unbroken/imported.json").read_text("utf-8")):
        with contextlib.suppress(Exception):
            importlib.import_module(name)  # most of what a child would do that is killed soon
    gc.freeze()  # and no child looks through it
    for step in [*steps, None]:
        ended(folder / "killed", step)


def ended(folder: Path, kill_at: int | None) -> None:
    """A child that trains there, and is killed at the step if there is one."""
    folder.mkdir(exist_ok=True)
    child = os.fork()
    if not child:
        os.chdir(folder)
        train(folder, kill_at)
        (folder / "imported.json").write_text(json.dumps(sorted(sys.modules)), "utf-8")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert (os.WIFSIGNALED(status), status) == ((True, signal.SIGKILL) if kill_at else (False, 0)), (kill_at, status)


def train(folder: Path, kill_at: int | None) -> None:
    import polars as pl

    import training.train.fit
    from curation.harness.engine import Machine
    from training.model.recipe import Train
    from training.train.__main__ import log_table
    from training.train.checkpoints import Checkpoints

    made = model()
    made.lm_head.weight.data.mul_(20)
    examples = [e for n in range(24) for e in renderer().examples(talk(f"question {n}", "yes " * (n % 5 + 1)))]
    tokens = pl.DataFrame(
        [(e.input_ids, e.labels) for e in examples],
        schema={"input_ids": pl.List(pl.Int32), "labels": pl.List(pl.Int32)},
        orient="row",
    )
    dev = renderer().examples(talk("question 3", "yes yes"))
    values = {"learning_rate": 0.01, "epochs": 2, "dev_points": 7, "batch": 4, "passes": 2, "dropout": 0.1}
    settings = Train.model_validate({**params("train"), "cpu": {**params("train")["cpu"], **values}})
    checkpoints = Checkpoints({"data": "these"}, folder / "checkpoints")
    if kill_at is not None:
        watch = training.train.fit.health
        training.train.fit.health = lambda: killer(watch(), kill_at)  # type: ignore[assignment]
    trained = training.train.fit.fit(
        made, tokenizer(), tokens, dev, settings, settings.recipe, checkpoints, Machine(checkpoint_minutes=0)
    )
    weights = b"".join(w.numpy().tobytes() for _, w in sorted(trained.curve.best.items()))
    log = log_table(trained.history, trained.curve)
    result = {
        "adapter": hashlib.sha256(weights).hexdigest(),
        "log": hashlib.sha256(log.write_csv().encode()).hexdigest(),
        "losses": trained.curve.losses,
        "resumed": trained.took["resumed"],
    }
    (folder / "result.json").write_text(json.dumps(result))


def killer(watch: Any, step: int) -> Any:
    """The same callback, which ends the process when the step is reached."""
    from transformers import TrainerCallback

    class Killer(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            watch.on_log(args, state, control, logs=logs)
            if state.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return Killer()


if __name__ == "__main__":
    main()
