"""One tag for one value throughout a conversation: [phone_1] in a message, a name, a tool call or the metadata."""

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from curation.core.record.conversation import WORDS, canonical_json
from curation.core.text.folding import fold
from curation.privacy.finds import COVER, PATTERNED, Find, finds, masked, replaced
from curation.privacy.names import NameFinder, answered_name, likely_names, repeated_names
from curation.privacy.numbers import digit_runs, national_number, phone_spellings
from curation.privacy.plain import Plain
from curation.privacy.repeated import Repeated
from curation.privacy.split import split_phones

Message = Mapping[str, Any]
Change = Callable[[str, str], str]  # a text and what was said before it -> what stands in its place
Columns = Mapping[str, str | None]
_KEY_BEFORE = re.compile(r"""(?P<quote>\\?["'])\s{0,3}:\s{0,3}(?:\[\s{0,3})?$""")
_ITEM_BEFORE = re.compile(r"[\[,]\s{0,20}$")
_BEHIND_NUMBER = re.compile(r"\s*[,}\]]")
_PIECE = re.compile(r"\[\w+\]|\d{3,}|\w{4,}")  # a tag, or a word that is long enough to tell something
_NUMBERS = ("phone", "card", "national_id")
_SPEAKERS = ("user", "assistant")  # the name of a tool is no person's


