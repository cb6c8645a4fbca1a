"""The step between training and judging: how much of what was learnt the adapter keeps."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from curation.harness.dvc import listed, stages
from curation.harness.errors import QiratError
from tests.builders import ROOT, params, save, talk
from tests.training.adapters import trained
from tests.training.tiny import model, renderer
from training import strength
from training.judge.forgetting import items, unasked
from training.judge.languages import LanguageProfile
from training.model.adapter import WEIGHTS, load_adapter, read_provenance
from training.model.base import Model
from training.model.likelihood import token_loss


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `train` leaves it."""
    monkeypatch.chdir(tmp_path)
    trained(tmp_path).rename("models/trained")
    told = read_provenance(Path("models/trained"))
    told["params"]["recipe"]["dora"] = False
    told["params"]["train"] = {"profile": "cpu", "seed": 7}
    told["training"]["dev_loss_start"] = 100.0
    (tmp_path / "models/trained/provenance.json").write_text(json.dumps(told), "utf-8")
    rows = [(f"c{n}", e.input_ids, e.labels) for n, e in enumerate(dev())]
    save(tmp_path, "training/watched", pl.DataFrame(rows, ["conversation_id", "input_ids", "labels"], orient="row"))
    languages({"en": True, "ar": True})
    sections = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    sections |= {"evaluate": {**params("evaluate"), "bootstrap": 200}, "strength": params("strength")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections), "utf-8")
    return tmp_path


def languages(judged: Mapping[str, bool]) -> None:
    """What the baseline says of the languages of test, which are these."""
    profiles = {code: asdict(LanguageProfile(90, 0.0, 90, 0.0, its, 9)) for code, its in judged.items()}
    path = Path("data/baseline/languages.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(profiles), "utf-8")


def dev() -> list[Any]:
    return [*renderer().examples(talk("Where is it?", "On its way.")), *renderer().examples(talk("أين طلبي؟", "قريب."))]


def run(root: Path, **values: Any) -> dict[str, float]:
    """The stage with these settings, `margin` that of general ability; what it tells."""
    path = root / "params.yaml"
    sections = yaml.safe_load(path.read_text("utf-8"))
    sections["evaluate"]["forgetting_margin"] = values.pop("margin", 0.05)
    sections["strength"] |= {"questions": 15, **values}
    path.write_text(yaml.safe_dump(sections), "utf-8")
    strength.main()
    found: dict[str, float] = json.loads((root / "metrics/strength.json").read_text("utf-8"))
    return found


def weights(folder: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(Path(folder, WEIGHTS))


def test_half_the_strength_keeps_half_of_every_change_and_says_so(ready: Path) -> None:
    found = run(ready, cpu=0.5)
    whole, half = weights("models/trained"), weights("models/adapter")
    assert whole.keys() == half.keys()
    for name, values in whole.items():
        assert half[name].equal(values / 2 if "lora_B" in name else values)
    base = Model(name="tiny", dtype="auto", template_arguments={})
    loss = token_loss(load_adapter(model(), ready / "models/adapter", base), dev())
    assert found == {"strength": 0.5, "dev_loss": pytest.approx(loss), "tried": 0}
    told, before = read_provenance(Path("models/adapter")), read_provenance(Path("models/trained"))
    assert told["training"] == {**before["training"], "strength": 0.5, "dev_loss": found["dev_loss"]}
    assert "| 50% of what was learnt |" in (ready / "models/adapter/README.md").read_text("utf-8")
    assert (ready / "models/adapter/trained_on.parquet").exists()


def test_all_of_it_is_the_trained_adapter_byte_for_byte_and_loads_no_model(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strength, "load_to_answer", None)
    for path in (ready / "models/trained").iterdir():
        path.chmod(0o444)  # as DVC links them
    for _ in range(2):
        assert run(ready, cpu=1.0)["dev_loss"] == 5.1
    assert Path("models/adapter", WEIGHTS).read_bytes() == Path("models/trained", WEIGHTS).read_bytes()


def test_auto_takes_the_most_that_keeps_general_ability(ready: Path) -> None:
    """What each strength costs is measured first, with a margin that none keeps; then margins between are tried."""
    least = run(ready, cpu="auto", margin=1e-9)
    assert (least["strength"], least["tried"]) == (0.25, 4)
    tried = pl.read_parquet("data/strength/tried.parquet")
    assert set(tried["language"]) == {"all", "ar", "en"}
    lost = dict(tried.group_by("strength").agg(-pl.col("low").min()).iter_rows())
    for margin in sorted(lost.values())[1:3]:
        keeping = [at for at, loss in lost.items() if loss <= margin + 1e-9]
        assert run(ready, cpu="auto", margin=margin + 1e-9)["strength"] == max(keeping)
    assert run(ready, cpu="auto", margin=1.0)["tried"] == 1


def test_a_language_that_is_not_judged_has_no_say(ready: Path) -> None:
    languages({"en": True, "ar": False})
    run(ready, cpu="auto", margin=1.0)
    assert set(pl.read_parquet("data/strength/tried.parquet")["language"]) == {"all", "en"}


def test_auto_weakens_an_adapter_that_helps_less_than_the_base_on_dev(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = read_provenance(ready / "models/trained")
    told["training"]["dev_loss_start"] = 0.0
    (ready / "models/trained/provenance.json").write_text(json.dumps(told), "utf-8")
    assert run(ready, cpu="auto", margin=1.0, grid=[0.5, 1.0])["strength"] == 0.5
    assert "none of which is shown to keep general ability and to help on dev" in capsys.readouterr().err


@given(asked=some.integers(0, 185), wanted=some.integers(15, 200))
def test_no_question_of_the_verdict_is_asked_to_choose(asked: int, wanted: int) -> None:
    chosen = unasked(asked, wanted)
    assert not {name for name, _, _ in chosen} & {name for name, _, _ in items(asked)}
    for language in ("ar", "en"):
        assert 15 <= sum(code == language for _, code, _ in chosen) <= wanted


def test_where_the_verdict_asks_everything_auto_says_what_to_do() -> None:
    with pytest.raises(QiratError, match=r"200 of 200 .* leave 0 to choose the strength by; lower it to 185, or name"):
        unasked(200, 15)


def test_dora_is_not_weakened() -> None:
    settings = strength.Strength.model_validate({**params("strength"), "cpu": 0.5})
    assert strength.named(settings, "gpu", dora=True) == 1.0
    with pytest.raises(QiratError, match=r"strength.cpu: 0.5 weakens LoRA only"):
        strength.named(settings, "cpu", dora=True)


def test_another_strength_trains_nothing_anew(tmp_path: Path) -> None:
    """Told by `dvc status`, in a project whose files are stand-ins but whose dvc.yaml and params.yaml are ours."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    places = {place for stage in stages().values() for place in listed(stage, "deps", "outs", "metrics")}
    for place in sorted(places, key=len, reverse=True):
        path = tmp_path / place
        if not path.exists():
            path = path if path.suffix else path / "file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(place, "utf-8")

    def dvc(*command: str) -> str:
        command = (sys.executable, "-m", "dvc", *command)
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    dvc("init", "--no-scm", "--quiet")
    dvc("commit", "--force", "--quiet")
    settings = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    settings["strength"]["cpu"] = 0.5
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    assert list(json.loads(dvc("status", "--json"))) == ["strength"]
