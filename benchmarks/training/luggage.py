"""What a machine with torch and transformers lacks to train with us, in one file of at most 60 MB.

    python -m benchmarks.training.luggage luggage.tar.xz            # packs, out of this environment
    python -m benchmarks.training.luggage luggage.tar.xz --unpack FOLDER    # what cannot be imported there

Machines that are lent take little along. Wheels are compressed file by file; xz over all of them takes two thirds.
"""

import argparse
import sys
import tarfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

PACKAGES = (
    "accelerate", "annotated-types", "datasets", "dill", "multiprocess", "orjson", "peft", "polars",
    "polars-runtime-32", "psutil", "pydantic", "pydantic_core", "trl", "typing-inspection", "xxhash",
)  # fmt: skip
MOST = 60e6  # bytes
NEEDLESS = {"__pycache__", "tests", "test"}


def main() -> None:
    """Packs or unpacks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("--unpack", type=Path, metavar="FOLDER")
    parser.add_argument("--packages", nargs="+", default=PACKAGES)
    asked = parser.parse_args()
    if asked.unpack:
        print(f"luggage: {', '.join(unpack(asked.archive, asked.unpack)) or 'nothing'} taken", file=sys.stderr)
        return
    pack(asked.archive, asked.packages)
    if (size := asked.archive.stat().st_size) > MOST:
        asked.archive.unlink()
        sys.exit(f"the luggage would be {size / 1e6:.0f} MB, more than {MOST / 1e6:.0f}; name fewer --packages")
    print(f"{asked.archive}: {asked.archive.stat().st_size / 1e6:.1f} MB")


def pack(archive: Path, packages: list[str]) -> None:
    """The files of the packages as they are installed here, without tests and without what Python compiles."""
    with tarfile.open(archive, "w:xz", preset=6) as tar:
        for name in packages:
            for file in distribution(name).files or ():
                if not NEEDLESS & {*file.parts} and ".." not in file.parts and file.suffix not in {".pyi", ".pyc"}:
                    tar.add(str(file.locate()), arcname=str(file))


def unpack(archive: Path, folder: Path) -> list[str]:
    """Packages that this machine cannot import yet; others are its own, whatever their version."""
    taken: dict[str, bool] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            top = PurePosixPath(member.name).parts[0]
            module = top.removesuffix(".py").partition("-")[0]
            if top not in taken:
                taken[top] = (
                    find_spec(module) is None or folder.resolve() in Path(str(find_spec(module).origin)).parents
                )  # type: ignore[union-attr]
            if taken[top]:
                tar.extract(member, folder, filter="data")
    return sorted(top for top, here in taken.items() if here and not top.endswith(".dist-info"))


if __name__ == "__main__":
    main()
