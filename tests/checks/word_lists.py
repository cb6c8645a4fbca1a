"""What the word lists see."""

from curation.checks import checks
from tests.builders import context, record

LISTS = ("profanity", "refusal", "spam", "noise")


def codes(*talks, language: str = "en", check: str | None = None) -> set[str]:
    table = record(*talks, language=[language] * len(talks))
    return {code for name in ([check] if check else LISTS) for code in checks()[name](table, context())["code"]}
