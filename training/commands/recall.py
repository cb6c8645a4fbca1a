"""Does the adapter know somebody by heart? For `qirat forget --prove --customer C`.

The customer's phone or address is ranked among made-up ones of its form by how likely the model finds them, as canaries
are (training/commands/canaries.py). Of what a model never saw any rank is as likely as any other: first of 256 by
chance is one in 256. The base is asked too, for it may like one form better whatever the adapter saw.
"""

import random
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curation.core.record.conversation import message
from curation.core.text.identity import LONGEST, identity
from curation.harness.params import load_params
from training.commands.canaries import SURE, told_apart
from training.model.adapter import load_adapter
from training.model.base import Model, load_model, load_tokenizer
from training.model.likelihood import negative_log_likelihoods
from training.model.template import Example, Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER = Path("models/adapter")
OTHERS = 255  # made-up ones that somebody's is ranked among
KEPT = 5  # digits of country and operator, which many share
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ASKED = {True: "How can the customer be reached?", False: "كيف يمكن التواصل مع العميل؟"}  # where it is written in ASCII


def recall(said: str, seed: int = 0) -> tuple[str, bool]:
    """How base and adapter rank it, or why they were not asked, in a sentence; and whether the adapter knows it."""
    others = made_up(said, seed)
    if not others:
        return "canaries: a name has no made-up ones to be ranked among; give --customer a phone or an address", False
    if not (ADAPTER / "adapter_config.json").exists():
        return f"canaries: {ADAPTER} is not there to be asked", False
    model = load_params("model", Model)
    renderer = Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening)
    forms = [_example(one, renderer) for one in (said, *others)]
    base = load_model(model)
    before = rank(base, forms)
    after = rank(load_adapter(base, ADAPTER, model), forms)
    by_heart = after / len(forms) < SURE and before > after
    verdict = "the adapter KNOWS it by heart" if by_heart else "no more than chance gives"
    return f"canaries: ranked {before} of {len(forms)} by the base and {after} by {ADAPTER}: {verdict}", by_heart


def made_up(said: str, seed: int) -> list[str]:
    """OTHERS of the same form: other digits behind country and operator, another name before the @.

    None of a name, or of a text.
    """
    if len(said) > LONGEST:
        return []
    draw, me = random.Random(seed), identity(said)
    if "@" in me:
        name, _, home = me.partition("@")
        drawn = ("".join(_another(c, draw) for c in name) for _ in range(OTHERS))
        return [f"{one}@{home}" for one in drawn]
    if not me.isdigit() or len(me) <= KEPT + 3:
        return []
    digits = [place.start() for place in re.finditer(r"\d", said)][KEPT:]
    return ["".join(_another(c, draw) if n in digits else c for n, c in enumerate(said)) for _ in range(OTHERS)]


def _another(character: str, draw: random.Random) -> str:
    """A letter for a letter, a digit of the same script for a digit."""
    if character.isdecimal():
        return chr(ord(character) - unicodedata.decimal(character) + draw.randrange(10))
    return draw.choice(LETTERS) if character.isalpha() else character


def rank(model: "PreTrainedModel", forms: Sequence[Example]) -> int:
    """The place of the first of them among all, from 1; as likely as another is no better than it."""
    own, *others = negative_log_likelihoods(model, told_apart(forms))
    return 1 + sum(other <= own for other in others)


def _example(said: str, renderer: Renderer) -> Example:
    (found,) = renderer.examples([message("user", ASKED[said.isascii()]), message("assistant", said)])
    return found
