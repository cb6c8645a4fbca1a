"""The section about the prompts that were searched on dev: what it cost, what it brought, and the prompts to take."""

from collections.abc import Mapping
from typing import Any

from markupsafe import escape

from curation.privacy import covered
from curation.report.blocks import Block, Cell, Examples, Excerpt, Note, Table, Turn, code, count
from curation.report.examples import Picking
from curation.report.results import Results
from curation.report.words import Words

PLACE = "data/baseline/optimised"


def prompts(results: Results, words: Words, picking: Picking) -> list[Block]:
    """The search in each language, and in full every prompt that is better than the written one."""
    tried = [found for found in results.searched if found["written"] is not None]
    if not tried:
        return [Note(words("prompts.none"))]
    rows: list[list[Cell]] = [
        [
            words.name_of("languages", found["language"]),
            *(count(found[name]) for name in ("prompts", "tokens")),
            *(f"{found[name]:.3f}" for name in ("written", "optimised")),
            count(found["conversations"]),
        ]
        for found in tried
    ]
    names = ("language", "tried", "tokens", "written", "optimised", "conversations")
    table = Table(words("prompts.caption"), [words(f"prompts.{n}") for n in names], rows, frozenset({1, 2, 3, 4, 5}))
    better = [_prompt(found, words, picking) for found in tried if found["optimised"] < found["written"]]
    return [table, Examples(words("prompts.found"), words("prompts.take"), better)] if better else [table]


def _prompt(found: Mapping[str, Any], words: Words, picking: Picking) -> Excerpt:
    """Personal data that a demonstration may hold is covered, as everywhere on the page."""
    facts: list[tuple[str, Cell]] = [(words("prompts.file"), code(f"{PLACE}/{found['language']}.json"))]
    if found["nearest"]:
        facts.append((words("prompts.then"), words("prompts.nearest")))
    turns = [Turn(m["role"], escape(m["content"])) for m in covered(found["messages"], picking.countries)]
    return Excerpt(words.name_of("languages", found["language"]), facts, [turns])
