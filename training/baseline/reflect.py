"""The written prompt written anew by a model elsewhere, which reads where the local one breaks the playbook.

GEPA (Agrawal et al., *Reflective prompt evolution can outperform reinforcement learning*, 2025; package `gepa`): the
local model answers some conversations of dev, the playbook judges its replies, and the endpoint proposes a prompt from
what was asked, said and broken; of the proposals those live on that keep the most rules in some conversation. These
conversations leave the machine, as they were curated. Answers and replies are remembered: a rerun asks nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import Field

from curation.core.record.conversation import as_text
from curation.harness.errors import QiratError
from curation.harness.params import Params
from training.baseline.endpoint import answered
from training.judge.arms import prompted
from training.judge.metrics import Answered
from training.judge.scoring import Scorer, reply_turns

SETTING = "baseline.optimise.reflect"
TOKENS = 2000  # of a proposal, at most


class Reflect(Params):
    """baseline.optimise.reflect; the endpoint's key stands in the environment variable QIRAT_ENDPOINT_KEY."""

    url: str  # such as https://host/v1
    model: str
    conversations: int = Field(
        default=200, gt=0
    )  # answered by the local model in each language, all proposals together
    timeout: float = Field(default=120, gt=0)  # seconds a proposal


@dataclass(frozen=True)
class Rewritten:
    """The proposal that keeps the most rules over all conversations, or the written prompt; and what it cost."""

    text: str
    answered: int  # conversations, by the local model
    proposals: int  # by the endpoint


def rewritten(judge: Scorer, text: str, rows: pl.DataFrame, asked: Reflect, seed: int) -> Rewritten:
    """What becomes of a prompt on these conversations, which are all in its language."""
    try:
        from gepa.api import optimize
    except ImportError:
        raise QiratError(f"params.yaml: {SETTING} needs the package gepa: pip install 'qirat[gepa]'") from None
    teacher = Teacher(asked, seed)
    answerable = [bool(reply_turns(messages)) for messages in rows["messages"]]
    rows = rows.filter(pl.Series(answerable, dtype=pl.Boolean))
    if not rows.height:
        return Rewritten(text, 0, 0)
    ids = rows["conversation_id"].to_list()
    write: Any = optimize
    found = write(
        seed_candidate={"prompt": text},
        trainset=ids,
        valset=ids,
        adapter=Adapter(judge, rows),
        reflection_lm=teacher,
        max_metric_calls=asked.conversations,
        stop_callbacks=lambda _state: teacher.failed is not None,
        logger=_Silent(),
        seed=seed,
    )
    if teacher.failed:
        raise teacher.failed
    return Rewritten(found.best_candidate["prompt"].strip(), found.total_metric_calls or 0, teacher.proposals)


class Teacher:
    """The endpoint, as GEPA calls it. GEPA goes on where a call fails, so the failure is kept to stop for it."""

    def __init__(self, asked: Reflect, seed: int) -> None:
        self.asked, self.seed, self.proposals = asked, seed, 0
        self.failed: QiratError | None = None

    def __call__(self, prompt: str | list[dict[str, Any]]) -> str:
        said = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        body = {"model": self.asked.model, "messages": said, "seed": self.seed, "temperature": 1, "max_tokens": TOKENS}
        self.proposals += 1
        try:
            return answered(self.asked.url, body, self.asked.timeout, SETTING).text
        except QiratError as error:
            self.failed = error
            raise


class Adapter:
    """How GEPA tries a prompt: the local model answers, the playbook judges. An item is a conversation's id."""

    propose_new_texts = None

    def __init__(self, judge: Scorer, rows: pl.DataFrame) -> None:
        self.judge, self.rows = judge, rows
        self.talks = {row["conversation_id"]: row for row in rows.iter_rows(named=True)}

    def evaluate(self, batch: list[str], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        """The share of the rules that each conversation keeps."""
        from gepa.core.adapter import EvaluationBatch

        before = prompted({self.rows["language"][0]: candidate["prompt"]})
        asked = self.rows.filter(pl.col("conversation_id").is_in(batch))
        said = self.judge.write("optimised", asked, before).partition_by("conversation_id", as_dict=True)
        talks = [Answered(self.talks[one], said[(one,)].to_dicts(), self.judge.playbook) for one in batch]
        scores = [sum(talk.kept.values()) / len(talk.kept) for talk in talks]
        return EvaluationBatch(talks, scores, talks if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: Any, components_to_update: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        """What was asked, what the local model said, and which rules that breaks."""
        records = [self._record(talk) for talk in eval_batch.trajectories]
        return dict.fromkeys(components_to_update, records)

    def _record(self, talk: Answered) -> dict[str, str]:
        why = {rule.id: f"{rule.id} ({rule.why}) {dict(rule.say)}" for rule in self.judge.playbook.rules}
        broken = [why.get(rule, rule) for rule, kept in talk.kept.items() if not kept]
        return {
            "Conversation, with the team's replies": as_text(talk.conversation["messages"]),
            "Replies of the assistant": "\n\n".join(reply["text"] for reply in talk.replies),
            "Feedback": f"Rules broken: {'; '.join(broken)}" if broken else "No rule is broken.",
        }


class _Silent:
    """GEPA logs prompts and replies, which hold what people wrote."""

    def log(self, message: str) -> None:
        pass
