"""Logs of Gemini's API: `request` with `contents` and `response` with `candidates`. The model's name and the user's
thumbs are kept; of requests that repeat one another only the longest is a conversation.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply; the model, the user's
rating, id, customer and time; other fields in metadata.
"""

from collections.abc import Iterator

from curation.ingest.formats import Outcome, Reading, format_of
from curation.ingest.logs import are, each_exchange, is_gemini, logged
from curation.ingest.rows import Contents


def _misses(contents: Contents) -> str:
    return "" if are(contents, is_gemini) else "no answers of Gemini's API"


@format_of("gemini_log", _misses, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a request, with its answer."""
    return each_exchange(contents, reading, logged)
