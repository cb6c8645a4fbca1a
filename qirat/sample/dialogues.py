"""Writes conversations: a flow of steps, each step a plan of sentences drawn from the phrase banks.

No conversation shares half of its five-word shingles with one written before, far less with one held out for
evaluation, and no reply of more than a few words is written twice: a draft that does is thrown away and drawn again.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.core.text.folding import fold
from qirat.sample.grammar import Voice, bank, sentences
from qirat.sample.scenario import Cast, Scenario
from qirat.sample.typing_habits import typed

Message = dict[str, Any]

SHINGLE = 5  # words
ALIKE = 0.5  # Jaccard similarity from which a draft is too close to an earlier conversation
HELD_OUT = 0.15  # and to one of the evaluation
ESCALATED = ("safety_incident", "legal_threat", "privacy_request")
_CITED = ("tracking", "missed_day", "weeks", "returned", "cancelled")  # cases whose order look-up is worth quoting

# A flow is the customer's and the agent's steps in turn. open+ names the order, open does not.
_FLOWS: dict[int, tuple[tuple[str, ...], ...]] = {
    2: (("open+", "solve"),),
    4: (
        ("open", "ask", "give", "solve"),
        ("open+", "solve", "thanks", "farewell"),
        ("open+", "solve", "question", "answer"),
        ("open+", "ask_more", "give_more", "solve"),
    ),
    6: (
        ("open", "ask", "give", "solve", "question", "answer"),
        ("open", "ask", "give", "solve", "thanks", "farewell"),
        ("open+", "solve", "question", "answer", "thanks", "farewell"),
        ("open+", "solve", "question", "answer", "digression", "answer"),
        ("open+", "ask_more", "give_more", "solve", "question", "answer"),
        ("open+", "solve", "question", "answer", "question", "answer"),
    ),
    8: (
        ("open", "ask", "give", "solve", "question", "answer", "thanks", "farewell"),
        ("open", "ask", "give", "solve", "question", "answer", "digression", "answer"),
        ("open+", "solve", "digression", "answer", "question", "answer", "thanks", "farewell"),
    ),
    10: (("open", "ask", "give", "solve", "question", "answer", "digression", "answer", "thanks", "farewell"),),
}
_LENGTHS = {2: 10, 4: 50, 6: 28, 8: 9, 10: 3}
SHORT = ("open+", "solve")


@dataclass
class Conversation:
    """A written conversation and the facts behind it."""

    messages: list[Message]
    scenario: Scenario
    channel: str  # chat, sharegpt, tickets, pairs or helpdesk
    flow: tuple[str, ...]
    subject: str

    @property
    def plain(self) -> bool:
        """Only customer and agent speak, so any format can hold it."""
        return all(m["role"] in ("user", "assistant") and "tool_calls" not in m for m in self.messages)


class Author:
    """Draws conversations and remembers what has been written."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.cast = Cast(rng)
        self._holders: dict[str, list[int]] = defaultdict(list)  # shingle -> conversations that have it
        self._sizes: list[int] = []
        self._held_out = 0  # the first so many
        self._replies: set[str] = set()

    def draw(
        self, language: str, channel: str, flow: tuple[str, ...] | None = None, intent: str | None = None
    ) -> Conversation:
        """A conversation unlike all before it. `flow` and `intent` are drawn where not given."""
        for _ in range(60):
            scenario = self.cast.scenario(language, intent)
            written = self.write(scenario, channel, flow or self._flow(channel, scenario))
            if self._remember(written):
                return written
        raise RuntimeError(f"the {language} phrase bank is too small: 60 drafts of {intent or 'any intent'} were alike")

    def write(
        self, scenario: Scenario, channel: str, flow: tuple[str, ...], without: frozenset[str] = frozenset()
    ) -> Conversation:
        """Not checked for likeness. `without`: acts of the agent to leave out (greet, apology, closing)."""
        return _Draft(scenario, channel, flow, self.rng, without).conversation()

    def evaluation(self, count: int) -> list[Conversation]:
        """Held-out conversations in the shares of the export."""
        drawn = [self.draw(language, "evaluation") for language in languages(count, self.rng)]
        self._held_out = len(self._sizes)
        return drawn

    def newest(self, english: int, arabic: int) -> list[Conversation]:
        """A month after the year, in phrases that the year does not have, from customers who are new."""
        self.cast = Cast(self.rng, "newest")
        return [self.draw(language, "newest") for language in ["en"] * english + ["ar"] * arabic]

    def _flow(self, channel: str, scenario: Scenario) -> tuple[str, ...]:
        if channel == "pairs":
            return SHORT
        fitting = {length: [flow for flow in flows if _fits(flow, scenario.topic)] for length, flows in _FLOWS.items()}
        lengths = [length for length, flows in fitting.items() if flows]
        return self.rng.choice(fitting[self.rng.choices(lengths, weights=[_LENGTHS[n] for n in lengths])[0]])

    def _remember(self, written: Conversation) -> bool:
        """False, and nothing remembered, when the draft is too close to an earlier conversation."""
        replies = [m["content"] for m in written.messages if m["role"] == "assistant" and len(m["content"].split()) > 6]
        found = shingles(written.messages)
        shared = Counter(i for shingle in found for i in self._holders.get(shingle, ()))
        alike = any(
            n / (len(found) + self._sizes[i] - n) >= (HELD_OUT if i < self._held_out else ALIKE)
            for i, n in shared.items()
        )
        if alike or any(reply in self._replies for reply in replies):
            return False
        for shingle in found:
            self._holders[shingle].append(len(self._sizes))
        self._sizes.append(len(found))
        self._replies.update(replies)
        return True


