"""The language models that checks may consult: one asked over an endpoint, one measured on this machine."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.harness.endpoint import PAUSE, UnansweredError, ask
from curation.harness.errors import QiratError
from curation.harness.files import atomic
from curation.harness.memory import CACHE, remembered_json

URL, KEY = "QIRAT_JUDGE_URL", "QIRAT_JUDGE_API_KEY"
GIVE_UP = 5  # questions in a row without an answer: the endpoint is down
MOST_TOKENS = 1024  # of a conversation; older turns are left out


@dataclass
class Judging:
    """The endpoint of score.judge. What it answers is kept in data/cache/judge: nothing is paid for twice."""

    timeout: float
    asked: int = 0
    failed: int = 0
    in_a_row: int = 0
    why: str = ""  # it gave no answer the last time

    def __post_init__(self) -> None:
        url = os.environ.get(URL, "").rstrip("/")
        if not url.startswith(("https://", "http://")):
            raise QiratError(f"score.judge is on, but {URL} is {url!r}; set it to an address such as https://host/v1")
        self._address = f"{url}/chat/completions"

    def __call__(
        self, question: str, request: Mapping[str, Any], read: Callable[[str], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The answer as `read` reads it; None where there is none, or none that it can read."""
        self.asked += 1
        name = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()
        place = CACHE / "judge" / f"{name}.json"
        try:
            if remembered_json(place):
                answer = read(place.read_text("utf-8"))
            elif self.in_a_row >= GIVE_UP:
                raise UnansweredError(self.why)
            else:
                answer = read(ask(self._address, os.environ.get(KEY), request, self.timeout, PAUSE).text)
                with atomic(place) as temporary:
                    temporary.write_text(canonical_json(answer), "utf-8")
        except (UnansweredError, ValueError) as error:
            self.failed, self.in_a_row, self.why = self.failed + 1, self.in_a_row + 1, str(error)
            return None
        self.in_a_row = 0
        return answer


class Losses:
    """Mean losses (nats a token) of a text after another and by itself. One at a time: no batch changes them."""

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        safe = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            model: Any = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **safe)
        except (OSError, ValueError) as error:
            raise QiratError(f"params.yaml, score.difficulty_model: {folder!r} cannot be loaded ({error})") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)

    def __call__(self, before: str, reply: str) -> tuple[float, float]:
        start = self._tokenizer.bos_token_id or self._tokenizer.eos_token_id or 0
        said = self._tokenizer(reply, add_special_tokens=False).input_ids[: MOST_TOKENS // 2]
        context = self._tokenizer(before, add_special_tokens=False).input_ids[len(said) - MOST_TOKENS + 1 :]
        return self._loss([start, *context], said), self._loss([start], said)

    def _loss(self, context: Sequence[int], said: Sequence[int]) -> float:
        import torch

        ids = torch.tensor([[*context, *said]], device=self._device)
        with torch.inference_mode():
            logits = self._model(ids).logits[0, len(context) - 1 : -1].float()
        return float(torch.nn.functional.cross_entropy(logits, ids[0, len(context) :]))
