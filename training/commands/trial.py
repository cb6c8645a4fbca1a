"""Trainings beside the pipeline, on what the recipe looks at, that answer a question: more data, canaries.

What one of them gives is remembered in data/cache until anything that it depends on changes, a killed one goes on where
it was, and nothing is written anywhere else.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from curation.core.record.conversation import canonical_json
from curation.harness.files import atomic, finished_table
from curation.harness.memory import CACHE, Memory
from curation.harness.params import load_params
from training.model.base import Model, load_config, load_model, load_tokenizer
from training.model.cost import counted
from training.model.likelihood import examples_of
from training.model.recipe import Recipe, Train, sampled, settled
from training.model.template import Renderer
from training.train.__main__ import provenance, surroundings
from training.train.checkpoints import Checkpoints
from training.train.fit import fit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """What `train` would train with and on."""

    model: Model
    params: Train
    recipe: Recipe  # settled for all of `learnt`
    whole: Mapping[str, pl.DataFrame]  # train and dev as tokenized
    learnt: pl.DataFrame  # of train, what the recipe looks at
    watched: pl.DataFrame  # of dev, what chooses the best weights
    renderer: Renderer
    origin: Mapping[str, Any]  # all that a training of it depends on

    @classmethod
    def of_recipe(cls) -> Self:
        """By params.yaml, as the stage would."""
        model, params = load_params("model", Model), load_params("train", Train)
        whole = {split: finished_table(f"tokenized/{split}") for split in ("train", "dev")}
        learnt = sampled(whole["train"], params.recipe.max_tokens, params.recipe.train_tokens, params.seed)
        recipe = settled(params.recipe, load_config(model), counted(learnt)[0])
        watched = sampled(whole["dev"], recipe.max_tokens, recipe.dev_tokens, params.seed)
        renderer = Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening)
        origin = {**provenance(whole, model, params, recipe, renderer), **surroundings()}
        return cls(model, params, recipe, whole, learnt, watched, renderer, origin)

    def asked(self, tokens: pl.DataFrame, most: int) -> pl.DataFrame:
        """What judges: all examples that the recipe could look at of `most` conversations of a tokenized table."""
        drawn = sampled(tokens, self.recipe.max_tokens, None, self.params.seed)
        return drawn.join(drawn.select("conversation_id").unique(maintain_order=True).head(most), on="conversation_id")

    def base(self) -> "PreTrainedModel":
        """The model before any training."""
        return load_model(self.model)

    def trained(
        self, base: "PreTrainedModel", tokens: pl.DataFrame, checkpoints: Checkpoints, seed: int, times: float = 1
    ) -> "PreTrainedModel":
        """The base after training on `tokens`, `times` times as often as the recipe says, with the best weights."""
        recipe = self.recipe.model_copy(update={"epochs": self.recipe.epochs * times})
        params = self.params.model_copy(update={"seed": seed})
        watched = examples_of(self.watched)
        return fit(base, self.renderer.tokenizer, tokens, watched, params, recipe, checkpoints).model


def remembered(
    place: Path, name: str, certificate: Mapping[str, Any], work: Callable[[Checkpoints], pl.DataFrame]
) -> pl.DataFrame:
    """The table that `work` gives under this certificate, which names all that it depends on; from `place` if there."""
    digest = hashlib.sha256(canonical_json(certificate).encode()).hexdigest()[:16]
    if (kept := Memory(place.name).recall(f"{name}-{digest}", digest)) is not None:
        return kept
    checkpoints = Checkpoints(certificate, place / name)
    found = work(checkpoints)
    with atomic(place / f"{name}-{digest}.parquet") as temporary:
        found.write_parquet(temporary, metadata={"version": digest})
    checkpoints.clear()
    return found


def interval(found: Mapping[str, float], kind: str) -> str:
    """A figure with its ends, each in a format such as ".3f"."""
    return f"{found['value']:{kind}} [{found['low']:{kind}}, {found['high']:{kind}}]"


def noted(name: str, answer: Answer) -> Answer:
    """The answer, kept as data/cache/NAME.json too."""
    with atomic(CACHE / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return answer
