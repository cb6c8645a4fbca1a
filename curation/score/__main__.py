"""Run every check over the survivors; observe, decide nothing.  python -m curation.score"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import polars as pl

from curation.checks import checks, seen
from curation.checks.check import FINDINGS, NOTHING, Check, Context, Noted, Reading, Records, Score, in_order
from curation.checks.codes import codes
from curation.checks.models.words import GROUP, bare, groups
from curation.core.record.codes import CODES, as_json
from curation.core.record.conversation import SCHEMA, SURVIVING, as_taught, survivors
from curation.core.record.playbook import Playbook
from curation.harness.engine import map_parts
from curation.harness.memory import contents, version_of
from curation.harness.parts import Shelves, among, between, chosen
from curation.harness.stage import Stage
from curation.planting.shadow import Audit, Read
from curation.privacy.params import Privacy
from curation.score.models import Judging, Losses
from curation.score.near import NEAR, near
from curation.score.notes import EVERY, notes, numbers
from curation.score.planted import PLANTED, Planting, as_planted, compared_again, is_planted
from curation.score.rows import (
    ALONE,
    LARGE,
    RowResults,
    findings_by_set,
    joined,
    keyed,
    looked_once,
    looker,
    of_that_size,
    rows_of_a_part,
    spoilt,
)
from curation.score.told import Told
from curation.similarity.vectors import Vectors

CONVERSATIONS = "ingested/conversations"
A_ROW = 900  # bytes of memory that a row takes to the end: ids, what checks that compare rows find in it
COMPARED_ROW = 9_500  # ... and its words, in the group that is compared,
LABELLED_ROW = 20_000  # and its vectors and letter trigrams where labels are judged by them
LONG, LONGEST_TOLD = 100_000, 5  # characters of a row that is told before it is read; of so many rows
ROWS_KEPT = 10_000  # with their texts, of a set that has no more
PUT_AWAY = 4  # answers of processes that are put away together
SAID = pl.Schema({name: SCHEMA[name] for name in ("conversation_id", "messages")})
# What stays of a row without its words: what a check asks of it, and its place in time.
KEPT = ("row_id", "conversation_id", "language", "label", "created_at", "judged_as")
SHOWN = "shown"  # the name under which evidence that is fit to be shown is remembered


def main() -> None:
    """Findings of all checks over all surviving conversations, and notes on the set as a whole."""
    with Stage("score", Score) as stage, stage.scratch() as folder:
        ids = stage.read(CONVERSATIONS, ["row_id", "conversation_id"])
        surviving = survivors(ids, stage.read("dedup/clusters", SURVIVING))
        read = partial(records, stage)
        vectors = Vectors.on_disk(folder, stage.parts("embedded/vectors"))
        context = Context(
            stage.params,
            stage.section("privacy", Privacy),
            Playbook.load(stage.input("playbook.yaml")),
            vectors if len(vectors) else None,
            stage.read("ingested/evaluation"),
        )
        running = checks(stage.params.skip)
        alone = [check for check in running.values() if not check.whole_set]
        together = [check for check in running.values() if check.whole_set]
        labelled = "labels" in running and context.vectors is not None
        of_group = LABELLED_ROW if labelled else COMPARED_ROW if together else 0
        stage.refuse_too_little(CONVERSATIONS, A_ROW, of_group, GROUP)
        judging, losses = consulted(stage.params, running)

        readings = {check.reads for check in together if check.reads}
        compared = without_words(partial(read, surviving))
        keys = compared.select("conversation_id", "row")
        told = Told(folder / "told", [ALONE, *sorted(reading.__name__ for reading in readings)], keys)
        look_at_rows(stage, told, partial(read, surviving), context, alone, readings)
        of_set: list[Noted] = []
        remembering = replace(context, near=partial(near, stage.memory, version_of("score")))
        beside = replace(remembering, readings=told.readings, ask=judging, losses=losses, tell=of_set.append)
        once = partial(looked_once, stage.memory, version_for(context, alone))
        planting = planted_in(compared, read, told, beside, running, stage.section("audit", Audit), once)
        near_known = [f"{NEAR}{part}" for part in (EVERY, *compared["language"].unique())]
        kept = [*told.names, SHOWN, *near_known, *(map(spoilt, told.names) if planting else ())]
        stage.memory.forget_but(kept)
        if planting:
            theirs = None if beside.vectors is None else beside.vectors.also_of(planting.table)
            beside = replace(beside, planted=planting.table, vectors=theirs)
        beside = replace(beside, records=recorder(compared, read, folder / "records"))
        personal = with_personal_data(told) if "pii" in running else None
        by_set, of_planted = found_by_set(stage, compared, keys, beside, together, personal)
        found = partial(all_found, told, by_set)
        noted = notes(compared, remembering, of_set)
        tried = pl.DataFrame(schema=PLANTED)
        if planting:
            of_originals = planting.of_originals(found())
            again = compared_again(compared, read, of_originals, planting, beside)
            tried = as_planted(planting, [planting.alone, of_planted, again], of_originals)

        stage.write("scored/planted", tried)
        per_code = Counter[str]()
        number = stage.write_parts("scored/findings", told_by_code(found(), per_code), FINDINGS)
        stage.write("scored/notes", noted)
        stage.write_json(CODES, as_json(codes()))
        if judging and judging.failed:
            stage.say(
                f"the judge gave no answer on {judging.failed:,} of {judging.asked:,} conversations: {judging.why}"
            )
        for evidence in noted["evidence"]:
            stage.say(evidence)
        rows = {"conversations": surviving.height, "findings": number}
        stage.write_metrics({**rows, **dict(sorted(per_code.items())), **numbers(noted)})


def consulted(params: Score, running: Collection[str]) -> tuple[Judging | None, Losses | None]:
    """The language models that the checks ask, where params name them and the checks are not skipped."""
    judge, folder = params.judge if "judge" in running else None, params.difficulty_model
    return (Judging(judge.timeout) if judge else None, Losses(folder) if folder and "difficulty" in running else None)


def records(stage: Stage[Score], wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The conversations that are wanted, as checks see them, part by part."""
    for part in stage.parts(CONVERSATIONS):
        yield as_taught(chosen(part, wanted, "row_id"))


