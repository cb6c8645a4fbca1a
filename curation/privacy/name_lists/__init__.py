"""Names of people, as lists: given names, those that are everyday words as well, and names of families."""

import functools
from pathlib import Path
from typing import Literal

Name = Literal["arabic_given", "arabic_words", "arabic_family", "latin_given", "latin_words", "latin_family"]


@functools.cache
def name_list(name: Name) -> frozenset[str]:
    """Folded names; where they come from stands at the head of the file."""
    lines = Path(__file__).with_name(f"{name}.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
