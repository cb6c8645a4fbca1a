"""python -m curation.review.commands: the same as `qirat review`."""

from curation.review.commands import app

app()
