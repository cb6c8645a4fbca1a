"""The rules of the installed qirat, as a project that holds none of our code depends on them.

Where the code lies in the project, dvc.yaml names its folders. Elsewhere a stage depends on a file of the project,
rules/STAGE, that holds a hash of the stage's code: another hash and the stage runs again. `qirat init` writes these
files and `qirat upgrade` writes them anew, so what an upgrade re-runs stands in git before it runs.
"""

import functools
import hashlib
import io
import tokenize
from pathlib import Path

from curation.harness.dvc import CODE, sources_of
from curation.harness.errors import QiratError

RULES = Path("rules")


def rules_of(stage: str, root: Path = CODE) -> str:
    """SHA-256 over what a stage's code, word lists and templates say; comments and blank lines of Python say nothing.

    Every Python gives the same, unlike `code_version`, which is for what one machine remembers.
    """
    digest = hashlib.sha256()
    for path in sources_of(stage, root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + _rules(path) + b"\0")
    return digest.hexdigest()


def write_rules(stage: str, root: Path) -> bool:
    """Writes the file of a stage below `root`; whether it says something else than before."""
    path, text = root / RULES / stage, rules_of(stage) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return True


def refuse_other_rules(stage: str, path: Path) -> None:
    """A project that was made for another qirat than the installed one would call results by the wrong rules."""
    if not path.exists():
        raise QiratError(f"{path} is missing; run `qirat upgrade`, which writes it")
    if path.read_text("utf-8").strip() != rules_of(stage):
        raise QiratError(
            f"{path} names other rules than the installed qirat has; run `qirat upgrade`, then `dvc repro`"
        )


@functools.cache  # most files are of several stages
def _rules(path: Path) -> bytes:
    said = path.read_bytes()
    return hashlib.sha256(_uncommented(said) if path.suffix == ".py" else said).digest()


def _uncommented(source: bytes) -> bytes:
    """Python without its comments and blank lines, to the letter otherwise."""
    text = source.decode("utf-8")
    lines: list[str | None] = list(text.split("\n"))
    for kind, _, (row, column), _, line in tokenize.generate_tokens(io.StringIO(text).readline):
        if kind == tokenize.COMMENT:
            lines[row - 1] = line[:column].rstrip()
        elif kind == tokenize.NL and not (lines[row - 1] or "").strip():
            lines[row - 1] = None
    return "\n".join(line for line in lines if line is not None).strip().encode()
