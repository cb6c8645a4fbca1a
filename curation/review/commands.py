"""qirat review: doubtful conversations before people in Argilla or Label Studio, and their decisions back.

    python -m curation.review.commands

is the same as `qirat review`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.harness.errors import QiratError
from curation.harness.terminal import Commands, say
from curation.review import pairs_commands, people_commands
from curation.review.people_commands import languages_named, print_lacking, print_login
from curation.review.remarks import print_by_hand, print_half_filled, print_unreadable
from curation.review.servers import connected, countries_read, pairs_server, review_params, server_kind

if TYPE_CHECKING:
    from curation.consensus.consensus import Consensus
    from curation.review.backend import Backend
    from curation.review.pairs import Judged

app = typer.Typer(
    name="review",
    cls=Commands,
    no_args_is_help=True,
    help="Doubtful conversations before people in Argilla or Label Studio, decisions back.",
)
gold = typer.Typer(no_args_is_help=True, help="Conversations whose right decision is known, to measure annotators.")
app.add_typer(people_commands.app, name="users")
app.add_typer(gold, name="gold")
app.add_typer(pairs_commands.app, name="pairs")


# -- the embedded server -----------------------------------------------------------------------------------------------


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 takes any free port.")] = 6900,
    background: Annotated[bool, typer.Option("--background", help="Return once the server answers.")] = False,
    show_credentials: Annotated[bool, typer.Option("--show-credentials", help="Print the owner's password.")] = False,
) -> None:
    """Start the server that review.backend names; the first start makes its environment (a minute or two)."""
    from curation.review.embedded import process

    if show_credentials and not background:
        raise typer.BadParameter("--show-credentials goes with --background")
    kind = server_kind()
    if not background:
        process.serve(port, kind.home, kind)  # does not return
    say(f"{kind.title} answers at {process.serve_in_background(port, kind.home, kind)}")
    say(f"The owner's user name and password are in {kind.home / 'credentials.json'}")
    if show_credentials:
        owner = process.credentials(kind.home)
        print_login(owner["username"], owner["password"])


@app.command()
def stop() -> None:
    """Stop the server that `serve` started."""
    from curation.review.embedded import process

    say("stopped" if process.stop(server_kind().home) else "no server was running")


@app.command()
def backup(
    file: Annotated[Path | None, typer.Argument(help="Else a dated one in .qirat/argilla/backups.")] = None,
) -> None:
    """Copy the embedded server's answers, people and secrets to one file, while people work."""
    from curation.review.embedded.backup import backup

    _for_argilla_only()
    say(f"saved in {backup(file)}; whoever reads it can sign in as the owner")


@app.command()
def restore(file: Path) -> None:
    """Go back to a backup. What is there now is kept beside it."""
    from curation.review.embedded.backup import restore

    _for_argilla_only()
    aside = restore(file)
    say(f"restored from {file}" + (f"; what was there is in {aside}" if aside else ""))


# -- the queue out, decisions back -------------------------------------------------------------------------------------


@app.command()
def push() -> None:
    """Bring the queue before people. Again and again: only what changed is written, answers are never touched."""
    from curation.review.push import push

    server, params = connected()
    done = push(server, params, countries_read(params))
    say(
        f"{len(done.new):,} new, {len(done.changed):,} changed, {len(done.aside):,} set aside, "
        f"{len(done.gone):,} deleted, {done.unchanged:,} as they were"
    )
    print_by_hand(done.by_hand)
    print_lacking()


@app.command()
def pull() -> None:
    """Bring people's decisions to data/review/decisions.jsonl; then `dvc repro` applies them."""
    from curation.decisions.decisions import PATH
    from curation.review.pull import pull

    server, params = connected()
    done = pull(server, params, countries_read(params))
    print_unreadable(done.unreadable)
    _print_undecided(done.consensus)
    _print_again(done.again)
    if done.gone:
        say(f"{done.gone:,} answers on words that the data has no more were not taken", err=True)
    say(f"{done.answers:,} new answers, {done.written:,} new decisions; {PATH} holds {done.total:,}")


@app.command()
def watch(
    every: Annotated[float, typer.Option(min=1, help="Seconds between two pulls.")] = 60,
    repro: Annotated[bool, typer.Option("--repro", help="Run `dvc repro` at the start and on new decisions.")] = False,
) -> None:
    """Pull decisions and words on pairs, until Ctrl-C or SIGTERM. An outage is told once and waited out."""
    from curation.review import pairs, watch
    from curation.review.pull import Pulled, pull

    def pulled() -> Pulled:
        server, params = connected()
        return pull(server, params, countries_read(params))

    def judged() -> "Judged":
        return pairs.pull(pairs_server(review_params()))

    def changed() -> None:
        if repro:
            watch.repro(noted)

    def noted(text: str) -> None:
        say(f"watch: {text}", err=True)

    with watch.interrupted_by_signals(), watch.alone():
        noted(f"pulling every {every:g} seconds")
        changed()  # what an earlier pull brought and nobody applied
        watch.watch([pulled, judged], changed, every, noted)
    noted("stopped")


