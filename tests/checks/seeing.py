"""What a check sees in conversations that are made up."""

import polars as pl

from curation.checks import checks
from tests.builders import context, record

REPLY = "Your parcel left our warehouse this morning and the driver will call you before he arrives."
ARABIC_REPLY = "خرج طردك من المستودع هذا الصباح وسيتصل بك السائق قبل وصوله."


def seen(check: str, *talks, evaluation: pl.DataFrame | None = None, **columns) -> set[str]:
    found = checks()[check](record(*talks, **columns), context(evaluation))
    return set(found["code"].to_list())
