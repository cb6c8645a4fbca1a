"""The team's own rules, from playbook.yaml: what replies must say, must not say, and when cases are handed over."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.core.record.playbook import Playbook


@check("playbook")
def playbook(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Broken rules, one finding each, `evidence` = the rule and the words; and customers who speak as our agents do."""
    rules = context.playbook
    said = pl.struct(pl.element().struct.field(name) for name in ("role", "content"))
    columns = conversations.select("conversation_id", pl.col("messages").list.eval(said), "language", "label")
    for key, messages, language, label in columns.filter(_may_break(rules)).iter_rows():
        seen = {"conversation_id": key, "value": 1}
        broken = [j for j in rules.judge(messages, language, label) if not j.ok]
        greets = partial(rules.speaks_as_team, messages, language=language)
        if greets("user") and not greets("assistant"):
            yield {
                **seen,
                "code": "roles_swapped",
                "evidence": "the customer says what the playbook has our agents say",
            }
            continue
        for judgement in broken:
            evidence = ": ".join(filter(None, [judgement.rule, judgement.evidence]))
            yield {**seen, "code": f"playbook_{judgement.kind}", "turn": judgement.turn, "evidence": evidence}


def _may_break(rules: Playbook) -> pl.Expr:
    """The conversations in which a rule may be broken; where there is none a reply may still be too long."""
    signs = pl.element().struct.field("content").str.len_chars()
    long = pl.col("messages").list.eval(signs > 2 * rules.max_words).list.any()  # a word and a blank
    return pl.lit(True) if rules.rules else long
