"""How much of what was learnt the adapter keeps, chosen on dev and on other questions.  python -m training.strength

A step of its own: another strength is a multiplication, and needs no training anew. `auto` goes down from the most that
params name until general ability is kept and the replies on dev are likelier than to the base model. Neither the
questions nor the conversations are those of the verdict, so its intervals know nothing of the choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from pydantic import Field

from curation.harness.errors import QiratError
from curation.harness.params import Params
from curation.harness.stage import Stage
from training.judge import forgetting
from training.judge.languages import LANGUAGES, LanguageProfile, counted_by, judged_beside, read_profiles
from training.judge.scoring import Evaluate
from training.model.adapter import LEARNT, load_adapter, read_provenance, refuse_damaged, write_weaker
from training.model.base import Model, load_tokenizer
from training.model.layout import load_to_answer
from training.model.likelihood import Progress, examples_of, token_loss
from training.model.template import Example, Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TRAINED = Path("models/trained")
Share = Annotated[float, Field(gt=0, le=1)]
TRIED = pl.Schema(
    {
        "strength": pl.Float64,
        "language": pl.String,  # "all" or a code
        "value": pl.Float64,  # chance of right answers, less the base model's
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,  # questions
        "dev_loss": pl.Float64,  # nats a token
        "keeps": pl.Boolean,  # `low` is within the margin
    }
)


class Strength(Params):
    """Of what was learnt, by profile."""

    cpu: Share | Literal["auto"]
    gpu: Share | Literal["auto"]
    grid: Annotated[list[Share], Field(min_length=1)]  # what auto chooses from
    questions: int = Field(ge=forgetting.LEAST)  # on general ability that auto asks in each language


@dataclass(frozen=True)
class Asked:
    """What a choice is made by."""

    renderer: Renderer
    questions: Sequence[forgetting.Question]
    dev: Sequence[Example]
    base_loss: float  # of the base model on dev, nats a token
    params: Evaluate
    progress: Progress


@dataclass(frozen=True)
class Choice:
    """The strength, and the loss on dev at it."""

    strength: float
    dev_loss: float
    tried: pl.DataFrame  # TRIED, the strongest first; nothing where params name a number
    shown: bool = True  # that it keeps general ability and helps on dev, where it was tried


def main() -> None:
    """Write models/adapter: models/trained at the strength that params name, or that dev and other questions choose."""
    with Stage("strength", Strength) as stage:
        refuse_damaged(trained := stage.input(TRAINED))
        told, dev = read_provenance(trained), examples_of(stage.read("training/watched"))
        profile, recipe = told["params"]["train"]["profile"], told["params"]["recipe"]
        wanted = named(stage.params, profile, recipe["dora"])
        if wanted == 1:
            choice = Choice(1.0, told["training"]["dev_loss"], TRIED.to_frame())
        else:
            model, params = stage.section("model", Model), stage.section("evaluate", Evaluate)
            renderer = Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening)
            profiles = read_profiles(stage.read_json(LANGUAGES))
            asked = Asked(
                renderer,
                questions(params, stage.params.questions, profiles, renderer) if wanted == "auto" else (),
                dev,
                told["training"]["dev_loss_start"],
                params,
                lambda batches, total: stage.progress(batches, "general ability", total, "batches"),
            )
            tuned = load_adapter(load_to_answer(model), trained, model)
            choice = chosen(tuned, stage.params.grid, asked) if wanted == "auto" else at(tuned, wanted, asked)

        stage.write("strength/tried", choice.tried)
        with stage.output("models/adapter") as folder:
            write_weaker(folder, trained, choice.strength, {"dev_loss": choice.dev_loss})
        stage.write_metrics(figures(choice))
        stage.say(said(choice))


def questions(
    params: Evaluate, wanted: int, profiles: Mapping[str, LanguageProfile], renderer: Renderer
) -> list[forgetting.Question]:
    """Those that the verdict does not ask, in the languages in which it asks."""
    tokens = counted_by(renderer.tokenizer)
    left = forgetting.unasked(params.forgetting, wanted)
    return forgetting.judged_of(left, lambda texts: judged_beside(profiles, params.languages, texts, tokens))


def named(params: Strength, profile: str, dora: bool) -> float | Literal["auto"]:
    """What params say for a profile. DoRA's changes are no sum, and cannot be weakened."""
    wanted: float | Literal["auto"] = getattr(params, profile)
    if not dora:
        return wanted
    if wanted not in (1, "auto"):
        raise QiratError(
            f"params.yaml, strength.{profile}: {wanted} weakens LoRA only; with train.{profile}.dora name 1.0"
        )
    return 1.0


def chosen(tuned: "PreTrainedModel", grid: Sequence[float], asked: Asked) -> Choice:
    """The most of `grid` that keeps general ability and helps on dev; the least where nothing does, for the verdict.

    The tuned model is left at that strength.
    """
    dial, tried = Dial(tuned), []
    with dial.off():
        base = _answers("base", dial, asked)
    for strength in sorted(set(grid), reverse=True):
        dial.turn(strength)
        found = pl.concat([base, _answers("adapter", dial, asked)])
        table = forgetting.table(found, "adapter", "base", asked.params.redraws).filter(against="base")
        rows = table.with_columns(
            strength=pl.lit(strength),
            dev_loss=pl.lit(token_loss(tuned, asked.dev)),
            keeps=pl.col("low") >= -asked.params.forgetting_margin,
        ).select(TRIED.names())
        tried.append(rows)
        if shown := rows["keeps"].all() and rows["dev_loss"][0] <= asked.base_loss:
            break
    return Choice(strength, tried[-1]["dev_loss"][0], pl.concat(tried), shown)


def at(tuned: "PreTrainedModel", strength: float, asked: Asked) -> Choice:
    """A strength that somebody named."""
    Dial(tuned).turn(strength)
    return Choice(strength, token_loss(tuned, asked.dev), TRIED.to_frame())


class Dial:
    """Turns an adapter's strength in memory, exactly as `write_weaker` does in its file."""

    def __init__(self, tuned: Any) -> None:
        self.model = tuned
        self._learnt = {name: w.detach().clone() for name, w in tuned.named_parameters() if LEARNT in name}

    def turn(self, strength: float) -> None:
        import torch

        with torch.no_grad():
            for name, weights in self.model.named_parameters():
                if name in self._learnt:
                    weights.copy_(self._learnt[name] * strength)

    def off(self) -> Any:
        """Within this the model is the base."""
        return self.model.disable_adapter()


def figures(choice: Choice) -> dict[str, float | int]:
    """Flat figures: what was chosen, by how many trials, and general ability at it against the base model."""
    kept = choice.tried.filter(pl.col("strength") == choice.strength)
    return {
        "strength": choice.strength,
        "dev_loss": choice.dev_loss,
        "tried": choice.tried["strength"].n_unique(),
        **{f"ability_difference_{code}": value for code, value in kept.select("language", "value").iter_rows()},
    }


def said(choice: Choice) -> str:
    """For people at a terminal."""
    text = f"{choice.strength:.0%} of what was learnt is kept, dev loss {choice.dev_loss:.3f} nats a token"
    if not choice.tried.height:
        return f"{text}, as params.yaml says"
    if not choice.shown:
        return f"{text}: the least of strength.grid, none of which is shown to keep general ability and to help on dev"
    return f"{text}: the most of strength.grid that keeps general ability and helps on dev"


def _answers(arm: str, dial: Dial, asked: Asked) -> pl.DataFrame:
    return forgetting.weighed(arm, dial.model, asked.renderer, asked.questions, asked.progress)


if __name__ == "__main__":
    main()
