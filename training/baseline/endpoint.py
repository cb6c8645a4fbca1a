"""A model elsewhere as one more arm, over any OpenAI-compatible endpoint.

The test conversations leave this machine for it, as they were curated. It tells no likelihoods, so this arm has none.
Answers are kept in data/cache/baseline by their content: a rerun asks nobody and gives the same bytes.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from curation.core.record.conversation import canonical_json
from curation.harness.endpoint import Completion, UnansweredError, ask
from curation.harness.errors import QiratError
from curation.harness.files import atomic
from curation.harness.memory import CACHE, remembered_json
from curation.harness.params import Params
from training.judge.arms import Before, Messages, with_prefix
from training.judge.scoring import PREDICTIONS, Scorer, reply_turns
from training.judge.server import KEY

PLACE = CACHE / "baseline" / "endpoint"


class Endpoint(Params):
    """baseline.endpoint; its key stands in the environment variable QIRAT_ENDPOINT_KEY."""

    url: str  # such as https://host/v1
    model: str
    prompted: bool = True  # with the written prompt
    most: int = Field(default=1000, gt=0)  # requests; more are refused before the first is sent
    timeout: float = Field(default=60, gt=0)  # seconds an answer


def endpoint_replies(asked: Endpoint, conversations: pl.DataFrame, before: Before, judge: Scorer) -> pl.DataFrame:
    """PREDICTIONS of the arm `endpoint`; tokens are the judge's where the endpoint does not tell them."""
    places = [(row, turn) for row in conversations.iter_rows(named=True) for turn in reply_turns(row["messages"])]
    bodies = [
        _body(asked, before(row, turn), row["messages"][:turn], judge.params.seed, judge.limit(row["language"]))
        for row, turn in places
    ]
    missing = sum(not _path(asked.url, body).exists() for body in bodies)
    if missing > asked.most:
        raise QiratError(
            f"params.yaml, baseline.endpoint: {missing:,} answers are wanted and {asked.most:,} allowed; "
            "raise baseline.endpoint.most or lower evaluate.generated"
        )
    found = []
    for (row, turn), body in judge.progress(
        list(zip(places, bodies, strict=True)), "endpoint, replies", unit="replies"
    ):
        answer = answered(asked.url, body, asked.timeout, "baseline.endpoint")
        prompt = answer.prompt_tokens
        sent = judge.tokens(" ".join(m["content"] for m in body["messages"])) if prompt is None else prompt
        said = judge.tokens(answer.text) if answer.tokens is None else answer.tokens
        found.append(("endpoint", row["conversation_id"], turn, sent, answer.text.strip(), said, answer.finished))
    return pl.DataFrame(found, schema=PREDICTIONS, orient="row")


def _body(asked: Endpoint, prefix: Messages, messages: Sequence[Any], seed: int, limit: int) -> dict[str, Any]:
    joined, _ = with_prefix(prefix, messages)
    return {
        "model": asked.model,
        "temperature": 0,
        "seed": seed,
        "max_tokens": limit,
        "messages": [{"role": m["role"], "content": m["content"]} for m in joined],
    }


def _path(url: str, body: dict[str, Any]) -> Path:
    words = canonical_json([url, body])
    return PLACE / f"{hashlib.sha256(words.encode('utf-8', 'surrogatepass')).hexdigest()}.json"


def answered(url: str, body: dict[str, Any], timeout: float, setting: str) -> Completion:
    """What the endpoint says to a chat completion, remembered by its content; `setting` of params.yaml names it."""
    path = _path(url, body)
    with contextlib.suppress(TypeError):  # torn: it is asked anew
        return Completion(**remembered_json(path))
    if not url.startswith(("https://", "http://")):
        raise QiratError(f"params.yaml, {setting}.url: {url!r} is no address; such as https://host/v1")
    address = f"{url.rstrip('/')}/chat/completions"
    try:
        answer = ask(address, os.environ.get(KEY), body, timeout)
    except UnansweredError as error:
        raise QiratError(
            f"params.yaml, {setting}: {url} gave no answer: {error}; set {KEY} if it wants a key and run "
            f"again (answers so far are kept), or leave {setting} null"
        ) from None
    with atomic(path) as temporary:
        temporary.write_text(canonical_json(vars(answer)), "utf-8")
    return answer
