"""`qirat init` makes a project that holds none of our code, and `qirat upgrade` takes it to another version of it."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from curation.harness.dvc import PACKAGES, listed, stages
from curation.harness.params import OF_NO_STAGE
from curation.harness.rules import rules_of
from qirat.project import init, upgrade
from tests.builders import ROOT

SUITES = "expectations"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "our project"
    assert "our project" in init(folder)
    return folder


def git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_project_has_the_stages_of_the_repository_with_rules_in_place_of_code(made: Path) -> None:
    ours, its = stages(ROOT), stages(made)
    assert list(its) == list(ours)
    for name, stage in its.items():
        code, rest = set(listed(stage, "deps")) - set(listed(ours[name], "deps")), listed(stage, "deps")
        assert code == {f"rules/{name}"}
        left_out = set(listed(ours[name], "deps")) - set(rest)
        assert {Path(place).parts[0] for place in left_out} <= PACKAGES
        assert {dep for dep in rest if Path(dep).parts[0] in PACKAGES} <= {SUITES}
        assert {key: stage[key] for key in stage if key != "deps"} == {
            key: ours[name][key] for key in ours[name] if key != "deps"
        }
        assert (made / f"rules/{name}").read_text("utf-8") == rules_of(name) + "\n"
    plots = [yaml.safe_load((folder / "dvc.yaml").read_text("utf-8"))["plots"] for folder in (made, ROOT)]
    assert plots[0] == plots[1]


def test_all_that_stages_read_and_nobody_makes_is_there_and_git_keeps_it_but_people_s_words(made: Path) -> None:
    its = stages(made)
    outs = {out for stage in its.values() for out in listed(stage, "outs", "metrics")}
    read = {dep for stage in its.values() for dep in listed(stage, "deps")}
    given = {dep for dep in read if not any(Path(dep).is_relative_to(out) for out in outs)}
    assert {"playbook.yaml", "prompt.md", "data/raw", "data/evaluation", "data/forget.jsonl", SUITES} <= given
    assert [dep for dep in sorted(given) if not (made / dep).exists()] == []
    added = git(made, "ls-files").splitlines()
    lost = [dep for dep in given if not any(Path(name).is_relative_to(dep) for name in added)]
    assert lost == ["data/raw"]
    cached = {out for stage in its.values() for out in stage["outs"] if isinstance(out, str)}
    for out in cached:
        (made / out).parent.mkdir(parents=True, exist_ok=True)
    assert git(made, "check-ignore", *cached).split() == list(cached)
    assert not any(name.endswith(".py") for name in added)


def test_the_settings_are_those_that_ship_without_what_is_the_example_s(made: Path) -> None:
    ours, its = (yaml.safe_load((folder / "params.yaml").read_text("utf-8")) for folder in (ROOT, made))
    assert its["split"].pop("test_files") == []
    ours["split"].pop("test_files")
    assert its == ours
    assert set(its) == set(OF_NO_STAGE) | {name for stage in stages().values() for name in listed(stage, "params")}
    assert "Zaafaran" not in "".join((made / name).read_text("utf-8") for name in ("playbook.yaml", "prompt.md"))


def test_the_example_comes_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("qirat.sample.write", asked.append)  # twenty seconds of writing, tested by itself
    init(tmp_path / "p", example=True)
    assert asked == [tmp_path / "p"]
    for name in ("params.yaml", "playbook.yaml", "prompt.md"):
        assert (tmp_path / "p" / name).read_bytes() == (ROOT / name).read_bytes()


def test_what_lies_there_is_not_overwritten_and_an_init_that_was_cut_short_is_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".gitignore").write_text("/ours\n*.partial\n", "utf-8")
    init(tmp_path)
    lines = (tmp_path / ".gitignore").read_text("utf-8").splitlines()
    assert lines[:2] == ["/ours", "*.partial"]
    assert len(lines) == len(set(lines)) > 10
    (tmp_path / "prompt.md").unlink()
    before = {path: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()}
    init(tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "playbook.yaml").write_text("company: ours\n", "utf-8")
    with pytest.raises(Exception, match=r"holds playbook\.yaml already; name a new folder"):
        init(tmp_path)
    assert (tmp_path / "playbook.yaml").read_text("utf-8") == "company: ours\n"


def test_rules_that_changed_are_told_by_stage_and_a_stage_under_others_does_not_run(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from curation.split import main

    folder = shutil.copytree(made, tmp_path / "p")
    (folder / "rules/split").write_text("another\n", "utf-8")
    (folder / "rules/gone").write_text("a stage of old\n", "utf-8")
    (folder / "rules/gate").unlink()
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit, match=r"rules/split names other rules than the installed qirat.*qirat upgrade"):
        main()
    assert upgrade().startswith("other rules: split, gate.")
    assert upgrade().startswith("no stage has other rules.")
    assert not (folder / "rules/gone").exists()
    with pytest.raises(SystemExit, match="is missing; run `dvc repro"):
        main()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="no project that `qirat init` made"):
        upgrade()


def test_an_upgrade_tells_of_settings_and_keeps_what_people_wrote(made: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "p")
    shipped, params, road = folder / "rules/shipped", folder / "params.yaml", folder / "dvc.yaml"
    stage = "\n  ours:\n    cmd: python ours.py\n    deps: [data/splits]\n"
    now = road.read_text("utf-8")
    of_old = now.replace("cmd: python -m curation.split", "cmd: python -m curation.parts")
    (shipped / "dvc.yaml").write_text(of_old, "utf-8")
    road.write_text(of_old.replace("\nplots:", f"{stage}\nplots:"), "utf-8")
    old = params.read_text("utf-8").replace("  min_clean: 1000", "  min_clean: 800\n  most: 9")
    old = old.replace("  engine: local", "  motor: local")
    (shipped / "params.yaml").write_text(old, "utf-8")
    yours = old.replace("  min_per_language: 100", "  #").replace("split:", "score:\n  workers: 2\nsplit:", 1)
    params.write_text(yours, "utf-8")
    said = upgrade(folder).splitlines()
    for line in (
        "new      machine.engine: local",
        "not set  gate.min_per_language: 100",
        "renamed  score.workers is machine.workers now; yours sets it to 2",
        "gone     machine.motor: local is set and no longer read",
        "gone     gate.most: 9 is set and no longer read",
        "other    gate.min_clean ships as 1000, no longer as 800, which yours still has",
        "-    cmd: python -m curation.parts",
        "+    cmd: python -m curation.split",
        "-  most: 9",
    ):
        assert any(one.partition(" #")[0] == line for one in said), line
    assert params.read_text("utf-8") == yours
    assert road.read_text("utf-8") == now.replace("\nplots:", f"{stage}\nplots:")
    params.write_text((shipped / "params.yaml").read_text("utf-8"), "utf-8")
    assert upgrade(folder) == "no stage has other rules. `dvc repro` runs what that changes and nothing else"


def test_lines_that_both_changed_are_told_and_not_written(made: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "p")
    now = (folder / "dvc.yaml").read_text("utf-8")
    (folder / "rules/shipped/dvc.yaml").write_text(now.replace("curation.split", "curation.parts"), "utf-8")
    yours = now.replace("curation.split", "ours.split")
    (folder / "dvc.yaml").write_text(yours, "utf-8")
    said = upgrade(folder)
    assert "put these in yourself" in said
    assert "dvc.yaml is new" not in said
    assert (folder / "dvc.yaml").read_text("utf-8") == yours
    assert "put these in" not in upgrade(folder)  # told once


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("# so far\nrate = 1  # so good\n\n", False),
        ("rate = 2\n", True),
        ('rate = 1\nsaid = """a\n\nb"""\n', True),
        ("rate = 1\nsaid = '# no comment'\n", True),
    ],
)
def test_comments_and_blank_lines_are_no_other_rules(tmp_path: Path, source: str, changes: bool) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {read: {cmd: x, deps: [curation/a.py, curation/b.py]}}", "utf-8")
    (tmp_path / "curation").mkdir()
    for name, text in (("a", "rate = 1\n"), ("b", source)):
        (tmp_path / f"curation/{name}.py").write_text(text, "utf-8")
    before = rules_of("read", tmp_path)
    (tmp_path / "curation/c.py").write_text(source, "utf-8")
    shutil.move(tmp_path / "curation/c.py", tmp_path / "curation/b.py")
    assert rules_of("read", tmp_path) == before
    from curation.harness.rules import _uncommented

    assert (_uncommented(source.encode()) != _uncommented(b"rate = 1\n")) == changes


def test_every_blank_line_of_a_text_is_kept() -> None:
    from curation.harness.rules import _uncommented

    texts = ['x = """a\n\nb"""', 'x = """a\n\n\nb"""', 'x = """a # b\n\nb"""', 'x = """a\nb"""']
    assert len({_uncommented(text.encode()) for text in texts}) == len(texts)
