"""What is true of the set as a whole and of no single row."""

from collections.abc import Collection, Iterator
from dataclasses import asdict

import numpy as np
import polars as pl

from curation.checks import checks
from curation.checks.check import Check, Context, Noted
from curation.checks.models.datalab import graph, issues, near
from curation.core.record.codes import LANGUAGES, SKIPPED
from curation.core.text.language import ARABIZI
from curation.similarity.neighbours import SAMPLE

NOTES = pl.Schema(
    {
        "code": pl.String,
        "value": pl.Float64,
        "evidence": pl.String,  # a sentence for people
        "low": pl.Float64,  # ends of the interval of the value, where it is an estimate
        "high": pl.Float64,
    }
)
STRAY = 0.05  # share of the conversations from which a language is worth a word
UNTOLD = ("mixed", "und")  # no language by itself
EVERY = "every"  # conversation, of whatever language
DRIFT_BELOW = 0.01  # p-value


def notes(conversations: pl.DataFrame, context: Context, told: Collection[Noted] = ()) -> pl.DataFrame:
    """NOTES on the set, those that checks have `told` among them."""
    found = [Noted(*one) for one in _notes(conversations, context)]
    return pl.DataFrame([asdict(one) for one in (*found, *told)], schema=NOTES)


def numbers(noted: pl.DataFrame) -> dict[str, float]:
    """NOTES as metrics: the value of each by its code, and the ends of its interval."""
    flat = noted.unpivot(["value", "low", "high"], index="code", variable_name="part", value_name="figure").drop_nulls()
    name = pl.when(pl.col("part") == "value").then("code").otherwise(pl.format("{}_{}", "code", "part"))
    return dict(flat.select(name.alias("name"), "figure").iter_rows())


def _notes(conversations: pl.DataFrame, context: Context) -> Iterator[tuple[str, float, str]]:
    for name in sorted(context.params.skip):
        yield f"{SKIPPED}{name}", 1, f"score.skip: the check {name} saw nothing"
    yield from of_languages(conversations, context)
    if context.vectors is None:
        if silent := [check.name for check in checks(context.params.skip).values() if check.needs_vectors]:
            yield "no_vectors", len(silent), f"embed.model is none: {', '.join(silent)} saw nothing"
        return
    least = 5 * context.params.outlier_neighbours
    dated = conversations.drop_nulls("created_at")
    if dated.height > least:
        yield _drift(dated, context)
    elif conversations.height > least:
        undated = conversations.height - dated.height
        yield (
            "no_times",
            undated,
            f"{undated:,} conversations have no created_at: whether they change over time is unknown",
        )


def of_languages(conversations: pl.DataFrame, context: Context) -> Iterator[tuple[str, float, str]]:
    """What a team must know whose conversations are in languages that score.languages or some checks do not know."""
    shares = conversations.group_by("language").agg(share=pl.len() / conversations.height).sort("share", "language")
    found = {name: share for name, share in shares.reverse().iter_rows() if share >= STRAY and name not in UNTOLD}
    named = context.params.languages
    if strange := {name: share for name, share in found.items() if name not in named}:
        told = ", ".join(f"{share:.0%} in {name}" for name, share in strange.items())
        wish = ", ".join(sorted({*(name for name in named if name in found), *strange}))
        yield (
            f"{LANGUAGES}unnamed",
            round(sum(strange.values()), 6),
            f"{told}: not in score.languages ({', '.join(named)}), so these conversations wait for people and none of "
            f"them trains. If the set is meant for them, write score.languages: [{wish}] in params.yaml.",
        )
    all_checks = [one for one in checks(context.params.skip).values() if one.languages]
    for name in found:
        if silent := [one.name for one in all_checks if name not in one.languages]:
            yield (
                f"{LANGUAGES}unchecked",
                round(found[name], 6),
                f"{name}: nobody looked for {', '.join(silent)}, whose word lists know {_known(all_checks)} only; "
                f"names of people and the playbook's phrases are told in these too. All other checks work in {name}.",
            )


def _known(of_lists: Collection[Check]) -> str:
    return " and ".join(sorted({name for one in of_lists for name in one.languages} - {ARABIZI}))


def _drift(dated: pl.DataFrame, context: Context) -> tuple[str, float, str]:
    """Whether rows near in time are near in content: cleanlab's non_iid (Cummings et al. 2023), on at most SAMPLE rows.

    Their order is that of `created_at`. Where they lie in the raw files tells nothing of them.
    """
    sample = dated.sort("conversation_id").head(SAMPLE)  # ids are hashes, so a fair one
    by_id = near(sample, context, EVERY)
    ordered = sample.with_row_index("place").sort("created_at", "conversation_id")
    place = ordered["place"].to_numpy()
    places = graph(np.argsort(place)[by_id.places[place]], by_id.distances[place])
    _, told = issues("non_iid", {"id": ordered["conversation_id"].to_list()}, {}, knn_graph=places)
    value = float(told["p-value"])
    means = (
        "what customers say changes over time; a later model will meet other questions than these"
        if value < DRIFT_BELOW
        else "when customers wrote tells nothing about what they say"
    )
    return "non_iid", round(value, 6), f"{means} (p = {value:.2g})"
