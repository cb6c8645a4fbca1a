"""ShareGPT: `{"conversations": [{"from", "value"}], "system"?, "tools"?}`, calls as `function_call` and
`observation`.
"""

from collections.abc import Iterator

from curation.ingest.formats import Outcome, Reading, chat_messages, each_row, format_of, lacks, with_system
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents


@format_of("sharegpt", lambda contents: lacks(contents, "conversations"))
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a row; fields beside `conversations` and `system` are its provenance."""
    return each_row(
        contents.rows,
        lambda value: (
            with_system(value.get("system"), chat_messages(value.get("conversations"), reading.roles)),
            provenance([value], {"conversations", "system"}),
        ),
    )
