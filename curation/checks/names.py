"""Names of people. The evidence says where, never who."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.privacy.names import name_finder
from curation.record.conversation import turns


@check("names", source="forms of introduction and lists of given names of ours; Presidio, spaCy")
def names(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Likely names of people, in English and Arabic: after "my name is", "Dear", "اسمي", "السيد" and the like.

    With privacy.names: presidio, English turns are read by Presidio as well, 60 texts a second. Nothing recognises
    Arabic names that nobody introduces; a name that is in neither list and stands in mid-sentence is not seen.
    """
    find = name_finder(context.privacy.names, context.privacy.name_model)
    for key, turn, role, text in turns(conversations).iter_rows():
        if role in ("user", "assistant"):
            for one in find(text):
                evidence = f"name at characters {one.start}-{one.end}"
                yield {"conversation_id": key, "turn": turn, "code": "pii_name", "value": 1, "evidence": evidence}
