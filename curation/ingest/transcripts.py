"""Turns that stand in one text, a speaker before each, as prompts from before chat models have them."""

import re
from collections.abc import Sequence

from curation.core.record.conversation import message
from curation.ingest.formats import Messages, Roles, speaker_role

_SPOKEN = re.compile(r"^(?P<name>[^\W\d_][^:：\n]{0,39}?)[ \t]*[:：][ \t]*(?P<text>.*)$")
_SEPARATOR = re.compile(r"(?<!\s)\s*(?:###|->|=>)\s*\Z")  # with which OpenAI told people to end a prompt
SIDES = ("user", "assistant")


def prompted(prompt: str, roles: Roles) -> Messages | None:
    """The turns of a prompt that both sides speak in, or that ends by asking for the reply ("Agent:"); None for others.

    What stands above the first speaker, where the prompt ends so, is an instruction: the system message.
    """
    if ":" not in prompt and "：" not in prompt:
        return None
    heads: list[tuple[str | None, str]] = []
    for line in _SEPARATOR.sub("", prompt).strip().splitlines():
        found = _SPOKEN.match(line)
        role = speaker_role(found["name"], roles) if found else None
        heads.append((role, found["text"]) if found and role in SIDES else (None, line))
    asks = heads[-1][0] == "assistant" and not heads[-1][1].strip()
    first = next((place for place, (role, _) in enumerate(heads) if role), len(heads))
    spoken = _joined(heads[first:-1] if asks else heads[first:])
    sides = {role for role, _ in spoken}
    if not spoken or not (asks or (first == 0 and len(sides) == len(SIDES) and spoken[-1][0] == "user")):
        return None
    above = "\n".join(line for _, line in heads[:first]).strip()
    said = [message(role, text) for role, text in spoken]
    return [message("system", above), *said] if above else said


def _joined(heads: Sequence[tuple[str | None, str]]) -> list[tuple[str, str]]:
    """Lines without a speaker go on with the turn before."""
    turns: list[tuple[str, list[str]]] = []
    for role, text in heads:
        if role:
            turns.append((role, []))
        turns[-1][1].append(text)
    return [(role, "\n".join(texts).strip()) for role, texts in turns]
