"""Which values of a JSON object are raw rows: the elements of its lists, objects under their ids, or it itself.

Every list that holds objects gives raw rows, numbered on from list to list as they stand in the document; but for lists
that only describe what the rows name (users, groups), which stand beside them. Rows of one list that belong to a row of
another, comments to tickets, are read with it. What a format reads decides between several ways to take a document.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from curation.ingest.formats.tickets_csv import INTERNAL, NO, PUBLIC, TICKET
from curation.ingest.moments import moment
from curation.ingest.provenance import ALIASES, spelled
from curation.ingest.rows import SAMPLED, RawRow

Known = Callable[[Sequence[Any], Mapping[str, Any]], str | None]  # rows and what is beside them -> the format, if any

DEEPEST = 3  # objects in objects that are looked through for lists
ABOUT = frozenset("meta metadata links pagination paging pages schema settings config headers context".split())
DESCRIBING = frozenset(  # lists that help desks and chats export beside what was said
    (
        "users agents contacts customers people persons participants members admins authors requesters operators "
        "staff employees teammates organizations organisations companies accounts groups teams departments brands "
        "tags labels categories fields ticket_fields custom_fields forms ticket_forms macros views triggers "
        "automations schedules channels inboxes mailboxes"
    ).split()
)
BELONGS = tuple(name.replace("_", "") for name in (*TICKET, "dialogue_id", "session_id", "issue_id", "parent_id"))
IDS = ("id", "_id", "uuid", "key", "number")
SIDES, WORDS = ("role", "from"), ("content", "value", "text")
NOTE = "internal note"


class Place(NamedTuple):
    """Which numbers the rows of a list have."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class RowList:
    """Raw rows of a document that one format may read."""

    name: str  # where the list stands, such as data.tickets; "" for the document itself
    rows: Sequence[RawRow]
    beside: Mapping[str, Any]


@dataclass(frozen=True)
class _List:
    """A list of the document."""

    path: tuple[str, ...]
    values: Sequence[Any]
    first: int = 1  # number of its first row

    @property
    def key(self) -> str:
        return spelled(self.path[-1])

    def objects(self) -> list[Mapping[str, Any]]:
        return [value for value in self.values if isinstance(value, dict)]

    def place(self) -> Place:
        return Place(".".join(self.path), self.first, self.first + len(self.values) - 1)

    def rows(self) -> list[RawRow]:
        return [RawRow(number, value) for number, value in enumerate(self.values, self.first)]


_Rows = dict[tuple[str, ...], Sequence[RawRow]]  # of each list, by its path


@dataclass(frozen=True)
class _Link:
    """That rows of one list name the row of another which they belong to."""

    child: _List
    parent: _List
    names: str  # field of the child that holds the parent's id
    id: str  # field of the parent


def places_of(lists: Iterable[RowList]) -> Iterator[Place]:
    """Where the rows of each list stand, as people count them."""
    for found in lists:
        numbers = [row.number for row in found.rows]
        yield Place(found.name, min(numbers), max(numbers))


def place_of(number: int, places: Iterable[Place]) -> str:
    """What a person looks for in the document; "" where it has only one list."""
    found = (place for place in places if place.first <= number <= place.last)
    return next((f"element {number - place.first + 1} of {place.name}" for place in found if place.name), "")


def row_lists(document: Mapping[str, Any], known: Known) -> tuple[list[RowList], list[Place]]:
    """The raw rows of a document, at least the document itself, each number once; and where they stand in it."""
    lists, beside = _lists_in(document, ())
    links = list(_links(lists))
    described = [found for found in lists if _describes(found, lists, links, beside, known)]
    beside |= {found.path[-1]: found.values for found in described}
    lists = _numbered([found for found in lists if found not in described])
    joined = _joined(lists, beside, known)
    readable = [found for found in joined if _format_of(found, known)]
    joining = any(row.inside for found in joined for row in found.rows)
    taken = {found.name.split(".")[0] for found in readable} | {link.child.path[0] for link in links if joining}
    if found := _whole(document, readable, taken, known):
        return found, list(places_of(found))
    if readable or not (found := _by_key(document, known)):
        return joined or _only(document), [each.place() for each in lists]
    return found, []


def _only(document: Mapping[str, Any]) -> list[RowList]:
    return [RowList("", [RawRow(1, document)], {})]


def _format_of(rows: RowList, known: Known) -> str | None:
    return known([row.value for row in rows.rows], rows.beside)


def _whole(
    document: Mapping[str, Any], readable: Sequence[RowList], taken: Container[str], known: Known
) -> list[RowList]:
    """The document where it is a row itself, with lists of more of its kind after it; else none.

    A document that is a row only by the fields `taken` by its rows ("conversations") is none.
    """
    if not known([document], {}):
        return []
    if not readable:
        return [] if any(found.name for found in _by_key(document, known)) else _only(document)
    rest = {key: value for key, value in document.items() if key not in taken}
    alone = known([rest], {})
    if not alone:
        return []
    alike = [found for found in readable if _format_of(found, known) == alone]
    if len(alike) < len(readable) or any(row.inside for found in alike for row in found.rows):
        return _only(document)
    lists, number = [RowList("", [RawRow(1, rest)], {})], 2
    for found in alike:
        lists.append(replace(found, rows=[replace(row, number=n) for n, row in enumerate(found.rows, number)]))
        number += len(found.rows)
    return lists


