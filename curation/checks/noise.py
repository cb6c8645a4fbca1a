"""Replies without a word for the customer: their own words back, bare links, the markup of some page."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.checks.models.folded import FOLDED, turns_folded

ECHO_WORDS = 5  # a shorter one is confirmed or returned: "Two lattes", "Thank you and goodbye"
ECHO_LETTERS = 1.2  # a reply this many times as long says more than the question that it repeats
_TAGS = (
    "a|b|body|br|center|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|script|span|strong|style|table|td|th|tr|u|ul"
)
_MARKUP = (
    rf"(?i:</?(?:{_TAGS})(?:\s[^<>]*)?/?>)|&(?:nbsp|amp|lt|gt|quot|apos|#\d{{2,5}}|#x[0-9a-f]{{2,4}});"
    r"|(?i:\[/?(?:b|i|u|url|img|quote|color|size)(?:=[^\]]*)?\])|\\[ntr](?:\\|\s|\p{Lu}|$)|\\u[0-9a-f]{4}|<!--|\}\s*</style"
)
_MAY_BE_MARKUP = r"[<&\[\\}]"
_LINK = r"(?i:(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"


@check("noise", source="own patterns; Rae et al. 2021 for markup")
def noise(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Replies that say nothing of their own.

    `echo`: the customer's turn word for word. `only_links`: addresses and no word around them. `markup`: HTML, BBCode,
    entities and escape sequences that an export left; `value` = how many in the conversation.

    Limits: an echo with a phrase of politeness around it passes, and so does Markdown, which models write on purpose.
    """
    said = turns_folded(conversations).filter(pl.col("role").is_in(["user", "assistant"]) & (pl.col("content") != ""))
    key, role = pl.col("conversation_id"), pl.col("role")
    answers = (key == key.shift(1)) & (role.shift(1) == "user")
    turned = said.with_columns(asked=pl.when(answers).then(pl.col(FOLDED).shift(1)))
    replies = turned.filter(role == "assistant").with_columns(text=pl.col("content").str.slice(0, 80))
    linked = replies.filter(pl.col("content").str.contains(_LINK))
    bare = linked.filter(~pl.col("content").str.replace_all(_LINK, "").str.contains(r"\p{L}{2}"))
    for code, found in (("echo", _echoes(replies)), ("only_links", bare)):
        for key, turn, text in found.select("conversation_id", "turn", "text").iter_rows():
            yield {"conversation_id": key, "turn": turn, "code": code, "value": 1, "evidence": text}
    likely = replies.filter(pl.col("content").str.contains(_MAY_BE_MARKUP))
    left = likely.with_columns(markup=pl.col("content").str.extract_all(_MARKUP))
    marked = left.filter(pl.col("markup").list.len() > 0).group_by("conversation_id", maintain_order=True)
    each = marked.agg(
        pl.col("turn").first(), pl.col("markup").list.len().sum().alias("value"), pl.col("markup").first()
    )
    for key, turn, value, markup in each.iter_rows():
        seen = {"conversation_id": key, "turn": turn, "code": "markup", "value": value, "threshold": 1}
        yield {**seen, "evidence": " ".join(markup)[:80]}


def _echoes(replies: pl.DataFrame) -> pl.DataFrame:
    likely = replies.filter(pl.col("asked").str.count_matches(r"\S+") >= ECHO_WORDS)
    asked, plain = (_plain(pl.col(name)) for name in ("asked", FOLDED))
    both = likely.with_columns(asked=asked, plain=plain)
    long_enough = pl.col("asked").str.count_matches(r"\S+") >= ECHO_WORDS
    short_enough = pl.col("plain").str.len_chars() <= ECHO_LETTERS * pl.col("asked").str.len_chars()
    likely = both.filter(long_enough & short_enough)
    # Python's search is linear in both; Polars' engine makes a pattern of a question of any length.
    repeated = [asked in plain for asked, plain in likely.select("asked", "plain").iter_rows()]
    return likely.filter(pl.Series(repeated, dtype=pl.Boolean))


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[^\p{L}\p{N} ]", "").str.strip_chars(" ")
