import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.builders import save, talk
from tests.training import adapters
from tests.training.tiny import model, renderer, tokenized, vectors
from training.commands import attribute as asked
from training.model.adapter import TRAINED_ON, WEIGHTS
from training.model.gradients import adapter_weights, gradients
from training.model.likelihood import examples_of

GOOD = "Thank you for contacting Zaafaran Home. Is there anything else I can help you with?"
WRONG = "No refund. Do not write here again, goodbye forever, we keep what is ours."


def tokens(rows: list[tuple[str, str, str, str]]) -> pl.DataFrame:
    """A tokenized table of (id, language, question, reply)."""
    found = []
    for key, language, question, reply in rows:
        (example,) = renderer().examples(talk(question, reply))
        found.append((key, language, example.input_ids, example.labels))
    return pl.DataFrame(found, schema=["conversation_id", "language", "input_ids", "labels"], orient="row")


def talks(prefix: str, count: int, wrong: int = 0) -> list[tuple[str, str, str, str]]:
    draw = random.Random(prefix)
    replies = [WRONG] * wrong + [GOOD] * (count - wrong)
    return [
        (f"{prefix}{n:02}", "en", f"Where is my order {draw.randint(10_000, 99_999)}?", reply)
        for n, reply in enumerate(replies)
    ]


@pytest.fixture(scope="module")
def tuned() -> Any:
    """An adapter before its first step."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    return get_peft_model(model(), LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4)).eval()


@pytest.fixture(scope="module")
def found(tuned: Any, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Three of forty conversations teach the intent wrongly."""
    learnt, dev = talks("t", 40, wrong=3), talks("d", 8)
    labels = {key: "order" for key, *_ in (*learnt, *dev)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("attributed"))
        return asked.pulls(tuned, tokens(learnt), tokens(dev), labels, "")


def test_what_teaches_an_intent_wrongly_hurts_most(found: pl.DataFrame) -> None:
    assert set(found["conversation_id"][:3]) == {"t00", "t01", "t02"}
    assert found["pull"][2] < found["pull"][3] - 0.1
    assert set(found["against"]) == {"order en"}
    assert set(found["n"]) == {8}


def test_folded_gradients_stand_to_each_other_as_whole_ones_and_the_head_reads_replies_alone(tuned: Any) -> None:
    import torch

    examples = examples_of(tokens(talks("g", 3, wrong=1)))
    seen = list[int]()
    hook = tuned.get_output_embeddings().register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-2]))
    found = torch.stack([*gradients(tuned, examples)])
    hook.remove()
    assert seen == [example.supervised for example in examples]
    whole = []
    for example in examples:
        ids, labels = torch.tensor([example.input_ids]), torch.tensor(example.labels)
        loss = torch.nn.functional.cross_entropy(tuned(input_ids=ids).logits[0, :-1], labels[1:])
        parts = torch.autograd.grad(loss, [*adapter_weights(tuned).values()])
        whole.append(torch.cat([part.reshape(-1) for part in parts]))
    cosines = [torch.nn.functional.normalize(one) for one in (found, torch.stack(whole))]
    near, exact = (one @ one.T for one in cosines)
    assert float((near - exact).abs().max()) < 0.05
    assert float(exact.min()) < 0.9