# -- lists -------------------------------------------------------------------------------------------------------------


def _lists_in(fields: Mapping[str, Any], path: tuple[str, ...]) -> tuple[list[_List], dict[str, Any]]:
    """The lists that hold objects, as they stand in the document, and all that stands beside them."""
    lists: list[_List] = []
    beside: dict[str, Any] = {}
    for key, value in fields.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            lists.append(_List((*path, key), value))
            continue
        inner: list[_List] = []
        if isinstance(value, dict) and len(path) < DEEPEST and spelled(key) not in ABOUT:
            inner, around = _lists_in(value, (*path, key))
        if inner:
            lists += inner
            beside = {**around, **beside}
        else:
            beside[key] = value
    return lists, beside


def _numbered(lists: Iterable[_List]) -> list[_List]:
    """The lists, their rows numbered on from one to the next."""
    first, found = 1, []
    for each in lists:
        found.append(replace(each, first=first))
        first += len(each.values)
    return found


def _describes(
    found: _List, lists: Sequence[_List], links: Sequence[_Link], beside: Mapping[str, Any], known: Known
) -> bool:
    """Whether a list only tells about what the rows of others name, by its own name or by their `group_id`."""
    if len(lists) == 1 or any(found in (link.child, link.parent) for link in links) or known(found.values, beside):
        return False
    names = {f"{_singular(found.key)}id", f"{_singular(found.key)}ids"}
    named = any(names & _names(other) for other in lists if other is not found)
    return found.key in DESCRIBING or (named and any(name in IDS for name in found.objects()[0]))


def _names(found: _List) -> set[str]:
    """Names of the fields of the first rows, as `_plain` spells them."""
    return {_plain(key) for value in found.objects()[:SAMPLED] for key in value}


def _plain(name: str) -> str:
    """ticket_id, Ticket ID and ticketId are one name."""
    return spelled(name).replace("_", "").lower()


def _singular(name: str) -> str:
    plain = _plain(name)
    return f"{plain[:-3]}y" if plain.endswith("ies") else plain.removesuffix("s")


# -- rows of rows ------------------------------------------------------------------------------------------------------


def _links(lists: Sequence[_List]) -> Iterator[_Link]:
    """Which lists hold rows that belong to rows of another: most of them name one by its id."""
    for child in lists:
        found = (link for parent in lists if parent is not child for link in _links_of(child, parent))
        if link := next(found, None):
            yield link


def _links_of(child: _List, parent: _List) -> Iterator[_Link]:
    if parent.key in DESCRIBING:
        return
    fields = {_plain(key): key for value in child.objects()[:SAMPLED] for key in value}
    for wanted in dict.fromkeys((f"{_singular(parent.key)}id", *BELONGS)):
        if wanted in fields:
            named = [_id(value, fields[wanted]) for value in child.objects()]
            own = {_plain(key): key for value in parent.objects()[:SAMPLED] for key in value}
            for name in (wanted, *map(_plain, IDS)):
                there = {_id(value, own[name]) for value in parent.objects()} - {""} if name in own else set()
                if 2 * sum(value in there for value in named) > len(named):
                    yield _Link(child, parent, fields[wanted], own[name])


def _joined(lists: Sequence[_List], beside: Mapping[str, Any], known: Known) -> list[RowList]:
    """The rows of all lists; those that belong to others within these, where a format then reads them.

    What belongs to what belongs, attachments of a ticket's comments, goes first.
    """
    done: _Rows = {found.path: found.rows() for found in lists}
    links = list(_links(lists))
    children = [link.child.path for link in links]
    for parent in sorted(lists, key=lambda found: found.path not in children):
        of_parent = [link for link in links if link.parent.path == parent.path]
        if of_parent:
            done |= _nested(parent, of_parent, done, beside, known) or _folded(of_parent, done, beside, known)
    return [RowList(".".join(path), rows, beside) for path, rows in done.items() if rows]


def _nested(parent: _List, links: Sequence[_Link], done: _Rows, beside: Mapping[str, Any], known: Known) -> _Rows:
    """The rows by list, with the children in their parents, under the name of their list; {} where nobody reads that.

    Children that name no parent of the document stay rows of their own.
    """
    rows = done[parent.path]
    left: _Rows = {}
    for link in links:
        told = link.child.path[-1] if known([row.value for row in rows], beside) else None  # read without them
        if any(value.get(link.child.path[-1]) for value in parent.objects()):
            told = None
        rows, left[link.child.path] = _within(rows, done[link.child.path], link, told)
    return {parent.path: rows, **left} if known([row.value for row in rows], beside) else {}


