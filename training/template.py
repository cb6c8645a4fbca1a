"""One renderer that owns chat template, loss mask and stop token, for any chat model.

Nothing is assumed of the template. For each assistant turn it renders the prompt that a server would build
(`add_generation_prompt`) and the conversation up to and with the reply; the reply is what the second adds to the
first, up to the stop token. What is trained is the server's prompt, token for token, and then the reply. The
template is proved on PROBE before anything else, then each conversation as it is rendered:

- the text of the prompt begins the text of the conversation,
- the supervised tokens decode to the reply's words and the stop token, no more and no less,
- every message, tool and tool call stands in the text, in order.

A template that fails on PROBE is a defect and stops (QiratError). A conversation on which a proved template fails
is set aside with the reason (InexpressibleError): `</think>` in one reply must not stop the other thousands.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from curation.stage import QiratError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, Any]
IGNORED = -100  # the label of a token that is context only
PROBE = (  # what any chat template must be able to say
    {"role": "user", "content": "Where is my order?"},
    {"role": "assistant", "content": "Yes, it left today.\nIt is parcel 7 of 12."},
    {"role": "user", "content": "And when will it be here?"},
    {"role": "assistant", "content": "Tomorrow."},
    {"role": "user", "content": "Thank you!"},
    {"role": "assistant", "content": "You are welcome."},
)


class InexpressibleError(Exception):
    """The template cannot say this conversation. The message is the reason."""


@dataclass(frozen=True)
class Example:
    """Tokens to train or to score on. `reply_ends` are the positions just after each supervised reply."""

    input_ids: list[int]
    labels: list[int]
    reply_ends: list[int]

    @property
    def supervised(self) -> int:
        return sum(label != IGNORED for label in self.labels)

    def extended(self, prompt: list[int], spoken: list[int]) -> "Example":
        """With one more reply; `prompt` begins with the tokens so far."""
        context = [IGNORED] * (len(prompt) - len(self.input_ids))
        ids = [*prompt, *spoken]
        return Example(ids, [*self.labels, *context, *spoken], [*self.reply_ends, len(ids)])

    def cut(self, tokens: int) -> "Example | None":
        """As many whole replies as fit; None when not even the first does."""
        fitting = [end for end in self.reply_ends if end <= tokens]
        return Example(self.input_ids[: fitting[-1]], self.labels[: fitting[-1]], fitting) if fitting else None


@dataclass(frozen=True)
class _Reply:
    """One assistant turn as text: what the server sends, what follows, both together."""

    turn: int
    prompt: str
    reply: str  # ends with the stop token

    @property
    def text(self) -> str:
        return self.prompt + self.reply


class Renderer:
    """Conversations to tokens and labels, by the chat template of `tokenizer`."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", arguments: Mapping[str, Any] | None = None) -> None:
        if not tokenizer.chat_template:
            raise QiratError(
                "the base model's tokenizer has no chat template; choose an instruct model (params.yaml: model.name) "
                "or put its chat_template.jinja beside the tokenizer"
            )
        self.tokenizer = tokenizer
        self.arguments = dict(arguments or {})
        self.stop_token = self._find_stop_token()
        self.stop_id = int(tokenizer.get_vocab()[self.stop_token])
        try:
            self.examples(PROBE)
        except InexpressibleError as error:
            raise QiratError(
                f"the base model's chat template or tokenizer fails on a plain conversation: {error}; mend its "
                "chat_template.jinja or choose another model (params.yaml: model.name)"
            ) from None

    def prompt(self, messages: Sequence[Message], tools: str | None = None) -> list[int]:
        """The tokens a server would send to the model to get the next reply."""
        said, offered = _plain(messages), _objects(tools)
        self._refuse_special_tokens(said)
        return self._tokens(self._render(said, offered, generation=True))

    def examples(self, messages: Sequence[Message], tools: str | None = None, *, first: int = 0) -> list[Example]:
        """Every reply from message `first` on as supervised tokens, proved.

        One example a conversation. A reply begins another one where the server's prompt for it does not continue the
        tokens so far (thinking templates shorten earlier replies; some tokenizers join the white space around them),
        since training must see what serving shows.
        """
        said, offered = _plain(messages), _objects(tools)
        self._refuse_special_tokens(said)
        turns = [turn for turn, m in enumerate(said) if m["role"] == "assistant" and turn >= first]
        if not turns:
            raise InexpressibleError("no assistant turn")
        examples: list[Example] = []
        for turn in turns:
            prompt, spoken = self._split_tokens(self._reply(said, offered, turn))
            begun = examples.pop() if examples and _begins(prompt, examples[-1].input_ids) else Example([], [], [])
            examples.append(begun.extended(prompt, spoken))
        return examples

    # -- text ----------------------------------------------------------------------------------------------------

    def _reply(self, said: list[dict[str, Any]], tools: list[dict[str, Any]], turn: int) -> _Reply:
        prompt = self._render(said[:turn], tools, generation=True)
        text = self._render(said[: turn + 1], tools, generation=False)
        if not text.startswith(prompt):
            raise InexpressibleError(
                f"turn {turn}: the chat template trains on another prompt than a server builds: "
                f"{_difference(prompt, text)}"
            )
        completion = text.removeprefix(prompt)
        reply, stop, _ = completion.partition(self.stop_token)
        if not stop:
            raise InexpressibleError(
                f"turn {turn}: the chat template does not close the reply with {self.stop_token!r} (it ends in "
                f"{completion[-40:]!r}); the model would not learn to stop"
            )
        expected = said[turn]["content"]
        if not said[turn].get("tool_calls") and reply.strip() != expected.strip():
            raise InexpressibleError(
                f"turn {turn}: the chat template changes the reply: {_difference(expected.strip(), reply.strip())}"
            )
        _refuse_drops(text, said[: turn + 1], tools)
        return _Reply(turn, prompt, reply + stop)

    def _render(self, said: list[dict[str, Any]], tools: list[dict[str, Any]], *, generation: bool) -> str:
        from jinja2.exceptions import TemplateError

        offered: Any = tools or None
        try:
            text = self.tokenizer.apply_chat_template(
                said, tools=offered, add_generation_prompt=generation, tokenize=False, **self.arguments
            )
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise InexpressibleError(f"the chat template refuses it: {error}") from None
        return str(text)

    def _find_stop_token(self) -> str:
        """The token with which the template closes a reply, found by looking."""
        probe = "a reply to look for"
        exchange = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": probe}]
        try:
            text = self._render(exchange, [], generation=False)
        except InexpressibleError as error:
            raise QiratError(f"the chat template cannot render a question and a reply: {error}") from None
        after = text.rpartition(probe)[2].strip()
        tokens = {token.content for token in self.tokenizer.added_tokens_decoder.values()}
        closing = [token for token in tokens if after.startswith(token)]
        if not closing:
            raise QiratError(
                f"the chat template closes no reply with an end token (after a reply comes {after[:40]!r}); the model "
                "would never learn to stop: choose a template that ends assistant turns with a special token"
            )
        return max(closing, key=len)

    @cached_property
    def _special(self) -> re.Pattern[str]:
        special = {token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special}
        return re.compile("|".join(re.escape(token) for token in sorted(special | {self.stop_token}, key=len)[::-1]))

    def _refuse_special_tokens(self, said: Sequence[Message]) -> None:
        for turn, m in enumerate(said):
            if found := self._special.search(m["content"]):
                raise InexpressibleError(f"turn {turn} spells the special token {found.group()!r}")

    # -- tokens --------------------------------------------------------------------------------------------------

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _split_tokens(self, reply: _Reply) -> tuple[list[int], list[int]]:
        """The server's prompt and the reply with its stop token, proved."""
        prompt, together = self._tokens(reply.prompt), self._tokens(reply.text)
        # Where a tokenizer would join prompt and reply, they stand apart: a server's prompt ends before the reply.
        spoken = together[len(prompt) :] if _begins(together, prompt) else self._tokens(reply.reply)
        bos = self.tokenizer.bos_token_id
        if bos is not None and prompt[:2] == [bos, bos]:
            raise InexpressibleError(f"the chat template begins with {self.tokenizer.bos_token!r} twice")
        decoded = str(self.tokenizer.decode(spoken, clean_up_tokenization_spaces=False))
        if decoded.strip() != reply.reply.strip() or spoken[-1:] != [self.stop_id]:
            raise InexpressibleError(
                f"turn {reply.turn}: the supervised tokens are not the reply and its end token: "
                f"{_difference(reply.reply.strip(), decoded.strip())}"
            )
        return prompt, spoken


