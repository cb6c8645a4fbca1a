"""What leaves, as a folder: Arrow files, card, Croissant metadata, provenance and, when asked, the adapter."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curation.core.record.conversation import canonical_json
from curation.core.record.pairs import read_judgements
from curation.harness.dvc import locked, stages
from curation.harness.errors import QiratError
from curation.report.cards import dataset_card, further, plain
from curation.report.results import Results
from qirat.publish.columns import COLUMNS, features
from qirat.publish.croissant import croissant
from qirat.publish.rows import PARTS, Row
from training.commands.export import MODEL_CARD, TRAINED
from training.model.adapter import (
    CONFIG,
    PROVENANCE,
    WEIGHTS,
    card,
    identity,
    read_provenance,
    refuse_damaged,
    refuse_unsafe,
)

ADAPTER = "adapter"  # the folder of the adapter
TRAINERS = {"conversations": "SFTTrainer", "preference": "DPOTrainer", "kto": "KTOTrainer"}
WORDS = ("tokenizer", "special_tokens")  # how files of the tokenizer begin
LOCK = Path("dvc.lock")
MADE_WITH = ("qirat", "polars", "datasets", "pyarrow")
# Identifiers of huggingface.co/docs/hub/repositories-licenses and where their words stand; all others are "other".
LICENCES = {
    **{f"cc-{kind}-4.0": f"https://creativecommons.org/licenses/{kind}/4.0/" for kind in (
        "by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd",
    )},
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "odc-by": "https://opendatacommons.org/licenses/by/1-0/",
    "odbl": "https://opendatacommons.org/licenses/odbl/1-0/",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "mit": "https://opensource.org/license/mit",
    "cdla-permissive-2.0": "https://cdla.dev/permissive-2-0/",
    "cdla-sharing-1.0": "https://cdla.dev/sharing-1-0/",
}  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What leaves: by set the rows by split, the licence, and what a plain trainer must be told."""

    sets: Mapping[str, Mapping[str, Sequence[Row]]]
    licence: str
    told: Sequence[str]
    results: Results
    adapter: bool
    address: str = ""  # where it will stand


def write(content: Content, folder: Path) -> None:
    """The whole folder; the same bytes for the same content."""
    folder.mkdir(parents=True)
    for name, parts in content.sets.items():
        _save(name, parts, folder if name == "conversations" else folder / name)
    about = provenance(content)
    (folder / "provenance.json").write_text(_json(about), "utf-8")
    (folder / "README.md").write_text(_card(content, folder), "utf-8")
    described = {name: COLUMNS[name] for name in content.sets}
    facts = {
        "name": "curated-support-conversations",
        "description": "Curated support conversations; README.md says how they were chosen, and what they are not.",
        "license": LICENCES.get(content.licence, content.licence),
        "url": content.address or f"urn:sha256:{about['version']}",
        "version": f"1.0.0+{about['version'][:12]}",
        "datePublished": commit("%cs"),
        "isLiveDataset": False,
        "inLanguage": sorted({row["language"] for row in _rows(content, "conversations") if row["language"]}),
    }
    (folder / "croissant.json").write_text(_json(croissant(folder, described, facts)), "utf-8")
    if content.adapter:
        copy_adapter(folder / ADAPTER, TRAINED)


def provenance(content: Content) -> dict[str, Any]:
    """Of what, by what: hashes of the published rows, of dvc.lock and of the stages' outputs, versions, commit.

    `version` is the SHA-256 over all rows. Neither params nor names of files are among it: people's names stand there.
    """
    rows = {
        name: {split: _hash(canonical_json(list(part))) for split, part in parts.items()}
        for name, parts in content.sets.items()
    }
    return {
        "version": _hash(canonical_json(rows)),
        "rows_sha256": rows,
        "dvc_lock_sha256": _hash(LOCK.read_text("utf-8")) if LOCK.exists() else None,
        "outputs_md5": outputs(),
        "commit": commit("%H"),
        "made_with": {name: version(name) for name in MADE_WITH},
    }


