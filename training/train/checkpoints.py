"""Going on exactly where a killed run stopped, or refusing to: checkpoints under a certificate.

The certificate names all that the result depends on: base weights, data, template, parameters, code, libraries and
machine. A run goes on from a checkpoint only under the same certificate, so it ends in the same bytes as one that was
never stopped. Checkpoints lie in data/cache/train, which DVC leaves alone when it runs the stage again, and go when it
ends.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.harness.errors import QiratError
from curation.harness.files import atomic, hashes
from curation.harness.memory import CACHE, remembered_json

PLACE = CACHE / "train"
COMPLETE = "complete"  # written last into a checkpoint's folder: the hash of every other file there
_NAMED = 6  # differences that a refusal lists


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run at `place`."""

    certificate: Mapping[str, Any]
    place: Path = PLACE

    def resumable(self, prepare: bool = True) -> Path | None:
        """The newest whole checkpoint of this very run; None when there is none, and then the place is made ready.

        Raises QiratError, naming what differs, when the checkpoint is of another run: hours of work may lie there.
        Of several processes, one is to prepare.
        """
        written = self.place / "certificate.json"
        newest, before = self._newest(), remembered_json(written)
        if newest is None or not before:
            if prepare:
                if any((folder / COMPLETE).exists() for folder in self._folders()):
                    print(f"{self.place}: the checkpoint there is damaged; training begins anew", file=sys.stderr)
                shutil.rmtree(self.place, ignore_errors=True)
                with atomic(written) as temporary:
                    temporary.write_text(json.dumps(self.certificate, indent=1, sort_keys=True) + "\n", "utf-8")
            return None
        if changes := list(differences(before, json.loads(json.dumps(self.certificate)))):
            more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
            raise QiratError(
                f"{newest} is a checkpoint of an unfinished training on something else: "
                f"{'; '.join(changes[:_NAMED])}{more}. Put these back to go on from it, or delete {self.place} to "
                "train anew"
            )
        return newest

    def completed(self, checkpoint: Path) -> None:
        """The checkpoint is whole; older ones go, and so does the pickle that the trainer writes and nobody reads."""
        (checkpoint / "training_args.bin").unlink(missing_ok=True)
        with atomic(checkpoint / COMPLETE) as temporary:
            temporary.write_text(json.dumps(_hashes(checkpoint), indent=1) + "\n", "utf-8")
        for other in self._folders():
            if other != checkpoint:
                shutil.rmtree(other)

    def clear(self) -> None:
        """The run has ended; nobody will go on from here."""
        shutil.rmtree(self.place, ignore_errors=True)

    def _newest(self) -> Path | None:
        whole = [folder for folder in self._folders() if _is_whole(folder)]
        return max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)

    def _folders(self) -> list[Path]:
        return [folder for folder in self.place.glob("checkpoint-*") if folder.is_dir()]


def _is_whole(checkpoint: Path) -> bool:
    """Whether it ended and every file of it is as it was then: a power failure takes bytes and leaves names."""
    marker = checkpoint / COMPLETE
    return marker.exists() and remembered_json(marker) == _hashes(checkpoint)


def _hashes(checkpoint: Path) -> dict[str, str]:
    return {name: digest for name, digest in hashes(checkpoint).items() if name != COMPLETE}


def differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Each place where two JSON values differ: `params.recipe.rank: was 8, is 16`."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from differences(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif before != now:
        yield f"{path}: was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 24 else f"{text[:16]}…"
