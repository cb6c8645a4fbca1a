"""The texts of a conversation's beginnings, in one go where the template reads one message after another.

A server builds a prompt for each reply, and each is a text of its own: a template may shorten earlier thoughts, or tell
a message by what follows it. Nothing of that is guessed. The template runs once, over messages that note how far it has
looked. What it has said at the end of a message, having looked no further, is what it says of a conversation that ends
there, when what stands behind its loop depends on arguments alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from jinja2 import Environment, Template, nodes
    from jinja2.nodes import Node
    from jinja2.runtime import Context

TOLD = "qirat_told"  # what a template's loop calls when it is done with a message
ADDED = ("raise_exception", "strftime_now")  # by transformers; here they fail, as does its filter `tojson`
RENDERING = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class UntoldError(Exception):
    """Not in one go: each beginning is to be rendered by itself."""


class OneByOne:
    """A chat template that tells messages in a loop, and what it says behind it with and without a prompt to reply.

    Raises UntoldError for any other, and for one that needs tools or what transformers adds to Jinja.
    """

    def __init__(self, template: str, arguments: Mapping[str, Any]) -> None:
        from jinja2 import TemplateError

        given = {"tools": None, "documents": None, **arguments}
        self._refusals = (UntoldError, TemplateError, *RENDERING)
        try:
            environment = _environment()
            head, tail = _parted(environment.parse(template).body)
            behind = _compiled(environment, tail)
            self._behind = {asked: behind.render(given, add_generation_prompt=asked) for asked in (False, True)}
            self._loop = _compiled(environment, head)
        except self._refusals:
            raise UntoldError from None
        self._given, self._made_of = given, (template, dict(arguments))

    def __reduce__(self) -> tuple[type["OneByOne"], tuple[str, dict[str, Any]]]:
        """Another process compiles the template for itself."""
        return OneByOne, self._made_of

    def beginnings(self, said: Sequence[Mapping[str, Any]]) -> "Beginnings":
        """Of a conversation; it is read as far as they are asked for."""
        return Beginnings(self._loop, self._given, self._behind, said, self._refusals)


class Beginnings:
    """What the template says of the first messages of a conversation, of each number of them."""

    def __init__(
        self,
        loop: "Template",
        given: Mapping[str, Any],
        behind: Mapping[bool, str],
        said: Sequence[Mapping[str, Any]],
        refusals: tuple[type[Exception], ...],
    ) -> None:
        self._said, self._behind, self._refusals = said, behind, refusals
        self._looked = -1  # the furthest place that was looked at
        self._text, self._ends = "", dict[int, int]()  # what was said so far; where it stood after so many messages
        self._more = loop.generate({**given, "messages": _Watched(said, self._look), TOLD: self._told})

    def text(self, count: int, *, generation: bool) -> str:
        """Of the first `count` messages, with or without the prompt to reply behind them."""
        if count not in self._ends:
            self._read_on(count)
        return self._text[: self._ends[count]] + self._behind[generation]

    def _read_on(self, count: int) -> None:
        """Up to the end of so many messages."""
        with suppress(StopIteration, *self._refusals):
            while count not in self._ends:
                self._text += next(self._more)
        if count not in self._ends:
            raise UntoldError

    def _look(self, place: int) -> None:
        self._looked = max(self._looked, place)

    def _told(self, message: Mapping[str, Any]) -> None:
        if self._looked >= len(self._said) or message is not self._said[self._looked]:
            raise UntoldError  # it looked at what a beginning would not have
        self._ends[self._looked + 1] = len(self._text)


class _Watched:
    """A list of messages that tells how far it is looked at; what else could be asked of a list is refused."""

    def __init__(self, said: Sequence[Mapping[str, Any]], look: Callable[[int], None], first: int = 0) -> None:
        self._said, self._look, self._first = said, look, first

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for place in range(self._first, len(self._said) + 1):
            self._look(place)
            yield from self._said[place : place + 1]

    def __getitem__(self, place: int | slice) -> "Mapping[str, Any] | _Watched":
        if isinstance(place, slice):
            if place.stop is not None or place.step is not None or (place.start or 0) < 0:
                raise UntoldError
            return _Watched(self._said, self._look, self._first + (place.start or 0))
        if place < 0:
            raise UntoldError
        self._look(self._first + place)
        return self._said[self._first + place]

    def __len__(self) -> int:
        self._look(len(self._said))
        return max(0, len(self._said) - self._first)

    def __bool__(self) -> bool:
        self._look(self._first)
        return self._first < len(self._said)

    def _refuse(self, *_: object) -> NoReturn:
        raise UntoldError

    __eq__ = __getattr__ = __str__ = __repr__ = __format__ = _refuse


def _environment() -> "Environment":
    """As transformers sets Jinja up, and stricter."""
    from jinja2 import pass_context
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Remembering(ImmutableSandboxedEnvironment):
        """Whether an attribute is safe depends on its name and on the kind of object alone."""

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            known = (type(obj), attr)
            if known not in safe:
                safe[known] = super().is_safe_attribute(obj, attr, value)
            return safe[known]

    safe: dict[tuple[type, str], bool] = {}
    made = Remembering(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    made.globals = dict.fromkeys(ADDED, _fails)
    made.filters |= {"tojson": _fails, TOLD: pass_context(_tell)}
    return made


def _fails(*_: object) -> NoReturn:
    raise UntoldError


def _tell(context: "Context", message: Any) -> None:
    context[TOLD](message)


def _parted(body: "Sequence[Node]") -> "tuple[nodes.Template, nodes.Template]":
    """The template up to its last loop, which tells when it is done with a message, and what stands behind."""
    from jinja2 import defaults, nodes

    end = max((place for place, node in enumerate(body, 1) if isinstance(node, nodes.For)), default=0)
    head, tail = nodes.Template([*body[:end]], lineno=1), nodes.Template([*body[end:]], lineno=1)
    loop = head.body[-1] if head.body else None
    if not isinstance(loop, nodes.For) or not isinstance(loop.target, nodes.Name):
        raise UntoldError
    elsewhere = (nodes.Block, nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
    if [*head.find_all(elsewhere), *tail.find_all(elsewhere)]:
        raise UntoldError
    (asked, made), (behind, also_made) = _names(head), _names(tail)
    if "add_generation_prompt" in asked or behind & {"messages", "loop", *made}:
        raise UntoldError
    if (asked | made | behind | also_made) & {*defaults.DEFAULT_NAMESPACE, TOLD}:
        raise UntoldError
    told = nodes.Filter(nodes.Name(loop.target.name, "load"), TOLD, [], [], None, None)
    loop.body.append(nodes.ExprStmt(told))
    return head, tail


def _names(part: "nodes.Template") -> tuple[set[str], set[str]]:
    """Those that a part of a template asks for, and those that it gives something."""
    from jinja2 import nodes

    asked = {name.name for name in part.find_all(nodes.Name) if name.ctx == "load"}
    made = {name.name for name in part.find_all(nodes.Name) if name.ctx != "load"}
    made |= {macro.name for macro in part.find_all(nodes.Macro)} | {field.name for field in part.find_all(nodes.NSRef)}
    return asked, made


def _compiled(environment: "Environment", part: "nodes.Template") -> "Template":
    part.set_lineno(1).set_environment(environment)
    return environment.template_class.from_code(environment, environment.compile(part), environment.make_globals(None))
