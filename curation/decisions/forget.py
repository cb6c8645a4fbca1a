"""What must never be used again: rules in data/forget.jsonl, kept in git. Ingest leaves out every row they name.

One rule a line, sorted:

    {"qirat": "forget", "version": 1}
    {"forget": "licence", "value": "cc-by-nc-4.0"}
    {"forget": "source", "value": "pilot/sharegpt-2025.json"}

A customer stands there as the SHA-256 of whom the name or number means (curation/core/text/identity.py), so that the
list does not name whom it protects. That hides a name from a reader, not from somebody who can guess it and compare.

A rule also remembers which words it took out, by conversation_id, however they were read or reworded. So what people
said of them, which may come from another machine long after the rows have left data/raw, is still found:

    {"forget": "customer", "value": "5b1e…", "words": ["3f…", "a9…"]}
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Set
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import polars as pl
from pydantic import Field

from curation.core.record.json_lines import read_lines, write_lines
from curation.core.text.folding import fold
from curation.core.text.identity import identities, identity, possible_within
from curation.harness.errors import QiratError
from curation.harness.params import Params

PATH = Path("data/forget.jsonl")
HEADER = {"qirat": "forget", "version": 1}
Kind = Literal["customer", "source", "licence", "conversation"]
NAMED_BY = ("conversation_id", "customer", "source", "source_file", "licence")  # columns that rules go by
KINDS: tuple[Kind, ...] = get_args(Kind)


class ForgetRule(Params):
    """One thing to forget. `value` is as `rule` makes it."""

    forget: Kind
    value: str
    words: tuple[Annotated[str, Field(pattern="^[0-9a-f]{32}$")], ...] = ()  # conversation_ids of what it took out

    @property
    def key(self) -> tuple[str, str]:
        """What makes two rules one."""
        return self.forget, self.value

    @property
    def known(self) -> set[str]:
        """The conversation_ids that the rule itself knows."""
        return {*self.words, self.value} if self.forget == "conversation" else {*self.words}

    def remembering(self, words: Iterable[str]) -> "ForgetRule":
        """The same rule, which knows these words too."""
        return self.model_copy(update={"words": tuple(sorted({*self.words, *words}))})


ForgetRules = frozenset[ForgetRule]


def rule(kind: Kind, said: str) -> ForgetRule:
    """The rule for what a person names: a customer hashed, a licence folded, a source or an id as it stands.

    A source is the name of a reader, a file below data/raw, or a folder there; with that folder before it or without.
    """
    plain = said.strip()
    if kind == "source":
        plain = plain.removeprefix("./").removeprefix("data/raw/").rstrip("/")
    if not plain:
        raise QiratError(f"--{kind} is empty; an empty {kind} cannot be forgotten")
    if kind == "customer":
        return ForgetRule(forget=kind, value=customer_hash(plain))
    return ForgetRule(forget=kind, value=fold(plain) if kind == "licence" else plain)


def customer_hash(customer: str) -> str:
    """SHA-256 of whom it names: "Ali <ali@Example.com>" and "ali@example.com" are one customer."""
    return _hashed(identity(customer))


def customer_hashes(customer: str) -> set[str]:
    """Of all whom a value names, and of the value as it stands, folded: an older Qirat hashed that."""
    return set(map(_hashed, {*identities(customer), fold(customer)}))


def _hashed(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def forgotten(conversations: pl.DataFrame, rules: ForgetRules) -> pl.Series:
    """Whether a rule names each row, by its customer, source, source_file, licence or conversation_id."""
    wanted = {kind: sorted(r.value for r in rules if r.forget == kind) for kind in KINDS}
    folders = [f"{source}/" for source in wanted["source"]]
    named = (
        pl.col("customer").is_in(_spelled(conversations["customer"], customer_hashes, wanted["customer"]))
        | pl.col("licence").is_in(_spelled(conversations["licence"], lambda said: {fold(said)}, wanted["licence"]))
        | pl.col("source").is_in(wanted["source"])
        | pl.col("source_file").is_in(wanted["source"])
        | pl.any_horizontal(pl.lit(False), *(pl.col("source_file").str.starts_with(folder) for folder in folders))
        | pl.col("conversation_id").is_in(wanted["conversation"])
    )
    return conversations.select(forgotten=named.fill_null(False))["forgotten"]


def forgotten_words(conversations: pl.DataFrame, rules: ForgetRules) -> set[str]:
    """The conversation_ids of which rules name every row, or that rules remember.

    Words that another customer said too are not among them.
    """
    named = forgotten(conversations, rules)
    words = {*conversations.filter(named)["conversation_id"], *(word for rule in rules for word in rule.known)}
    return words - {*conversations.filter(~named)["conversation_id"]}


def customer_in(value: Any, rules: ForgetRules) -> str | None:
    """A customer to be forgotten who is named by a value, or by any inside of it.

    By an id or a name where that is all of the value, by an address or a phone anywhere in it.
    """
    wanted = {r.value for r in rules if r.forget == "customer"}
    parts = [value] if wanted else []
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list):
            parts += part.values() if isinstance(part, dict) else part
        elif isinstance(part, str | int | float) and (found := _named_in(str(part), wanted)):
            return found
    return None


def _named_in(text: str, wanted: Set[str]) -> str | None:
    if customer_hashes(text) & wanted:
        return text
    return next((found for found in sorted(possible_within(text)) if _hashed(found) in wanted), None)


def names_one(text: str, hashes: Set[str]) -> bool:
    """Whether a piece of any file names one of these customers, by address or phone."""
    return any(_hashed(found) in hashes for found in possible_within(text))


def _spelled(column: pl.Series, spellings: Callable[[str], Set[str]], wanted: Iterable[str]) -> list[str]:
    """The values of the column of which a spelling is among the wanted ones."""
    known = set(wanted)
    values = column.drop_nulls().unique(maintain_order=True) if known else ()
    return [value for value in values if spellings(value) & known]


def read_rules(path: Path = PATH) -> ForgetRules:
    """All rules, none where there is no file; a line that cannot be read is an error that names it."""
    return merged(read_lines(path, HEADER, lambda value: _as_made(ForgetRule.model_validate(value))))


def merged(rules: Iterable[ForgetRule]) -> ForgetRules:
    """Each rule once, with all that any line of it remembers: branches that were merged may have one line each."""
    found: dict[tuple[str, str], ForgetRule] = {}
    for one in rules:
        found[one.key] = one.remembering(known.words if (known := found.get(one.key)) else ())
    return frozenset(found.values())


def _as_made(typed: ForgetRule) -> ForgetRule:
    """The rule as `rule` makes it, in case a hand wrote it; else it would stand there and name nothing."""
    if typed.forget != "customer":
        return rule(typed.forget, typed.value).remembering(typed.words)
    if not re.fullmatch("[0-9a-f]{64}", typed.value):
        raise ValueError("a customer stands here as a SHA-256, which `qirat forget --customer` writes")
    return typed


def write_rules(rules: Iterable[ForgetRule], path: Path = PATH) -> None:
    """One line a rule, in their order."""
    ordered = sorted(merged(rules), key=lambda rule: rule.key)
    write_lines(path, HEADER, (r.model_dump(mode="json", exclude_defaults=True) for r in ordered))