def outputs() -> dict[str, str]:
    """Output of a stage -> its MD5, as DVC noted it; nothing where the pipeline has no lock."""
    known = _locked()
    wanted = ("ingest", "curate", "split")
    return {out["path"]: out["md5"] for name in wanted for out in known.get(name, {}).get("outs", ()) if "md5" in out}


def refuse_stale() -> None:
    """Decisions or rules of forgetting that came after the set was made."""
    known = _locked()
    for name in stages():
        for dep in known.get(name, {}).get("deps", ()):
            path = Path(dep["path"])
            kept = path.name in ("forget.jsonl", "decisions.jsonl") and path.is_file()
            if kept and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != dep["md5"]:
                raise QiratError(f"{path} has changed since the set was made; run `dvc repro` before you publish")


def commit(form: str) -> str | None:
    """The last commit of the project: %H its hash, %cs its day; None outside git."""
    ran = subprocess.run(["git", "log", "-1", f"--format={form}"], capture_output=True, text=True, check=False)
    return ran.stdout.strip() or None


def copy_adapter(folder: Path, trained: Path) -> None:
    """Weights, settings, tokenizer, template and model card; not the list of the rows that it saw."""
    refuse_damaged(trained)
    refuse_unsafe(trained)
    found = read_provenance(trained)
    folder.mkdir()
    for path in sorted(trained.iterdir()):
        if path.name in (WEIGHTS, PROVENANCE) or path.name.startswith(WORDS) or path.suffix == ".jinja":
            shutil.copyfile(path, folder / path.name)
    config = json.loads((trained / CONFIG).read_text("utf-8")) | {"base_model_name_or_path": found["base"]["name"]}
    (folder / CONFIG).write_text(_json(config), "utf-8")
    whole = MODEL_CARD.read_text("utf-8") if MODEL_CARD.exists() else ""
    (folder / "README.md").write_text(unnamed(whole) if identity(found) in whole else card(found), "utf-8")


def unnamed(card_text: str) -> str:
    """The model card without the user names of those who compared replies."""
    for number, name in enumerate(sorted({judgement.annotator for judgement in read_judgements()}), 1):
        card_text = card_text.replace(plain(name), plain(f"judge {number}"))
    return card_text


# -- details -----------------------------------------------------------------------------------------------------------


def _save(name: str, parts: Mapping[str, Sequence[Row]], folder: Path) -> None:
    """A DatasetDict, with fingerprints that follow from its rows."""
    import datasets

    datasets.disable_progress_bars()
    types = features(name, [row for rows in parts.values() for row in rows])
    made = {split: datasets.Dataset.from_list(list(rows), features=types) for split, rows in parts.items()}
    hashed = {split: _hash(canonical_json(list(rows)))[:16] for split, rows in parts.items()}
    datasets.DatasetDict(
        {split: datasets.Dataset(one.data, info=one.info, fingerprint=hashed[split]) for split, one in made.items()}
    ).save_to_disk(folder)


def _card(content: Content, folder: Path) -> str:
    """The data set's card with what the hub reads in front and what stands in the files."""
    known = content.licence in LICENCES
    configs = [
        {
            "config_name": "default" if name == "conversations" else name,
            "data_files": [
                {"split": split, "path": f"{'' if name == 'conversations' else name + '/'}{split}/*.arrow"}
                for split in parts
            ],
        }
        for name, parts in content.sets.items()
    ]
    front = {
        "license": content.licence if known else "other",
        "license_name": None if known else re.sub(r"[^\w.-]+", "-", content.licence.lower()).strip("-"),
        "configs": configs,
    }
    body = further(
        Path(__file__).parent / "contents.md.jinja",
        splits=[split for split in PARTS if any(split in parts for parts in content.sets.values())],
        sizes={name: {split: len(rows) for split, rows in parts.items()} for name, parts in content.sets.items()},
        trainers=TRAINERS,
        columns=COLUMNS,
        told=content.told,
    )
    return dataset_card(content.results, front, content.licence) + "\n" + body


def _locked() -> Mapping[str, Mapping[str, Any]]:
    return locked(LOCK.read_text("utf-8")) if LOCK.exists() else {}


def _rows(content: Content, name: str) -> list[Row]:
    return [row for rows in content.sets.get(name, {}).values() for row in rows]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
