"""Replies as flat arrays of tokens: what the checks share that count words after words over a whole set."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.checks.check import Context, contents, read
from curation.checks.models.folded import FOLDED, turns_folded
from curation.checks.models.words import Indices, Mask
from curation.checks.structure import ENDED

MARKS = ".!?؟…"
Names = npt.NDArray[np.object_]
Codes = npt.NDArray[np.int32]


def reply_tokens(conversations: pl.DataFrame, _: Context) -> pl.DataFrame:
    """`turn` of each reply, whether it is `closed` by a mark, its `length` in tokens; `tokens`: all of them, in order.

    Tokens are folded words, numbers (as 0) and MARKS.
    """
    replies = turns_folded(conversations).filter((pl.col("role") == "assistant") & (pl.col("content") != ""))
    tokens = pl.col(FOLDED).str.replace_all(r"\d+", "0").str.extract_all(rf"[\p{{L}}\p{{N}}']+|[{MARKS}]")
    each = replies.select("conversation_id", "turn", closed=pl.col("content").str.contains(ENDED), token=tokens)
    return each.group_by("conversation_id", maintain_order=True).agg(
        "turn",
        "closed",
        length=pl.col("token").list.len(),
        tokens=pl.col("token").explode(empty_as_null=False).cast(pl.Categorical),
    )


@dataclass(frozen=True)
class Replies:
    """The replies 0 to n - 1 of some conversations, in order of these and of turns; and the tokens of all replies.

    A token is its code; 0 stands for the beginning of a reply.
    """

    conversation_id: pl.Series  # of each reply
    turn: pl.Series
    owner: Indices  # conversation of each reply: 0, 1, ...
    closed: Mask
    reply: Codes  # of each token
    token: Codes
    mark: Mask  # whether the token is one of MARKS
    names: Names  # by code

    @classmethod
    def of(cls, conversations: pl.DataFrame, context: Context) -> "Replies":
        told = read(reply_tokens, conversations, context).drop_nulls("turn")
        each = told.select("conversation_id", "turn", "closed", "length").explode("turn", "closed", "length")
        tokens = told["tokens"].explode(empty_as_null=False)
        code = tokens.to_physical().to_numpy().astype(np.int32) + np.int32(1)
        distinct = tokens.unique()
        del told, tokens
        names = np.full(int(code.max(initial=0)) + 1, "", object)
        names[distinct.to_physical().to_numpy().astype(np.int64) + 1] = distinct.cast(pl.String).to_numpy()
        return cls(
            each["conversation_id"],
            each["turn"],
            each["conversation_id"].rle_id().to_numpy().astype(np.int64),
            each["closed"].to_numpy(),
            np.repeat(np.arange(each.height, dtype=np.int32), each["length"].to_numpy()),
            code,
            np.isin(names, list(MARKS))[code],
            names,
        )

    def before(self, which: Mask) -> Codes:
        """The token before each of these, among these."""
        token, reply = self.token[which], self.reply[which]
        earlier = np.where(reply[1:] == reply[:-1], token[:-1], np.int32(0))
        return np.concatenate([token[:1] * np.int32(0), earlier])

    def pairs(self, before: Codes, token: Codes) -> Indices:
        """One number for each two tokens."""
        return before.astype(np.int64) * len(self.names) + token

    def seen(self, found: pl.DataFrame, conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
        """conversation_id, turn and content of `reply` in `found`, beside its other columns."""
        at = found["reply"]
        placed = found.with_columns(conversation_id=self.conversation_id.gather(at), turn=self.turn.gather(at))
        return placed.drop("reply").with_columns(content=contents(placed, conversations, context))
