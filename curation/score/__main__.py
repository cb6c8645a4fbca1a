"""Run every check over the survivors; observe, decide nothing.  python -m curation.score"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from curation.checks import checks, seen
from curation.checks.check import FINDINGS, Check, Context, Noted, Reading, Records, Score, in_order
from curation.checks.codes import codes
from curation.checks.models.words import bare
from curation.core.record.codes import CODES, as_json
from curation.core.record.conversation import as_taught, survivors
from curation.core.record.playbook import Playbook
from curation.harness.engine import map_parts, reduce
from curation.harness.memory import contents, version_of
from curation.harness.parts import mapped
from curation.harness.stage import Stage
from curation.planting.shadow import Audit, Read
from curation.privacy.params import Privacy
from curation.score.models import Judging, Losses
from curation.score.notes import notes, numbers
from curation.score.planted import PLANTED, Planting, as_planted, compared_again, is_planted, with_vectors
from curation.score.rows import (
    ALONE,
    LARGE,
    RowResults,
    findings_by_set,
    joined,
    keyed,
    known_of,
    looked_once,
    looker,
    of_that_size,
    rows_of_a_part,
    spoilt,
)

CONVERSATIONS = "ingested/conversations"
A_ROW, COMPARED_ROW = 1_500, 9_500  # bytes of memory that a row takes; with its words, where checks compare rows
LONG, LONGEST_TOLD = 100_000, 5  # characters of a row that is told before it is read; of so many rows
ROWS_KEPT = 10_000  # with their texts, of a set that has no more
SHOWN = "shown"  # the name under which evidence that is fit to be shown is remembered


def main() -> None:
    """Findings of all checks over all surviving conversations, and notes on the set as a whole."""
    with Stage("score", Score) as stage:
        ids = stage.read(CONVERSATIONS, ["row_id", "conversation_id", "language", "label"])
        surviving = survivors(ids, stage.read("dedup/clusters"))
        read = partial(records, stage)
        with stage.scratch() as folder:
            vectors = mapped(folder / "vectors.arrow", stage.parts("embedded/vectors"))
        context = Context(
            stage.params,
            stage.section("privacy", Privacy),
            Playbook.load(stage.input("playbook.yaml")),
            vectors if vectors.height else None,
            stage.read("ingested/evaluation"),
        )
        running = checks(stage.params.skip)
        alone = [check for check in running.values() if not check.whole_set]
        together = [check for check in running.values() if check.whole_set]
        stage.refuse_too_little(CONVERSATIONS, COMPARED_ROW if together else A_ROW)
        judging, losses = consulted(stage.params, running)

        readings = {check.reads for check in together if check.reads}
        keys, told = results_by_row(stage, partial(read, surviving), context, alone, readings)
        comparing = stage.progress(together, "comparing rows", unit="checks")
        of_set: list[Noted] = []
        beside = replace(context, readings=told, ask=judging, losses=losses, tell=of_set.append)
        once = partial(looked_once, stage.memory, version_for(context, alone))
        planting = planted_in(surviving, read, told, beside, running, stage.section("audit", Audit), once)
        if planting:
            with_theirs = with_vectors(beside.vectors, planting.table)
            beside = replace(beside, planted=planting.table, vectors=with_theirs)
        beside = replace(beside, records=recorder(surviving, read))
        compared = pl.concat(map(bare, read(surviving))) if together or vectors.height else surviving
        compared = compared.sort("conversation_id")
        personal = with_personal_data(told[ALONE]) if "pii" in running else None
        by_set, of_planted = found_by_set(stage, compared, keys, beside, comparing, personal)
        found = in_order([found_by_row(told), by_set])
        noted = notes(compared, context, of_set)
        tried = pl.DataFrame(schema=PLANTED)
        if planting:
            again = compared_again(surviving, read, found, planting, beside)
            tried = as_planted(planting, [planting.alone, of_planted, again], found)

        stage.write("scored/planted", tried)
        stage.write("scored/findings", found)
        stage.write("scored/notes", noted)
        stage.write_json(CODES, as_json(codes()))
        if judging and judging.failed:
            stage.say(
                f"the judge gave no answer on {judging.failed:,} of {judging.asked:,} conversations: {judging.why}"
            )
        for evidence in noted["evidence"]:
            stage.say(evidence)
        per_code = dict(found.group_by("code").agg(pl.col("conversation_id").n_unique()).sort("code").iter_rows())
        rows = {"conversations": surviving.height, "findings": found.height}
        stage.write_metrics({**rows, **per_code, **numbers(noted)})


def consulted(params: Score, running: Collection[str]) -> tuple[Judging | None, Losses | None]:
    """The language models that the checks ask, where params name them and the checks are not skipped."""
    judge, folder = params.judge if "judge" in running else None, params.difficulty_model
    return (Judging(judge.timeout) if judge else None, Losses(folder) if folder and "difficulty" in running else None)


def records(stage: Stage[Score], wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The conversations that are wanted, as checks see them, part by part."""
    for part in stage.parts(CONVERSATIONS):
        yield as_taught(part.join(wanted, on="row_id", how="semi"))


