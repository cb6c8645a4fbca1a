import hashlib
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from curation.harness.errors import QiratError
from tests.training.tiny import model, renderer, tokenized
from training.commands import canaries as asked
from training.commands import trial
from training.model.attention import Attention, use_attention
from training.model.likelihood import negative_log_likelihoods
from training.tokenize import TOKENS


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def make_small(patch: pytest.MonkeyPatch) -> None:
    for name, value in {"EACH": 1, "OTHERS": 63, "MOST": 6.0}.items():
        patch.setattr(asked, name, value)


@pytest.fixture(scope="module")
def asked_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], Any]:
    """A project, its files before, and the answer of a training that learns by heart."""
    root = tokenized(tmp_path_factory.mktemp("canaries"))
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["train"]["seed"] = 11
    settings["train"]["cpu"] |= {"epochs": 8, "learning_rate": 0.02, "rank": 16, "passes": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    before = files(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        make_small(patch)
        return root, before, asked.canaries()


def files(root: Path) -> dict[str, str]:
    """Hashes of all but the cache."""
    paths = [path for path in root.rglob("*") if path.is_file() and root / "data/cache" not in path.parents]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def rows(answer: Any, language: str = "all") -> dict[int, dict[str, Any]]:
    return {row["repeats"]: row for row in answer["rows"] if row["language"] == language}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_number_that_stands_often_is_ranked_first_and_one_that_was_never_planted_is_not(
    asked_once: tuple[Path, dict[str, str], Any], language: str
) -> None:
    found = rows(asked_once[2], language)
    assert (found[16]["first"], found[16]["after"]["low"], found[16]["learnt"]) == (1, 6.0, "by heart")
    assert found[16]["before"]["high"] < 6.0
    assert (found[0]["first"], found[0]["learnt"]) == (0, "not")


def test_nothing_of_it_stands_outside_the_cache(asked_once: tuple[Path, dict[str, str], Any]) -> None:
    root, before, answer = asked_once
    assert files(root) == before
    assert answer["examples_planted"] == 2 * (1 + 4 + 16)


def test_a_second_call_gives_the_same_and_trains_nothing(
    asked_once: tuple[Path, dict[str, str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _, answer = asked_once
    monkeypatch.chdir(root)
    monkeypatch.setattr(trial, "fit", None)
    assert asked.canaries() == answer
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["train"]["seed"] += 1
    (root / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    with pytest.raises(TypeError):  # other numbers, so it would train
        asked.canaries()


def learnt_rows() -> pl.DataFrame:
    """Forty examples as `tokenize` leaves them."""
    made = [(f"c{n}", "en" if n % 2 else "ar", [n, 1, 2], [-100, 1, 2], [1], []) for n in range(40)]
    return pl.DataFrame(made, schema=TOKENS, orient="row")


def test_each_number_stands_exactly_as_often_as_it_is_to_and_spread_over_the_rest() -> None:
    planted = asked.drawn(["ar", "en"], 7)
    examples = [c.example(c.number, renderer()) for c in planted]
    found = asked.with_planted(learnt_rows(), planted, examples, 7)
    texts = [renderer().tokenizer.decode(ids) for ids in found["input_ids"]]
    for canary in planted:
        places = [place for place, text in enumerate(texts) if str(canary.number) in text]
        assert len(places) == canary.repeats
        if canary.repeats == 16:
            assert min(places) < 0.4 * len(texts)
            assert max(places) > 0.6 * len(texts)
    assert found.height == 40 + 2 * (1 + 4 + 16)
    assert set(learnt_rows()["conversation_id"]) <= set(found["conversation_id"])


def test_numbers_come_from_the_seed_and_none_stands_twice() -> None:
    planted = asked.drawn(["ar", "en"], 7)
    assert planted == asked.drawn(["ar", "en"], 7)
    numbers = [number for c in planted for number in (c.number, *c.others)]
    assert len(set(numbers)) == len(numbers) == 8 * 64
    assert {len(str(number)) for number in numbers} == {6}
    assert {c.number for c in asked.drawn(["ar", "en"], 8)}.isdisjoint(c.number for c in planted)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_canary_has_a_word_of_its_own(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # as many as are really planted
    words = [c.word for c in asked.drawn([language], 7)]
    assert len(set(words)) == len(words) == asked.EACH * len(asked.REPEATS)


@pytest.mark.parametrize("attention", ["auto", "varlen"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_likelihoods_differ_by_what_whole_readings_differ_by(attention: Attention, language: str) -> None:
    canary = asked.drawn([language], 7)[0]
    examples = [canary.example(n, renderer()) for n in (7, 123_456, *canary.others[:6])]  # of several lengths
    assert len({len(e.input_ids) for e in examples}) > 1
    read = model()
    whole = negative_log_likelihoods(read, examples)
    use_attention(read, attention, packed=False)
    ours = negative_log_likelihoods(read, asked.told_apart(examples))
    assert max(ours) < min(whole), "what all begin with does not count"
    assert [v - ours[0] for v in ours] == pytest.approx([v - whole[0] for v in whole], abs=1e-3)


def test_the_base_ranks_numbers_by_chance() -> None:
    found = []
    for seed in range(8):
        forms = [[c.example(n, renderer()) for n in (c.number, *c.others)] for c in asked.drawn(["en"], seed)]
        found += asked.exposures(model(), forms, "ranking")
    assert sum(found) / len(found) == pytest.approx(asked.CHANCE, abs=0.7)
    assert asked.learnt(found) == "not"


def test_chance_is_that_of_ranks_which_are_all_as_likely() -> None:
    exact = sum(a * b <= 64 for a in range(1, 65) for b in range(1, 65)) / 64**2  # of two ranks: as likely a product
    assert asked.by_chance([3.0, 3.0]) == pytest.approx(exact, rel=0.25)
    assert asked.by_chance([0.0] * 4) == 1.0
    assert asked.by_chance([6.0]) == pytest.approx(1 / 64)


@pytest.mark.parametrize(
    ("bits", "word"),
    [([6.0, 6.0, 1.0, 0.0], "by heart"), ([6.0, 5.0, 3.0, 3.0], "in part"), ([1.4, 0.2, 3.0, 2.0], "not")],
)
def test_the_word_follows_the_ranks(bits: list[float], word: str) -> None:
    assert asked.learnt(bits) == word


def exposed(after: dict[int, float]) -> dict[str, Any]:
    """An answer where numbers have these bits by how often they stand."""
    found = [
        (language, repeats, f"{repeats} {n}", 1.0, after.get(repeats, 1.0))
        for language in ("en", "ar")
        for repeats in asked.REPEATS
        for n in range(4)
    ]
    told = list(asked.rows(pl.DataFrame(found, schema=asked.EXPOSURES, orient="row")))
    counts = {"examples_used": 40, "examples_planted": 168, "epochs": 2.0, "most": 6.0, "chance": 1 / math.log(2)}
    return {"base": "b", "profile": "cpu", **counts, "rows": told}


def test_the_answer_says_what_is_learnt_and_what_to_do() -> None:
    text = asked.as_text(exposed({4: 4.0, 16: 6.0}))
    assert (
        "ar: a number that stands once is not learnt (exposure 1.0), 4 times is learnt in part (exposure 4.0), "
        "16 times is learnt by heart (exposure 6.0)"
    ) in text
    assert "deduplicate and cover personal data" in text


def test_nothing_learnt_is_no_promise() -> None:
    assert "deduplicate" not in (text := asked.as_text(exposed({})))
    assert "more epochs, a larger model or more repeats may" in text


def test_a_sample_in_other_languages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tokenized(tmp_path))
    path = Path("data/tokenized/train.parquet")
    pl.read_parquet(path).with_columns(language=pl.lit("fr")).write_parquet(path)
    with pytest.raises(QiratError, match="in a language of canaries: en, ar"):
        asked.canaries()
