"""What a record says beside the words of its conversation: words.yaml."""

import functools
from collections.abc import Mapping
from pathlib import Path

from curation.harness.yaml_text import from_yaml


@functools.cache
def words(language: str) -> Mapping[str, str]:
    """By name; in English for every language but Arabic. `{}` stands for what is put in."""
    text = Path(__file__).with_name("words.yaml").read_text("utf-8")
    found: Mapping[str, str] = from_yaml(text)["ar" if language == "ar" else "en"]
    return found


def isolated(quoted: str) -> str:
    """A quotation that reads in its own direction in a sentence of the other."""
    return f"\u2068{quoted}\u2069"
