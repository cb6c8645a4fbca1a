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

if TYPE_CHECKING:
    from curation.consensus.consensus import Consensus, Review
    from curation.decisions.answers import Countries
    from curation.review.backend import Backend, People
    from curation.review.embedded.process import Kind
    from curation.review.form import Form
    from curation.review.pairs import Judged

app = typer.Typer(
    name="review",
    cls=Commands,
    no_args_is_help=True,
    help="Doubtful conversations before people in Argilla or Label Studio, decisions back.",
)
users = typer.Typer(no_args_is_help=True, help="The people who review.")
gold = typer.Typer(no_args_is_help=True, help="Conversations whose right decision is known, to measure annotators.")
pairs = typer.Typer(no_args_is_help=True, help="The adapter's replies beside the best prompt's: which is better?")
app.add_typer(users, name="users")
app.add_typer(gold, name="gold")
app.add_typer(pairs, name="pairs")


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
    kind = _kind()
    if not background:
        process.serve(port, kind.home, kind)  # does not return
    say(f"{kind.title} answers at {process.serve_in_background(port, kind.home, kind)}")
    say(f"The owner's user name and password are in {kind.home / 'credentials.json'}")
    if show_credentials:
        owner = process.credentials(kind.home)
        _print_login(owner["username"], owner["password"])


@app.command()
def stop() -> None:
    """Stop the server that `serve` started."""
    from curation.review.embedded import process

    say("stopped" if process.stop(_kind().home) else "no server was running")


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


# -- the people on whichever server is used ----------------------------------------------------------------------------


@users.command()
def add(
    name: str,
    languages: Annotated[str | None, typer.Option(help="Only these come, such as ar,en; the first ones first.")] = None,
) -> None:
    """Add an annotator, or one who was removed. The password is printed this once and kept nowhere."""
    server, _ = _connected()
    server.make_dataset()
    chosen = None if languages is None else _parsed(languages)
    _print_login(name, _people().readmit(name) or server.add_annotator(name))
    if chosen is not None:
        _let_read(name, chosen)
    say(server.way_in())


@users.command()
def languages(
    name: str,
    languages: Annotated[str, typer.Argument(help="Such as ar,en; the first ones come first. all: as the line is.")],
) -> None:
    """Choose in which languages conversations come to an annotator, and which of them come first."""
    if not any(person.name == name for person in _people().all()):
        raise QiratError(f"there is no user {name!r}; `qirat review users list` tells who there is")
    _let_read(name, () if languages == "all" else _parsed(languages))


@users.command("list")
def list_users() -> None:
    """Tell who there is and who may review."""
    from curation.review.readers import read_readers

    readers = read_readers()
    for person in _people().all():
        read = f", reads {', '.join(readers[person.name])}" if person.name in readers else ""
        say(f"{person.name}: {person.role if person.member else 'removed'}{read}")


@users.command()
def remove(name: str) -> None:
    """Take an annotator's access away. The answers stay, under the name; `users add` lets the person in again."""
    _people().remove(name)
    say(f"{name} sees nothing any more; the answers stay")


@users.command()
def reset_password(name: str) -> None:
    """Give an annotator a new password. It is printed this once and kept nowhere."""
    _print_login(name, _people().reset_password(name))


def _people() -> "People":
    from curation.review.embedded import people, process

    params = _params()
    if params.backend == "label_studio":
        from curation.review.studio_client import StudioPeople

        return StudioPeople(process.LABEL_STUDIO.address())
    return people.People(process.address(), params.workspace)


def _parsed(languages: str) -> tuple[str, ...]:
    from curation.harness.files import finished_table
    from curation.review.readers import parsed

    return parsed(languages, {*finished_table("ingested/conversations", ["language"])["language"]})