@app.command()
def status() -> None:
    """How far the review has come, and that of pairs where some were pushed, by person too."""
    server, params = connected()
    _print_status(server)
    of_pairs = pairs_server(params)
    if of_pairs.present():
        say("pairs:")
        _print_status(of_pairs)


def _print_status(server: "Backend") -> None:
    from curation.review.present import status

    records, annotators = status(server.present(), server.usernames())
    aside = f", {records['aside']:,} set aside" if records["aside"] else ""
    say(f"{records['pending']:,} pending, {records['completed']:,} completed{aside}")
    for name, answers in sorted(annotators.items()):
        say(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in sorted(answers.items()))}")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help=".csv for spreadsheets, .jsonl for programs.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many of the line-up.")] = None,
    languages: Annotated[str | None, typer.Option(help="Only these, such as ar,en; the first ones first.")] = None,
) -> None:
    """Write what is to be reviewed to a file that people fill in without a server."""
    from curation.review.offline import export

    params = review_params()
    count = export(file, params, countries_read(params), limit, languages_named(languages) if languages else ())
    say(f"{count:,} conversations in {file}; a row with a decision (keep, edit or drop) is an answer")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="An exported file that somebody filled in.")],
    annotator: Annotated[str, typer.Option(help="Who filled it in.")],
) -> None:
    """Bring the answers of a filled file to data/review, as pull does; the same file again changes nothing."""
    from curation.decisions.decisions import PATH
    from curation.review.offline import take_in

    params = review_params()
    done = take_in(file, annotator, params, countries_read(params))
    _print_undecided(done.pulled.consensus)
    print_half_filled(done.half_filled)
    say(
        f"{done.answers:,} answers, {done.pulled.answers:,} of them new; {done.pulled.written:,} new decisions; "
        f"{PATH} holds {done.pulled.total:,}"
    )


# -- single decisions --------------------------------------------------------------------------------------------------


@gold.command("add")
def add_gold(
    conversation: Annotated[str, typer.Argument(help="row_id, conversation_id or its beginning.")],
    decision: Annotated[str, typer.Argument(help="What a good annotator decides: keep, edit or drop.")],
    reason: Annotated[list[str] | None, typer.Option(help="As annotators tick it; may be given again.")] = None,
) -> None:
    """Write down what is right for a conversation. Annotators meet it among the others and cannot tell."""
    from curation.decisions.gold import PATH, add

    marked = add(conversation, decision, reason or ())
    say(f"{marked.conversation_id}: {marked.decision}; in {PATH}, for the next push")


@app.command()
def apply(
    conversation: Annotated[str, typer.Argument(metavar="ID", help="Of a decision, or the beginning of it.")],
    code: Annotated[str | None, typer.Option(help="Rows that share this doubt; else those with all the same.")] = None,
    min_similarity: Annotated[float, typer.Option(min=0, max=1, help="Of both sides of the conversation.")] = 0.95,
    yes: Annotated[bool, typer.Option("--yes", help="Write the decisions; without it, only show them.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what this decision decided elsewhere.")] = False,
) -> None:
    """Decide doubtful conversations like one that people kept or dropped. Shows what it would do; --yes does it."""
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy
    from curation.privacy.shown import Shown
    from curation.review import similar

    if undo:
        say(similar.undo(conversation))
        return
    shown = Shown(load_params("privacy", Privacy).countries)
    say(similar.apply(conversation, similar.LikeWhat(code, min_similarity), shown, yes))


def _for_argilla_only() -> None:
    kind = server_kind()
    if kind.title != "Argilla":
        raise QiratError(f"{kind.title} has no such command; `qirat review stop`, then copy the folder {kind.home}")


def _print_again(again: Sequence[str]) -> None:
    """Answers that say nothing that can be used; what is wrong with each is told with all that are not usable."""
    if again:
        say(f"{len(again):,} answers decide nothing; their records are open again for who gave them, with a note")


def _print_undecided(consensus: "Consensus") -> None:
    """Answers that were not used, and conversations that people disagree on."""
    for fault in consensus.unusable:
        say(f"not usable: {fault}", err=True)
    for disagreement in consensus.disagreements:
        say(f"undecided: {disagreement}", err=True)


if __name__ == "__main__":
    app()
