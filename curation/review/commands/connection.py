"""What the commands share: the server that params and environment name, and errors told in a sentence."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation.harness.errors import QiratError

if TYPE_CHECKING:
    from curation.consensus.consensus import Review
    from curation.decisions.answers import Countries
    from curation.review.argilla_client import ReviewServer


def connected() -> "tuple[ReviewServer, Review]":
    """The Argilla to work with, and the `review` section of params.yaml."""
    from curation.consensus.consensus import Review
    from curation.harness.params import load_params
    from curation.review.argilla_client import ReviewServer
    from curation.review.embedded.process import address

    params = load_params("review", Review)
    return ReviewServer(address(), params), params


def countries(params: "Review") -> "Countries":
    """The countries for which the checks read phones; None where personal data is not covered."""
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy

    return load_params("privacy", Privacy).countries if params.mask_personal_data else None


@contextlib.contextmanager
def errors_told() -> Iterator[None]:
    """A QiratError ends the command with its sentence."""
    try:
        yield
    except QiratError as error:
        sys.exit(f"review: {error}")