def without_words(read: Callable[[], Iterable[pl.DataFrame]]) -> pl.DataFrame:
    """What checks that compare rows are given of each: no more than stays in memory. By id, with the hash of the `row`
    and the `group` that it is compared in."""
    parts = [bare(part).select(KEPT).join(keyed(part), on="conversation_id") for part in read()]
    return groups(pl.concat(parts).sort("conversation_id"))


def recorder(compared: pl.DataFrame, read: Read, folder: Path) -> Records:
    """What gives checks that compare rows the records of a few. A small set is kept, and of one that is compared in
    groups the messages lie in the folder by their ids; else all are read again."""
    if compared.height <= ROWS_KEPT:
        kept = [*read(compared)]
        return lambda _: kept
    if compared["group"].n_unique() == 1:
        return lambda wanted: read(compared.join(wanted, on="conversation_id", how="semi"))
    folder.mkdir()
    shelves = Shelves(folder, SAID, "conversation_id", compared.height)
    for part in read(compared):
        shelves.put(part.select(SAID.names()))
    return shelves.holding


def look_at_rows(
    stage: Stage[Score],
    told: Told,
    read: Callable[[], Iterable[pl.DataFrame]],
    context: Context,
    which: Sequence[Check],
    readings: Collection[Reading],
) -> None:
    """Has told what each row tells alone, now or in an earlier run; the rows are `read` in parts."""
    version = version_for(context, which)
    known = told.recalled(stage.memory, version)
    new = told.keys.join(known, on="conversation_id", how="anti")
    if new.height or not known.height:
        for row, signs in longest(among(part, new, "conversation_id") for part in read()).iter_rows():
            stage.say(f"{row} has {signs:,} characters: it takes a while")
        prepare = partial(looker, which, readings, replace(context, vectors=None))
        at_once = rows_of_a_part(new.height, stage.machine.processes if new.height >= LARGE else 1)
        unseen = (among(part, new, "conversation_id") for part in read())
        sized = chain.from_iterable(of_that_size(rows, at_once) for rows in unseen)
        fresh = map_parts(prepare, sized, at_once, stage.machine, new.height >= LARGE)
        looked = iter(stage.progress(fresh, "looking at rows", -(-new.height // at_once), "parts"))
        while some := list(islice(looked, PUT_AWAY)):
            told.put(joined(some))
    told.keep(stage.memory, version)


def version_for(context: Context, which: Iterable[Check]) -> str:
    """Of what these checks, and the readings of any, tell of rows by themselves."""
    return version_of(
        "score",
        {check.name: check.version for check in which},
        context.params.model_dump(mode="json", exclude={"skip"}),
        context.privacy,
        contents(context.privacy.name_model),
        context.playbook,
        context.evaluation.hash_rows().to_list(),
    )


def longest(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """row_id and number of characters of the rows that make the others wait, the longest first."""
    signs = pl.col("messages").list.eval(pl.element().struct.field("content").str.len_chars()).list.sum()
    long = [rows.select("row_id", signs=signs).filter(pl.col("signs") >= LONG) for rows in parts]
    return pl.concat(long).sort("signs", "row_id", descending=[True, False]).head(LONGEST_TOLD)


def found_by_row(told: Told) -> Iterator[pl.DataFrame]:
    """FINDINGS among what is told by each row alone, in the order of the ids."""
    for part in told.parts(ALONE):
        yield in_order([part.filter(pl.col("check").is_not_null()).select(FINDINGS.names())])


def all_found(told: Told, by_set: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """All FINDINGS in their order, which those `by_set` have."""
    for part in told.parts(ALONE):
        alone = part.filter(pl.col("check").is_not_null()).select(FINDINGS.names())
        beside = between(by_set, part, "conversation_id")
        yield in_order([alone, beside.join(part, on="conversation_id", how="semi")])


def told_by_code(found: Iterable[pl.DataFrame], per_code: Counter[str]) -> Iterator[pl.DataFrame]:
    """The same, while it is counted how many conversations have each code. No two parts have the same ones."""
    for part in found:
        per_code.update(dict(part.group_by("code").agg(pl.col("conversation_id").n_unique()).iter_rows()))
        yield part


def with_personal_data(told: Told) -> pl.DataFrame:
    """conversation_id of those in which the check `pii` found anything."""
    return pl.concat(
        part.filter(pl.col("check") == "pii").select("conversation_id").unique() for part in told.parts(ALONE)
    )


def found_by_set(
    stage: Stage[Score],
    compared: pl.DataFrame,
    keys: pl.DataFrame,
    context: Context,
    which: Collection[Check],
    personal: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FINDINGS of checks that compare rows, and of spoilt rows beside them, whose evidence nobody is shown.

    Evidence that an earlier run made fit to be shown is not read again.
    """
    version = version_of("score", context.privacy.countries)
    observed = pl.concat([NOTHING, *compared_in_groups(stage, compared, context, which)])
    real = observed.filter(~is_planted())
    found, shown = findings_by_set(compared, keys, real, context, stage.memory.recall(SHOWN, version), personal)
    stage.memory.keep(SHOWN, version, shown)
    return found, observed.filter(is_planted())


def compared_in_groups(
    stage: Stage[Score], compared: pl.DataFrame, context: Context, which: Collection[Check]
) -> Iterator[pl.DataFrame]:
    """What each check sees in the whole set, or in one group after another."""
    asked = [(compared, [check]) for check in which if not check.in_groups]
    each = [check for check in which if check.in_groups]
    of_groups = ((group, [check]) for group in compared.partition_by("group") for check in each) if each else ()
    total = len(asked) + compared["group"].n_unique() * len(each)
    for rows, checks_ in stage.progress(chain(asked, of_groups), "comparing rows", total, "checks"):
        yield seen(rows, context, checks_)


def planted_in(  # noqa: PLR0913 - what is spoilt, and whom it is shown to
    compared: pl.DataFrame,
    read: Read,
    told: Told,
    context: Context,
    running: Mapping[str, Check],
    params: Audit,
    once: Callable[..., RowResults],
) -> Planting | None:
    """The spoilt rows by which `audit` tries the checks; none where it is off, or where no conversation is fit."""
    which = list(running.values())
    return Planting.of(compared, read, told.parts(ALONE), context, which, params, once) if params.share else None


if __name__ == "__main__":
    main()
