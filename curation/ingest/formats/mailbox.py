"""Mails: mailboxes (mbox, as Gmail's Takeout and Thunderbird write them) and single mails (eml). Those that answer one
another are one conversation, by their own references, else by a subject with "Re:" and two people in common. Automatic
mails, bounces, mails within the team and second copies are left out; attachments are counted in metadata.

The team is who writes from `ingest.team_domains`, or whose address or domain `ingest.roles` maps; else the domain (of
free mail the address) that takes part in most threads, which metadata `roles_assumed` says.

Keeps: the id of the mail that began the thread, the customer's address and the time; attachments and what
was left out counted in metadata.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.ingest.desks import CUSTOMER, TEAM, Entry, conversation_of, first_of
from curation.ingest.formats import Messages, Outcome, Reading, attempt, format_of, lacks
from curation.ingest.order import by_said
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents, RawRow

FIELDS = ("from", "message_id", "in_reply_to", "references", "automatic")
SUBJECTS_SEARCHED = 200  # mails of one subject, the last before a reply that names no other
DEEPEST = 127  # labels of a domain, RFC 1035
WITHIN, COPY = "mail within the team", "second copy"
ASSUMED = "{} is taken for the team: it takes part in most threads; params.yaml: ingest.team_domains decides"
_REPLY = re.compile(r"\s*+(?:re|aw|sv|antw|rif|رد|الرد)\s*+(?:\[\d++\]\s*+)?[:：]", re.IGNORECASE)
_PREFIXES = re.compile(rf"(?<!\s)(?:{_REPLY.pattern}|\s*+(?:fwd?|wg|tr|تحويل|إعادة توجيه)\s*+[:：])+", re.IGNORECASE)
_FREE = re.compile(
    r"(?:gmail|googlemail|outlook|hotmail|live|msn|yahoo|ymail|rocketmail|icloud|me|mac|aol|proton|protonmail|pm|gmx|web|"
    r"mail|yandex|zoho|qq|163|126)\.(?:[a-z]{2,3}|com?\.[a-z]{2})"
)


@dataclass(frozen=True)
class Mail:
    """A mail and the row that it stands in."""

    row: RawRow
    name: str  # its Message-ID; "" for none
    answers: Sequence[str]  # the mails above it in its thread, the first one first
    thread: str  # Gmail's name of it
    sender: str
    receivers: Sequence[str]
    subject: str
    date: Any

    def ids(self) -> list[str]:
        """What it is called and what it answers."""
        return [*filter(None, (self.name, *self.answers, self.thread and f"thread {self.thread}"))]


def _mail(row: RawRow) -> Mail | None:
    """The mail of a row; None where the row is no mail with a sender."""
    value = row.value if isinstance(row.value, dict) else {}
    senders = _texts(value.get("from"))
    return (
        Mail(
            row,
            next(iter(_texts(value.get("message_id"))), ""),
            _texts(value.get("references")) or _texts(value.get("in_reply_to")),
            str(value.get("thread") or ""),
            senders[0],
            [name for field in ("to", "cc", "bcc") for name in _texts(value.get(field))],
            str(value.get("subject") or ""),
            value.get("date"),
        )
        if senders
        else None
    )


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


@format_of("mailbox", lambda contents: lacks(contents, *FIELDS), mail=True, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a thread, in the order of the mails' dates."""
    mails = []
    for row in contents.rows:
        if (mail := None if row.fault else _mail(row)) is not None:
            mails.append(mail)
        elif not row.fault:
            yield Outcome([row], reason="the row is no mail as its neighbours are; export it again")
    threads = [_by_time(thread) for thread in _threads(_by_time(mails))]
    told = {*map(str.lower, reading.team_domains), *(name for name, role in reading.roles.items() if role == TEAM)}
    customers = {name for name, role in reading.roles.items() if role == CUSTOMER}
    known = any(
        _belongs(name, told) for thread in threads for mail in thread for name in (mail.sender, *mail.receivers)
    )
    assumed = "" if known else _team_of(threads)
    team = Team(told | ({assumed} if assumed else set()), customers, ASSUMED.format(assumed) if assumed else "")
    for thread in threads:
        yield _conversation(thread, team, reading)


# -- threads -----------------------------------------------------------------------------------------------------------


def _by_time(mails: Sequence[Mail]) -> Sequence[Mail]:
    return by_said(mails, [mail.date for mail in mails])


def _threads(mails: Sequence[Mail]) -> list[list[Mail]]:
    """The mails, which come in their order, by thread."""
    joined = _Joined()
    subjects: dict[str, list[tuple[str, set[str]]]] = {}
    names = []
    for place, mail in enumerate(mails):
        name, *others = [*mail.ids(), f"mail {place}"]
        for other in others:
            joined.join(name, other)
        people = {mail.sender, *mail.receivers}
        same = subjects.setdefault(_PREFIXES.sub("", mail.subject).strip().lower(), [])
        if not mail.answers and _REPLY.match(mail.subject):  # its program names no mail that it answers
            earlier = same[: -SUBJECTS_SEARCHED - 1 : -1]
            found = next((other for other, them in earlier if len(people & them) > 1), name)
            joined.join(name, found)
        same.append((name, people))
        names.append(name)
    threads: dict[str, list[Mail]] = {}
    for name, mail in zip(names, mails, strict=True):
        threads.setdefault(joined.root(name), []).append(mail)
    return list(threads.values())


