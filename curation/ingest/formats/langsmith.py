"""LangSmith: exported runs, with `inputs` and `outputs` (messages as LangChain serialises them, generations, texts);
runs of models and chains only. Feedback by users and the model's name are kept; of requests that repeat one another
only the longest is a conversation.

Keeps: names, tool calls with the ids of their results, `tools`, reasoning apart from the reply; the model, the user's
rating, id, customer and time; other fields in metadata.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from curation.ingest.formats import Outcome, Reading, UnreadableError, format_of, lacks
from curation.ingest.json_text import parsed
from curation.ingest.logs import Exchange, answered, asked, each_exchange, joined, verdict_of
from curation.ingest.rows import Contents

SAYS_NOTHING = ("tool", "retriever", "embedding", "parser", "prompt")
_USED = {"inputs", "outputs", "serialized", "events", "extra", "child_runs", "feedback_stats", "error"}


@format_of("langsmith", lambda contents: lacks(contents, "inputs", "outputs"), whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """One conversation a run."""
    return each_exchange(contents, reading, _exchange)


def _exchange(row: Mapping[str, Any]) -> Exchange:
    if (kind := row.get("run_type")) in SAYS_NOTHING:
        raise UnreadableError(f"a run of the type {kind}, which is no conversation")
    if row.get("error"):
        raise UnreadableError(f"the run failed ({str(row['error'])[:60]})")
    turns, answer = asked(row.get("inputs")), answered(row.get("outputs"))
    if not turns or not answer:
        raise UnreadableError("its inputs and outputs hold no messages")
    extra = parsed(row.get("extra"))
    extra = extra if isinstance(extra, dict) else {}
    told, given = extra.get("metadata") or {}, extra.get("invocation_params") or {}
    model = told.get("ls_model_name") or given.get("model") or given.get("model_name")
    beside = {key: value for key, value in row.items() if key not in _USED}
    if "start_time" in beside:
        beside["created_at"] = beside.pop("start_time")
    return Exchange(joined(turns, answer), given.get("tools"), model, beside, verdict_of(row))
