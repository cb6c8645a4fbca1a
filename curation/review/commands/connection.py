"""What the commands share: the server that params and environment name, and what is left undecided."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from curation.consensus.consensus import Consensus, Review
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


def print_undecided(consensus: "Consensus") -> None:
    """Answers that were not used, and conversations that people disagree on."""
    for fault in consensus.unusable:
        typer.echo(f"not usable: {fault}", err=True)
    for disagreement in consensus.disagreements:
        typer.echo(f"undecided: {disagreement}", err=True)
