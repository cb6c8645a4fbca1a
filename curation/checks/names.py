"""Names of people. The evidence says where, never who."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.folded import FOLDED, turns_folded
from curation.privacy.may_name import may_name_somebody
from curation.privacy.names import name_finder


@check(
    "names",
    version=3,
    source="forms of introduction of ours; names of Wikidata (CC0) and the US census; Presidio; models of the hub",
)
def names(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Likely names of people, in English and Arabic: behind "my name is", "spoke with", "اسمي", "السيد" and the like.

    Given names that are hardly ever another word count without such words, too; those that are (May, Charlotte, كريم,
    أمل) where a family's name follows. A name that no list has and nobody introduces is not seen. With privacy.names:
    presidio, English turns are read by Presidio as well, 60 texts a second; with model, all by a model of the hub.
    """
    find = name_finder(context.privacy.names, context.privacy.name_model)
    said = turns_folded(conversations).filter(pl.col("role").is_in(("user", "assistant")))
    texts = said.select(text="content", folded=FOLDED).unique("text", maintain_order=True)  # teams repeat themselves
    if context.privacy.names == "likely":
        texts = texts.filter(may_name_somebody(texts))
    found = {text: places for text in texts["text"] if (places := find(text))}
    naming = said.filter(pl.col("content").is_in(list(found))).select("conversation_id", "turn", "content")
    for key, turn, text in naming.iter_rows():
        for one in found[text]:
            evidence = f"name at characters {one.start}-{one.end}"
            yield {"conversation_id": key, "turn": turn, "code": "pii_name", "value": 1, "evidence": evidence}
