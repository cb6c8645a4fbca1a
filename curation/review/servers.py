"""The server that review.backend names, as the commands of review reach it; nothing is imported before it is asked."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.consensus.consensus import Review
    from curation.decisions.answers import Countries
    from curation.review.backend import Backend, People
    from curation.review.embedded.process import Kind
    from curation.review.form import Form


def review_params() -> "Review":
    """The section `review` of params.yaml."""
    from curation.consensus.consensus import Review
    from curation.harness.params import load_params

    return load_params("review", Review)


def server_kind() -> "Kind":
    """Of the embedded servers the one in use."""
    from curation.review.embedded import process

    return process.LABEL_STUDIO if review_params().backend == "label_studio" else process.ARGILLA


def connected() -> "tuple[Backend, Review]":
    """The server to work with, and the `review` section of params.yaml."""
    params = review_params()
    return review_server(params), params


def pairs_server(params: "Review") -> "Backend":
    """The same server, looked at as the place of the pairs."""
    from curation.review.pairs import pairs_form

    return review_server(params, pairs_form(params))


def review_server(params: "Review", form: "Form | None" = None) -> "Backend":
    """The server that review.backend names, at the data set of a form; without one at that of the review."""
    from curation.review.embedded import process

    if params.backend == "label_studio":
        from curation.review.studio_client import StudioServer

        return StudioServer(process.LABEL_STUDIO.address(), params, form)
    from curation.review.argilla_client import ReviewServer

    return ReviewServer(process.address(), params, form)


def people() -> "People":
    """Who may review there."""
    from curation.review.embedded import process
    from curation.review.embedded.people import People

    params = review_params()
    if params.backend == "label_studio":
        from curation.review.studio_client import StudioPeople

        return StudioPeople(process.LABEL_STUDIO.address())
    return People(process.address(), params.workspace)


def countries_read(params: "Review") -> "Countries":
    """The countries for which the checks read phones; None where personal data is not covered."""
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy

    return load_params("privacy", Privacy).countries if params.mask_personal_data else None
