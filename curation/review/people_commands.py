"""qirat review users: who reviews, and in which languages."""

from collections.abc import Sequence
from typing import Annotated

import typer

from curation.harness.errors import QiratError
from curation.harness.terminal import say
from curation.review.servers import connected, countries_read, people, review_params, server_kind

app = typer.Typer(no_args_is_help=True, help="The people who review.")


@app.command()
def add(
    name: str,
    languages: Annotated[str | None, typer.Option(help="Only these come, such as ar,en; the first ones first.")] = None,
) -> None:
    """Add an annotator, or one who was removed. The password is printed this once and kept nowhere."""
    server, _ = connected()
    server.make_dataset()
    chosen = None if languages is None else languages_named(languages)
    print_login(name, people().readmit(name) or server.add_annotator(name))
    if chosen is not None:
        _let_read(name, chosen)
    say(server.way_in())


@app.command()
def languages(
    name: str,
    languages: Annotated[str, typer.Argument(help="Such as ar,en; the first ones come first. all: as the line is.")],
) -> None:
    """Choose in which languages conversations come to an annotator, and which of them come first."""
    if not any(person.name == name for person in people().all()):
        raise QiratError(f"there is no user {name!r}; `qirat review users list` tells who there is")
    _let_read(name, () if languages == "all" else languages_named(languages))


@app.command("list")
def list_users() -> None:
    """Tell who there is and who may review."""
    from curation.review.readers import read_readers

    readers = read_readers()
    for person in people().all():
        read = f", reads {', '.join(readers[person.name])}" if person.name in readers else ""
        say(f"{person.name}: {person.role if person.member else 'removed'}{read}")


@app.command()
def remove(name: str) -> None:
    """Take an annotator's access away. The answers stay, under the name; `users add` lets the person in again."""
    people().remove(name)
    say(f"{name} sees nothing any more; the answers stay")


@app.command()
def reset_password(name: str) -> None:
    """Give an annotator a new password. It is printed this once and kept nowhere."""
    print_login(name, people().reset_password(name))


def languages_named(languages: str) -> tuple[str, ...]:
    """`ar,en` as languages that the data has; QiratError for any other."""
    from curation.harness.files import finished_table
    from curation.review.readers import parsed

    return parsed(languages, {*finished_table("ingested/conversations", ["language"])["language"]})


def _let_read(name: str, languages: Sequence[str]) -> None:
    """Kept in git, and told to the server that runs here; another Argilla is told nothing."""
    from curation.review.embedded import process
    from curation.review.readers import choose, read_readers, tell

    choose(name, languages)
    kind = server_kind()
    if process.is_elsewhere(kind):
        say("the Argilla that QIRAT_ARGILLA_URL names gives everybody all; filter there by Language", err=True)
    else:
        tell(kind.home, people().all(), read_readers())
    say(f"{name} reads {', '.join(languages) or 'all languages'}")
    print_lacking()


def print_lacking() -> None:
    """Languages of the line that too few people read."""
    from curation.review.lineup import line_of_now
    from curation.review.readers import lacking, read_readers

    params = review_params()
    readers = read_readers()
    if readers:
        line = line_of_now(params, countries_read(params))
        rows = line.rows.join(line.conversations.unique("conversation_id"), on="conversation_id")
        reading = [one.name for one in people().all() if one.member and one.role == "annotator"]
        for sentence in lacking(rows["language"], reading, readers, params.min_submitted):
            say(sentence, err=True)


def print_login(name: str, password: str) -> None:
    """The one time that the password is told."""
    say(f"user name: {name}\npassword: {password}")
