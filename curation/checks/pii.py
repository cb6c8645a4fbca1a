"""Personal data. The evidence says of what kind and where, never what."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks.check import Context, check
from curation.privacy import conversation_finds
from curation.privacy.tables import those_that_may_hold

_FIELDS = {
    "content": "",
    "name": " in the speaker's name",
    "tool_calls": " in the tool call",
    "reasoning": " in the reasoning",
}


@check(
    "pii",
    version=8,
    source="phonenumbers; Luhn (ISO/IEC 7812); ISO 13616; check digits by python-stdnum and national layouts",
)
def pii(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Emails, phones, payment cards, IBANs, identity numbers, dates of birth, addresses of devices and homes, secrets.

    By pattern and, where the kind has one, by check digit, in Western and Arabic digits, in digits said as words, in
    names and tool calls. Phones in the national form are read for privacy.countries. Numbers that many things look like
    (10 digits may be an order) count only where a word beside them, or the question before them, says what they are; a
    value seen once is known again in the whole conversation, in any spelling. Of numbers spread over turns only mobiles
    are seen.
    """
    likely = those_that_may_hold(conversations)
    for key, messages in likely.select("conversation_id", "messages").iter_rows():
        for turn, place, find in conversation_finds(messages, context.privacy.countries):
            evidence = f"{find.kind} at characters {find.start}-{find.end}{_FIELDS[place]}"
            yield {"conversation_id": key, "turn": turn, "code": f"pii_{find.kind}", "value": 1, "evidence": evidence}
