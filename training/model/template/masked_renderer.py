"""Conversations to tokens and labels, proved, by the chat template of a tokenizer."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from curation.harness.errors import QiratError
from training.model.template.beginnings import OneByOne, UntoldError
from training.model.template.messages import InexpressibleError, Message, objects, plain, refuse_special
from training.model.template.proof import PROBE, THINKING_PROBE, Presence, difference, refuse_mixed_roles, same_words
from training.model.template.tokens import Tokens, special_tokens
from training.model.template.unlearnt import unlearnt_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label of a token that is context only
THOUGHT_CURE = " (params.yaml: model.template_arguments {enable_thinking: false} asks for replies without thoughts)"
Opening = Literal["empty_user", "system", "leave_out"]  # what stands before an agent who speaks first
MEND = "mend it (docs/training.md, params.yaml: model.template) or choose another model (params.yaml: model.name)"


@dataclass(frozen=True)
class Example:
    """Tokens to train or to score on. `reply_ends` are the positions just after each supervised reply."""

    input_ids: list[int]
    labels: list[int]
    reply_ends: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)  # the messages that are supervised, 0-based
    unlearnt: list[int] = field(default_factory=list)  # places of tokens of replies that carry no loss: facts
    facts: int = 0  # how many these are

    @property
    def supervised(self) -> int:
        return len(self.labels) - self.labels.count(IGNORED)


@dataclass(frozen=True)
class Spoken:
    """The tokens of a prompt, those of its reply with the stop token, and the places of these that are not learnt."""

    turn: int
    prompt: list[int]
    ids: list[int]
    unlearnt: list[int]
    facts: int

    def goes_on(self, before: "Spoken") -> bool:
        """Whether the prompt begins with an earlier reply and what stands before it."""
        begun = len(before.prompt)
        return self.prompt[:begun] == before.prompt and _begins(self.prompt[begun:], before.ids)


def _example(replies: Sequence[Spoken]) -> Example:
    """Of replies, each of which goes on from the one before."""
    labels, ends, unlearnt = list[int](), list[int](), list[int]()
    for reply in replies:
        begun = len(reply.prompt)
        labels += [IGNORED] * (begun - len(labels))
        labels += reply.ids
        ends.append(len(labels))
        unlearnt += (begun + place for place in reply.unlearnt)
    for place in unlearnt:
        labels[place] = IGNORED
    last = replies[-1]
    turns, facts = [reply.turn for reply in replies], sum(reply.facts for reply in replies)
    return Example([*last.prompt, *last.ids], labels, ends, turns, unlearnt, facts)


class Renderer:
    """Conversations to tokens and labels, by the chat template of `tokenizer`.

    `original` is the renderer of a model's own template where ours stands in for it: what that one can say, ours must
    say in the same tokens.
    """

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        arguments: Mapping[str, Any] | None = None,
        original: "Renderer | None" = None,
        opening: Opening = "empty_user",
    ) -> None:
        if not tokenizer.chat_template:
            raise QiratError(
                "the base model's tokenizer has no chat template; choose an instruct model (params.yaml: model.name) "
                "or write one (docs/training.md, params.yaml: model.template)"
            )
        self.tokenizer = tokenizer
        self.arguments = dict(arguments or {})
        self._original = original
        self._opening: Opening = opening
        self._tokens = Tokens(tokenizer)
        self.stop_token = self._find_stop_token()
        self.stop_id = int(tokenizer.get_vocab()[self.stop_token])
        self._bos = tokenizer.bos_token_id
        self.stops = sorted({self.stop_id, tokenizer.eos_token_id} - {None})  # a server ends a reply at any of them
        self._prove()

    def prompt(self, messages: Sequence[Message], tools: str | None = None) -> list[int]:
        """The tokens a server would send to the model to get the next reply."""
        return self.reading(messages, tools).prompt(len(messages))

    def examples(
        self,
        messages: Sequence[Message],
        tools: str | None = None,
        *,
        turns: Collection[int] | None = None,
        limit: int | None = None,
    ) -> list[Example]:
        """The replies, or those of `turns`, as supervised tokens, proved.

        One example a conversation. Where a message has `unlearnt`, places (start, end) in its content, the tokens that
        hold them carry no loss. A reply begins another one where the server's prompt for it does not continue the
        tokens so far (thinking templates shorten earlier replies; some tokenizers join the white space around them),
        since training must see what serving shows. Stops before the first reply that ends beyond `limit` tokens.
        """
        return self.reading(messages, tools).examples(turns, limit)

    def reading(self, messages: Sequence[Message], tools: str | None = None) -> "Reading":
        """The conversation for several questions about it."""
        said, offered = plain(messages), objects(tools)
        refuse_special(self._special, said, offered)
        return Reading(self, messages, tools, said, offered)

    def read(self, reading: "Reading", turns: Collection[int] | None, limit: int | None) -> list[Example]:
        """`examples` of a conversation that is read already."""
        messages, said = reading.messages, reading.said
        replies = [turn for turn, m in enumerate(said) if m["role"] == "assistant" and (turns is None or turn in turns)]
        if not replies:
            raise InexpressibleError("no assistant turn")
        chains: list[list[Spoken]] = []
        for turn, prompt, reply, ids in self._replies(reading, replies):
            if limit is not None and len(prompt) + len(ids) > limit:
                break
            facts = messages[turn].get("unlearnt") or ()
            left_out = (
                unlearnt_tokens(messages[turn]["content"], facts, reply, ids, self._decode, turn) if facts else []
            )
            spoken = Spoken(turn, prompt, ids, left_out, len(facts))
            if chains and spoken.goes_on(chains[-1][-1]):
                chains[-1].append(spoken)
            else:
                chains.append([spoken])
        examples = [_example(chain) for chain in chains]
        if self._original:
            self._refuse_other_tokens(self._original, messages, reading.tools, examples)
        return examples

    # -- the template itself --------------------------------------------------------------------------------------

    def _prove(self) -> None:
        """The template says PROBE; or one whose replies begin with reasoning, where it asks the model to think."""
        try:
            self._refuse_todays_date()
            probe = self._first_sayable(PROBE, THINKING_PROBE)
            text = self._render(plain(probe), [], generation=False)
            refuse_mixed_roles(text, self._render(plain(probe[:-1]), [], generation=True), probe)
        except InexpressibleError as error:
            raise QiratError(
                f"the base model's chat template or tokenizer fails on a plain conversation: {error}; {MEND}"
            ) from None

    def _first_sayable(self, probe: Sequence[Message], other: Sequence[Message]) -> Sequence[Message]:
        try:
            self.examples(probe)
        except InexpressibleError as error:
            try:
                self.examples(other)
            except InexpressibleError:
                raise error from None
            return other
        return probe

    def _refuse_todays_date(self) -> None:
        """Tokens of today would not be those of tomorrow, nor those of the server."""
        day = "the day of today"
        pinned = f"{{% macro strftime_now(format) %}}{day}{{% endmacro %}}{self.tokenizer.get_chat_template()}"
        if day in self._render([dict(PROBE[0])], [], generation=True, template=pinned):
            raise QiratError(
                "the chat template writes today's date into every prompt; name a day for training and serving "
                "(params.yaml: model.template_arguments, for Llama 3 {date_string: 26 Jul 2024}) or "
                "leave it out of a template of your own (params.yaml: model.template)"
            )

    def _find_stop_token(self) -> str:
        """The token with which the template closes a reply, found by looking."""
        probe = "a reply to look for"
        exchange = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": probe}]
        try:
            text = self._render(exchange, [], generation=False)
        except InexpressibleError as error:
            raise QiratError(f"the chat template cannot render a question and a reply: {error}; {MEND}") from None
        if probe not in text:
            raise QiratError(f"the chat template changes the reply {probe!r}: it renders {text[-80:]!r}; {MEND}")
        after = text.partition(probe)[2].strip()
        tokens = {token.content for token in self.tokenizer.added_tokens_decoder.values()}
        closing = [token for token in tokens if after.startswith(token)]
        if not closing:
            raise QiratError(
                f"the chat template closes no reply with an end token (after a reply comes {after[:40]!r}); the model "
                f"would never learn to stop; {MEND}"
            )
        return max(closing, key=len)

    def _refuse_other_tokens(
        self, original: "Renderer", messages: Sequence[Message], tools: str | None, examples: Sequence[Example]
    ) -> None:
        turns = [turn for example in examples for turn in example.turns]
        try:
            theirs = original.examples(messages, tools, turns=turns) if turns else []
        except InexpressibleError:  # what the model's own template cannot say is what ours is for
            return
        for turn, ours, own in zip(turns, _prompts(examples), _prompts(theirs), strict=True):
            if ours != own:
                found, expected = (str(self.tokenizer.decode(ids)) for ids in (ours, own))
                raise InexpressibleError(
                    f"turn {turn}: model.template says otherwise what the model's own template can say: "
                    f"{difference(expected, found)}"
                )

    # -- text ----------------------------------------------------------------------------------------------------

    def _replies(self, reading: "Reading", turns: Sequence[int]) -> Iterator[tuple[int, list[int], str, list[int]]]:
        """Turn, the tokens of the server's prompt, and the reply with its stop token as text and as tokens."""
        presence = Presence(reading.offered)
        said, rendered = reading.said, reading.rendered
        for turn in turns:
            prompt = rendered(turn, True)
            text = rendered(turn + 1, False)
            reply = self._reply(prompt, text, said[turn], turn)
            presence.prove(text, said[: turn + 1])
            asked, spoken = self._split_tokens(turn, prompt, reply)
            yield turn, asked, reply, spoken

    def _reply(self, prompt: str, text: str, m: Message, turn: int) -> str:
        """What `text` adds to the prompt, up to and with the stop token."""
        if not text.startswith(prompt):
            raise InexpressibleError(
                f"turn {turn}: the chat template trains on another prompt than a server builds: "
                f"{difference(prompt, text)}"
            )
        completion = text.removeprefix(prompt)
        reply, stop, rest = completion.partition(self.stop_token)
        if not stop:
            raise InexpressibleError(
                f"turn {turn}: the chat template does not close the reply with {self.stop_token!r} (it ends in "
                f"{completion[-40:]!r}); the model would not learn to stop"
            )
        if more := self._special.sub("", rest).strip():
            raise InexpressibleError(f"turn {turn}: the chat template says more behind the reply's end: {more[:60]!r}")
        expected = m["content"].strip()
        if prompt.rstrip().endswith("<think>"):
            expected = expected.removeprefix("<think>")
        if not m.get("tool_calls") and not same_words(expected, reply):
            cure = THOUGHT_CURE if "<think>" in reply and "<think>" not in expected else ""
            raise InexpressibleError(
                f"turn {turn}: the chat template changes the reply: {difference(expected, reply.strip())}{cure}"
            )
        return reply + stop

    def _render(
        self, said: list[dict[str, Any]], tools: list[dict[str, Any]], *, generation: bool, template: str | None = None
    ) -> str:
        from jinja2.exceptions import TemplateError

        offered: Any = tools or None
        said = self._opened(said)
        try:
            text = self.tokenizer.apply_chat_template(
                said,
                tools=offered,
                chat_template=template,
                add_generation_prompt=generation,
                tokenize=False,
                **self.arguments,
            )
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise InexpressibleError(f"the chat template refuses it: {error}") from None
        return str(text)

    def beginnings(self, said: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Callable[[int, bool], str]:
        """What the template says of the first so many messages, with or without the prompt to reply."""
        opened = self._opened(said)
        told = None if tools or not self._one_by_one else self._one_by_one.beginnings(opened)

        def rendered(count: int, generation: bool) -> str:
            nonlocal told
            if told:
                try:
                    return told.text(count + len(opened) - len(said), generation=generation)
                except UntoldError:
                    told = None
            return self._render(said[:count], tools, generation=generation)

        return rendered

    @cached_property
    def _one_by_one(self) -> OneByOne | None:
        try:
            template = self.tokenizer.get_chat_template()
            return OneByOne(template, {**self.tokenizer.special_tokens_map, **self.arguments})
        except UntoldError:
            return None

    def _opened(self, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """With an empty turn of the customer, or an empty system message, before an agent who speaks first.

        Templates begin with one of the two; what they are given here is in every prompt and carries no loss.
        """
        head = next((place for place, m in enumerate(said) if m["role"] != "system"), len(said))
        if said[head:] and said[head]["role"] != "assistant":
            return said
        if self._opening == "leave_out":
            raise InexpressibleError("the agent speaks first (params.yaml: model.opening is leave_out)")
        if self._opening == "empty_user":
            return [*said[:head], {"role": "user", "content": ""}, *said[head:]]
        return said if head else [{"role": "system", "content": ""}, *said]

    @cached_property
    def _special(self) -> re.Pattern[str]:
        return special_tokens(self.tokenizer, self.stop_token)

    # -- tokens --------------------------------------------------------------------------------------------------

    def _split_tokens(self, turn: int, prompt: str, reply: str) -> tuple[list[int], list[int]]:
        """The server's prompt and the reply with its stop token, proved."""
        asked, spoken = self._tokens.parted(prompt, reply)
        if self._bos is not None and asked[:2] == [self._bos, self._bos]:
            raise InexpressibleError(f"the chat template begins with {self.tokenizer.bos_token!r} twice")
        self.prove_supervised(spoken, reply, turn)
        return asked, spoken

    def prove_supervised(self, spoken: Sequence[int], reply: str, turn: int) -> None:
        """The tokens with loss are `reply`, which ends with the stop token: no token more, none less."""
        decoded = self._decode(spoken)
        if decoded.strip() != reply.strip() or spoken[-1:] != [self.stop_id]:
            raise InexpressibleError(
                f"turn {turn}: the supervised tokens are not the reply and its end token: "
                f"{difference(reply.strip(), decoded.strip())}"
            )

    def tokens(self, text: str) -> list[int]:
        """What the tokenizer gives for a text."""
        return self._tokens.of(text)

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokens.text(ids)


class Reading:
    """A conversation that the template reads once, however often its beginnings are asked for."""

    def __init__(
        self,
        renderer: Renderer,
        messages: Sequence[Message],
        tools: str | None,
        said: list[dict[str, Any]],
        offered: list[dict[str, Any]],
    ) -> None:
        self._renderer, self.messages, self.tools, self.said, self.offered = renderer, messages, tools, said, offered
        self.rendered = renderer.beginnings(said, offered)

    def prompt(self, count: int) -> list[int]:
        """The tokens of the server's prompt behind the first `count` messages."""
        return self._renderer.tokens(self.rendered(count, True))

    def examples(self, turns: Collection[int] | None = None, limit: int | None = None) -> list[Example]:
        """`Renderer.examples`."""
        return self._renderer.read(self, turns, limit)


def _begins(tokens: Sequence[int], start: Sequence[int]) -> bool:
    return tokens[: len(start)] == start


def _prompts(examples: Sequence[Example]) -> Iterator[list[int]]:
    """What stands up to and with each reply."""
    return (example.input_ids[:end] for example in examples for end in example.reply_ends)
