"""qirat review pull: what people answered is kept, and what they agree on becomes decisions, both in data/review."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import polars as pl

from curation.consensus import insight
from curation.consensus.consensus import Consensus, Review, Unusable, consensus, latest, merged
from curation.consensus.corrections import Known
from curation.decisions import answers as answers_file
from curation.decisions import gold
from curation.decisions.answers import Answer, Countries
from curation.decisions.decisions import PATH, moment, read_decisions, write_decisions
from curation.decisions.erase import take_out
from curation.decisions.forget import NAMED_BY, forgotten_words, read_rules
from curation.harness.files import atomic, finished_table
from curation.review.annotators import names_here
from curation.review.backend import Backend
from curation.review.lineup import line_of_now
from curation.review.present import Present, answers, read, unreadable
from curation.review.push import shown_now
from curation.review.records import records
from curation.review.similar import decisions_in_force

PLACE = {"conversation_id": pl.String, "round": pl.Int64}  # of a record in the line
METRICS = Path("metrics/review.json")


@dataclass(frozen=True)
class Pulled:
    """What came in, and what follows."""

    answers: int  # that are new or changed
    written: int  # decisions that are new or changed, or fell
    total: int  # decisions in the file
    consensus: Consensus
    gone: int = 0  # answers that were not taken: on words that the data has no more
    unreadable: tuple[str, ...] = ()  # answers on the server that say nothing to us, with place and cure
    again: tuple[str, ...] = ()  # answers that cannot be used and were taken back on the server, with the reason


def pull(server: Backend, params: Review, countries: Countries) -> Pulled:
    """Everything that the server's annotators submitted."""
    held, usernames = server.present(), server.usernames()
    names = names_of(held, usernames)
    done = received(answers(held, names), params, countries)
    again = asked_again(server, held, names, done.consensus.again)
    if again:
        note(server, again, params, countries)
    return replace(done, unreadable=tuple(unreadable(held, names)), again=tuple(map(str, again)))


def asked_again(
    server: Backend, held: Sequence[Present], names: Mapping[str, str], unusable: Sequence[Unusable]
) -> list[Unusable]:
    """Takes answers that cannot be used back on the server, and returns which: their records are open again for who
    gave them. One that was changed since stays.
    """
    place = attrgetter("conversation_id", "annotator", "round", "at")
    wanted = {place(one.answer): one for one in unusable}
    return [
        one
        for record, response, answer in read(held, names)
        if (one := wanted.get(place(answer))) is not None and server.take_back(record, response)
    ]


def note(server: Backend, again: Sequence[Unusable], params: Review, countries: Countries) -> None:
    """The records say for whom they are open again, and why."""
    line = line_of_now(params, countries)
    asked = pl.DataFrame([(one.answer.conversation_id, one.answer.round) for one in again], PLACE, orient="row")
    rows = line.rows.join(asked.unique(), on=list(PLACE), how="semi", maintain_order="left")
    beside = shown_now(line, params, finished_table("embedded/vectors"))
    server.write(records(rows, line.conversations, countries, beside))


def names_of(held: Sequence[Present], usernames: Mapping[str, str]) -> dict[str, str]:
    """User id -> name in this project, whatever the account is called in Argilla since."""
    taken = {(a.conversation_id, a.round, moment(a.at)): a.annotator for a in answers_file.read_answers()}
    given = [(a.annotator, (a.conversation_id, a.round, moment(a.at))) for a in answers(held, {})]  # by their ids
    return names_here(usernames, given, taken)


@answers_file.alone()
def received(given: Sequence[Answer], params: Review, countries: Countries) -> Pulled:
    """Answers from anywhere, put beside those known, weighed, and written with what follows from them.

    Answers come first, then the decisions, then the metrics: each follows from the files before it, so whatever a run
    that was stopped left unwritten, the next one writes. What is to be forgotten leaves before anything comes.
    """
    take_out(forgotten_now())
    known, there = answers_file.read_answers(), present()
    taken = [answer for answer in given if answer.conversation_id in there]
    all_ = answers_file.collected(known, taken)
    if all_ != known or not answers_file.PATH.exists():
        answers_file.write_answers(all_)

    found = weighed(insight.reviewed(), params, countries)
    before = read_decisions()
    right = {known.conversation_id: known.decision for known in gold.read_gold()}
    after = decisions_in_force(merged(before, found.decisions, found.open, right))
    if after != before or not PATH.exists():
        write_decisions(after)

    write_metrics()
    old, now = ({decision.conversation_id: decision for decision in some} for some in (before, after))
    changed = sum(old.get(key) != now.get(key) for key in old.keys() | now.keys())
    return Pulled(len(set(all_) - set(known)), changed, len(after), found, len(given) - len(taken))


def present() -> set[str]:
    """The conversations of the data, less those that are to be forgotten: Argilla goes on to hold answers on them."""
    return {*finished_table("ingested/conversations", ["conversation_id"])["conversation_id"]} - forgotten_now()


def forgotten_now() -> set[str]:
    """The words to be forgotten, by the data and the rules that lie there: a rule may just have come by git."""
    return forgotten_words(finished_table("ingested/conversations", NAMED_BY), read_rules())


def weighed(review: insight.Reviewed, params: Review, countries: Countries) -> Consensus:
    """What the answers come to, by the conversations and findings of the last run of the pipeline."""
    said = latest(review.answers)
    asked = pl.col("conversation_id").is_in(sorted({answer.conversation_id for answer in said}))
    conversations = finished_table("ingested/conversations", ["conversation_id", "messages", "label"])
    originals = dict(conversations.filter(asked).select("conversation_id", "messages").iter_rows())
    known = Known(frozenset(conversations["label"].drop_nulls()), countries)
    return consensus(said, originals, params, review.chances(), review.gold, known)


def write_metrics() -> None:
    """metrics/review.json, by the files that lie there now."""
    numbers = insight.metrics(insight.insight(insight.reviewed()))
    text = json.dumps(numbers, indent=1, ensure_ascii=False) + "\n"
    if not METRICS.exists() or METRICS.read_text("utf-8") != text:
        with atomic(METRICS) as temporary:
            temporary.write_text(text, "utf-8")
