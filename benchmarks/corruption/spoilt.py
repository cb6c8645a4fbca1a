"""The rows with their defects."""

import argparse

from benchmarks.corruption.arabic import arabic
from benchmarks.corruption.defects import planted, renamed
from benchmarks.rows import english
from curation.planting.defects import phrases
from curation.planting.rows import Row


def spoilt(arguments: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """The rows of all languages with their defects, and the evaluation set."""
    bases = []
    if arguments.english:
        bases.append(english(arguments.english, arguments.rows, arguments.seed))
    if arguments.arabic:
        bases.append(arabic(arguments.arabic, arguments.rows, arguments.seed))
    rows: list[Row] = []
    evaluation: list[Row] = []
    for base in bases:
        mixed, held_out = planted(base, arguments.rate, arguments.seed, phrases(arguments.phrases))
        rows += renamed(mixed)
        evaluation += held_out
    return rows, evaluation
