"""tokenize, baseline, train, strength and evaluate as they are run, on a tiny model; and training itself."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import yaml

from curation.core.statistics.intervals import FEW
from tests.builders import save
from tests.training.tiny import model, numbers, project, set_param, table
from training import strength, tokenize
from training.baseline import __main__ as baseline
from training.evaluate import __main__ as evaluate
from training.judge.metrics import described, metrics
from training.train import __main__ as train

ARMS = {"base", "prompted", "few_shot", "prompted_few_shot", "optimised", "adapter"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project after all five stages, and the folder the tests run in."""
    root = project(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for stage in (tokenize, baseline, train, strength, evaluate):
            stage.main()
        yield root


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_all_arms_answer_the_same_conversations(finished: Path) -> None:
    for name in ("scores", "predictions"):
        asked = table(finished, f"evaluated/{name}").group_by("arm").agg(pl.col("conversation_id").unique().sort())
        assert set(asked["arm"]) == ARMS
        assert asked["conversation_id"].n_unique() == 1


def test_the_same_reply_tokens_are_scored_under_every_arms_prompt(finished: Path) -> None:
    nll = table(finished, "evaluated/scores").filter(pl.col("metric") == "nll")
    assert nll.group_by("conversation_id").agg(pl.col("weight").n_unique())["weight"].to_list() == [1] * 6


def test_prompt_and_examples_together_cost_what_they_cost_apart(finished: Path) -> None:
    asked = table(finished, "evaluated/predictions").pivot(
        "arm", index=["conversation_id", "turn"], values="prompt_tokens"
    )
    both, written, shown, base = (asked[arm] for arm in ("prompted_few_shot", "prompted", "few_shot", "base"))
    assert (both - base).to_list() == (written - base + shown - base).to_list()
    assert ((written > base) & (shown > base)).all()


def test_training_lowers_the_loss_on_dev_and_on_test(finished: Path) -> None:
    assert numbers(finished, "train")["dev_loss_best"] < numbers(finished, "train")["dev_loss_start"] - 0.05
    assert numbers(finished, "evaluate")["adapter_nll"] < numbers(finished, "baseline")["base_nll"] - 0.05


def test_the_metrics_say_how_little_of_the_data_was_seen(finished: Path) -> None:
    found = numbers(finished, "train")
    assert 0 < found["examples_seen"] < found["examples"] == table(finished, "tokenized/train").height
    assert found["tokens_seen"] <= 1500


def test_the_log_holds_every_step_and_the_dev_losses(finished: Path) -> None:
    log = table(finished, "training/log")
    assert log["step"].to_list() == list(range(log.height))
    assert log["dev_loss"].drop_nulls().len() == 3
    assert log["tokens"].last() == numbers(finished, "train")["tokens_seen"]


def test_the_adapter_folder_is_safe_complete_and_says_what_it_is_made_of(finished: Path) -> None:
    folder = finished / "models/adapter"
    names = {p.name for p in folder.iterdir()}
    assert {"adapter_model.safetensors", "tokenizer.json", "chat_template.jinja", "README.md"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    provenance = json.loads((folder / "provenance.json").read_text("utf-8"))
    assert provenance["data"]["train_sha256"] == train.data_hash(table(finished, "tokenized/train"))
    assert provenance["data"]["train_sha256"] in (folder / "README.md").read_text("utf-8")
    assert not [p.name for p in folder.iterdir() if str(finished).encode() in p.read_bytes()]


def test_the_adapter_names_the_rows_it_saw_and_no_other(finished: Path) -> None:
    seen = pl.read_parquet(finished / "models/adapter/trained_on.parquet")
    assert seen.columns == ["row_id", "conversation_id", "parent_id"]
    assert seen.height == numbers(finished, "train")["examples_seen"] > 0
    assert set(seen["row_id"]) < set(table(finished, "splits/train")["row_id"])


def test_training_again_gives_the_same_bytes(finished: Path) -> None:
    before = hashes(finished / "models/trained"), table(finished, "training/log")
    train.main()
    assert hashes(finished / "models/trained") == before[0]
    assert table(finished, "training/log").equals(before[1])


def test_tables_say_which_direction_is_better(finished: Path) -> None:
    for name in ("arms", "comparisons"):
        rows = table(finished, f"evaluated/{name}")
        assert rows.schema["better"].is_integer()
        told = dict(rows.select("metric", "better").iter_rows())
        untold = {"dialect": 1, "facts_right": 1, "facts_wrong": -1}  # nobody here writes a dialect or copies a fact
        assert told | untold == {m.name: m.better for m in metrics().values()}
    assert json.loads((finished / "data/evaluated/metrics.json").read_text("utf-8")) == described()


def test_facts_that_an_arm_makes_up_add_up_with_its_score(finished: Path) -> None:
    counted = table(finished, "evaluated/facts").group_by("arm").len()
    scored = (
        table(finished, "evaluated/scores").filter(metric="ungrounded_facts").group_by("arm").agg(pl.col("value").sum())
    )
    assert dict(scored.iter_rows()) == dict.fromkeys(ARMS, 0) | dict(counted.iter_rows())
    house = json.loads((finished / "data/baseline/house.json").read_text("utf-8"))
    assert "Zaafaran" in " ".join(house["said"])  # the written prompt


def test_every_rule_is_compared_with_every_prompt_arm(finished: Path) -> None:
    rules = table(finished, "evaluated/rules").filter(language="all")
    assert set(rules["kind"]) == {"greeting", "closing", "required", "forbidden", "escalation", "length", "language"}
    assert rules.group_by("against").len()["len"].to_list() == [rules["rule"].n_unique()] * len(ARMS - {"adapter"})
    assert (rules["p_holm"] >= rules["p"]).all()


def test_slices_of_what_was_answered_are_listed_against_one_prompt_and_too_small_ones_not_judged(
    finished: Path,
) -> None:
    found = table(finished, "evaluated/slices")
    against = json.loads((finished / "data/evaluated/verdict.json").read_text("utf-8"))["best_prompt_arm"]
    assert set(found["against"]) == {against, "team"}
    assert {"language", "length", "turn"} <= set(found["kind"])
    assert found.filter((pl.col("n") >= 10) | pl.col("difference").is_not_null() | pl.col("worse")).is_empty()


def test_general_ability_is_measured_in_both_languages_and_compared(finished: Path) -> None:
    rows = table(finished, "evaluated/forgetting")
    assert set(rows["language"]) == {"all", "ar", "en"}
    paired = rows.filter(pl.col("against") == "base")
    assert paired["n"].to_list() == [4, 2, 2]
    alone = rows.filter(pl.col("against").is_null())
    assert alone["value"].is_between(0, 1).all()
    assert set(alone["arm"]) == {"base", "adapter"}


def test_evaluating_again_gives_the_same_bytes_with_and_without_what_is_remembered(finished: Path) -> None:
    before = hashes(finished / "data/evaluated")
    evaluate.main()  # replies from data/cache
    assert hashes(finished / "data/evaluated") == before
    shutil.rmtree(finished / "data/cache/evaluate")
    evaluate.main()
    assert hashes(finished / "data/evaluated") == before


@pytest.fixture
def copied(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished project, to be changed."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_arm_that_stopped_early_is_shown_and_is_nobodys_rival_however_good_its_few_look(copied: Path) -> None:
    written, scores = (table(copied, f"baseline/{name}") for name in ("predictions", "scores"))
    few = written["conversation_id"].unique().sort()[:2]
    early = (pl.col("arm") == "base") & (pl.col("metric") != "nll") & (pl.col("metric") != "bits_per_byte")
    there = pl.col("conversation_id").is_in(few.implode())
    save(copied, "baseline/predictions", written.filter((pl.col("arm") != "base") | there))
    best = pl.when(early).then(pl.col("weight")).otherwise(pl.col("value"))
    save(copied, "baseline/scores", scores.filter(~early | there).with_columns(value=best))
    path = copied / "data/baseline/verdict.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "early": {"base": 2}}), "utf-8")
    evaluate.main()
    verdict = json.loads((copied / "data/evaluated/verdict.json").read_text("utf-8"))
    assert verdict["best_prompt_arm"] in ARMS - {"adapter", "base"}
    assert table(copied, "evaluated/arms").filter(arm="base", metric="playbook", language="all")["value"].item() == 1.0
    assert set(table(copied, "evaluated/comparisons")["against"]) == ARMS - {"adapter"}  # its likelihoods are whole
    assert verdict["verdict"] == "undecided"
    assert set(table(copied, "evaluated/slices")["against"]) == {verdict["best_prompt_arm"], "team"}


def test_as_many_are_answered_as_are_asked_for_whatever_the_margins_may_add(copied: Path) -> None:
    set_param(copied, "evaluate", conversations=2, generated=6, most=4)
    set_param(copied, "baseline", optimise=None)
    baseline.main()
    found = numbers(copied, "baseline")
    assert (found["conversations"], found["conversations_answered"]) == (2, 6)


@pytest.mark.parametrize(("target", "answers"), [(0.0, True), (0.95, False)])
def test_an_adapter_that_may_reach_the_target_answers_alone_what_that_takes_and_no_other_does(
    copied: Path, target: float, answers: bool
) -> None:
    asked = set(table(copied, "baseline/predictions")["conversation_id"])
    others = [key for key in table(copied, "splits/test")["conversation_id"] if key not in asked]
    path = copied / "data/baseline/verdict.json"
    told = {**json.loads(path.read_text("utf-8")), "reserve": others, "target": target}
    path.write_text(json.dumps(told), "utf-8")
    compared = table(copied, "evaluated/comparisons")
    evaluate.main()
    verdict = json.loads((copied / "data/evaluated/verdict.json").read_text("utf-8"))
    counted = {one["figures"]["n"] for one in verdict["because"] if one["code"].startswith("target")}
    kept = (copied / "data/cache/evaluate/replies").glob("*.json")
    replies = sum("stopped" in path.read_text("utf-8") for path in kept)
    written = table(copied, "evaluated/predictions").filter(arm="adapter").height
    assert others
    assert (replies > written) == answers
    assert compared.equals(table(copied, "evaluated/comparisons"))
    assert not counted or counted == {len(asked) + len(others) * answers}


def test_a_release_can_demand_promotion_and_still_finds_everything_written(finished: Path) -> None:
    before = hashes(finished / "data/evaluated")
    settings = yaml.safe_load((finished / "params.yaml").read_text("utf-8"))
    set_param(finished, "evaluate", require_promotion=True)
    with pytest.raises(SystemExit, match=r"undecided: only 4 conversations .*evaluate.require_promotion"):
        evaluate.main()
    assert hashes(finished / "data/evaluated") == before
    (finished / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")


def test_before_training_it_is_told_whether_the_prompt_is_good_and_the_traffic_pays(finished: Path) -> None:
    answers = json.loads((finished / "data/baseline/readiness.json").read_text("utf-8"))
    assert [answer["question"] for answer in answers] == ["prompt", "traffic"]
    assert answers[0]["answer"] == "unknown"  # four conversations tell nothing
    assert answers[1]["answer"] in {"yes", "no"}
    assert answers[1]["figures"]["replies_a_day"] == 1000


def test_the_verdict_has_one_of_its_words_and_its_reasons(finished: Path) -> None:
    verdict = json.loads((finished / "data/evaluated/verdict.json").read_text("utf-8"))
    assert verdict["verdict"] == "undecided"
    assert verdict["more"] > FEW - 5
    assert verdict["best_prompt_arm"] in ARMS - {"adapter"}
    assert verdict["reasons"][0].startswith("only 4 conversations")


def test_an_adapter_is_refused_when_the_base_models_weights_changed(finished: Path) -> None:
    import torch

    changed = model()  # the same name and configuration
    with torch.no_grad():
        changed.lm_head.weight[0, 0] += 1
    changed.save_pretrained(finished / "tiny")
    with pytest.raises(SystemExit, match=r"was trained on tiny .* has other weights"):
        evaluate.main()
    model().save_pretrained(finished / "tiny")


def test_three_seeds_of_training_are_three_looks_at_the_test_set_and_a_repeated_one_is_none(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "again"
    shutil.copytree(finished, root)
    monkeypatch.chdir(root)
    (root / "data/looks.jsonl").unlink(missing_ok=True)
    seen = []
    for seed in (None, 2, 3):
        if seed:  # the first lies there
            set_param(root, "train", seed=seed)
            train.main()
            strength.main()
        evaluate.main()
        seen.append(numbers(root, "evaluate")["looks"])
    before = (root / "data/looks.jsonl").read_bytes(), hashes(root / "data/evaluated")
    evaluate.main()
    assert seen == [1, 2, 3]
    assert ((root / "data/looks.jsonl").read_bytes(), hashes(root / "data/evaluated")) == before
    verdict = json.loads((root / "data/evaluated/verdict.json").read_text("utf-8"))
    assert any(reason.startswith("look 3 at this test set") for reason in verdict["reasons"])
    compared = table(root, "evaluated/comparisons").filter(language="all", metric="nll", against="base")
    losses = [b["figures"] for b in verdict["further"]["because"] if b["code"] == "loss"]
    told = [loss for loss in losses if (loss["against"], loss["metric"], loss["language"]) == ("base", "nll", "all")]
    assert told[0]["high"] - told[0]["low"] >= 1.4 * (compared["high"] - compared["low"]).item()


def test_baseline_tells_what_replies_take_and_the_verdict_what_the_test_cannot_say(finished: Path) -> None:
    took = json.loads((finished / "data/baseline/languages.json").read_text("utf-8"))
    assert {code: (its["limit"], its["cut"], its["judged"]) for code, its in took.items()} == {
        "en": (8, 1, True),
        "ar": (8, 1, True),
    }
    assert numbers(finished, "baseline")["team_replies_cut_ar"] == 1
    assert numbers(finished, "evaluate")["test_sentences_in_train_all"] == 1  # support() has three sentences in all
    because = json.loads((finished / "data/evaluated/verdict.json").read_text("utf-8"))["because"]
    assert {"cut", "known_sentences", "true_turns", "looks"} <= {one["code"] for one in because}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("left", [0, 1])
def test_a_split_that_lost_what_was_learnt_or_asked_is_refused_before_the_look_counts(
    copied: Path, split: str, left: int
) -> None:
    before = hashes(copied / "data/evaluated"), (copied / "data/looks.jsonl").read_bytes()
    (copied / "data/looks.jsonl").write_bytes(before[1].splitlines(keepends=True)[0])
    save(copied, f"splits/{split}", table(copied, f"splits/{split}").head(left))
    with pytest.raises(SystemExit, match=rf"data/splits/{split}\.parquet lacks \d+ of \d+ conversations .*`dvc repro`"):
        evaluate.main()
    assert hashes(copied / "data/evaluated") == before[0]
    assert (copied / "data/looks.jsonl").read_bytes() == before[1].splitlines(keepends=True)[0]