def _let_read(name: str, languages: Sequence[str]) -> None:
    """Kept in git, and told to the server that runs here; another Argilla is told nothing."""
    from curation.review.embedded import process
    from curation.review.readers import choose, read_readers, tell

    choose(name, languages)
    kind = _kind()
    if process.is_elsewhere(kind):
        say("the Argilla that QIRAT_ARGILLA_URL names gives everybody all; filter there by Language", err=True)
    else:
        tell(kind.home, _people().all(), read_readers())
    say(f"{name} reads {', '.join(languages) or 'all languages'}")
    _print_lacking()


def _print_lacking() -> None:
    """Languages of the line that too few people read."""
    from curation.review.lineup import line_of_now
    from curation.review.readers import lacking, read_readers

    params = _params()
    readers = read_readers()
    if readers:
        line = line_of_now(params, _countries(params))
        rows = line.rows.join(line.conversations.unique("conversation_id"), on="conversation_id")
        people = [one.name for one in _people().all() if one.member and one.role == "annotator"]
        for sentence in lacking(rows["language"], people, readers, params.min_submitted):
            say(sentence, err=True)


def _print_login(name: str, password: str) -> None:
    say(f"user name: {name}\npassword: {password}")


# -- the queue out, decisions back -------------------------------------------------------------------------------------


@app.command()
def push() -> None:
    """Bring the queue before people. Again and again: only what changed is written, answers are never touched."""
    from curation.review.push import push

    server, params = _connected()
    done = push(server, params, _countries(params))
    say(
        f"{len(done.new):,} new, {len(done.changed):,} changed, {len(done.aside):,} set aside, "
        f"{len(done.gone):,} deleted, {done.unchanged:,} as they were"
    )
    _print_by_hand(done.by_hand)
    _print_lacking()


@app.command()
def pull() -> None:
    """Bring people's decisions to data/review/decisions.jsonl; then `dvc repro` applies them."""
    from curation.decisions.decisions import PATH
    from curation.review.pull import pull

    server, params = _connected()
    done = pull(server, params, _countries(params))
    _print_unreadable(done.unreadable)
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
        server, params = _connected()
        return pull(server, params, _countries(params))

    def judged() -> "Judged":
        return pairs.pull(_pairs_server(_params()))

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
    server, params = _connected()
    _print_status(server)
    pairs_server = _pairs_server(params)
    if pairs_server.present():
        say("pairs:")
        _print_status(pairs_server)


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

    params = _params()
    count = export(file, params, _countries(params), limit, _parsed(languages) if languages else ())
    say(f"{count:,} conversations in {file}; a row with a decision (keep, edit or drop) is an answer")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="An exported file that somebody filled in.")],
    annotator: Annotated[str, typer.Option(help="Who filled it in.")],
) -> None:
    """Bring the answers of a filled file to data/review, as pull does; the same file again changes nothing."""
    from curation.decisions.decisions import PATH
    from curation.review.offline import take_in

    params = _params()
    done = take_in(file, annotator, params, _countries(params))
    _print_undecided(done.pulled.consensus)
    _print_half_filled(done.half_filled)
    say(
        f"{done.answers:,} answers, {done.pulled.answers:,} of them new; {done.pulled.written:,} new decisions; "
        f"{PATH} holds {done.pulled.total:,}"
    )


# -- two replies, which is better --------------------------------------------------------------------------------------


@pairs.command("push")
def push_pairs() -> None:
    """Bring pairs of replies before people, a data set beside the review's. Nobody is told which is whose."""
    from curation.review.pairs import push

    params = _params()
    done = push(_pairs_server(params), params, _countries(params))
    say(
        f"{len(done.new):,} new, {len(done.changed):,} changed, {len(done.aside):,} set aside, "
        f"{len(done.gone):,} deleted, {done.unchanged:,} as they were"
    )
    _print_by_hand(done.by_hand)


@pairs.command("pull")
def pull_pairs() -> None:
    """Bring what people said of pairs to data/review/pairs.jsonl; `dvc repro` counts it in the verdict."""
    from curation.review.pairs import pull

    _print_judged(pull(_pairs_server(_params())))


