"""Says which pinned packages have known holes, of all that is installed here and for the Argilla server.  make audit

Exits with 0 when there are none, with 1 when there are some, with 2 when not all could be asked.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILES = (
    "constraints.txt",
    "curation/review/embedded/requirements.txt",
    "curation/review/embedded/studio_requirements.txt",
    "pins/pip.txt",
    "pins/model.txt",
    "pins/tools.txt",
)
PIP_AUDIT = ROOT / ".qirat/pins/bin/pip-audit"


def main() -> int:
    """Asks OSV, which knows what PyPI's own list knows and more, file by file."""
    asked, unasked, holes = 0, [], 0
    for file in FILES:
        print(f"{file}:")
        try:
            packages = answers(file)
        except ValueError as error:
            print(f"  not asked: {error}")
            unasked.append(file)
            continue
        for package in packages:
            asked += "vulns" in package
            if "vulns" not in package:
                print(f"  {package['name']} not asked: {package.get('skip_reason', 'no reason given')}")
                unasked.append(package["name"])
            for hole in package.get("vulns", []):
                holes += 1
                names = [hole["id"], *hole.get("aliases", [])]
                mended = hole.get("fix_versions") or ["no version yet"]
                pin = f"{package['name']} {package['version']}"
                print(f"  {pin}: {' '.join(names)}; mended in {', '.join(mended)}")
    print(f"{asked} packages asked, {holes} known holes")
    if unasked:
        print(
            f"not asked: {', '.join(unasked)}. Nothing is known of these. OSV is asked at https://api.osv.dev: "
            "run this where that can be reached",
            file=sys.stderr,
        )
    return 2 if unasked else int(holes > 0)


def answers(file: str) -> list[dict[str, Any]]:
    """What pip-audit says of each pin of a file; ValueError with its last words when it says nothing."""
    command = [PIP_AUDIT, "--require-hashes", "--disable-pip", "--vulnerability-service", "osv", "--timeout", "30"]
    command += ["--progress-spinner", "off", "--format", "json", "--requirement", ROOT / file]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ValueError(f"pip-audit cannot be run ({error.strerror}: {PIP_AUDIT}); `make audit` installs it") from None
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError, TypeError):
        words = done.stderr.strip().splitlines()
        raise ValueError(words[-1] if words else f"pip-audit ended with {done.returncode} without a word") from None
    if not packages:
        raise ValueError("pip-audit found no pins in it")
    return packages


if __name__ == "__main__":
    sys.exit(main())