def pseudonymised(
    messages: Sequence[Message], kinds: Collection[str], countries: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The messages with each value of these kinds replaced by its tag, and how many values of each kind there were.

    Idempotent: tags that stand there already stay, and new ones take the next number.
    """
    changed, _, counts = pseudonymised_row(messages, {}, kinds, countries)
    return changed, counts


def covered(messages: Sequence[Message], countries: Sequence[str]) -> list[dict[str, Any]]:
    """The messages as people are shown them: tags for every kind but names."""
    return pseudonymised(messages, PATTERNED, countries)[0]


def evidence_cover(messages: Sequence[Message], countries: Sequence[str]) -> Callable[[str], str]:
    """What covers the personal data of a conversation, names aside, in what a check quotes of it."""
    reader = _reader(messages, PATTERNED, countries)
    found = [(m["content"], reader(m["content"], before)) for m, before in _with_before(messages)]
    # For quotes that are folded or put together anew.
    values = ((find.kind, fold(text[find.start : find.end])) for text, here in found for find in here)
    pieces = {piece: kind for kind, value in values for piece in _PIECE.findall(value)}
    longest_first = sorted(reader.noted, key=lambda one: -len(one[1]))

    def piece(match: re.Match[str]) -> str:
        kind = pieces.get(fold(match.group()))
        return f"[{kind}]" if kind else match.group()

    def cover(evidence: str) -> str:
        excerpt = _excerpt(evidence, found)
        quoted = evidence if excerpt is None else excerpt
        plain = covering = Plain(quoted).text
        for kind, value in longest_first:
            if value.lower() not in covering.lower():
                continue
            covering = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"[{kind}]", covering, flags=re.IGNORECASE)
        covering = masked(quoted if covering == plain else covering, countries)
        return _PIECE.sub(piece, covering) if excerpt is None else covering

    return cover


def _excerpt(evidence: str, found: Sequence[tuple[str, Sequence[Find]]]) -> str | None:
    """The evidence without values, also those that its ends cut in two; None where it stands in no text as it is."""
    kinds, stands = [""] * len(evidence), False
    for text, here in found:
        starts, ends = [find.start for find in here], [find.end for find in here]
        for quote in re.finditer(re.escape(evidence), text):
            stands = True
            for find in here[bisect_right(ends, quote.start()) : bisect_left(starts, quote.end())]:
                span = slice(max(find.start - quote.start(), 0), max(find.end - quote.start(), 0))
                kinds[span] = [find.kind] * len(kinds[span])
    if not stands:
        return None
    runs = groupby(zip(kinds, evidence, strict=True), key=lambda one: one[0])
    return "".join(f"[{kind}]" if kind else "".join(sign for _, sign in signs) for kind, signs in runs)


def pseudonymised_row(
    messages: Sequence[Message],
    columns: Columns,
    kinds: Collection[str],
    countries: Sequence[str],
    find_names: NameFinder = likely_names,
) -> tuple[list[dict[str, Any]], dict[str, str | None], dict[str, int]]:
    """`pseudonymised` for a row: its further text columns, JSON or plain, get the same tags for the same values."""
    reader = _reader(messages, kinds, countries, find_names)
    for text in columns.values():
        _changed_text(text or "", "", reader.note)
    if not reader.noted:
        return [dict(m) for m in messages], dict(columns), {}
    tags = _Tags(reader, _taken(messages))
    changed = [_changed(m, before, tags) for m, before in _with_before(messages)]
    others = {name: text and _changed_text(text, "", tags) for name, text in columns.items()}
    return changed, others, dict(sorted(tags.counts().items()))


def conversation_finds(messages: Sequence[Message], countries: Sequence[str]) -> list[tuple[int, str, Find]]:
    """(turn, field, find) of everything personal but names; the field is content, name or tool_calls."""
    reader = _reader(messages, PATTERNED, countries)
    if not reader.noted:
        return []
    found: list[tuple[int, str, Find]] = []
    for turn, (m, before) in enumerate(_with_before(messages)):
        for key in filter(m.get, WORDS):

            def note(text: str, said: str, turn: int = turn, key: str = key) -> str:
                found.extend((turn, key, find) for find in reader(text, said))
                return text

            _changed(m, before, note, (key,))
    return found


@dataclass
class _Reader:
    """What is personal in the texts of one conversation. A value that was noted is known again where it stands bare."""

    kinds: Collection[str]
    countries: Sequence[str]
    find_names: NameFinder
    noted: dict[tuple[str, str], None] = field(default_factory=dict)  # (kind, value), in order of appearance
    parts: dict[str, list[Find]] = field(default_factory=dict)  # text -> what of a number split over turns is in it
    _read: dict[tuple[str, str], list[Find]] = field(default_factory=dict)
    _known: tuple[int, dict[str, tuple[str, str]]] = (0, {})  # so many noted, and what `_numbers` says of them
    _again_at: tuple[int, Repeated] = (0, Repeated(()))  # so many noted, and what finds them again

    def note(self, text: str, before: str) -> str:
        self.noted |= dict.fromkeys((find.kind, find.value) for find in self._plainly(text, before))
        return text

    def __call__(self, text: str, before: str) -> list[Find]:
        found = [self._as_noted(text, find) for find in self._plainly(text, before)]
        found += _beside(text, found, (*self.parts.get(text, ()), *self._again(text)))
        return sorted(found, key=lambda find: find.start)

    def aliases(self) -> dict[tuple[str, str], str]:
        """Values that another one holds: 501234567 in +966501234567, sara in sara khan; where only one fits."""
        whole: dict[tuple[str, str], list[str]] = {}
        for kind, value in self.noted:
            for short in _shorter(kind, value):
                whole.setdefault((kind, short), []).append(value)
        return {one: whole[one][0] for one in self.noted if len(whole.get(one, ())) == 1}

    def _plainly(self, text: str, before: str) -> list[Find]:
        if (text, before) not in self._read:
            found = [find for find in finds(text, self.countries, before) if find.kind in self.kinds]
            if "name" in self.kinds:
                names = answered_name(text, before) or self.find_names(text)
                found += _beside(text, found, names)
            self._read[text, before] = found
        return self._read[text, before]

    def _again(self, text: str) -> Iterable[Find]:
        numbers = self._numbers()
        if numbers and any(map(str.isdigit, text)):
            plain, end = Plain(text), 0
            for span, digits in digit_runs(plain.text):
                if span[0] >= end and (known := numbers.get(digits)):
                    yield Find(known[0], *plain.written(*span), known[1])
                    end = span[1]
        if self._again_at[0] != len(self.noted):
            self._again_at = len(self.noted), Repeated(self.noted)
        yield from self._again_at[1](text)
        names = [value for kind, value in self.noted if kind == "name"]
        if names:
            yield from repeated_names(text, names)

    def _as_noted(self, text: str, find: Find) -> Find:
        """What a word beside takes for an identity, or dots for an address, is the phone that it was before."""
        digits = find.value.replace(".", "") if find.kind in ("national_id", "ip_address") else ""
        known = self._numbers().get(digits) if digits else None
        return Find(known[0], find.start, find.end, known[1]) if known else find

    def _numbers(self) -> dict[str, tuple[str, str]]:
        """The digits under which a noted number may stand again -> its kind and value."""
        if self._known[0] != len(self.noted):
            noted = [(kind, v) for kind, v in self.noted if kind in _NUMBERS and any(map(str.isdigit, v))]
            phones = {v.lstrip("+"): (kind, v) for kind, v in noted if kind == "phone"}
            for kind, v in list(phones.values()):
                for digits in phone_spellings(v, self.countries):
                    phones.setdefault(digits, (kind, v))
            numbers = {v: (kind, v) for kind, v in noted if kind != "phone"} | phones
            self._known = len(self.noted), numbers
        return self._known[1]


def _shorter(kind: str, value: str) -> Iterator[str]:
    """What stands for a value in short: the national number of a phone, the first of several names."""
    if kind == "phone" and value.startswith("+") and value.endswith(national := national_number(value)):
        yield national
    words = value.split(" ") if kind == "name" else []
    yield from (" ".join(words[:many]) for many in range(1, len(words)))


def _beside(text: str, found: Iterable[Find], more: Iterable[Find]) -> list[Find]:
    """Those of `more` that overlap neither what was found nor one another."""
    taken, free = bytearray(len(text)), list[Find]()
    for find in found:
        taken[find.start : find.end] = b"\1" * (find.end - find.start)
    for find in more:
        if taken.find(1, find.start, find.end) < 0:
            taken[find.start : find.end] = b"\1" * (find.end - find.start)
            free.append(find)
    return free


class _Tags:
    """Puts tags in the place of values, numbered in the order in which these appear."""

    def __init__(self, reader: _Reader, taken: Collection[str]) -> None:
        self._reader, self._aliases, self._taken = reader, reader.aliases(), taken
        self._tags: dict[tuple[str, str], str] = {}
        self._last: Counter[str] = Counter()

    def __call__(self, text: str, before: str) -> str:
        tags = [(find, self._tag(find)) for find in self._reader(text, before)]
        quotes = _quotes(text, [find for find, _ in tags])
        return replaced(text, ((find, f"{quote}{tag}{quote}") for (find, tag), quote in zip(tags, quotes, strict=True)))

    def counts(self) -> Counter[str]:
        return Counter(kind for kind, _ in self._tags)

    def _tag(self, find: Find) -> str:
        value = (find.kind, self._aliases.get((find.kind, find.value), find.value))
        while value not in self._tags:
            self._last[find.kind] += 1
            tag = f"[{find.kind}_{self._last[find.kind]}]"
            if tag not in self._taken:
                self._tags[value] = tag
        return self._tags[value]


def _quotes(text: str, finds: Sequence[Find]) -> list[str]:
    """The sign that each tag needs around it where a bare number stood in JSON inside a text: {"phone": 501234567}."""
    opens, closes = text.find("["), text.rfind("]")
    return [_quote(text, find, listed=0 <= opens < find.start and find.end <= closes) for find in finds]


def _quote(text: str, find: Find, *, listed: bool) -> str:
    written = text[find.start : find.end]
    if not written.isdecimal() or not _BEHIND_NUMBER.match(text, find.end):
        return ""
    if key := _KEY_BEFORE.search(text, max(0, find.start - 80), find.start):
        return key["quote"]
    item = _ITEM_BEFORE.search(text, max(0, find.start - 40), find.start)  # of a list, where no number begins with 0
    return '"' if listed and item and written[0] != "0" else ""


def _reader(
    messages: Sequence[Message], kinds: Collection[str], countries: Sequence[str], find_names: NameFinder = likely_names
) -> _Reader:
    reader = _Reader(kinds, countries, find_names)
    for m, before in _with_before(messages):
        _changed(m, before, reader.note)
    for text, find in split_phones(messages, countries) if "phone" in kinds else ():
        reader.parts.setdefault(text, []).append(find)
        reader.noted[find.kind, find.value] = None
    return reader


def _with_before(messages: Sequence[Message]) -> list[tuple[Message, str]]:
    """Each message with the one before it."""
    return list(zip(messages, ["", *(m["content"] for m in messages)], strict=False))


def _taken(messages: Sequence[Message]) -> set[str]:
    return {match.group() for m in messages for match in COVER.finditer(" ".join(m.get(key) or "" for key in WORDS))}


# -- every text of a message, wherever it stands -----------------------------------------------------------------------


def _changed(m: Message, before: str, change: Change, keys: Collection[str] = WORDS) -> dict[str, Any]:
    message = dict(m)
    if "content" in keys:
        message["content"] = _changed_text(m["content"], before, change)
    if "name" in keys and m.get("name") and m["role"] in _SPEAKERS:
        message["name"] = _changed_field("name", m["name"], change)
    if "tool_calls" in keys and m.get("tool_calls"):
        message["tool_calls"] = _changed_text(m["tool_calls"], before, change)
    if "reasoning" in keys and m.get("reasoning"):
        message["reasoning"] = _changed_text(m["reasoning"], before, change)
    return message


def _changed_text(text: str, before: str, change: Change) -> str:
    """A text, or the texts inside when it is JSON; text in which nothing changes stays as it is to the letter."""
    if text[:40].lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text, object_pairs_hook=_object)
            after = _changed_value("", value, change)
            return text if after == value else canonical_json(after)
        except (ValueError, RecursionError):
            pass  # no JSON, or none that can be walked: read as text
    return change(text, before)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once; of two that are the same a parser would hide one."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _changed_value(key: str, value: Any, change: Change) -> Any:
    if isinstance(value, dict):
        return _changed_object(value, change)
    if isinstance(value, list):
        return [_changed_value(key, one, change) for one in value]
    if isinstance(value, str):
        inside = value[:1] in ("{", "[")
        return _changed_text(value, "", change) if inside else _changed_field(key, value, change)
    if isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0:  # also 501234567.0
        after = _changed_field(key, str(int(value)), change)
        return value if after == str(int(value)) else after
    return value


def _changed_object(value: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """An object whose keys are read as well; two spellings of one number as keys both stay."""
    changed: dict[str, Any] = {}
    for name, one in value.items():
        tag = change(name, "")
        changed[f"{tag} ({len(changed)})" if tag in changed else tag] = _changed_value(name, one, change)
    return changed


def _changed_field(key: str, value: str, change: Change) -> str:
    """A value under a key, which says what it is as a word in a sentence would."""
    label = f"{key.replace('_', ' ')}: " if key else ""
    after = change(label + value, "")
    return after.removeprefix(label) if after.startswith(label) else change(value, "")
