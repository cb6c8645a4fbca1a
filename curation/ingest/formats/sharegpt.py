"""ShareGPT: {"conversations": [{"from": "human", "value": "..."}], ...}."""

from collections.abc import Iterator

from curation.ingest.containers import Contents
from curation.ingest.formats import Outcome, Roles, chat_messages, each_row, format_of, most_have
from curation.ingest.provenance import provenance


@format_of("sharegpt", lambda contents: most_have(contents, "conversations"))
def read(contents: Contents, roles: Roles) -> Iterator[Outcome]:
    """One conversation a row; fields beside `conversations` are its provenance."""
    return each_row(
        contents.rows,
        lambda value: (
            chat_messages(value.get("conversations"), roles, "from", "value"),
            provenance([value], {"conversations"}),
        ),
    )
