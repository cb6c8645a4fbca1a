"""OpenAssistant trees, one row a message (`message_id`, `parent_id`, `message_tree_id`) or one row a tree (`prompt`
with `replies`). The best conversation of each is read: from the prompt on always the reply that people ranked first,
until no reply is left. What reviewers refused, deleted or called spam is never on the way.

Keeps: id, label, customer, time and licence; every other field in metadata; of the tree only the best conversation,
the other rows as parts in the ledger.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from curation.core.record.conversation import message
from curation.ingest.formats import (
    Messages,
    Outcome,
    Reading,
    Roles,
    UnreadableError,
    attempt,
    each_row,
    first_values,
    format_of,
    lacks,
    role_of,
    text_of,
)
from curation.ingest.provenance import provenance
from curation.ingest.rows import Contents, RawRow

Node = Mapping[str, Any]  # a message of a tree
Replies = Callable[[Node], Sequence[Node]]
MESSAGE_ROW = ("message_id", "parent_id", "message_tree_id", "role", "text")
STOPPED = ("aborted_low_grade", "halted_by_moderator")  # states of trees that their moderators gave up
SPAM = 0.5  # share of the reviewers who called it so
LONGEST = 1000  # messages from prompt to leaf; a tree with more has a knot


def _misses(contents: Contents) -> str:
    by_message = lacks(contents, *MESSAGE_ROW)
    nested = any(isinstance(prompt, dict) and "replies" in prompt for prompt in first_values(contents, "prompt"))
    return "" if nested or not by_message else f"{by_message}; no field prompt with replies in it"


@format_of("oasst", _misses, whole_file=True)
def read(contents: Contents, reading: Reading) -> Iterator[Outcome]:
    """The best conversation of each tree; all rows of a tree are its conversation's."""
    if lacks(contents, *MESSAGE_ROW):
        return each_row(contents.rows, lambda tree: _conversation(tree["prompt"], _nested, tree, reading.roles))
    return _by_message(contents, reading.roles)


def _by_message(contents: Contents, roles: Roles) -> Iterator[Outcome]:
    trees: dict[str, list[RawRow]] = {}
    for row in contents.rows:
        tree = row.value.get("message_tree_id") if isinstance(row.value, dict) else None
        if tree is not None and str(tree).strip():
            trees.setdefault(str(tree), []).append(row)
        elif not row.fault:
            yield Outcome([row], reason="message_tree_id is empty, so the message belongs to no tree; fill it in")
    for rows in trees.values():
        yield attempt(rows, lambda rows=rows: _tree_of(rows, roles))  # type: ignore[misc]


def _tree_of(rows: Sequence[RawRow], roles: Roles) -> tuple[Messages, Mapping[str, Any]]:
    if faulty := next((row for row in rows if row.fault), None):
        raise UnreadableError(f"the message in row {faulty.number}: {faulty.fault}")
    replies: dict[Any, list[Node]] = {}
    for row in rows:
        replies.setdefault(row.value["parent_id"], []).append(row.value)
    roots = replies.get(None, [])
    if len(roots) != 1:
        raise UnreadableError(f"the tree has {len(roots)} messages without parent_id, where one starts it")
    return _conversation(roots[0], lambda node: replies.get(node["message_id"], []), roots[0], roles)


def _nested(node: Node) -> Sequence[Node]:
    return node.get("replies") or []


def _conversation(root: Node, replies: Replies, tree: Node, roles: Roles) -> tuple[Messages, Mapping[str, Any]]:
    if tree.get("tree_state") in STOPPED:
        raise UnreadableError(f"its moderators stopped the tree ({tree['tree_state']})")
    path = _best_path(root, replies)
    messages = [message(role_of(node["role"], roles), text_of(node["text"], "it")) for node in path]
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        raise UnreadableError("the tree has no reply that its reviewers let stand")
    ids = [node.get("message_id") for node in path[: len(messages)]]
    facts = {key: root.get(key) for key in ("created_date", "user_id", "lang", "synthetic", "model_name")}
    return messages, provenance([{**facts, "message_ids": ids}], (), source_id=tree.get("message_tree_id"))


def _best_path(root: Node, replies: Replies) -> list[Node]:
    path: list[Node] = []
    surviving = [root] if _stands(root) else []
    while surviving:
        if len(path) == LONGEST:
            raise UnreadableError("the tree's messages answer one another in a circle")
        path.append(min(surviving, key=lambda node: _merit(node, replies)))
        surviving = [reply for reply in replies(path[-1]) if _stands(reply)]
    return path


def _stands(node: Node) -> bool:
    spam = _labels(node).get("spam") or 0
    return not node.get("deleted") and node.get("review_result") is not False and spam < SPAM and bool(node["text"])


def _merit(node: Node, replies: Replies) -> tuple[float, bool, str]:
    """What sorts first is best: by rank, then where the talk goes on."""
    rank = node.get("rank")
    ends = not any(_stands(reply) for reply in replies(node))
    return (float("inf") if rank is None else float(rank), ends, str(node.get("message_id")))


def _labels(node: Node) -> Mapping[str, float]:
    """What reviewers said, by name: {"spam": {"value"}} or, in tables, {"name": [...], "value": [...]}."""
    labels = node.get("labels") or {}
    if isinstance(labels.get("name"), list):
        return dict(zip(labels["name"], labels["value"], strict=True))
    return {name: label["value"] for name, label in labels.items()}
