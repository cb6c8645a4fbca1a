"""A playbook to begin with, out of the conversations that are there: `qirat playbook propose`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import yaml

from curation.core.record.conversation import survivors
from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import Interval
from curation.decisions.decisions import read_decisions
from curation.harness.errors import QiratError
from curation.harness.files import atomic, finished_table, table_path
from curation.harness.params import load_params
from curation.privacy import masked
from curation.privacy.params import Privacy
from curation.proposals.evidence import Proposal, Tally
from curation.proposals.propose import MOST_ROWS, Proposed, proposed

PROPOSED = Path("playbook.proposed.yaml")
IN_FORCE = "playbook.yaml"
MARK = "# Proposed by `qirat playbook propose`"
COLUMNS = ("conversation_id", "row_id", "messages", "label", "language", "customer")
ROWS_SHOWN = 3
WIDTH = 1000  # of a line of YAML, so that no phrase is broken


def propose(path: Path = PROPOSED) -> str:
    """Writes the rules that the conversations suggest to `path`, for people to take over what they keep.

    Returns what to tell. Nothing reads the file, and playbook.yaml is never written.
    """
    if path.name == IN_FORCE:
        raise QiratError(f"{path} is the playbook in force; --write another file, and take over from it what you keep")
    if path.exists() and not path.read_text("utf-8").startswith(MARK):
        raise QiratError(f"{path} was written by somebody; --write another file")
    found, whence = suggested()
    countries = load_params("privacy", Privacy).countries
    with atomic(path) as temporary:
        temporary.write_text(masked_comments(as_yaml(found, whence), countries), "utf-8")
        Playbook.load(temporary)
    return "\n".join([*_summary(found), f"{path}: nothing is on; take over into {IN_FORCE} what your team really asks"])


def suggested() -> tuple[Proposed, str]:
    """What the project's tables and decisions suggest, and of what."""
    table, what = _conversations()
    found = proposed(table, load_params("privacy", Privacy).countries, as_read(), read_decisions())
    return found, f"{table.height:,} {what}"


def _conversations() -> tuple[pl.DataFrame, str]:
    """The curated set; before there is one, what the policy accepts; before that, all that was read."""
    if table_path("curated/conversations").exists():
        return finished_table("curated/conversations", COLUMNS), "conversations of the curated set"
    rows = finished_table("ingested/conversations", COLUMNS)
    if not table_path("routed/verdicts").exists():
        return rows, "conversations as they were read; no policy has looked at them"
    verdicts = finished_table("routed/verdicts").filter(pl.col("verdict") == "accept")
    kept = survivors(rows, finished_table("dedup/clusters"))
    return kept.join(verdicts, on="conversation_id", how="semi"), "conversations that the policy accepts"


def as_read() -> pl.DataFrame | None:
    """All that was read, but for copies: what must not be said is seldom in what was accepted."""
    if not table_path("ingested/conversations").exists():
        return None
    rows = finished_table("ingested/conversations", COLUMNS)
    return survivors(rows, finished_table("dedup/clusters")) if table_path("dedup/clusters").exists() else rows


def as_yaml(found: Proposed, whence: str) -> str:
    """The rules as playbook.yaml holds them, each below its evidence."""
    head = {"company": found.company or "name your company", "max_words": max(found.max_words, 1)}
    lines = [
        f"{MARK} from {whence}, at most {MOST_ROWS:,} of a language.",
        f"# Nothing here is on. What your team really asks of its agents, take over into {IN_FORCE}.",
        "# Each rule was found in one half of the conversations and borne out by the other. What is common need not be",
        "# a rule. Forbidden phrases are of kinds that teams forbid, or people cut them out, and few say them here.",
        "# What nobody has said yet is yours to add.",
        *(f"# {count} conversations in {language} are too few to propose anything." for language, count in _few(found)),
        _dumped(head),
        f"# max_words: the longest reply of 99 in 100 conversations{_rows(', longer in', found.longer)}",
        "",
        "rules:" if found.rules else "rules: []",
    ]
    return "\n".join([*lines, *(line for one in found.rules for line in _rule(one))]) + "\n"


def _few(found: Proposed) -> list[tuple[str, int]]:
    return sorted(found.too_few.items())


def _rule(one: Proposal) -> Iterator[str]:
    for language, tally in one.evidence.items():
        yield from (f"  # {line}" for line in evidence(language, tally, one.rule.kind))
    said = one.rule.model_dump(mode="json", exclude_defaults=True)
    yield from (f"  {line}" for line in _dumped([said]).splitlines())
    yield ""


def evidence(language: str, tally: Tally, kind: str) -> Iterator[str]:
    """What speaks for a rule of a kind and against it in a language, a line each."""
    if kind == "forbidden":
        yield from _against(language, tally)
        return
    share, of, asked = tally.share, len(tally.kept) + len(tally.broken), kind == "escalation"
    what = "that ask for it" if asked else "that it is about"
    yield (
        f"{language}: said in {len(tally.kept):,} of {of:,} {what} ({share.value:.0%} [{share.low:.0%}, "
        f"{share.high:.0%}]){_rows(', such as', tally.kept)}"
    )
    if tally.broken:
        yield f"{language}: not said{_rows(' in', tally.broken)}"
    if asked:
        calm = len(tally.undue) + tally.quiet
        yield f"{language}: said unasked in {len(tally.undue):,} of {calm:,}{_rows(', such as', tally.undue)}"
    elif tally.elsewhere[1]:
        yield f"{language}: elsewhere in {tally.elsewhere[0]:,} of {tally.elsewhere[1]:,}"


def _against(language: str, tally: Tally) -> Iterator[str]:
    said, of = tally.said, len(tally.kept) + len(tally.broken)
    yield (
        f"{language}: said in {len(tally.broken):,} of {of:,} ({said.value:.1%} [{said.low:.1%}, {said.high:.1%}])"
        f"{_rows(', such as', tally.broken)}"
    )
    if tally.cut:
        yield f"{language}: people dropped or rewrote {len(tally.cut):,} of them{_rows(', such as', tally.cut)}"
    if tally.left:
        yield f"{language}: people let it stand in {len(tally.left):,}{_rows(', such as', tally.left)}"


def _rows(before: str, rows: Sequence[str]) -> str:
    more = f" and {len(rows) - ROWS_SHOWN:,} more" if len(rows) > ROWS_SHOWN else ""
    return f"{before} {', '.join(rows[:ROWS_SHOWN])}{more}" if rows else ""


def _dumped(value: object) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=WIDTH).rstrip("\n")


def masked_comments(text: str, countries: Sequence[str]) -> str:
    """The text with personal data in its comments masked: ids of rows may be addresses."""
    lines = (masked(line, countries) if line.lstrip().startswith("#") else line for line in text.split("\n"))
    return "\n".join(lines)


def _summary(found: Proposed) -> Iterator[str]:
    for one in found.rules:
        shares = ", ".join(f"{language} {_share(one, tally).value:.0%}" for language, tally in one.evidence.items())
        say = " | ".join(phrase for said in one.rule.say.values() for phrase in said[:2])
        yield f"{one.rule.id:<12} {one.rule.kind:<10} {shares:<18} {say}"
    yield from (f"{language}: {count} conversations are too few" for language, count in _few(found))


def _share(one: Proposal, tally: Tally) -> Interval:
    """Of the conversations that a rule is about, those in which it is said."""
    return tally.said if one.rule.kind == "forbidden" else tally.share
