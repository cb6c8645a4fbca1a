"""params.yaml: privacy. What all readers of personal data must agree on."""

from typing import Literal

from curation.harness.params import Params


class Privacy(Params):
    """params.yaml: privacy"""

    countries: tuple[str, ...]  # ISO 3166 codes, for phone numbers written without a country code
    names: Literal["off", "likely", "presidio", "model"] = "likely"  # of people: how they are found
    name_model: str | None = None  # where names is model: token classification, a folder or NAME@REVISION of the hub
