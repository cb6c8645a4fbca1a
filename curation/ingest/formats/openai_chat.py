"""OpenAI chat: {"messages": [{"role", "content"}], ...}, also from Parquet and from any Hugging Face `messages` set."""

from collections.abc import Iterator

from curation.ingest.containers import Contents
from curation.ingest.formats import Outcome, Roles, chat_messages, each_row, format_of, most_have
from curation.ingest.provenance import provenance


@format_of("openai_chat", lambda contents: most_have(contents, "messages"))
def read(contents: Contents, roles: Roles) -> Iterator[Outcome]:
    """One conversation a row; fields beside `messages` are its provenance."""
    return each_row(
        contents.rows, lambda value: (chat_messages(value.get("messages"), roles), provenance([value], {"messages"}))
    )
