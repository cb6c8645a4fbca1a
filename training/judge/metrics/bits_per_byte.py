"""The loss on the team's own replies, whatever the tokenizer."""

import math

from training.judge.metrics import Likely, Metric, Score

BITS_A_NAT = 1 / math.log(2)


@Metric(
    "likelihood",
    better=-1,
    decides=False,  # nll does
    title={
        "en": "Loss on the team's own replies, bits a byte (lower is better)",
        "ar": "الخسارة على ردود الفريق نفسها، بت لكل بايت (الأقل أفضل)",
    },
    explanation={
        "en": "The same loss by bytes of UTF-8, which compares models with other tokenizers.",
        "ar": "الخسارة نفسها محسوبة على بايتات UTF-8، فتصح المقارنة بنماذج تجزّئ النص على نحو آخر.",
    },
)
def bits_per_byte(found: Likely) -> Score:
    """Bits a UTF-8 byte of the replies' text."""
    return (found.nats * BITS_A_NAT, found.bytes) if found.bytes else None
