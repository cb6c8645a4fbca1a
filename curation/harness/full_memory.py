"""What to say where memory ran out, a GPU's or the machine's: how much was asked for, how much there is, what helps."""

import os
import re

# How PyTorch says it, for the kinds of memory and the versions that we have met.
TORCH = ("out of memory", "can't allocate memory", "_STATUS_ALLOC_FAILED")
ASKED = re.compile(r"(?:allocate|allocating) ([\d.]+) (\w+)")
CARD = re.compile(r"(GPU \d+) has a total capacity of ([\d.]+ \w+) of which ([\d.]+ \w+) is free")
OF_TRAINING = (
    "close what else uses it; in params.yaml lower train's pack_tokens, set its passes and checkpointing to auto, "
    "lower evaluate.batch, or set model.quantised to nf4; or choose a smaller base (`qirat cost` tells what fits where)"
)
OF_THE_REST = "close other programs, set machine.workers to 1 in params.yaml, or go where there is more"


def out_of_memory(error: BaseException) -> str | None:
    """A sentence with the numbers, where this is such an error; None where it is another."""
    said = str(error)
    of_torch = isinstance(error, RuntimeError) and any(words in said for words in TORCH)
    if not of_torch and not isinstance(error, MemoryError):
        return None
    asked = ASKED.search(said)
    more = f"{_whole(*asked.groups())} more were asked for, and " if asked else ""
    card = CARD.search(said)
    there = "{} has {} of which {} are free".format(*card.groups()) if card else _machine()
    return f"out of memory: {more}{there}; {OF_TRAINING if of_torch else OF_THE_REST}"


def _whole(number: str, unit: str) -> str:
    return f"{float(number) / 2**30:,.1f} GiB" if unit == "bytes" else f"{number} {unit}"


def _machine() -> str:
    """Of this machine, or of its card where CUDA did not say how much it has."""
    page = os.sysconf("SC_PAGE_SIZE")
    whole, free = (os.sysconf(name) * page / 2**30 for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    return f"this machine has {whole:,.1f} GiB of which {free:,.1f} GiB are free"
