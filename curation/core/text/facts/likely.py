"""Which texts of a column may state a fact: a quick look that passes over nothing in which `facts` finds one."""

import polars as pl

from curation.core.text.facts.codes import MAY_HOLD_ONE
from curation.core.text.facts.patterns import MAY_STATE_ANOTHER
from curation.core.text.folding import folded

# Texts of other letters may read otherwise here than they do letter by letter (spelled.py), so they are let through:
# white space that only Python knows, letters that fold to several, signs that show nothing.
_SURE = (
    r"\d|[\x1c-\x1f]|[^\x00-\x7f\x{a0}\x{a3}\x{b0}\x{c0}-\x{de}\x{e0}-\x{ff}\x{60c}\x{61b}\x{61f}\x{621}-\x{63f}"
    r"\x{640}-\x{652}\x{660}-\x{674}\x{679}-\x{6d3}\x{6f0}-\x{6f9}\x{2013}\x{2014}\x{2018}\x{2019}\x{201c}\x{201d}"
    r"\x{2022}\x{2026}\x{20ac}\x{1f300}-\x{1faff}]"
)
_LOUD = r"(?:[A-Z][\x{640}\x{64b}-\x{652}\x{670}]*){4}|[\"“«]"  # MAY_BE_CODED of texts without a figure


def may_state_one(text: pl.Expr) -> pl.Expr:
    """Whether each text may state a fact; an empty one may not."""
    return text.fill_null("").map_batches(_may_state_one, return_dtype=pl.Boolean)


def _may_state_one(texts: pl.Series) -> pl.Series:
    sure = texts.str.contains(_SURE)
    others = pl.DataFrame({"text": texts.filter(~sure)}).lazy().with_columns(said=folded(pl.col("text")))
    coded = pl.col("text").str.contains(_LOUD) & pl.col("said").str.contains(MAY_HOLD_ONE)
    likely = others.select(likely=pl.col("said").str.contains(MAY_STATE_ANOTHER) | coded).collect()["likely"]
    return sure.scatter((~sure).arg_true(), likely)
