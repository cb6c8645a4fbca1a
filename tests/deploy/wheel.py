"""A package that pip can install without an index."""

import base64
import hashlib
import zipfile
from pathlib import Path


def empty_wheel(folder: Path) -> Path:
    """A package of one empty module, as a file that pip can install."""
    path = folder / "files" / "innocent-1.0-py3-none-any.whl"
    path.parent.mkdir()
    files = {
        "innocent.py": "",
        "innocent-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: innocent\nVersion: 1.0\n",
        "innocent-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},{_digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {
            **files,
            "innocent-1.0.dist-info/RECORD": f"{record}innocent-1.0.dist-info/RECORD,,\n",
        }.items():
            wheel.writestr(name, text)
    return path


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
