"""languages.json in a server's home: which languages each person reads, the first ones first. Who is not there, all."""

import json
from pathlib import Path

NAME = "languages.json"


def languages_of(home: Path, person: str) -> list[str]:
    """By the server's id of the person; empty where all come as they stand in the line."""
    try:
        found: list[str] = json.loads((home / NAME).read_text("utf-8")).get(person, [])
    except FileNotFoundError:
        return []
    return found
