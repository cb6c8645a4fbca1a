"""Chats between people who have names: who of them is the team, where a conversation ends, and what is left out of it.

What messengers have in common; each format makes entries of its own rows. Who is the team is told by the first of
these rules that tells it: the names that params map or that say it themselves, what the export knows (bots, guests,
roles), the name that is in most of many chats, a business's name, who offers help, whom the chat is named after, who
asks. Of two people of whom nothing tells, who speaks first is taken for the customer; of more, the chat is held with a
reason.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from curation.core.record.conversation import message
from curation.core.text.folding import fold
from curation.ingest.formats import Outcome, Reading, Roles, speaker_role
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents, RawRow

Sides = Mapping[str, str]  # name -> user or assistant
OTHER = {"user": "assistant", "assistant": "user"}
MANY = 3  # chats from which on somebody who speaks in most of them is no customer
SHORTEST_NAME = 3  # characters of a name that is sought in a title
LOOKED_AT = 200  # entries in which help may be offered
CHARACTERS = 500  # of each of them
OFFERS_HELP = "the team is who offers help"
ASKS = "the customer is who asks for something of his own"
WHO_SPOKE_FIRST = "who spoke first is taken for the customer; map names in params.yaml: ingest.roles"
ASSUMED = (OFFERS_HELP, ASKS, WHO_SPOKE_FIRST)


@dataclass
class Entry:
    """A message or a notice of the app, with the raw rows it stands on."""

    rows: list[RawRow]
    name: str | None  # who wrote it; None: the app
    text: str = ""
    sent: datetime | None = None
    unsaid: str = ""  # what it is where it holds no words: "media", "notice", ...
    left_out: Mapping[int, str] = field(default_factory=dict)  # of a message with words: rows without -> why

    def spoken(self) -> bool:
        return self.name is not None and not self.unsaid and bool(self.text)

    def rows_left_out(self) -> Mapping[int, str]:
        if self.spoken():
            return self.left_out
        why = self.unsaid or ("notice" if self.name is None else "no words")
        return {row.number: why for row in self.rows}


@dataclass(frozen=True)
class Chat:
    """What an export says of one chat."""

    entries: Sequence[Entry]
    title: str = ""  # whom it is named after, as those who exported it see it
    knows: Sides = field(default_factory=dict)  # sides that the export itself tells
    bots: frozenset[str] = frozenset()
    exporters: frozenset[str] = frozenset()  # who can only be the owner of the phone or account
    guests: frozenset[str] = frozenset()  # who can not be
    regulars: frozenset[str] = frozenset()  # who speak in most of many chats
    facts: Mapping[str, Any] = field(default_factory=dict)  # provenance of all its conversations


@dataclass(frozen=True)
class People:
    """Who is who in a chat, and what told it; `reason`: why that cannot be told."""

    sides: Sides
    rule: str = ""
    reason: str = ""
    assumed: bool = False  # by what people say, and not by what is known of them

    def told(self) -> str:
        """The sentence for `--explain`."""
        if self.reason:
            return self.reason
        named = {
            side: ", ".join(f'"{name}"' for name in self.sides if self.sides[name] == side) or "nobody"
            for side in ("assistant", "user")
        }
        return f"team: {named['assistant']}; customer: {named['user']}; told by: {self.rule}"


def conversations(chat: Chat, reading: Reading) -> Iterator[Outcome]:
    """The chat, cut where nobody wrote for `silence_hours`; every raw row belongs to one of its conversations."""
    people = who_is_who(chat, reading.roles)
    for entries in _parted(chat.entries, timedelta(hours=reading.silence_hours)):
        yield _conversation(entries, people, chat.facts)


def each_chat(contents: Contents) -> Iterator[tuple[Mapping[str, Any], list[RawRow]]]:
    """The rows of each chat of a document, with what is said of it; rows of no document are one chat's."""
    rows = [row for row in contents.rows if not row.fault]
    start = 0
    for about in contents.beside.get("chats") or ():
        yield about, rows[start : start + about["messages"]]
        start += about["messages"]
    if rows[start:]:
        yield {}, rows[start:]


def by_time(entries: Sequence[Entry]) -> list[Entry]:
    """The entries by when they were sent, where all tell it; else as they stand, turned round if newest is first."""
    times = [entry.sent for entry in entries if entry.sent is not None]
    if len(times) == len(entries):
        return sorted(entries, key=lambda entry: entry.sent)  # type: ignore[arg-type, return-value]
    falls = sum(later < earlier for earlier, later in pairwise(times))
    return list(reversed(entries)) if 2 * falls > len(times) else list(entries)


def speakers(entries: Iterable[Entry]) -> frozenset[str]:
    """The names of all who say something."""
    return frozenset(str(entry.name) for entry in entries if entry.spoken())


def regulars_of(chats: Iterable[Iterable[str]]) -> frozenset[str]:
    """Who speaks in more than half of at least MANY chats, of each of which these speak; customers have one each."""
    spoken = [set(names) for names in chats if names]
    counted = Counter(name for names in spoken for name in names)
    return frozenset(name for name in counted if len(spoken) >= MANY and 2 * counted[name] > len(spoken))


