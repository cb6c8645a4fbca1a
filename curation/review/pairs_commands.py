"""qirat review pairs: the adapter's replies beside the best prompt's before people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.harness.terminal import say
from curation.review.remarks import print_by_hand, print_half_filled, print_unreadable
from curation.review.servers import countries_read, pairs_server, review_params

if TYPE_CHECKING:
    from curation.review.pairs import Judged

app = typer.Typer(no_args_is_help=True, help="The adapter's replies beside the best prompt's: which is better?")


@app.command("push")
def send() -> None:
    """Bring pairs of replies before people, a data set beside the review's. Nobody is told which is whose."""
    from curation.review.pairs import push

    params = review_params()
    done = push(pairs_server(params), params, countries_read(params))
    say(
        f"{len(done.new):,} new, {len(done.changed):,} changed, {len(done.aside):,} set aside, "
        f"{len(done.gone):,} deleted, {done.unchanged:,} as they were"
    )
    print_by_hand(done.by_hand)


@app.command("pull")
def fetch() -> None:
    """Bring what people said of pairs to data/review/pairs.jsonl; `dvc repro` counts it in the verdict."""
    from curation.review.pairs import pull

    _print_judged(pull(pairs_server(review_params())))


@app.command("export")
def write(
    file: Annotated[Path, typer.Argument(help=".csv for spreadsheets, .jsonl for programs.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
) -> None:
    """Write pairs to a file that people fill in without a server."""
    from curation.review.pairs import export

    params = review_params()
    count = export(file, params, countries_read(params), limit)
    say(f"{count:,} pairs in {file}; a row with a decision (a, b, both good or both bad) is an answer")


@app.command("import")
def read(
    file: Annotated[Path, typer.Argument(help="An exported file that somebody filled in.")],
    annotator: Annotated[str, typer.Option(help="Who filled it in.")],
) -> None:
    """Bring the answers of a filled file to data/review/pairs.jsonl; the same file again changes nothing."""
    from curation.review.pairs import take_in

    done, half_filled = take_in(file, annotator)
    print_half_filled(half_filled)
    _print_judged(done)


@app.command("judge")
def have_judged() -> None:
    """Have the model that review.judge names judge the pairs too. It counts only beside people's answers."""
    from curation.review.model_judge import judge

    params = review_params()
    _print_judged(judge(params, countries_read(params)))


def _print_judged(done: "Judged") -> None:
    from curation.core.record.pairs import PATH

    print_unreadable(done.unreadable)
    if done.gone:
        say(f"{done.gone:,} answers on words that the data has no more were not taken", err=True)
    say(f"{done.given:,} answers, {done.new:,} of them new; {PATH} holds {done.total:,}")
