"""The peers over the same rows, each in its own environment, with the recipe it publishes.

They get a conversation as one text, a `role: content` line a turn. What they removed counts, and what they changed so
that nothing of the planted words is left.

- Data-Juicer, `recipe`: its published recipe for fine-tuning data (alpaca-cot-en-refine), without flagged_words_filter,
  which needs a download. `operators`: every text operator for cleaning, filtering and deduplication that needs no
  model, at its defaults.
- datatrove, `recipe`: the FineWeb pipeline from the text on (Gopher repetition and quality, C4, FineWeb quality,
  MinHash, PIIFormatter); made for web pages, it finds most dialogues too short. `copies`: the last two alone. For
  Arabic its tokenizers are told the language and the English stop words are left out.
- text-dedup: MinHash at threshold 0.7, for copies.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.peers.environment import DATATROVE, as_text, offline
from benchmarks.rows import json_lines
from curation.planting.rows import Row

RECIPE: list[dict[str, dict[str, Any]]] = [
    {"document_deduplicator": {"lowercase": True, "ignore_non_character": True}},
    {"alphanumeric_filter": {"tokenization": False, "min_ratio": 0.1}},
    {"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.6}},
    {"maximum_line_length_filter": {"min_len": 20}},
    {"text_length_filter": {"min_len": 30}},
    {
        "document_simhash_deduplicator": {
            "tokenization": "space",
            "window_size": 3,
            "lowercase": True,
            "ignore_pattern": r"\p{P}",
            "num_blocks": 9,
            "hamming_distance": 7,
        }
    },
]
OPERATORS: list[dict[str, dict[str, Any]]] = [
    {name: {}}
    for name in (
        "clean_email_mapper clean_html_mapper clean_ip_mapper clean_links_mapper fix_unicode_mapper "
        "remove_repeat_sentences_mapper alphanumeric_filter average_line_length_filter character_repetition_filter "
        "maximum_line_length_filter special_characters_filter text_length_filter word_repetition_filter "
        "words_num_filter document_deduplicator document_minhash_deduplicator"
    ).split()
]


def outcomes(project: Path, rows: Sequence[Row], pythons: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Per tool and recipe: id -> removed, mended or passed."""
    juicer, trove, dedup = (pythons[tool] for tool in ("data-juicer", "datatrove", "text-dedup"))
    runs: dict[str, Callable[[Path, str], dict[str, str]]] = {
        "Data-Juicer recipe": lambda folder, language: _data_juicer(folder, juicer, RECIPE),
        "Data-Juicer operators": lambda folder, language: _data_juicer(folder, juicer, OPERATORS),
        "datatrove recipe": lambda folder, language: _datatrove(folder, trove, language, "recipe"),
        "datatrove copies": lambda folder, language: _datatrove(folder, trove, language, "near-copies"),
        "text-dedup": lambda folder, language: _text_dedup(folder, dedup),
    }
    return {name: _outcomes(project / "peers" / name.replace(" ", "-"), rows, run) for name, run in runs.items()}


def _outcomes(folder: Path, rows: Sequence[Row], run: Callable[[Path, str], dict[str, str]]) -> dict[str, str]:
    left: dict[str, str] = {}
    for language in sorted({row.language for row in rows}):
        place = folder / language
        place.mkdir(parents=True, exist_ok=True)
        texts = [{"id": r.id, "text": as_text(r.messages)} for r in rows if r.language == language]
        (place / "texts.jsonl").write_text("".join(json.dumps(t, ensure_ascii=False) + "\n" for t in texts), "utf-8")
        left |= run(place, language)
    copies = {row.twin: row.id for row in rows if row.twin}
    found = {}
    for row in rows:
        if row.id not in left and copies.get(row.id) in left:
            found[row.id] = "passed"  # one of the two may go; it is counted with its copy
        elif row.id not in left or (row.twin and row.twin not in left):
            found[row.id] = "removed"
        elif row.traces and not any(trace in left[row.id] for trace in row.traces):
            found[row.id] = "mended"
        else:
            found[row.id] = "passed"
    return found


def data_juicer_command(python: str, folder: Path, texts: str, operators: Sequence[Mapping[str, Any]]) -> list[str]:
    """Data-Juicer with two processes over a file of the folder; what it leaves goes to out/left.jsonl there."""
    config = {
        "project_name": "qirat",
        "dataset_path": str(folder / texts),
        "export_path": str(folder / "out/left.jsonl"),
        "np": 2,
        "text_keys": "text",
        "process": [{name: dict(options)} for one in operators for name, options in one.items()],
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    return [python, "-m", "data_juicer.tools.process_data", "--config", "recipe.yaml"]


def _data_juicer(folder: Path, python: str, operators: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    _run(data_juicer_command(python, folder, "texts.jsonl", operators), folder)
    return _read(folder / "out/left.jsonl")


def _datatrove(folder: Path, python: str, language: str, what: str) -> dict[str, str]:
    _run([python, DATATROVE, what, language], folder)
    return {key: text for path in sorted(folder.glob("out/*.jsonl")) for key, text in _read(path).items()}


def _text_dedup(folder: Path, python: str) -> dict[str, str]:
    data = "--path json --data_files texts.jsonl --split train --column text --output deduped --cache_dir .cache"
    options = "--ngram 5 --num_perm 128 --threshold 0.7 --hash_func xxh3"
    _run([python, "-m", "text_dedup.minhash", *data.split(), *options.split()], folder)
    from datasets import load_from_disk

    return {row["id"]: row["text"] for row in load_from_disk(str(folder / "deduped"))}


def _read(path: Path) -> dict[str, str]:
    return {row["id"]: row["text"] for row in json_lines(path)}


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=offline(folder), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} in {folder} failed:\n{(done.stdout + done.stderr)[-4000:]}")
