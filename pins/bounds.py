"""The oldest, or the newest, versions of what trains that pyproject.toml allows, a requirement a line.

    python pins/bounds.py oldest|newest

`make pins` writes them into pins/oldest.txt and pins/newest.txt, the newest of its day. torch is left out: the oldest
that is allowed is the one that is pinned, and PyPI's newer ones bring gigabytes of CUDA.
"""

import re
import sys
import tomllib
from pathlib import Path

TRAINS = {"accelerate", "peft", "safetensors", "transformers", "trl"}


def main(which: str) -> None:
    """Prints them. SystemExit for any other word."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    if which not in ("oldest", "newest"):
        sys.exit("pins/bounds.py oldest|newest")
    for wanted in project["dependencies"]:
        name, least = re.match(r"([\w.-]+)(?:\[.*\])?(?:[<>=~]+([\d.]+))?", wanted).groups()
        if name in TRAINS:
            print(f"{name}=={least}" if which == "oldest" else wanted)


if __name__ == "__main__":
    main(sys.argv[-1])
