"""What pyproject.toml wants, a requirement a line, for a pip that takes nothing without a hash.

    python pins/wanted.py [EXTRA]...

pip refuses hashes for a folder such as `.`: so its dependencies are installed by name, and Qirat itself without any.
"""

import sys
import tomllib
from pathlib import Path


def main(extras: list[str]) -> None:
    """Prints the dependencies and those of each extra."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    unknown = [extra for extra in extras if extra not in optional]
    if unknown:
        sys.exit(f"pyproject.toml has no extra {', '.join(unknown)}; it has {', '.join(optional)}")
    print(*project["dependencies"], *(line for extra in extras for line in optional[extra]), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
