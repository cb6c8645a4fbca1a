"""Which tokens of a reply are facts that must not be learnt, proved."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from training.model.template.messages import InexpressibleError

Span = tuple[int, int]  # the first code point and the one behind the last
PART = "\N{REPLACEMENT CHARACTER}"  # what decoding shows for some of a letter's bytes
Decode = Callable[[Sequence[int]], str]


def unlearnt_tokens(
    content: str, spans: Sequence[Span], reply: str, spoken: Sequence[int], decode: Decode, turn: int
) -> list[int]:
    """The places in `spoken`, the tokens of `reply`, that hold a letter of content[start:end], ascending.

    A token that holds a letter of the fact and one beside it (a space before it, the bracket behind it) is the fact's:
    what is said of facts is that they are not learnt. No other token is among them; both are proved by decoding.
    """
    places = set[int]()
    begun, whole = _told(spoken, _shift(spoken, reply, decode), decode)
    for start, end in _rendered(content, spans, reply, turn):
        first, last = bisect_left(begun, start + 1), bisect_left(whole, end)
        _prove(reply[start:end], spoken[first : last + 1], decode, turn)
        places.update(range(first, last + 1))
    return sorted(places)


def _rendered(content: str, spans: Sequence[Span], reply: str, turn: int) -> Iterator[Span]:
    """The same places in the reply as the template renders it, which may change white space at the ends of thoughts."""
    seen = [place for place, sign in enumerate(content) if not sign.isspace()]
    shown = [place for place, sign in enumerate(reply) if not sign.isspace()]
    words = "".join(content[place] for place in seen)
    known = words.removeprefix("<think>")  # which may stand in the server's prompt
    at = "".join(reply[place] for place in shown).find(known)
    if at < 0:
        raise InexpressibleError(f"turn {turn}: the chat template changes a reply with facts that must not be learnt")
    before = at - (len(words) - len(known))
    for start, end in spans:
        first, behind = bisect_left(seen, start), bisect_left(seen, end)
        yield shown[before + first], shown[before + behind - 1] + 1


def _shift(spoken: Sequence[int], reply: str, decode: Decode) -> int:
    """How many code points of white space at the reply's beginning decoding leaves out."""
    decoded = decode(spoken)
    return (len(reply) - len(reply.lstrip())) - (len(decoded) - len(decoded.lstrip()))


def _told(spoken: Sequence[int], shift: int, decode: Decode) -> tuple[list[int], list[int]]:
    """Code points of the reply that are begun, and that are whole, up to and with each token: some hold bytes only."""
    begun, whole = list[int](), list[int]()
    known, before, shown = shift, 0, 0  # spoken[:shown] are whole; from `before` on they decide about spaces
    for end in range(1, len(spoken) + 1):
        text = decode(spoken[before:end])[len(decode(spoken[before:shown])) :]
        letters = text.rstrip(PART)
        whole.append(known + len(letters))
        begun.append(whole[-1] + (len(letters) < len(text)))
        if letters == text:
            known, before, shown = whole[-1], shown, end
    return begun, whole


def _prove(fact: str, held: Sequence[int], decode: Decode, turn: int) -> None:
    """The tokens hold the fact whole, and without the first or the last of them they would not."""
    if fact not in decode(held) or (len(held) > 1 and (fact in decode(held[1:]) or fact in decode(held[:-1]))):
        raise InexpressibleError(
            f"turn {turn}: the tokens of a fact that must not be learnt cannot be told from the others: "
            f"{decode(held)!r} for {fact!r}"
        )