@pairs.command("export")
def export_pairs(
    file: Annotated[Path, typer.Argument(help=".csv for spreadsheets, .jsonl for programs.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
) -> None:
    """Write pairs to a file that people fill in without a server."""
    from curation.review.pairs import export

    params = _params()
    count = export(file, params, _countries(params), limit)
    say(f"{count:,} pairs in {file}; a row with a decision (a, b, both good or both bad) is an answer")


@pairs.command("import")
def import_pairs(
    file: Annotated[Path, typer.Argument(help="An exported file that somebody filled in.")],
    annotator: Annotated[str, typer.Option(help="Who filled it in.")],
) -> None:
    """Bring the answers of a filled file to data/review/pairs.jsonl; the same file again changes nothing."""
    from curation.review.pairs import take_in

    done, half_filled = take_in(file, annotator)
    _print_half_filled(half_filled)
    _print_judged(done)


@pairs.command("judge")
def judge_pairs() -> None:
    """Have the model that review.judge names judge the pairs too. It counts only beside people's answers."""
    from curation.review.model_judge import judge

    params = _params()
    _print_judged(judge(params, _countries(params)))


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


# -- what the commands share -------------------------------------------------------------------------------------------


def _params() -> "Review":
    from curation.consensus.consensus import Review
    from curation.harness.params import load_params

    return load_params("review", Review)


def _kind() -> "Kind":
    from curation.review.embedded import process

    return process.LABEL_STUDIO if _params().backend == "label_studio" else process.ARGILLA


def _for_argilla_only() -> None:
    kind = _kind()
    if kind.title != "Argilla":
        raise QiratError(f"{kind.title} has no such command; `qirat review stop`, then copy the folder {kind.home}")


def _connected() -> "tuple[Backend, Review]":
    """The server to work with, and the `review` section of params.yaml."""
    params = _params()
    return _server(params), params


def _pairs_server(params: "Review") -> "Backend":
    """The same server, looked at as the place of the pairs."""
    from curation.review.pairs import pairs_form

    return _server(params, pairs_form(params))


def _server(params: "Review", form: "Form | None" = None) -> "Backend":
    """The server that review.backend names, at the data set of a form; without one at that of the review."""
    from curation.review.embedded import process

    if params.backend == "label_studio":
        from curation.review.studio_client import StudioServer

        return StudioServer(process.LABEL_STUDIO.address(), params, form)
    from curation.review.argilla_client import ReviewServer

    return ReviewServer(process.address(), params, form)


def _countries(params: "Review") -> "Countries":
    """The countries for which the checks read phones; None where personal data is not covered."""
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy

    return load_params("privacy", Privacy).countries if params.mask_personal_data else None


def _print_half_filled(rows: Sequence[int]) -> None:
    if rows:
        shown = ", ".join(map(str, rows[:10]))
        say(f"{len(rows):,} rows have no decision and were left out (first: {shown})", err=True)


def _print_by_hand(count: int) -> None:
    if count:
        say(f"{count:,} records that somebody made by hand on the server were left as they are", err=True)


def _print_unreadable(faults: Sequence[str]) -> None:
    """Answers on the server that were not taken."""
    for fault in faults:
        say(f"not taken: {fault}", err=True)


def _print_again(again: Sequence[str]) -> None:
    """Answers that say nothing that can be used; what is wrong with each is told with all that are not usable."""
    if again:
        say(f"{len(again):,} answers decide nothing; their records are open again for who gave them, with a note")


def _print_judged(done: "Judged") -> None:
    from curation.core.record.pairs import PATH

    _print_unreadable(done.unreadable)
    if done.gone:
        say(f"{done.gone:,} answers on words that the data has no more were not taken", err=True)
    say(f"{done.given:,} answers, {done.new:,} of them new; {PATH} holds {done.total:,}")


def _print_undecided(consensus: "Consensus") -> None:
    """Answers that were not used, and conversations that people disagree on."""
    for fault in consensus.unusable:
        say(f"not usable: {fault}", err=True)
    for disagreement in consensus.disagreements:
        say(f"undecided: {disagreement}", err=True)


if __name__ == "__main__":
    app()
