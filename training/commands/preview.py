"""What is learnt of one conversation, token by token: `qirat preview`."""

import html
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from curation.core.record.naming import called
from curation.harness.errors import QiratError, steerless
from curation.harness.files import atomic, finished_table
from curation.harness.params import load_params
from training.model.base import Model, load_tokenizer
from training.model.template import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPLITS = ("train", "dev", "test")
COLOURS = {"learnt": "\x1b[1;32m", "context": "\x1b[2m", "special": "\x1b[35m", "fact": "\x1b[9;33m"}
LEARNT_END = "\x1b[1;35m"  # a special token that is learnt: the end of a reply
PLAIN = "\x1b[0m"


@dataclass(frozen=True)
class Piece:
    """One token as text, or several where a letter takes more than one."""

    text: str
    ids: tuple[int, ...]
    learnt: bool
    special: bool
    fact: bool = False  # of a reply, but not learnt


@dataclass(frozen=True)
class PreviewedExample:
    """One example of the conversation."""

    split: str
    turns: list[int]
    pieces: list[Piece]

    @property
    def heading(self) -> str:
        tokens = sum(len(piece.ids) for piece in self.pieces)
        learnt = sum(len(piece.ids) for piece in self.pieces if piece.learnt)
        facts = sum(len(piece.ids) for piece in self.pieces if piece.fact)
        turns = ", ".join(str(turn + 1) for turn in self.turns)
        less = f", less {facts:,} of facts" if facts else ""
        return (
            f"{self.split}: {tokens:,} tokens, {learnt:,} learnt ({learnt / tokens:.0%}): the replies of turns "
            f"{turns}{less}"
        )


def preview(wanted: str, split: str | None) -> tuple[str, list[PreviewedExample]]:
    """The conversation_id that begins with `wanted`, and its examples as `tokenize` left them."""
    splits = (split,) if split else SPLITS
    every = pl.concat([_rows(name) for name in splits])
    excluded = finished_table("tokenized/excluded").filter(pl.col("split").is_in(splits))
    names = pl.concat([table.select("conversation_id") for table in (every, excluded)])
    what = f"conversations of {', '.join(splits)}"
    where = "as data/splits has it (`qirat why ROW` says where a row went)"
    whole = str(called(wanted, names, what, where)["conversation_id"][0])
    examples = every.filter(conversation_id=whole)
    if examples.is_empty():
        row = excluded.filter(conversation_id=whole).row(0, named=True)
        raise QiratError(f"{whole} is in {row['split']}, but has no tokens: {row['reason']}")
    tokenizer = load_tokenizer(load_params("model", Model))
    return whole, [
        PreviewedExample(
            row["split"], row["turns"], pieces(tokenizer, row["input_ids"], row["labels"], row["unlearnt"])
        )
        for row in examples.iter_rows(named=True)
    ]


def pieces(
    tokenizer: "PreTrainedTokenizerBase", ids: list[int], labels: list[int], unlearnt: Collection[int] = ()
) -> list[Piece]:
    """The tokens in order; those that only together make a letter stand together. `unlearnt` are places of facts."""
    special = {n for n, token in tokenizer.added_tokens_decoder.items() if token.special}
    found: list[Piece] = []
    begun, shown = 0, 0  # ids[begun:shown] are already told and decide whether a space stands before the next
    for end in range(1, len(ids) + 1):
        before = str(tokenizer.decode(ids[begun:shown], clean_up_tokenization_spaces=False))
        text = str(tokenizer.decode(ids[begun:end], clean_up_tokenization_spaces=False))[len(before) :]
        if text.endswith("\N{REPLACEMENT CHARACTER}") and end < len(ids) and ids[end] not in special:
            continue
        learnt = labels[end - 1] != IGNORED
        found.append(Piece(text, tuple(ids[shown:end]), learnt, ids[end - 1] in special, end - 1 in unlearnt))
        begun, shown = shown, end
    return found


