"""ShareGPT: `{"conversations": [{"from", "value"}], "system"?, "tools"?}`, calls as `function_call` (one or a list) and
`observation`, or in Hermes' `<tool_call>` blocks. A `weight` of 0, `train: false` or `loss: false` keeps a reply from
being learnt.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply, marks that a reply is
not to be learnt; id, label, customer, time and licence; every other field in metadata.
"""

from collections.abc import Iterator

from curation.ingest.formats import Outcome, Reading, format_of, lacks, with_system
from curation.ingest.preferences import each_liked_row, is_paired
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents
from curation.ingest.turns import as_marked, chat_messages


def _misses(contents: Contents) -> str:
    return lacks(contents, "conversations") or ("it holds preferences" if is_paired(contents) else "")


@format_of("sharegpt", _misses)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; fields beside `conversations` and `system` are its provenance."""
    return each_liked_row(
        contents.rows,
        lambda row: (
            as_marked(row, with_system(row.get("system"), chat_messages(row.get("conversations"), reading.roles))),
            provenance([row], {"conversations", "system"}),
        ),
        reading,
    )
