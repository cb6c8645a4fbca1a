"""Logs of OpenAI's API and of all that speaks it (batches, stored completions, LiteLLM, Helicone): `request` and
`response`, each with or without a `body`, or both in one object; chat completions and responses. The model's name and
the user's thumbs are kept; of requests that repeat one another only the longest is a conversation.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply; the model, the user's
rating, id, customer and time; other fields in metadata.
"""

from collections.abc import Iterator

from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.logs import are, each_exchange, is_openai, logged
from curation.ingest.rows import Contents


def _misses(contents: Contents) -> str:
    return "" if are(contents, is_openai) else "no answers of OpenAI's API"


@format_of("openai_log", _misses, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a request, with its answer."""
    return each_exchange(contents, reading, logged)