def as_text(whole: str, shown: list[PreviewedExample], coloured: bool) -> str:
    """For the terminal. Without colours, what is learnt stands in ⟦brackets⟧."""
    blocks = [f"{example.heading}\n{''.join(_runs(example.pieces, coloured))}" for example in shown]
    legend = (
        " ".join(f"{colour}{name}{PLAIN}" for name, colour in COLOURS.items())
        if coloured
        else "⟦learnt⟧, ‹fact, not learnt›, the rest is context"
    )
    return "\n\n".join([f"{whole}: {legend}", *blocks])


def write_page(whole: str, shown: list[PreviewedExample], path: Path) -> None:
    """The same as a page that needs nothing beside it."""
    sections = "\n".join(
        f"<h2>{html.escape(example.heading)}</h2>\n<section>{''.join(_lines(example.pieces))}</section>"
        for example in shown
    )
    with atomic(path) as temporary:
        temporary.write_text(PAGE.format(title=html.escape(whole), sections=sections), "utf-8")


def _rows(split: str) -> pl.DataFrame:
    table = finished_table(f"tokenized/{split}", ["conversation_id", "input_ids", "labels", "turns", "unlearnt"])
    return table.with_columns(split=pl.lit(split))


def _runs(told: list[Piece], coloured: bool) -> Iterator[str]:
    """Neighbours of one kind together."""
    if not coloured:
        for (learnt, fact), run in groupby(told, key=lambda piece: (piece.learnt, piece.fact)):
            text = steerless("".join(piece.text for piece in run))
            yield f"⟦{text}⟧" if learnt else f"‹{text}›" if fact else text
        return
    for colour, run in groupby(told, key=_colour):
        yield f"{colour}{steerless(''.join(piece.text for piece in run))}{PLAIN}"


def _colour(piece: Piece) -> str:
    if piece.special:
        return LEARNT_END if piece.learnt else COLOURS["special"]
    return COLOURS["learnt" if piece.learnt else "fact" if piece.fact else "context"]


def _lines(told: list[Piece]) -> Iterator[str]:
    """One block a line, so that each is laid out in the direction of its own words."""
    line = ""
    for piece in told:
        first, *others = piece.text.split("\n")
        line += _span(piece, first + "⏎" * bool(others))
        for part in others:
            yield f'<p dir="auto">{line}</p>\n'
            line = _span(piece, part) if part else ""
    yield f'<p dir="auto">{line}</p>\n'


def _span(piece: Piece, text: str) -> str:
    names = " ".join(name for name in ("learnt", "special", "fact") if getattr(piece, name))
    ids = " ".join(map(str, piece.ids))
    if piece.special:  # isolated, so that it says nothing of the line's direction
        return f'<bdi dir="ltr" class="{names}" title="{ids}">{html.escape(text)}</bdi>'
    return f'<span class="{names}" title="{ids}">{html.escape(text)}</span>'


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.8 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.1rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1rem; margin-top: 2rem; }}
section {{ border: 1px solid #8886; border-radius: .4rem; padding: .6rem 1rem; }}
p {{ margin: 0; min-height: 1.8em; white-space: pre-wrap; overflow-wrap: anywhere; }}
span, bdi {{ color: light-dark(#555, #aaa); }}
span:hover, bdi:hover {{ outline: 1px solid; }}
.special {{ color: light-dark(#8a2be2, #c9a0ff); font: .8em ui-monospace, monospace; }}
.learnt {{ color: light-dark(#06431f, #c8f7d8); background: light-dark(#c9f2d6, #14532d); }}
.fact {{ color: light-dark(#7a4b00, #f5d08a); background: light-dark(#fbe7c0, #5a3d06); }}
.learnt.special {{ color: light-dark(#8a2be2, #e2ccff); }}
</style>
<h1>{title}</h1>
<p><span class="learnt">learnt</span> <span class="fact">fact, not learnt</span> <span>context</span>
<bdi class="special">special</bdi> (point for the id)</p>
{sections}
</html>
"""