def recorder(surviving: pl.DataFrame, read: Read) -> Records:
    """What gives checks that compare rows the whole records of a few, which are read again; a small set is kept."""
    kept = [*read(surviving)] if surviving.height <= ROWS_KEPT else None

    def recorded(wanted: pl.DataFrame) -> Iterable[pl.DataFrame]:
        return kept or read(surviving.join(wanted, on="conversation_id", how="semi"))

    return recorded


def results_by_row(
    stage: Stage[Score],
    read: Callable[[], Iterable[pl.DataFrame]],
    context: Context,
    which: Sequence[Check],
    readings: Collection[Reading],
) -> tuple[pl.DataFrame, RowResults]:
    """The keys of the rows, which are `read` in parts, and what is told by each alone, now or by an earlier run."""
    version = version_for(context, which)
    here = pl.concat(keyed(part) for part in read())
    names = [ALONE, *sorted(reading.__name__ for reading in readings)]

    known = known_of(here, {name: stage.memory.recall(name, version) for name in names})
    new = here.join(known[ALONE], on="conversation_id", how="anti") if known else here
    parts = [known] if known else []
    if new.height:
        for row, signs in longest(part.join(new, on="conversation_id", how="semi") for part in read()).iter_rows():
            stage.say(f"{row} has {signs:,} characters: it takes a while")
    if new.height or not known:
        prepare = partial(looker, which, readings, replace(context, vectors=None))
        at_once = rows_of_a_part(new.height, stage.machine.processes if new.height >= LARGE else 1)
        unseen = (part.join(new, on="conversation_id", how="semi") for part in read())
        sized = itertools.chain.from_iterable(of_that_size(rows, at_once) for rows in unseen)
        fresh = map_parts(prepare, sized, at_once, stage.machine, new.height >= LARGE)
        looked = stage.progress(fresh, "looking at rows", -(-new.height // at_once), "parts")
        parts = [*parts, reduce(joined, looked)]
    told = joined(parts)
    for name, table in told.items():
        stage.memory.keep(name, version, here.join(table, on="conversation_id"))
    stage.memory.forget_but([*names, *map(spoilt, names), SHOWN])
    return here, told


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


def found_by_row(told: RowResults) -> pl.DataFrame:
    """FINDINGS among what is told by each row alone."""
    return in_order([told[ALONE].filter(pl.col("check").is_not_null()).select(FINDINGS.names())])


def with_personal_data(told: pl.DataFrame) -> pl.DataFrame:
    """conversation_id of those in which the check `pii` found anything."""
    return told.filter(pl.col("check") == "pii").select("conversation_id").unique()


def found_by_set(
    stage: Stage[Score],
    surviving: pl.DataFrame,
    keys: pl.DataFrame,
    context: Context,
    which: Iterable[Check],
    personal: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FINDINGS of checks that compare rows, and of spoilt rows beside them, whose evidence nobody is shown.

    Evidence that an earlier run made fit to be shown is not read again.
    """
    version = version_of("score", context.privacy.countries)
    observed = seen(surviving, context, which)
    real = observed.filter(~is_planted())
    found, shown = findings_by_set(surviving, keys, real, context, stage.memory.recall(SHOWN, version), personal)
    stage.memory.keep(SHOWN, version, shown)
    return found, observed.filter(is_planted())


def planted_in(  # noqa: PLR0913 - what is spoilt, and whom it is shown to
    surviving: pl.DataFrame,
    read: Read,
    told: RowResults,
    context: Context,
    running: Mapping[str, Check],
    params: Audit,
    once: Callable[..., RowResults],
) -> Planting | None:
    """The spoilt rows by which `audit` tries the checks; none where it is off, or where no conversation is fit."""
    which = list(running.values())
    return Planting.of(surviving, read, told[ALONE], context, which, params, once) if params.share else None


if __name__ == "__main__":
    main()