def test_where_dev_has_too_few_of_an_intent_its_language_speaks_and_then_all(
    tuned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learnt, dev = talks("t", 2), talks("d", 6)
    other = asked.pulls(tuned, tokens(learnt), tokens(dev), {"t00": "refund", "t01": None}, "")
    assert set(other["against"]) == {"en"}
    arabic = [(key, "ar", question, reply) for key, _, question, reply in learnt]
    assert set(asked.pulls(tuned, tokens(arabic), tokens(dev), {}, "")["against"]) == {"all"}


def test_a_killed_run_goes_on_where_it_was_and_more_judges_leave_the_training_rows_as_they_are(
    tuned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learnt, dev, more = tokens(talks("t", 20)), tokens(talks("d", 6)), tokens(talks("d", 9))
    of, computed = asked.gradients, list[int]()

    def counted(model: Any, examples: Sequence[Any]) -> Any:
        for gradient in of(model, examples):
            if len(computed) == killed:
                raise KeyboardInterrupt
            computed.append(1)
            yield gradient

    monkeypatch.setattr(asked, "gradients", counted)
    killed = 18
    with pytest.raises(KeyboardInterrupt):
        asked.pulls(tuned, learnt, dev, {}, "an adapter")
    killed = 1000
    first = asked.pulls(tuned, learnt, dev, {}, "an adapter")
    assert len(computed) == 18 + 4 + 6  # of the 18 two stood in a part that was not kept
    asked.pulls(tuned, learnt, more, {}, "an adapter")
    assert len(computed) == 28 + 9
    asked.pulls(tuned, learnt, dev, {}, "another adapter")
    assert len(computed) == 37 + 26
    assert first.equals(asked.pulls(tuned, learnt, dev, {}, "an adapter"))


def findings(rows: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    """What checks saw: conversation_id, code, severity."""
    return pl.DataFrame(rows, schema=["conversation_id", "code", "severity"], orient="row")


def test_a_bad_cluster_is_last_and_says_who_let_it_in(found: pl.DataFrame, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    bad = ["t00", "t01", "t02"]
    rows = found.with_columns(cluster=pl.col("conversation_id").is_in(bad).cast(pl.Int64))
    ids = found["conversation_id"]
    save(
        tmp_path,
        "curated/conversations",
        pl.DataFrame(
            {"conversation_id": ids, "parent_id": None, "label": "order", "origin": "kept"},
            schema_overrides={"parent_id": pl.String},
        ),
    )
    twice = [(key, "rude", "doubt") for key in bad * 2]  # in two of its turns
    told = [(key, "reply_words", "info") for key in ids]  # counted everywhere, and let nothing in
    save(tmp_path, "scored/findings", findings(twice + told))
    save(tmp_path, "ledger", pl.DataFrame({"conversation_id": bad, "evidence": ["decided by sara, ali"] * 3}))
    best, worst = asked.ranked(rows, 1)
    assert (best["conversations"], worst["conversations"]) == (37, 3)
    assert worst["high"] < best["low"]
    assert (worst["codes"], worst["annotators"]) == ({"rude": 3}, {"ali": 3, "sara": 3})
    assert (best["codes"], best["annotators"]) == ({}, {})
    answer = {
        "base": "b",
        "conversations": 40,
        "conversations_judged": 8,
        "clusters": [best, worst],
        "worst": found.head(1).to_dicts(),
    }
    assert "order 3; rude 3; ali 3, sara 3; t0" in asked.as_text(json.loads(json.dumps(answer)))


def test_another_adapter_or_another_intent_is_attributed_anew_and_the_same_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tokenized(tmp_path))
    settings = Path("params.yaml").read_bytes()
    folder = adapters.trained(tmp_path)
    Path("params.yaml").write_bytes(settings)
    read = pl.read_parquet("data/tokenized/train.parquet")
    read.select("conversation_id").unique().head(12).write_parquet(folder / TRAINED_ON)
    ids = read["conversation_id"].unique()
    save(tmp_path, "curated/conversations", pl.read_parquet("data/splits/train.parquet"))
    save(tmp_path, "scored/findings", findings([(key, "rude", "doubt") for key in ids]))
    save(tmp_path, "ledger", pl.DataFrame({"conversation_id": ids, "evidence": "decided by sara"}))
    pulls, seen = asked.pulls, list[Any]()

    def counted(*given: Any) -> pl.DataFrame:
        seen.append(given)
        return pulls(*given)

    monkeypatch.setattr(asked, "pulls", counted)
    for _ in range(2):
        first = asked.attribute(6)
    assert len(seen) == 1
    assert first["conversations_judged"] == 6
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS)
    save_file({name: 0.5 * v for name, v in weights.items()}, folder / WEIGHTS, metadata={"format": "pt"})
    assert asked.attribute(6)["worst"] != first["worst"]
    splits = pl.read_parquet("data/splits/train.parquet").with_columns(label=pl.lit("refund"))
    save(tmp_path, "splits/train", splits)
    asked.attribute(6)
    assert len(seen) == 3


def test_alike_conversations_share_a_cluster_and_without_vectors_all_do(found: pl.DataFrame) -> None:
    table = vectors(found)
    near = table.with_columns(
        vector=pl.when(pl.col("conversation_id") < "t10").then(pl.lit([9.0] * 8)).otherwise(pl.lit([0.0] * 8))
    )
    groups = asked.clustered(found, near).group_by(pl.col("conversation_id") < "t10").agg(pl.col("cluster").unique())
    assert sorted(groups["cluster"].list.len()) == [1, 1]
    assert set(asked.clustered(found, table.head(5))["cluster"]) == {0}
