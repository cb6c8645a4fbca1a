"""Langfuse: exported traces or observations, with `input` and `output` as messages, texts or what a model's API gave;
generations only. Scores by users, the model's name and the session are kept; of requests that repeat one another only
the longest is a conversation.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply; the model, the user's
rating, id, customer and time; other fields in metadata.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import Outcome, Reading, UnreadableError, field_of, format_of, lacks
from curation.ingest.json_text import parsed
from curation.ingest.logs import Exchange, answered, asked, each_exchange, joined, verdict_of
from curation.ingest.rows import Contents

OWN = ("traceId", "trace_id", "sessionId", "session_id", "observations", "parentObservationId", "scores")
_USED = {"input", "output", "observations", "usage", "usageDetails", "model", "modelParameters", "scores"}


def _misses(contents: Contents) -> str:
    return lacks(contents, "input", "output") or ("" if field_of(contents, OWN) else lacks(contents, OWN))


@format_of("langfuse", _misses, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a trace or generation."""
    return each_exchange(contents, reading, _exchange)


def _exchange(row: Mapping[str, Any]) -> Exchange:
    kind = str(row.get("type") or "GENERATION").upper()
    if kind not in ("GENERATION", "TRACE", "AGENT"):
        raise UnreadableError(f"an observation of the type {kind}, which is no conversation")
    observations = [one for one in parsed(row.get("observations")) or [] if isinstance(one, dict)]
    generations = [one for one in observations if str(one.get("type")).upper() == "GENERATION"]
    said = _turns(row) or next((turns for one in reversed(generations) if (turns := _turns(one))), [])
    if not said:
        raise UnreadableError("its input and output hold no messages")
    beside = {key: value for key, value in row.items() if key not in _USED}
    known = (("customer", "userId"), ("created_at", "startTime"), ("created_at", "timestamp"))
    for column, key in known:
        if key in beside and column not in beside:
            beside[column] = beside.pop(key)
    model = next((one["model"] for one in (row, *reversed(generations)) if one.get("model")), None)
    given = parsed(row.get("input"))
    return Exchange(said, given.get("tools") if isinstance(given, dict) else None, model, beside, verdict_of(row))


def _turns(row: Mapping[str, Any]) -> list[Any]:
    turns, answer = asked(row.get("input")), answered(row.get("output"))
    return joined(turns, answer) if turns and answer else []
