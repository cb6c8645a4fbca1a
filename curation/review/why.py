"""Why a conversation is shown: each doubt by its title, what was measured and its limit, the rule as the team wrote it.

In one language, that of the conversation, for Argilla lays a field out in one direction.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curation.core.record.codes import Code
from curation.core.record.playbook import Playbook, Rule
from curation.core.text.markdown import as_strong, as_written
from curation.decisions.answers import Countries
from curation.privacy import masked
from curation.review.words import isolated, words

_LIKELIER = re.compile(r"given (.+), the words say (.+)", re.DOTALL)  # as the check of labels puts it
_PLAYBOOK = "playbook_"  # codes whose evidence names a rule of the playbook
_WORDS = re.compile(r"max_words: (\d+) words")  # as the check of the playbook puts it
_PHRASES = 4  # of a rule that are shown


@dataclass(frozen=True)
class Meanings:
    """What doubts mean. `codes`: with the limits in force. `playbook`: None where its rules are not at hand."""

    codes: Mapping[str, Code] = field(default_factory=dict)
    playbook: Playbook | None = None

    def title(self, code: str, language: str) -> str:
        return self.codes[code].called(code, language) if code in self.codes else code.replace("_", " ")


@dataclass(frozen=True)
class Seen:
    """One finding. `turn`: 0-based; None for the conversation as a whole."""

    code: str
    turn: int | None
    value: float | None


def seen(line: pl.DataFrame, findings: pl.DataFrame) -> dict[str, list[Seen]]:
    """conversation_id -> the findings for which the row is in the line."""
    codes = line.filter(purpose="doubt").select("conversation_id", code="codes").explode("code")
    found: dict[str, list[Seen]] = {}
    there = findings.join(codes.unique(), on=["conversation_id", "code"], how="semi", maintain_order="left")
    for row in there.iter_rows(named=True):
        found.setdefault(row["conversation_id"], []).append(Seen(row["code"], row["turn"], row["value"]))
    return found


def why(
    row: Mapping[str, Any], language: str, countries: Countries, meanings: Meanings, findings: Sequence[Seen]
) -> str:
    """Markdown. `row`: of the line, whose evidence reads `code: what was seen`."""
    lines: list[str] = []
    for code in row["codes"] if row["purpose"] == "doubt" else ():
        said = [e.removeprefix(f"{code}:").strip() for e in row["evidence"] or () if e.startswith(f"{code}:")]
        lines.append(f"- {_heading(code, language, meanings, [f for f in findings if f.code == code])}")
        told = [sentence for evidence in said for sentence in _told(code, evidence, language, meanings)]
        lines += [f"  - {as_written(_one_line(_masked(sentence, countries)))}" for sentence in told if sentence]
    lines = lines or [as_written(words(language)["random"])]
    if row["label"]:
        label = isolated(_masked(row["label"], countries))
        lines.append(f"\n{as_written(words(language)['label'].format(label))}")
    return "\n".join(lines)


def _heading(code: str, language: str, meanings: Meanings, findings: Sequence[Seen]) -> str:
    """The title of the check, what it means, what was measured with the limit, and in which replies."""
    title = as_strong(meanings.title(code, language))
    if code not in meanings.codes:
        return title
    told, measured = meanings.codes[code].told_to_reviewers(language), _measured(code, language, meanings, findings)
    return f"{title}: {as_written(' '.join(filter(None, [told, measured])))}"


def _measured(code: str, language: str, meanings: Meanings, findings: Sequence[Seen]) -> str:
    """The worst value and its limit; nothing where it was only seen or not."""
    limit = meanings.codes[code].limit
    values = [one.value for one in findings if one.value is not None]
    if limit.doubt is None or not values:
        return ""
    worst = min(values) if limit.below else max(values)
    if worst == limit.doubt == 1:
        return ""
    return words(language)["limit"].format(f"{worst:.3g}", f"{limit.doubt:.3g}")


# -- the rule of the playbook ------------------------------------------------------------------------------------------


def _told(code: str, evidence: str, language: str, meanings: Meanings) -> list[str]:
    """Sentences for people out of what a check wrote down."""
    name, _, rest = evidence.partition(": ")
    rules = {rule.id: rule for rule in meanings.playbook.rules} if meanings.playbook else {}
    if code.startswith(_PLAYBOOK) and (rule := rules.get(name)):
        return _rule(rule, rest, language)
    if meanings.playbook and (found := _WORDS.fullmatch(evidence)):
        return [words(language)["words"].format(found[1], meanings.playbook.max_words)]
    if found := _LIKELIER.fullmatch(evidence):
        return [isolated(words(language)["likelier"].format(*found.groups()))]
    return [isolated(evidence)] if evidence else []


def _rule(rule: Rule, found: str, language: str) -> list[str]:
    """Why the team wants it, what must or must not be said and where, and what was found."""
    say = rule.say.get(language) or next(iter(rule.say.values()), ())
    phrases = ", ".join(isolated(f"«{phrase}»") for phrase in say[:_PHRASES]) + (" …" if len(say) > _PHRASES else "")
    where = f"{words(language)[rule.where]}: " if rule.kind == "required" else ""
    sentences = [isolated(rule.why), where + words(language)[rule.kind].format(phrases)]
    return [*(sentences if rule.why else sentences[1:]), *_found(found, language)]


def _found(found: str, language: str) -> list[str]:
    return [words(language)["found"].format(isolated(f"«{found}»"))] if found else []


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _masked(text: str, countries: Countries) -> str:
    return text if countries is None else masked(text, countries)
