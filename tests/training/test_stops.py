"""Where the road stops before or at training, and what is told there: the stages as they are run, on a tiny model."""

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.builders import record, save, talk
from tests.training.speakers import listens, speaks
from tests.training.tiny import numbers, project, set_param, support, table
from training import tokenize
from training.baseline import __main__ as baseline
from training.train import __main__ as train


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return project(tmp_path)


def test_a_prompt_that_reaches_the_target_stops_the_road(fresh: Path) -> None:
    set_param(fresh, "baseline", target=0.0)
    set_param(fresh, "evaluate", conversations=30, generated=30, max_new_tokens=1)
    save(fresh, "splits/test", support(90).tail(30))
    tokenize.main()
    with pytest.raises(SystemExit, match="prompting is enough"):
        baseline.main()
    assert not (fresh / "data/baseline/passed").exists()
    set_param(fresh, "baseline", override="the prompt is too slow")
    baseline.main()
    assert (fresh / "data/baseline/passed").read_text("utf-8") == "passed\n"
    verdict = json.loads((fresh / "data/baseline/verdict.json").read_text("utf-8"))
    assert verdict["override"] == "the prompt is too slow"
    assert verdict["reached"] == "base"


def thanks_are_required(project: Path) -> None:
    thanks = {"id": "thanks", "kind": "required", "where": "first_reply", "say": {"en": ["thank you"]}}
    (project / "playbook.yaml").write_text(yaml.safe_dump({"company": "Z", "max_words": 5, "rules": [thanks]}), "utf-8")


def stops_before_training(project: Path, said: str) -> None:
    set_param(project, "evaluate", conversations=75, generated=75, batch=75)
    tokenize.main()
    with pytest.raises(SystemExit, match=said):
        baseline.main()
    with pytest.raises(SystemExit, match="data/baseline/passed is missing"):
        train.main()


def test_a_base_model_that_keeps_the_playbook_yields_prompting_is_enough_and_no_training(fresh: Path) -> None:
    speaks(fresh / "tiny", "Thank you.")
    (fresh / "prompt.md").write_text("# en\nBe kind.\n", "utf-8")  # whatever it says; reading ours takes long
    thanks_are_required(fresh)
    test = support(120).filter(pl.col("language") == "en").head(75)
    save(fresh, "splits/test", test)
    stops_before_training(fresh, r"prompting is enough: base is shown to break no rule, .* at least 95%")
    verdict = json.loads((fresh / "data/baseline/verdict.json").read_text("utf-8"))
    assert verdict["verdict"] == "prompting is enough"
    assert verdict["because"] == [{"code": "prompt_reached", "figures": {"arm": "base", "target": 0.95}}]
    answers = json.loads((fresh / "data/baseline/readiness.json").read_text("utf-8"))
    assert (answers[0]["question"], answers[0]["answer"]) == ("prompt", "no")


def test_a_base_model_for_which_the_searched_prompt_is_enough_is_not_trained(fresh: Path) -> None:
    """The customers of test ask in words that no example shares, so only the search shows the model what to say."""
    listens(fresh / "tiny", "No.", "Thank", "Thank you.")
    thanks_are_required(fresh)
    (fresh / "prompt.md").write_text("# en\nBe kind.\n", "utf-8")
    parts = (("train", "where is {}", 20), ("dev", "and where is {}", 10), ("test", "QQQ {}", 75))
    for part, (split, asked, number) in enumerate(parts):
        said = record(*[talk(asked.format(chr(0x4E00 + 100 * part + n)), "Thank you.") for n in range(number)])
        rows = support(number * 2).filter(pl.col("language") == "en").head(number)
        save(fresh, f"splits/{split}", rows.with_columns(said.select("messages", "conversation_id")))
    stops_before_training(fresh, r"prompting is enough: optimised is shown to break no rule")
    verdict = json.loads((fresh / "data/baseline/verdict.json").read_text("utf-8"))
    assert (verdict["verdict"], verdict["reached"]) == ("prompting is enough", "optimised")
    taken = json.loads((fresh / "data/baseline/optimised/en.json").read_text("utf-8"))
    assert "Thank you" in " ".join(m["content"] for m in taken)


def test_the_number_of_shots_is_chosen_on_dev_and_told(fresh: Path) -> None:
    set_param(fresh, "baseline", shots=[1, 3], dev_conversations=3)
    tokenize.main()
    baseline.main()
    found = numbers(fresh, "baseline")
    losses = {k: found[f"dev_nll_{k}_shots"] for k in (1, 3)}
    assert found["shots"] == min(losses, key=lambda k: losses[k])


def test_a_handful_of_conversations_stops_no_road(fresh: Path) -> None:
    set_param(fresh, "baseline", target=0.0)
    tokenize.main()
    baseline.main()
    assert numbers(fresh, "baseline")["target_reached"] == 0


def test_packing_keeps_every_token_and_cuts_nothing(fresh: Path) -> None:
    settings = yaml.safe_load((fresh / "params.yaml").read_text("utf-8"))["train"]
    set_param(fresh, "train", cpu={**settings["gpu"], "pack_tokens": 1024, "epochs": 1})
    tokenize.main()
    save_passed(fresh)
    train.main()
    assert table(fresh, "training/log")["tokens"].last() == numbers(fresh, "train")["tokens"]
    set_param(fresh, "train", cpu={**settings["gpu"], "pack_tokens": 40})
    with pytest.raises(SystemExit, match="pack_tokens: 40 would cut an example"):
        train.main()


def test_a_recipe_that_finds_no_example_says_so(fresh: Path) -> None:
    tokenize.main()
    save_passed(fresh)
    settings = yaml.safe_load((fresh / "params.yaml").read_text("utf-8"))["train"]
    set_param(fresh, "train", cpu={**settings["cpu"], "max_tokens": 3})
    with pytest.raises(SystemExit, match="no example has at most 3 tokens"):
        train.main()


def test_a_test_split_of_long_conversations_only_is_told(fresh: Path) -> None:
    set_param(fresh, "evaluate", max_tokens=3)
    tokenize.main()
    with pytest.raises(SystemExit, match="has at most 3 tokens"):
        baseline.main()


def save_passed(root: Path) -> None:
    save(root, "baseline/scores", pl.DataFrame())
    (root / "data/baseline/passed").write_text("passed\n", "utf-8")


def test_a_base_that_spells_a_language_is_judged_in_the_other_only(fresh: Path) -> None:
    for split in ("train", "dev", "test"):
        rows = table(fresh, f"splits/{split}")
        russian = [
            [{**m, "content": "Спасибо за обращение, заказ отправлен"} if m["role"] == "assistant" else m for m in talk]
            for talk in rows.filter(language="ar")["messages"]
        ]
        spelt = rows.filter(language="ar").with_columns(
            messages=pl.Series(russian, dtype=rows.schema["messages"]), language=pl.lit("ru")
        )
        save(fresh, f"splits/{split}", pl.concat([rows.filter(language="en"), spelt]))
    set_param(fresh, "evaluate", max_new_tokens="auto")
    for stage in (tokenize, baseline):
        stage.main()
    english = table(fresh, "splits/test").filter(language="en")
    replies = table(fresh, "baseline/predictions")
    for asked in (replies, table(fresh, "baseline/scores")):
        assert set(asked["conversation_id"]) <= set(english["conversation_id"])
    took = json.loads((fresh / "data/baseline/languages.json").read_text("utf-8"))
    assert {code: its["judged"] for code, its in took.items()} == {"en": True, "ru": False}
    assert replies["tokens"].max() <= numbers(fresh, "baseline")["reply_limit_en"]
