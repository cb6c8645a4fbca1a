"""What can be known of the production files without containers."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from curation.review.embedded.environment import interpreter

DEPLOY = Path(__file__).parents[2] / "deploy" / "argilla"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:?[-?][^}]*)?\}")


def test_only_the_proxy_publishes_ports_and_only_its_network_has_a_way_out() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert not [name for name, service in SERVICES.items() if "network_mode" in service or "networks" not in service]
    outward = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert [name for name, service in SERVICES.items() if outward & set(service["networks"])] == ["proxy"]
    assert set(SERVICES["proxy"]["networks"]).isdisjoint(SERVICES["postgres"]["networks"])


def test_every_image_has_a_version() -> None:
    for service in SERVICES.values():
        assert re.search(r":v?\d+\.\d+(\.\d+)?[\w.-]*(@sha256:[0-9a-f]{64})?$", service["image"]), service["image"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined_restarted_watched_and_its_log_ends(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and not service.get("privileged")
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("read_only") or name == "elasticsearch"
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_every_variable_is_in_the_example_and_every_one_of_the_example_is_used() -> None:
    used = {name for name, _ in _VARIABLE.findall((DEPLOY / "compose.yaml").read_text("utf-8"))}
    assert used == _settings(DEPLOY / ".env.example").keys()


def test_no_secret_has_a_default_and_the_example_holds_none() -> None:
    example = _settings(DEPLOY / ".env.example")
    secrets = {name for name in example if re.search("PASSWORD|SECRET|KEY", name)}
    assert len(secrets) == 4
    assert not [name for name in secrets if example[name]]
    for name, rest in _VARIABLE.findall((DEPLOY / "compose.yaml").read_text("utf-8")):
        assert name not in secrets or rest.startswith(":?"), f"{name} may be empty"


def test_no_user_is_made_with_a_known_password_and_nothing_is_reported_home() -> None:
    for service in SERVICES.values():
        assert not {"USERNAME", "PASSWORD", "API_KEY"} & set(service.get("environment", {}))
    for name in ("argilla", "worker"):
        settings = SERVICES[name]["environment"]
        assert settings["HF_HUB_DISABLE_TELEMETRY"] == settings["HF_HUB_OFFLINE"] == "1"
        assert settings["ARGILLA_CORS_ORIGINS"] == "[]"
    assert not re.search("12345678|apikey|changeme", "".join(_texts()), re.IGNORECASE)


def test_argilla_knows_every_setting_it_is_given() -> None:
    """Its own list, read from its code: it ignores what it does not know."""
    known = set()
    for path, prefix in (("settings.py", "ARGILLA_"), ("security/settings.py", "ARGILLA_AUTH_")):
        names = re.findall(r"^    ([a-z]\w*): ", _argilla(path).read_text("utf-8"), re.MULTILINE)
        known |= {prefix + name.upper() for name in names}
    given = {name for name in SERVICES["argilla"]["environment"] if name.startswith("ARGILLA_")}
    assert given <= known


def test_the_environment_is_made_once_of_random_secrets_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = _made(tmp_path / "first"), _made(tmp_path / "second")
    assert first.keys() == second.keys() == _settings(DEPLOY / ".env.example").keys()
    assert all(first.values())
    for name in ("POSTGRES_PASSWORD", "ELASTIC_PASSWORD", "REDIS_PASSWORD", "ARGILLA_AUTH_SECRET_KEY"):
        assert re.fullmatch("[0-9a-f]{64}", first[name])
        assert first[name] != second[name]
    assert len(set(first.values()) & set(second.values())) == len(first) - 4
    assert not first["OWNER"].startswith("0:")

    again = subprocess.run(["sh", tmp_path / "first" / "make-env.sh"], capture_output=True, check=False, text=True)
    assert again.returncode == 1 and "already" in again.stderr
    assert _settings(tmp_path / "first" / ".env") == first
    assert not [*(tmp_path / "first").glob(".env.??????")]


def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    command = ["docker", "compose"]
    if not _runs(command):
        pytest.skip("docker compose is not here")
    _made(tmp_path / "project")
    subprocess.run([*command, "config", "--quiet"], cwd=tmp_path / "project", check=True)
    (tmp_path / "project" / ".env").unlink()
    refused = subprocess.run(
        [*command, "config"], cwd=tmp_path / "project", capture_output=True, check=False, text=True
    )
    assert refused.returncode != 0 and "make-env.sh" in refused.stderr


def _made(folder: Path) -> dict[str, str]:
    """The settings that make-env.sh makes in a fresh copy; the file is its owner's alone."""
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns(".env", "backups", "certificates"))
    subprocess.run(["sh", folder / "make-env.sh"], check=True, capture_output=True)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    return _settings(folder / ".env")


def _settings(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def _texts() -> list[str]:
    return [path.read_text("utf-8") for path in DEPLOY.iterdir() if path.is_file() and path.name != ".env"]


def _argilla(path: str) -> Path:
    """A file of the server; its environment is made where there is none."""
    return next(interpreter().parents[1].glob(f"lib/python*/site-packages/argilla_server/{path}"))


def _runs(command: list[str]) -> bool:
    return bool(shutil.which(command[0])) and not subprocess.run([*command, "version"], capture_output=True).returncode
