import subprocess
from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.review.embedded import environment, process
from curation.review.embedded.process import Address


def test_an_environment_made_for_other_requirements_is_made_anew_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    (tmp_path / "requirements.txt").write_text("# none\n")
    place = tmp_path / "environment"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("half made")
    (place / "made_for").write_text("python 3.11, requirements of another day\n")

    python = environment.interpreter(place)
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0

    (place / "stays").touch()
    assert environment.interpreter(place) == python
    assert (place / "stays").exists()


def test_requirements_that_cannot_be_had_are_told_and_leave_nothing_that_looks_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    (tmp_path / "requirements.txt").write_text("./no-such-package\n")
    with pytest.raises(QiratError, match="no-such-package"):
        environment.interpreter(tmp_path / "environment")
    assert not (tmp_path / "environment" / "made_for").exists()


def test_a_package_that_somebody_changed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    (tmp_path / "requirements.txt").write_text("# pinned\nJinja2==3.1.6\nsocial-auth-core==4.5.6 # why\nredis==5.3.1\n")
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for found in ("jinja2-3.1.6", "social_auth_core-4.5.6", "redis-6.0.0", "pip-23.2.1"):
        (packages / f"{found}.dist-info").mkdir(parents=True)
    assert environment.changed(tmp_path) == ["redis==5.3.1"]


def test_every_version_of_the_server_is_pinned() -> None:
    lines = environment.REQUIREMENTS.read_text("utf-8").splitlines()
    loose = [line for line in lines if line.strip() and not line.startswith("#") and "==" not in line]
    assert loose == []


def test_the_environment_variables_name_another_argilla(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIRAT_ARGILLA_URL", "https://argilla.example")
    with pytest.raises(QiratError, match="both"):
        process.address(tmp_path)
    monkeypatch.setenv("QIRAT_ARGILLA_API_KEY", "key")
    assert process.address(tmp_path) == Address("https://argilla.example", "key")


def test_without_a_server_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QIRAT_ARGILLA_URL", raising=False)
    monkeypatch.delenv("QIRAT_ARGILLA_API_KEY", raising=False)
    (tmp_path / "server.lock").write_text("1")  # left by a server that was killed
    (tmp_path / "url").write_text("http://127.0.0.1:1")
    with pytest.raises(QiratError, match="qirat review serve"):
        process.address(tmp_path)
    assert process.stop(tmp_path) is False
