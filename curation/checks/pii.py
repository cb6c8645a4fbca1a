"""Personal data. The evidence says of what kind and where, never what."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.personal_data import spans


@check(
    "pii",
    {"pii_email": "doubt", "pii_phone": "doubt", "pii_card": "doubt", "pii_iban": "doubt", "pii_national_id": "doubt"},
)
def pii(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Email addresses, phones, payment cards (Luhn), IBANs (ISO 13616), national ids (Saudi, Emirati, Egyptian)."""
    for key, turn, _, text in turns(conversations).iter_rows():
        for kind, (start, end) in spans(text, context.params.countries):
            code, evidence = f"pii_{kind}", f"{kind} at characters {start}-{end}"
            yield {"conversation_id": key, "turn": turn, "code": code, "value": 1, "evidence": evidence}