def _within(
    rows: Sequence[RawRow], within: Sequence[RawRow], link: _Link, told: str | None
) -> tuple[Sequence[RawRow], Sequence[RawRow]]:
    """The parents with their children, and the children without a parent. `told`: why their words are left out."""
    children: dict[str, list[RawRow]] = {}
    for row in within:
        children.setdefault(_id(row.value, link.names), []).append(row)
    key, parents = link.child.path[-1], []
    for row in rows:
        if not (name := _id(row.value, link.id)):
            parents.append(row)
            continue
        own = children.pop(name, [])
        given = row.value.get(key) if isinstance(row.value.get(key), list) else []
        more = _in_order([child.value for child in own if not _stands_in(child.value, given)])
        closed = [one for child in own for one in ((child.number, _left_out(child.value)), *child.inside)]
        inside = [(number, told or why) for number, why in closed]
        parents.append(replace(row, value={**row.value, key: [*given, *more]}, inside=[*row.inside, *inside]))
    orphans = [row for without in children.values() for row in without]
    return parents, sorted(orphans, key=lambda row: row.number)


def _id(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return "" if found is None else str(found)


def _stands_in(child: Any, given: Sequence[Any]) -> bool:
    """Whether a child was given inside its parent already, as it stands here or by its id."""
    known = child.get("id") if isinstance(child, dict) else None
    return any(
        other == child or (known is not None and isinstance(other, dict) and other.get("id") == known)
        for other in given
    )


def _in_order(values: Sequence[Any]) -> Sequence[Any]:
    """By time, where all tell it."""
    times = [told for value in values if isinstance(value, dict) and (told := time_of(value)) is not None]
    if len(times) < len(values):
        return values
    return [values[place] for place in sorted(range(len(values)), key=lambda place: times[place])]


def time_of(value: Mapping[str, Any]) -> datetime | None:
    """When an object says that it was written."""
    said = {spelled(key): key for key in value}
    return next((moment(value[said[name]]) for name in ALIASES["created_at"] if name in said), None)


def _left_out(value: Mapping[str, Any]) -> str | None:
    """Why no message will have the words of a row inside another; None where one has."""
    said = {spelled(key): str(value[key]).strip().lower() for key in value}
    hidden = any(said[name] in NO and said[name] not in ("", "none") for name in PUBLIC if name in said)
    return NOTE if hidden or any(said[name] not in NO for name in INTERNAL if name in said) else None


def _folded(links: Sequence[_Link], done: _Rows, beside: Mapping[str, Any], known: Known) -> _Rows:
    """The rows by list, with what the parent says in each child; the parent is a part of its first child's row.

    {} where no format reads the children: messages that name their ticket.
    """
    link = next((link for link in links if known(link.child.values, beside)), None)
    if link is None:
        return {}
    of_parent = done[link.parent.path]
    parents = {name: row for row in reversed(of_parent) if (name := _id(row.value, link.id))}
    rows, used = [], set()
    for row in done[link.child.path]:
        parent = parents.get(_id(row.value, link.names))
        if parent is None or not isinstance(row.value, dict):
            rows.append(row)
            continue
        said = {key: value for key, value in parent.value.items() if key not in row.value and key != link.id}
        inside = [] if parent.number in used else [(parent.number, None), *parent.inside]
        used.add(parent.number)
        rows.append(replace(row, value={**row.value, **said}, inside=[*row.inside, *inside]))
    alone = [row for row in of_parent if row.number not in used]
    return {link.parent.path: alone, link.child.path: rows}


# -- objects under their ids -------------------------------------------------------------------------------------------


def _by_key(fields: Mapping[str, Any], known: Known, path: tuple[str, ...] = ()) -> list[RowList]:
    """Rows that stand under their ids, {"T1": {...}, "T2": {...}}, or the only one; none where no format reads them."""
    objects = {key: value for key, value in fields.items() if isinstance(value, dict)}
    talks = {key: {"messages": value} for key, value in fields.items() if _is_talk(value)}
    for found in (objects, talks):
        if found and known(list(found.values()), {}):
            most = len(found) > 1 and 2 * len(found) >= len(
                fields
            )  # then what is no object is a row as well, that cannot be read
            values = {**fields, **found} if most else found
            beside = {key: value for key, value in fields.items() if key not in values}
            rows = [RawRow(number, _named(key, value)) for number, (key, value) in enumerate(values.items(), 1)]
            return [RowList(".".join(path), rows, beside)]
    inner = (_by_key(value, known, (*path, key)) for key, value in objects.items() if len(path) < DEEPEST)
    return next((found for found in inner if found), [])


def _is_talk(value: Any) -> bool:
    """Whether these are the turns of one conversation."""
    return isinstance(value, list) and bool(value) and all(_is_turn(turn) for turn in value)


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and any(key in value for key in SIDES) and any(key in value for key in WORDS)


def _named(key: str, value: Any) -> Any:
    if not isinstance(value, dict) or any(spelled(name) in ALIASES["source_id"] for name in value):
        return value
    return {"id": key, **value}
