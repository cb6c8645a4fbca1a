import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from curation.harness.errors import QiratError
from curation.review.embedded import process
from curation.review.embedded.environment import Environment
from curation.review.embedded.process import Address
from tests.deploy.wheel import empty_wheel


def test_an_environment_made_for_other_requirements_is_made_anew_and_once(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# none\n")
    place = tmp_path / "environment"
    environment = Environment("Argilla", place, tmp_path / "requirements.txt", 1)
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("half made")
    (place / "made_for").write_text("python 3.11, requirements of another day\n")

    python = environment.interpreter()
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0

    (place / "stays").touch()
    assert environment.interpreter() == python
    assert (place / "stays").exists()


def test_requirements_that_cannot_be_had_or_are_not_the_pinned_ones_are_told_and_leave_nothing_that_looks_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.txt").write_text("./no-such-package\n")
    place = tmp_path / "environment"
    environment = Environment("Argilla", place, tmp_path / "requirements.txt", 1)
    with pytest.raises(QiratError, match="no-such-package"):
        environment.interpreter()
    assert not (place / "made_for").exists()

    wheel = empty_wheel(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wrong, right = f"--hash=sha256:{'0' * 64}", f"--hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}"
    for hashes in (wrong, ""):
        (tmp_path / "requirements.txt").write_text(f"innocent==1.0 {hashes}\n")
        with pytest.raises(QiratError, match="could not be installed"):
            environment._install(place / "bin" / "python")
    assert not [*place.rglob("innocent*")]
    (tmp_path / "requirements.txt").write_text(f"innocent==1.0 \\\n    {wrong} \\\n    {right}\n")
    environment._install(place / "bin" / "python")
    assert environment.pins() == ["innocent==1.0"] and environment.changed() == []


def test_a_package_that_somebody_changed_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# pinned\nJinja2==3.1.6\nsocial-auth-core==4.5.6 # why\nredis==5.3.1\n")
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for found in ("jinja2-3.1.6", "social_auth_core-4.5.6", "redis-6.0.0", "pip-23.2.1"):
        (packages / f"{found}.dist-info").mkdir(parents=True)
    assert Environment("Argilla", tmp_path, tmp_path / "requirements.txt", 1).changed() == ["redis==5.3.1"]


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
