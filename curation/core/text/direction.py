"""Whether a conversation reads as if its end came first, as exports without times may hold it."""

import functools
from pathlib import Path

import polars as pl
import yaml

from curation.core.text.folding import folded

LEAST_TURNS = 3  # a question and its answer alone say too little of what came first
BEGINNING, END = 80, 120  # characters of a message, folded, that are looked at
AT_ONCE = 15  # characters before a customer's closing words, as in "Great, thank you"
# Before and behind a word: as \b, which takes the engine thirty times as long where letters are not all ASCII.
_BEFORE, _BEHIND = r"(?:^|\W)", r"(?:\W|$)"


@functools.cache
def _patterns() -> dict[tuple[str, str], str]:
    """Regular expression by side and kind."""
    lists = yaml.safe_load((Path(__file__).parent / "direction.yaml").read_text("utf-8"))
    words = {
        (side, kind): "|".join(word.strip() for text in texts.values() for word in text.split("/"))
        for side, kinds in lists.items()
        for kind, texts in kinds.items()
    }
    before = {("user", "closes"): rf"^(?:.{{0,{AT_ONCE - 1}}}\W)?"}
    return {
        which: rf"(?s){before.get(which, _BEFORE)}(?:{alternatives}){_BEHIND}" for which, alternatives in words.items()
    }


def backwards(conversations: pl.DataFrame, contents: pl.Series | None = None) -> pl.DataFrame:
    """conversation_id and `value` of those that have LEAST_TURNS: how far closing words stand before opening ones.

    Each opening word counts from -1, where it stands first, to 1, where it stands last; each closing word the other
    way round. The value is their sum: negative as conversations run, positive as they read backwards, else 0.
    `contents`: what all messages say one after another, folded, where it is at hand.
    """
    turns = (
        conversations.select("conversation_id", "messages")
        .with_row_index("row")  # the same words may stand in a table twice
        .explode("messages", empty_as_null=False)
        .unnest("messages")
        .with_columns(folded=folded(pl.col("content")) if contents is None else contents)
        .filter(pl.col("role").is_in(["user", "assistant"]) & (pl.col("content") != ""))
        .select("row", "conversation_id", "role", text=_looked_at(pl.col("folded")))
        .with_columns(turn=pl.int_range(pl.len()).over("row"), turns=pl.len().over("row").cast(pl.Float64))
        .filter(pl.col("turns") >= LEAST_TURNS)
    )
    place = 2 * pl.col("turn") / (pl.col("turns") - 1) - 1
    of_side = {side: pl.when(pl.col("role") == side).then(pl.col("text")) for side in ("user", "assistant")}
    said = {
        which: of_side[which[0]].str.contains(pattern).fill_null(False).cast(pl.Float64)
        for which, pattern in _patterns().items()
    }
    sign = {"opens": 1, "closes": -1}
    value = pl.sum_horizontal(said[which] * sign[which[1]] for which in said) * place
    found = turns.group_by("row", "conversation_id", maintain_order=True).agg(value=value.sum().round(4))
    return found.drop("row")


def _looked_at(text: pl.Expr) -> pl.Expr:
    ends = pl.concat_str(text.str.slice(0, BEGINNING), pl.lit(" "), text.str.tail(END))
    return pl.when(text.str.len_chars() > BEGINNING + END).then(ends).otherwise(text)
