"""Base and adapter on a server of one's own, such as vLLM: replies over any OpenAI-compatible `/completions`.

What is sent are tokens, those that the renderer makes and that training saw; the server applies no chat template.
Likelihoods are still worked out here. The prompts leave this machine for the server, as they were curated.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pydantic import Field

from curation.harness.endpoint import UnansweredError, ask
from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.judge.generation import Reply
from training.model.template import Renderer

KEY = "QIRAT_ENDPOINT_KEY"
# What a server would else take from the model's own generation_config.json.
GREEDY = {"temperature": 0, "presence_penalty": 0, "frequency_penalty": 0, "repetition_penalty": 1}


class Server(Params):
    """evaluate.server; its key stands in the environment variable QIRAT_ENDPOINT_KEY."""

    url: str = Field(pattern=r"^https?://")  # such as http://localhost:8000/v1
    base: str  # its name of the base model
    adapter: str  # and of the adapter
    timeout: float = Field(default=600, gt=0)  # seconds a reply


@dataclass(frozen=True)
class Served:
    """One of the server's models."""

    server: Server
    model: str

    @property
    def key(self) -> tuple[str, str]:
        """By which its replies are remembered."""
        return self.server.url, self.model

    def write(self, renderer: Renderer, limit: int, prompts: Sequence[list[int]]) -> list[Reply]:
        """A greedy reply a prompt, all asked at the same time."""
        with ThreadPoolExecutor(len(prompts)) as together:
            return list(together.map(partial(self._reply, renderer, limit), prompts))

    def _reply(self, renderer: Renderer, limit: int, prompt: list[int]) -> Reply:
        body = {"model": self.model, "prompt": prompt, "max_tokens": limit, "stop_token_ids": renderer.stops, **GREEDY}
        address = f"{self.server.url.rstrip('/')}/completions"
        try:
            answer = ask(address, os.environ.get(KEY), body, self.server.timeout)
        except UnansweredError as error:
            raise QiratError(
                f"params.yaml, evaluate.server: {self.server.url} gave no reply of {self.model!r}: {error}; start it "
                f"with both models under the names given there, set {KEY} if it wants a key and run again (replies so "
                "far are kept), or leave evaluate.server null"
            ) from None
        said = len(renderer.tokenizer(answer.text, add_special_tokens=False)["input_ids"]) + answer.finished
        tokens = said if answer.tokens is None else answer.tokens
        return Reply(answer.text.rstrip("\ufffd").strip(), len(prompt), tokens, answer.finished)
