"""Does the adapter know somebody by heart? For `qirat forget --prove --customer C`.

The customer's phone or address is ranked among made-up ones of its form by how likely the model finds them, in whatever
spelling: what the exports wrote is forgotten too. Exposure is log2 of how many are ranked less log2 of the rank
(Carlini et al., "The Secret Sharer", 2019). Of what a model never saw any rank is as likely as any other: chance gives
more than -log2(SURE) bits no oftener than SURE. The base is asked too, for it may like one form better whatever the
adapter saw.
"""

import math
import random
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import PhoneNumberFormat

from curation.core.record.conversation import message
from curation.core.text.identity import LONGEST, identity
from curation.harness.params import load_params
from training.commands.canaries import CHANCE, SURE, told_apart
from training.model.adapter import load_adapter
from training.model.base import Model, load_tokenizer
from training.model.layout import load_to_answer
from training.model.likelihood import negative_log_likelihoods
from training.model.template import Example, Renderer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER = Path("models/adapter")
OTHERS = 255  # made-up ones that somebody's is ranked among
BY_HEART = -math.log2(SURE)  # bits beyond which it is no chance
KEPT = 5  # digits of country and operator, which many share
WAYS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
ASKED = {True: "How can the customer be reached?", False: "كيف يمكن التواصل مع العميل؟"}  # where it is written in ASCII


def recall(said: str, seed: int = 0) -> tuple[str, bool]:
    """What base and adapter know of it, or why they were not asked, in a sentence; and whether it is by heart."""
    others = made_up(said, seed)
    if not others:
        return "canaries: a name has no made-up ones to be ranked among; give --customer a phone or an address", False
    if not (ADAPTER / "adapter_config.json").exists():
        return f"canaries: {ADAPTER} is not there to be asked", False
    model = load_params("model", Model)
    renderer = Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening)
    forms = by_spelling([said, *others], renderer)
    base = load_to_answer(model)
    before = exposure(base, forms)
    after = exposure(load_adapter(base, ADAPTER, model), forms)
    by_heart = after > max(before, BY_HEART)
    verdict = "the adapter KNOWS it by heart" if by_heart else "no more than chance gives"
    return (
        f"canaries: exposure {after:.1f} of {math.log2(1 + OTHERS):g} bits by {ADAPTER}, {before:.1f} by the base; of "
        f"what was never seen {CHANCE:.1f}, beyond {BY_HEART:.1f} one in {1 / SURE:.0f}: {verdict}"
    ), by_heart


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
    digits = [place.start() for place in re.finditer(r"\d", said)]
    digits = digits[len(digits) - len(me) + KEPT :]  # zeros before it aside
    return ["".join(_another(c, draw) if n in digits else c for n, c in enumerate(said)) for _ in range(OTHERS)]


def spellings(said: str) -> list[str]:
    """An address as it is read; a phone as it was said, in the world's and in the country's way, and in Arabic digits.

    Of numbers of one form there are as many, in one order.
    """
    me = identity(said)
    if "@" in me:
        return [me]
    try:
        number = phonenumbers.parse(f"+{me}")
    except phonenumbers.NumberParseException:
        return [said]
    if not phonenumbers.is_possible_number(number):  # which goes by length, so others of its form are too
        return [said]
    found = [phonenumbers.format_number(number, way) for way in WAYS]
    bare = re.sub(r"\D", "", found[-1])
    return [said, *found, bare, bare.translate(ARABIC)]


def by_spelling(said: Sequence[str], renderer: Renderer) -> list[list[Example]]:
    """Of each spelling, all that are ranked, of which nothing counts but what tells them apart; each spelling once."""
    spelled = dict.fromkeys(zip(*map(spellings, said), strict=True))
    return [told_apart([_example(one, renderer) for one in way]) for way in spelled]


def exposure(model: "PreTrainedModel", forms: Sequence[Sequence[Example]]) -> float:
    """Bits of the first of those that are ranked; one that is as likely as another is no better than it."""
    likelihoods = zip(*(negative_log_likelihoods(model, way) for way in forms), strict=True)
    own, *others = map(_in_any_spelling, likelihoods)
    return math.log2(1 + len(others)) - math.log2(1 + sum(other >= own for other in others))


def _in_any_spelling(nats: Sequence[float]) -> float:
    """Log-likelihood of one or another, from what each is less likely than certain."""
    least = min(nats)
    return math.log(sum(math.exp(least - one) for one in nats)) - least


def _another(character: str, draw: random.Random) -> str:
    """A letter for a letter, a digit of the same script for a digit."""
    if character.isdecimal():
        return chr(ord(character) - unicodedata.decimal(character) + draw.randrange(10))
    return draw.choice(LETTERS) if character.isalpha() else character


def _example(said: str, renderer: Renderer) -> Example:
    (found,) = renderer.examples([message("user", ASKED[said.isascii()]), message("assistant", said)])
    return found
