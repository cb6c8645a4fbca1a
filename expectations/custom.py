"""Expectations in our own words, for the laws of the pipeline that Great Expectations has no name for.

Each narrows a built-in expectation, so it renders in the Data Docs and counts unexpected rows like any other. None
gives its column a default: the docs would file it under "Table-Level". Importing this module imports Great
Expectations (seconds), and registers the classes, without which a suite would load without them: import it late.
"""

from typing import Any

from great_expectations.compatibility.pydantic import Field
from great_expectations.expectations.core.expect_column_pair_values_to_be_equal import ExpectColumnPairValuesToBeEqual
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_be_unique import ExpectColumnValuesToBeUnique


class ExpectRowIdsToBeGivenOnce(ExpectColumnValuesToBeUnique):
    """One name per raw row."""

    description: str = "Every row_id names one raw row."


class ExpectIdsToBeTheHashOfTheWords(ExpectColumnValuesToBeInSet):
    """Decisions and duplicates hang on this id."""

    value_set: Any = Field([True])
    description: str = "Every conversation_id is the hash of the conversation's words."


class ExpectRolesToBeKnown(ExpectColumnValuesToBeInSet):
    """The column counts the turns of unknown roles."""

    value_set: Any = Field([0])
    description: str = "Every turn has a role of system, user, assistant or tool."


class ExpectConversationsToHaveTurns(ExpectColumnValuesToBeBetween):
    """The column counts turns."""

    min_value: Any = 1
    description: str = "No conversation is empty."


class ExpectTextToBeRepaired(ExpectColumnValuesToBeInSet):
    """The column counts the turns whose text ingest should have mended."""

    value_set: Any = Field([0])
    description: str = "Text is NFC, with plain line ends and no control characters."


class ExpectRowsToBeReadOrQuarantined(ExpectColumnValuesToBeInSet):
    """The column says whether a row that was read also lies in quarantine."""

    value_set: Any = Field([False])
    description: str = "No row is both read and quarantined."


class ExpectConversationsToBeginWithTheCustomer(ExpectColumnValuesToBeInSet):
    """The column holds the role of the first turn that is not the system's."""

    value_set: Any = Field(["user"])
    description: str = "Most conversations begin with the customer."


class ExpectConversationsToEndWithAReply(ExpectColumnValuesToBeInSet):
    """The column holds the role of the last turn."""

    value_set: Any = Field(["assistant"])
    description: str = "Most conversations end with an assistant turn."


class ExpectBothSidesToSpeak(ExpectColumnValuesToBeInSet):
    """The column says whether a conversation has turns of both."""

    value_set: Any = Field([True])
    description: str = "In every conversation the customer says something and the assistant answers."


class ExpectRepliesToHaveWords(ExpectColumnValuesToBeInSet):
    """The column counts the assistant turns that neither say nor call anything."""

    value_set: Any = Field([0])
    description: str = "Every assistant turn says something or calls a tool."


class ExpectWordsToBeCuratedOnce(ExpectColumnValuesToBeUnique):
    """Exact duplicates are gone."""

    description: str = "No two curated conversations have the same words."


class ExpectOriginsToAgreeWithTheLedger(ExpectColumnPairValuesToBeEqual):
    """`column_A` is the origin, `column_B` the outcome that the ledger gives the same row."""

    description: str = "What the curated set says of a row, accepted, kept or edited, is what the ledger says."


class ExpectChangedWordsToNameTheirParent(ExpectColumnValuesToBeInSet):
    """The column says whether a conversation leads back to the one that was read: by its own id or its parent's."""

    value_set: Any = Field([True])
    description: str = "Conversations that were edited or masked name the one that they replace."


class ExpectFactsToStandInReplies(ExpectColumnValuesToBeInSet):
    """The column counts the facts whose place is not within a reply's words, behind the fact before it."""

    value_set: Any = Field([0])
    description: str = "Every fact that is told of a curated conversation stands in the words of a reply."


class ExpectRawRowsToBeClosedExactlyOnce(ExpectColumnValuesToBeInSet):
    """The law of the ledger. The column counts the closing events of each raw row."""

    value_set: Any = Field([1])
    description: str = "Every raw row is closed exactly once: none is lost, none counted twice."


class ExpectClosedRowsToHaveBeenRead(ExpectColumnValuesToBeInSet):
    """The other half of the law."""

    value_set: Any = Field([True])
    description: str = "Nothing is closed that was never read."


class ExpectUsedRowsToBeCurated(ExpectColumnPairValuesToBeEqual):
    """`column_A`: the outcome says the row is used. `column_B`: it stands in the curated set."""

    description: str = "Accepted, kept and edited rows, and no others, are in the curated set."


class ExpectRemovalsToBeExplained(ExpectColumnValuesToBeInSet):
    """The column says whether a row that is not used has a code, a duplicate its survivor, a part its conversation."""

    value_set: Any = Field([True])
    description: str = (
        "Every row that is not used has a reason; every duplicate and every part names the row that stands for it."
    )
