"""The kinds of personal data, and the tags that stand for it."""

import re

KINDS = (
    "email",
    "phone",
    "card",
    "iban",
    "national_id",  # identity cards, residence permits, passports, social security
    "birth_date",
    "ip_address",
    "secret",  # passwords, PINs, credentials and tokens in links
    "name",
)
PATTERNED = frozenset(KINDS) - {"name"}  # told by pattern, not by likelihood
COVER = re.compile(rf"\[(?:{'|'.join(KINDS)})(?:_\d+)?\]")  # what masking writes: [phone], [phone_1]
