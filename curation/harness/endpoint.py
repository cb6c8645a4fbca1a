"""Asking a language model over any OpenAI-compatible endpoint: one question, one answer, patience in between."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 3
PAUSE = 0.5  # seconds before the second attempt, doubled before each further one
MOST_BYTES = 1_000_000  # of an answer read


class UnansweredError(Exception):
    """The endpoint gave no usable answer; the message says why and holds no key."""


@dataclass(frozen=True)
class Completion:
    """What came back. Tokens are as the endpoint counts them, None where it does not."""

    text: str
    finished: bool  # it ended by itself, not at the limit
    prompt_tokens: int | None
    tokens: int | None


def ask(address: str, key: str | None, body: Mapping[str, Any], timeout: float, pause: float = PAUSE) -> Completion:
    """The answer to a chat or plain completion; asked again after a pause when the endpoint is busy or away."""
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
            if key:
                request.add_unredirected_header("Authorization", f"Bearer {key}")  # to nobody else
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return _answer(json.loads(response.read(MOST_BYTES)))
        except urllib.error.HTTPError as error:
            why = f"it answers {error.code} {error.reason}"
            if error.code != 429 and error.code < 500:
                break
        except (OSError, http.client.HTTPException) as error:
            why = f"it cannot be reached ({error})"
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            raise UnansweredError("its answers are not those of a chat endpoint") from None
    raise UnansweredError(why)


def _answer(found: Any) -> Completion:
    choice, usage = found["choices"][0], found.get("usage") or {}
    said = choice["message"]["content"] if "message" in choice else choice["text"]
    return Completion(
        text=str(said or ""),
        finished=choice.get("finish_reason", "stop") == "stop",
        prompt_tokens=usage.get("prompt_tokens"),
        tokens=usage.get("completion_tokens"),
    )