def _parted(entries: Sequence[Entry], silence: timedelta) -> Iterator[Sequence[Entry]]:
    start, last = 0, None
    for place, entry in enumerate(entries):
        if entry.sent and entry.spoken():
            if last and entry.sent - last > silence:
                yield entries[start:place]
                start = place
            last = entry.sent
    if entries[start:]:
        yield entries[start:]


def _conversation(entries: Sequence[Entry], people: People, facts: Mapping[str, Any]) -> Outcome:
    rows = sorted((row for entry in entries for row in entry.rows), key=lambda row: row.number)
    spoken = [entry for entry in entries if entry.spoken()]
    if not spoken:
        return Outcome(rows, reason="nobody says anything in this chat but media and notices")
    if people.reason:
        return Outcome(rows, reason=people.reason, told=people.told())
    found: dict[str, Any] = {"created_at": entries[0].sent}
    found["roles_assumed" if people.assumed else "roles_told_by"] = people.rule
    if left_out := sum(entry.name is not None for entry in entries) - len(spoken):
        found["messages_without_text"] = left_out
    customer = next((entry.name for entry in spoken if people.sides[str(entry.name)] == "user"), None)
    return Outcome(
        rows,
        [message(people.sides[str(entry.name)], entry.text) for entry in spoken],
        provenance([found, facts], (), customer=customer),
        left_out={number: why for entry in entries for number, why in entry.rows_left_out().items()},
        told=people.told(),
    )


# -- who is who --------------------------------------------------------------------------------------------------------


def who_is_who(chat: Chat, roles: Roles) -> People:
    """The side of everybody who speaks, by the first rule that tells it."""
    names = list(dict.fromkeys(str(entry.name) for entry in chat.entries if entry.spoken()))
    bots: dict[str, str] = {name: "assistant" for name in names if name in chat.bots and name.lower() not in roles}
    people = [name for name in names if name not in bots]
    named = {name: role for name in people if (role := _named(name, roles))}
    mapped = any(name.strip().lower() in roles for name in named)
    by_name = "params.yaml: ingest.roles" if mapped else "what they are called"
    for known, rule in ((named, by_name), (_known(chat, people), "the export")):
        told = {**known, **named}
        if told and (sides := _both_sides(people, told)):
            return People({**sides, **bots}, rule)
        if told:
            return People({}, reason=_held(chat, people, len(told)))
    for tell, rule in _rules(chat, people):
        if team := tell():
            sides = {name: "assistant" if name in team else "user" for name in people}
            return People({**sides, **bots}, rule, assumed=rule in ASSUMED)
    if len(people) > 2:
        return People({}, reason=_held(chat, people, 0))
    sides = {name: "assistant" if place else "user" for place, name in enumerate(people)}
    if bots and len(people) == 1:
        return People({**sides, **bots}, "the bot is the team")
    return People({**sides, **bots}, WHO_SPOKE_FIRST, assumed=True)


def _named(name: str, roles: Roles) -> str | None:
    """user or assistant, if params map the name or a word of it says so; whoever has another role is of the team."""
    role = roles.get(name.strip().lower()) or speaker_role(name, roles)
    return role if role in (None, "user") else "assistant"


def _known(chat: Chat, people: Sequence[str]) -> dict[str, str]:
    return {name: chat.knows[name] for name in people if name in chat.knows}


def _both_sides(people: Sequence[str], told: Sides) -> dict[str, str] | None:
    """Everybody's side where some are told: the others are the other one. None: others are left, and both are there."""
    sides = set(told.values())
    if len(sides) > 1 and len(told) < len(people):
        return None
    others = OTHER[next(iter(sides))]
    return {name: told.get(name, others) for name in people}


def _rules(chat: Chat, people: Sequence[str]) -> Iterator[tuple[Callable[[], set[str]], str]]:
    """Who of the people is the team, or nobody where the rule does not tell; in the order of what they are worth."""
    two = len(people) == 2
    yield partial(_some, people, chat.regulars), "the team is who speaks in most of many chats"
    yield partial(_some, people, {name for name in people if _BUSINESS.search(fold(name))}), "the name of a business"
    yield partial(_some, people, _only_one(_HELPS, chat.entries) if two else set()), OFFERS_HELP
    yield partial(_some, people, chat.exporters), "the team is who exported the chat"
    named_after = {name for name in people if _is_title(name, chat.title)} if two else set()
    yield partial(_some, people, set(people) - named_after), "the customer is whom the chat is named after"
    asking = _only_one(_ASKS, chat.entries) if two else set()
    yield partial(_some, people, set(people) - asking), ASKS
    yield (
        partial(_some, people, set(people) - chat.guests if two else set()),
        "the team exported the chat, and its own name is no number",
    )


def _some(people: Sequence[str], team: Iterable[str]) -> set[str]:
    """The team among these people; nobody, where it would be all of them."""
    found = {name for name in people if name in set(team)}
    return found if len(found) < len(people) else set()