def languages(count: int, rng: random.Random) -> list[str]:
    """55 % English, 42 % Arabic, the rest mixed, shuffled."""
    english, arabic = round(0.55 * count), round(0.42 * count)
    drawn = ["en"] * english + ["ar"] * arabic + ["mixed"] * (count - english - arabic)
    rng.shuffle(drawn)
    return drawn


def shingles(messages: Sequence[Message]) -> set[str]:
    """The sets of five words in a row of customer and agent, folded."""
    words = fold(" ".join(m["content"] or "" for m in messages if m["role"] in ("user", "assistant"))).split()
    return {" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}


def _fits(flow: tuple[str, ...], topic: Mapping[str, Any]) -> bool:
    """Danger and threats of law are handed over at once; other matters are asked about where there is what to ask."""
    if topic.get("urgent"):
        return {"ask", "ask_more"}.isdisjoint(flow)
    asks_order = topic["info"] == "order"
    return "ask" in topic or ("ask_more" not in flow and ("ask" not in flow or asks_order))


class _Draft:
    """One conversation while it is written."""

    def __init__(
        self, scenario: Scenario, channel: str, flow: tuple[str, ...], rng: random.Random, without: frozenset[str]
    ) -> None:
        self.scenario, self.channel, self.flow, self.rng, self.without = scenario, channel, flow, rng, without
        self.bank = bank(scenario.language, scenario.period)
        self.topic = scenario.topic
        self.customer = scenario.voice(scenario.dialect)
        self.agent = scenario.voice()
        self.letter = channel in ("tickets", "helpdesk") and rng.random() < 0.7  # laid out in paragraphs
        self.messages: list[Message] = []
        self._answer = ""
        self._pairs = list(self.topic["follow"])
        self._digressions = list(self.bank["digression"])
        rng.shuffle(self._pairs)
        rng.shuffle(self._digressions)

    def conversation(self) -> Conversation:
        if self.channel in ("chat", "sharegpt") and self.rng.random() < 0.12:
            self.messages.append({"role": "system", "content": self._say(self.agent, self.bank["system"])})
        looked_up = self.channel == "chat" and self.topic["info"] == "order" and self.rng.random() < 0.22
        for place, step in enumerate(self.flow):
            if place % 2 == 0:
                self.messages.append({"role": "user", "content": self._customer_step(step)})
                continue
            if step == "solve" and looked_up:
                self.messages.extend(self._look_up())
            self.messages.append({"role": "assistant", "content": self._agent_step(step, place, looked_up)})
        subject = self._say(self.customer, self.topic["subject"])
        return Conversation(self.messages, self.scenario, self.channel, self.flow, subject)

    # -- the customer --------------------------------------------------------------------------------------------

    def _customer_step(self, step: str) -> str:
        if step in ("open", "open+"):
            text = self._opening(named=step == "open+")
        elif step == "give":
            text = self._say(self.customer, self.bank["give_order"] if self._asks_order() else self.topic["give"])
        elif step == "give_more":
            text = self._say(self.customer, self.topic["give"])
        elif step == "thanks":
            text = self._say(self.customer, self.topic.get("thanks", self.bank["thanks"]))
        else:
            pair = (self._digressions if step == "digression" else self._pairs).pop()
            self._answer = pair["a"]
            text = self._say(self.customer, pair["q"])
        careful = self.scenario.intent in ESCALATED  # what calls for a hand-over must stay legible
        return typed(text, self.scenario, "neat" if careful else self.scenario.manner, self.rng)

    def _opening(self, named: bool) -> str:
        """Greeting, the matter, and some of: situation, feeling, order number, request."""
        bank, rng = self.bank, self.rng
        body = [self._say(self.customer, self.topic["open"])]
        tone = self.topic["tone"]
        if self.topic["context"] != "none" and rng.random() < 0.6:
            body.append(self._say(self.customer, bank["context"][self.topic["context"]]))
        if named and self.topic["info"] == "order":
            body.insert(rng.randrange(1, len(body) + 1), self._say(self.customer, bank["mention_order"]))
        ending = [bank[act][tone] for act, share in (("request", 0.3), ("feeling", 0.4)) if rng.random() < share]
        body += [self._say(self.customer, block) for block in (ending if tone == "neutral" else reversed(ending))]
        hello = self._say(self.customer, bank["hello"]) if rng.random() < 0.8 else ""
        if hello and not self.letter and self.scenario.language == "en":
            hello = hello[:-1] + rng.choice(".!")
        matter = " ".join(body)
        return f"{hello}\n\n{matter}" if self.letter and hello else f"{hello} {matter}".strip()

    def _asks_order(self) -> bool:
        return bool(self.topic["info"] == "order")

    # -- the agent -----------------------------------------------------------------------------------------------

    def _agent_step(self, step: str, place: int, looked_up: bool) -> str:
        first, last = place == 1, place == len(self.flow) - 1
        head = self._styled_unless_left_out("greet") if first else []
        sorry = self._styled_unless_left_out("apology") if first and self.topic["tone"] == "sorry" else []
        body = [*sorry, *self._core(step, first, looked_up)]
        tail = self._styled_unless_left_out("closing") if last else []
        paragraphs = [" ".join(part) for part in (head, body, tail) if part]
        text = "\n\n".join(paragraphs) if self.letter else " ".join(paragraphs)
        return sentences(text) if self.scenario.language == "en" else text

    def _styled_unless_left_out(self, act: str) -> list[str]:
        return [] if act in self.without else [self._say(self.agent, self._styled(act))]

    def _core(self, step: str, first: bool, looked_up: bool) -> Iterator[str]:
        if step == "ask":
            yield self._say(self.agent, self.bank["ask_order"] if self._asks_order() else self.topic["ask"])
        elif step == "ask_more":
            yield self._say(self.agent, self.topic["ask"])
        elif step == "answer":
            yield self._say(self.agent, self._answer)
        elif step == "farewell":
            yield self._say(self.agent, self._styled("farewell"))
        else:
            if first and self.topic["tone"] == "neutral" and self.rng.random() < 0.6:
                yield self._say(self.agent, self._styled("lead"))
            elif not first:
                yield self._say(self.agent, self._styled("got_it"))
            if looked_up and self._cited():
                yield self._say(self.agent, self.topic["tool"])
            yield self._say(self.agent, self.topic["solve"])

    def _cited(self) -> bool:
        return "tool" in self.topic and self.scenario.case in _CITED

    def _styled(self, act: str) -> str:
        styles: str | dict[str, str] = self.topic.get(act, self.bank[act])
        return styles if isinstance(styles, str) else styles[self.scenario.agent.style]

    def _look_up(self) -> Iterator[Message]:
        """A call of the order system and its answer; the answer grounds what the agent then says."""
        call = f"call_{self.scenario.numbers[0]}"
        slots = self.scenario.slots
        result: dict[str, Any] = {"order": self.scenario.order_id, "item": slots["product"]}
        if self.scenario.intent == "refund_status":
            result["refund"] = {"amount": slots["amount_tool"], "state": slots["refund_state"]}
        elif self._cited():
            result |= {"carrier": slots["carrier"], "expected": slots["eta"]}
        else:
            result |= {"paid": True, "open_cases": 0}
        arguments = canonical_json({"order": self.scenario.order_id})
        function = {"name": "get_order", "arguments": arguments}
        calls = [{"id": call, "type": "function", "function": function}]
        yield {"role": "assistant", "content": "", "tool_calls": calls}
        content = json.dumps(result, ensure_ascii=False)
        yield {"role": "tool", "tool_call_id": call, "name": "get_order", "content": content}

    def _say(self, voice: Voice, block: str) -> str:
        """The customer may state any fact, the agent only what stands in an earlier turn."""
        if voice is self.customer:
            return voice.say(block, self.rng)
        said = fold("\n".join(m["content"] for m in self.messages))
        return voice.say(block, self.rng, lambda fact: fold(fact) in said)