class _Joined:
    """Names of mails, joined where one tells of the other."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, name: str) -> str:
        while (above := self._above.get(name, name)) != name:
            self._above[name] = self._above.get(above, above)
            name = above
        return name

    def join(self, one: str, other: str) -> None:
        self._above[self.root(other)] = self.root(one)


# -- who is who --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Team:
    """Addresses and domains of the team and of customers, and how the team is known where nobody said it."""

    named: set[str]
    customers: set[str]
    assumed: str

    def has(self, address: str) -> bool:
        return address not in self.customers and _belongs(address, self.named)


def _belongs(address: str, named: set[str]) -> bool:
    """Whether an address or its domain, or one above it, is named."""
    labels = address.rpartition("@")[2].split(".")[-DEEPEST:]
    return address in named or any(".".join(labels[place:]) in named for place in range(len(labels) - 1))


def _team_of(threads: Sequence[Sequence[Mail]]) -> str:
    """The domain, or of free mail the address, that takes part in most threads, where not everybody is of it; of many
    the one that begins the fewest, then is asked most, then writes most.
    """
    by_domain = [[(_unit(mail.sender), {_unit(name) for name in mail.receivers}) for mail in t] for t in threads]
    if found := _most_present(by_domain, threads):
        return found
    by_address = [[(mail.sender, set(mail.receivers)) for mail in thread] for thread in threads]
    return _most_present(by_address, threads)


def _unit(address: str) -> str:
    domain = address.rpartition("@")[2]
    return address if _FREE.fullmatch(domain) else domain


def _most_present(found: Sequence[Sequence[tuple[str, set[str]]]], threads: Sequence[Sequence[Mail]]) -> str:
    """The name that is in most threads; "" where most threads have no other."""
    present: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    written: Counter[str] = Counter()
    alone = 0
    for thread, mails in zip(threads, found, strict=True):
        names = {name for sender, receivers in mails for name in (sender, *receivers)}
        present.update(names)
        alone += len(names) == 1
        written.update(sender for sender, _ in mails)
        sender, receivers = mails[0]
        answers = len(thread[0].answers) % 2  # a mail that is in another file
        begun.update(receivers if answers else [sender])
        asked.update([sender] if answers else receivers)
    if not present or alone * 2 > len(found):
        return ""
    return min(present, key=lambda name: (-present[name], begun[name], -asked[name], -written[name], name))


# -- a conversation ----------------------------------------------------------------------------------------------------


def _conversation(thread: Sequence[Mail], team: Team, reading: Reading) -> Outcome:
    rows = sorted((mail.row for mail in thread), key=lambda row: row.number)
    entries = list(_entries(thread, team))
    left_out = {entry.number: entry.left_out for entry in entries if entry.left_out}

    def conversation() -> tuple[Messages, Mapping[str, Any]]:
        messages, counted = conversation_of(entries, reading, ordered=True)
        spoken = [mail for mail in thread if mail.row.number not in left_out]
        about = {
            "subject": _PREFIXES.sub("", spoken[0].subject).strip(),
            "created_at": spoken[0].date,
            **counted,
        }
        if attached := sum(len(_texts(mail.row.value.get("attachments"))) for mail in spoken):
            about["attachments"] = attached
        if team.assumed:
            about["roles_assumed"] = team.assumed
        customer = next((mail.sender for mail in spoken if not team.has(mail.sender)), None)
        return messages, provenance([about], (), customer=customer, source_id=_root(thread))

    outcome = attempt(rows, conversation)
    return Outcome(rows, outcome.messages, outcome.provenance, outcome.reason, left_out if outcome.messages else {})


def _entries(thread: Iterable[Mail], team: Team) -> Iterator[Entry]:
    """The mails of a thread; what says nothing but its subject says that."""
    seen: set[str] = set()
    for mail in thread:
        value, own = mail.row.value, team.has(mail.sender)
        within = own and bool(mail.receivers) and all(map(team.has, mail.receivers))
        copy = bool(mail.name) and mail.name in seen
        left_out = str(value.get("automatic") or "") or (COPY if copy else WITHIN if within else "")
        seen.add(mail.name)
        text = first_of(value, ("text", "html")) or mail.subject
        yield Entry(TEAM if own else CUSTOMER, text, mail.date, left_out, number=mail.row.number)


def _root(thread: Sequence[Mail]) -> str | None:
    """The name of the mail that the thread began with, also where it stands in another file."""
    return next(iter([*thread[0].answers, *filter(None, [thread[0].name])]), None)