def _held(chat: Chat, people: Sequence[str], told: int) -> str:
    first: dict[str, int] = {}
    for entry in chat.entries:
        if entry.spoken():
            first.setdefault(str(entry.name), entry.rows[0].number)
    rows = [str(first[name]) for name in people]
    shown = f"{', '.join(rows[:-1])} and {rows[-1]}" if len(rows) < 10 else f"{', '.join(rows[:9])}, ..."
    known = f"the sides of only {told} are known" if told else "nothing tells who of them is the team"
    return (
        f"{len(people)} people speak in this chat (first in rows {shown}) and {known}; map their names as they stand "
        "there, in lower case, to user or assistant in params.yaml: ingest.roles"
    )


def _is_title(name: str, title: str) -> bool:
    wanted = fold(name)
    return len(wanted) >= SHORTEST_NAME and bool(re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", fold(title)))


_BUSINESS = re.compile(
    r"\b(?:shop|store|company|clinic|hospital|pharmacy|restaurant|hotel|agency|bank|services?|help ?desk|sales|"
    r"official|orders|deliver(?:y|ies)|booking|reservations|ltd|llc|inc|gmbh|co|corp|bot|assistant)\b|"
    r"\b(?:ال)?(?:متجر|شركه|موسسه|مطعم|عياده|فندق|صيدليه|معرض|مركز|بنك|وكاله|خدمات|خدمه|فريق|قسم|دعم|مبيعات|حجوزات|طلبات)\b"
)
_HELPS = re.compile(
    r"how (?:can|may|could) (?:i|we) (?:help|assist|serve)|(?:thanks|thank you) for (?:contacting|reaching|"
    r"your message|getting in touch|choosing|calling|writing to|messaging|waiting|your patience|your order|shopping)|"
    r"what can (?:i|we) do for you|(?:glad|happy) to (?:help|assist)|at your service|welcome to (?:our |the )?\w+|"
    r"anything else (?:i|we) can|(?:this is|my name is) \w+ from|one of our (?:agents|team|colleagues)|"
    r"we will get back to you|your (?:order|ticket|request|booking) (?:number )?is\b|"
    r"(?:كيف|بماذا|بايش|باي شي) (?:يمكنني|يمكننا|اقدر|نقدر|ممكن|استطيع|نستطيع)? ?(?:ان )?(?:ا|ن)?(?:ساعد|خدم)|"
    r"شكرا? ?(?:جزيلا )?(?:لتواصل|لاتصال|لانتظار|لاختيار|لتسوق|لصبر|علي تواصل|علي انتظار)|"
    r"(?:اهلا|مرحبا|حياك|نورت|ياهلا|يا هلا)[^.!؟?]{0,30}\b(?:في|فيك|بكم|لدي) "
    r"(?:متجر|شركه|خدمه|فريق|موسسه|مطعم|عياده|بنك|مركز)|"
    r"معك[م]? \w+ من (?:فريق|خدمه|قسم|شركه|متجر|الدعم|دعم)|(?:تحت امرك|في خدمتك|بخدمتك)|"
    r"هل (?:من|هناك|يوجد|تحتاج|في) [^.؟?]{0,20}(?:اخري|اخر|استفسار)|يسعدنا (?:خدمت|تواصل|مساعدت)|سيتم الرد عليك"
)


_ASKS = re.compile(
    r"\b(?:where(?:'s| is| are)|about|cancel|change|track|return|received?|regarding|for) my \w+|"
    r"\bmy (?:order|package|parcel|delivery|refund|booking|reservation|appointment|account|payment|"
    r"subscription|invoice)\b|"
    r"\bi(?:'ve| have)? (?:ordered|bought|paid|purchased|booked)\b|\bi (?:want|need|would like|'d like) to\b|"
    r"\bi'd like to\b|\bhow (?:do|can|should) i\b|\bhow much (?:is|are|does|do|for)\b|"
    r"(?:^|\W)(?:طلبي|طلبيتي|شحنتي|حجزي|حسابي|موعدي|اشتراكي|فاتورتي|جهازي)(?!\w)|"
    r"(?:^|\W)(?:اريد|ابغي|ابغا|ابي|بدي|عايز|عاوز|عايزه|حابب|حابه|بغيت|نبي) |"
    r"(?:^|\W)(?:بكم|بقديش|قديش|بكام)(?!\w)|"
    r"كم (?:سعر|تكلفه|ثمن|السعر|التكلفه)|عندي مشكله|(?:لم|ما) (?:يصل|وصل|تصل|وصلت)ني?|"
    r"(?:^|\W)(?:اشتريت|استلمت|طلبت|دفعت)(?!\w)"
)


def _only_one(words: re.Pattern[str], entries: Sequence[Entry]) -> set[str]:
    """Who says what only one side says; nobody, where several do."""
    spoken = [entry for entry in entries[:LOOKED_AT] if entry.spoken()]
    found = {str(entry.name) for entry in spoken if words.search(fold(entry.text[:CHARACTERS]))}
    return found if len(found) == 1 else set()