def _begins(tokens: Sequence[int], start: Sequence[int]) -> bool:
    return tokens[: len(start)] == start


def _plain(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as templates expect them: no empty keys, tool calls as objects."""
    plain = []
    for m in messages:
        said = {key: m[key] for key in ("role", "content", "name") if m.get(key) is not None}
        if m.get("tool_calls"):
            said["tool_calls"] = [_call(call) for call in _objects(m["tool_calls"])]
        plain.append(said)
    return plain


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call whose arguments are an object: OpenAI exports carry them as JSON text."""
    function = call.get("function", call)
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        function = {**function, "arguments": _json(function["arguments"] or "{}")}
    return {"type": "function", **call, "function": function}


def _objects(text: str | None) -> list[dict[str, Any]]:
    """A JSON list of objects: tools, or tool calls."""
    found = (_json(text) if text else None) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InexpressibleError(f"tools or tool calls are no list of JSON objects: {text!r:.80}")
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise InexpressibleError(f"tools or tool calls are no JSON: {text!r:.80}") from None


def _refuse_drops(text: str, said: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> None:
    """Every message in order, every tool and every called function must stand in the rendered text."""
    place = 0
    for turn, m in enumerate(said):
        content = m["content"].strip()
        found = text.find(content, place)
        if found < 0:
            raise InexpressibleError(f"the chat template drops the {m['role']} message of turn {turn}")
        place = found + len(content)
        for called in _strings([call["function"] for call in m.get("tool_calls", [])]):
            if called not in text:
                raise InexpressibleError(f"the chat template drops the tool call of turn {turn} ({called!r})")
    for tool in tools:
        name = _tool_name(tool)
        if name not in text:
            raise InexpressibleError(f"the chat template drops the tool {name!r}")


def _tool_name(tool: Mapping[str, Any]) -> str:
    function = tool.get("function", tool)
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def _strings(value: Any) -> Iterator[str]:
    """Names and values of the functions called, as plain words; what JSON would escape is left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str) and value.isascii() and '"' not in value and "\\" not in value and value.isprintable():
        yield value


def _difference(expected: str, found: str) -> str:
    """Where two texts part, with a few words of each."""
    shorter = min(len(expected), len(found))
    at = next((i for i in range(shorter) if expected[i] != found[i]), shorter)
    return (
        f"expected {expected[at : at + 60]!r}, found {found[at : at + 60]!r} (after {expected[max(0, at - 20) : at]!r})"
    )
