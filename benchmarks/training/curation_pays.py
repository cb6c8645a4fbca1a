"""Does curation pay? One small model is trained on raw, on deduplicated and on curated rows of the sample.

    python -m benchmarks.training.curation_pays FOLDER --language en [--seeds 1 2 3] [--tokens 8000] [--defects 0.5]

FOLDER becomes a project: the sample as shipped through the real stages, ingest to split. Each seed draws three sets
from it: `raw` from every ingested row as it came, duplicates and defects in their proportion or in the share that
--defects asks for; `random` from what dedup left, unscored; `curated` from the curated rows. The last two keep what
they may of the raw draw, slot by slot, so sets differ in nothing else. All are of the same number of conversations and
nearly the same number of tokens, so they take the same steps; no row is, or is like, a conversation of dev or test.
Judged is the likelihood of the team's replies in test conversations that carry no planted defect, and of the first seed
a few freely written replies by the playbook.

Finished runs stay in FOLDER/runs and are not run again.
Results go to benchmarks/results/curation_pays.json, `python -m benchmarks.document` shows them.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from scipy.stats import t

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS, ROOT, road
from curation.core.record.draw import fair_order
from curation.core.record.groups import groups
from curation.core.record.playbook import Playbook
from curation.core.statistics.intervals import Bootstrap, paired_difference, ratio
from curation.harness.files import atomic
from curation.harness.params import load_params
from curation.split import related
from training.commands.curve import LOSSES, losses
from training.commands.trial import interval
from training.judge.arms import bare
from training.judge.scoring import Evaluate, Scorer, reply_scores
from training.model.base import Model, load_model, load_tokenizer
from training.model.likelihood import examples_of
from training.model.recipe import Recipe, Train
from training.model.template import Renderer
from training.tokenize import Tokenize, made_table, token_table, tokenized
from training.train.fit import fit

SETS = ("raw", "random", "curated")
DRAWS = 100  # of which the one whose tokens come nearest to the number wanted is taken
WATCHED = 8  # clean dev conversations: their loss is told, nothing is chosen by it
BOOTSTRAP = Bootstrap(5000, 7)


def main() -> None:
    arguments = parsed()
    made(arguments.folder)
    os.chdir(arguments.folder)
    held = Held.of(arguments.language, arguments.tokens, arguments.judged, arguments.defects)
    for seed in arguments.seeds:
        for name in SETS:
            held.run(name, seed, generated=arguments.generated if seed == arguments.seeds[0] else 0)
    everything = json.loads(arguments.results.read_text("utf-8")) if arguments.results.exists() else {}
    everything[held.name] = summary(held, arguments.seeds)
    arguments.results.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n", "utf-8")
    print(markdown(everything))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Does curation pay?")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", choices=("en", "ar"), required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--tokens", type=int, default=8000, help="of each training set")
    parser.add_argument("--defects", type=float, help="share of the raw draw that carries one; without, the sample's")
    parser.add_argument("--judged", type=int, default=48, help="clean test conversations")
    parser.add_argument("--generated", type=int, default=12, help="of these, answered freely after the first seed")
    parser.add_argument("--results", type=Path, default=RESULTS / "curation_pays.json")
    return parser.parse_args()


# -- the project and its three pools -----------------------------------------------------------------------------------


def made(folder: Path) -> None:
    """The sample through the real stages, unless that was done."""
    if (folder / "data/splits/test.parquet").exists():
        return
    folder.mkdir(parents=True)
    for name in ("params.yaml", "dvc.yaml", "playbook.yaml", "prompt.md"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "expectations").mkdir()
    for suite in (ROOT / "expectations").glob("*.json"):
        shutil.copy(suite, folder / "expectations")
    for name in ("raw", "evaluation", "review", "forget.jsonl", "versions.jsonl", "seeds.json", "sample_truth.parquet"):
        source = ROOT / "data" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / "data" / name)
    for module in road("ingest", "split").values():
        print(f"{module} ...", file=sys.stderr, flush=True)
        subprocess.run(
            [sys.executable, "-m", module], cwd=folder, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )


def pools(language: str) -> dict[str, pl.DataFrame]:
    """The rows that each set may draw from, of one language by what the sample knows, kin of dev and test left out."""
    ingested, clusters = table("ingested/conversations"), table("dedup/clusters")
    kin = ingested.select("row_id", group=family(ingested, clusters, table("dedup/pairs")))
    judged = pl.concat([table(f"splits/{split}").select("row_id") for split in ("dev", "test")])
    taken = kin.join(judged, on="row_id").select("group")
    free = kin.join(taken, on="group", how="anti").select("row_id")
    rows = {
        "raw": ingested,
        "random": ingested.join(clusters.filter("survivor"), on="row_id", how="semi"),
        "curated": table("splits/train"),
    }
    return {name: in_language(pool.join(free, on="row_id", how="semi"), language) for name, pool in rows.items()}


def family(ingested: pl.DataFrame, clusters: pl.DataFrame, pairs: pl.DataFrame) -> pl.Series:
    """The group of each row, as split makes them: copies, near copies, related rows, one customer."""
    own = ingested.with_columns(parent_id=pl.lit(None, pl.String))
    copies = clusters.select("conversation_id", first=pl.col("conversation_id").first().over("cluster_id"))
    return groups(own["conversation_id"], [*related(own, pairs), *copies.iter_rows()])


def in_language(rows: pl.DataFrame, language: str) -> pl.DataFrame:
    """Those that the sample wrote in a language, whatever their defect made of it, with what was planted."""
    truth = pl.read_parquet("data/sample_truth.parquet").filter(language=language).select("row_id", "defect")
    return rows.join(truth, on="row_id").sort("row_id")


def table(name: str) -> pl.DataFrame:
    return pl.read_parquet(f"data/{name}.parquet")


# -- one language's runs -----------------------------------------------------------------------------------------------


class Held:
    """What all runs of a language have in common."""

    def __init__(self, language: str, tokens: int, renderer: Renderer, judged: int, defects: float | None) -> None:
        self.language, self.tokens, self.renderer, self.defects = language, tokens, renderer, defects
        self.name = language if defects is None else f"{language} {defects:.0%}"
        self.model, self.train = load_params("model", Model), load_params("train", Train)
        self.pools = {name: self.tokenized(rows) for name, rows in pools(language).items()}
        self.examples = round(tokens / self.pools["raw"]["tokens"].mean())  # type: ignore[operator,arg-type]
        clean = {
            split: in_language(table(f"splits/{split}"), language).filter(defect="clean") for split in ("dev", "test")
        }
        self.test = fair_order(clean["test"].filter(language=language), 7).head(judged)
        self.watched = self.tokenized(fair_order(clean["dev"], 7).head(WATCHED))
        self.asked = self.tokenized(self.test)

    @classmethod
    def of(cls, language: str, tokens: int, judged: int, defects: float | None = None) -> "Held":
        model = load_params("model", Model)
        return cls(
            language,
            tokens,
            Renderer(load_tokenizer(model), model.template_arguments, opening=model.opening),
            judged,
            defects,
        )

    @property
    def recipe(self) -> Recipe:
        """The shipped CPU recipe, its best step not chosen: every run is judged as it ends."""
        return self.train.cpu.model_copy(update={"dev_points": 2})

    def tokenized(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Tokens of the rows that the template can say in one example of the recipe's length, with what was planted."""
        params = load_params("tokenize", Tokenize)
        done = [tokenized(one, self.renderer, params) for one in rows.iter_rows(named=True)]
        whole = rows.select("row_id", "defect").with_columns(
            size=pl.Series([sum(len(e.input_ids) for e in one.examples) for one in done], dtype=pl.Int64),
            number=pl.Series([len(one.examples) for one in done], dtype=pl.Int64),
        )
        fits = (whole["number"] == 1) & (whole["size"] <= self.recipe.max_tokens)
        tokens = token_table(
            rows.filter(fits), made_table([one for one, fit_in in zip(done, fits, strict=True) if fit_in])
        )
        return tokens.hstack(whole.filter(fits).select("row_id", "defect", tokens="size"))

    def place(self, name: str, seed: int) -> Path:
        return Path("runs") / f"{self.name.replace(' ', '-')}-{self.tokens}-{name}-{seed}"

    def drawn(self, name: str, seed: int) -> pl.DataFrame:
        return drawn(self.pools, self.examples, self.tokens, seed, self.defects)[name]

    def run(self, name: str, seed: int, generated: int) -> None:
        """Trains on a set and judges, unless that was done."""
        place = self.place(name, seed)
        if place.exists():
            return
        tokens = self.drawn(name, seed)
        print(f"{place}: {tokens.height} conversations, {tokens['tokens'].sum():,} tokens", file=sys.stderr, flush=True)
        params = self.train.model_copy(update={"seed": seed})
        tokenizer, base = self.renderer.tokenizer, load_model(self.model)
        trained = fit(base, tokenizer, tokens, examples_of(self.watched), params, self.recipe)
        curve = trained.curve.losses
        with atomic(place) as folder:
            folder.mkdir()
            losses(trained.model, self.asked).write_parquet(folder / "losses.parquet")
            if generated:
                self.written(trained.model, generated).write_parquet(folder / "replies.parquet")
            facts = {
                "steps": max(curve),
                "dev_loss": [curve[0], curve[max(curve)]],
                "best_step": trained.curve.best_step,
            }
            (folder / "run.json").write_text(json.dumps(facts), "utf-8")

    def written(self, model: Any, generated: int) -> pl.DataFrame:
        """Scores of freely written replies."""
        playbook, params = Playbook.load(Path("playbook.yaml")), load_params("evaluate", Evaluate)
        judge = Scorer(model, self.renderer, playbook, params, lambda items, *_: items)
        judge = judge.profiled(table("splits/dev"), self.test)
        asked = self.test.head(generated)
        return reply_scores(judge.write("adapter", asked, bare), asked, playbook)

    def untrained(self) -> pl.DataFrame:
        """LOSSES of the base model."""
        place = Path("runs") / f"{self.language}-untrained"
        if not place.exists():
            with atomic(place) as folder:
                folder.mkdir()
                losses(load_model(self.model), self.asked).write_parquet(folder / "losses.parquet")
        return pl.read_parquet(place / "losses.parquet")


def drawn(
    pools: Mapping[str, pl.DataFrame], number: int, tokens: int, seed: int, defects: float | None = None
) -> dict[str, pl.DataFrame]:
    """`number` rows for each set, of nearly `tokens` tokens together.

    `raw` is drawn at random, `defects` of it among the defective rows where that is given. The other sets keep what
    they may of it, slot by slot, and fill the rest from their own pool at random: so each is a random draw of its pool,
    and two sets differ in nothing but what curation changes.
    """
    rng = random.Random(seed)
    first = raw_rows(pools["raw"], number, tokens, defects, rng)
    return {name: filled(pool, first, tokens, rng) for name, pool in pools.items()}


def raw_rows(raw: pl.DataFrame, number: int, tokens: int, defects: float | None, rng: random.Random) -> list[str]:
    """The row_ids of the raw draw, in the order in which they are learnt."""
    if defects is None:
        return raw[nearest(raw["tokens"].to_list(), number, tokens, rng)]["row_id"].to_list()
    planted = raw.filter(pl.col("defect") != "clean")
    bad = round(defects * number)
    first = planted[nearest(planted["tokens"].to_list(), bad, tokens * bad // number, rng)]
    clean = raw.filter(defect="clean")
    rest = clean[nearest(clean["tokens"].to_list(), number - bad, tokens - first["tokens"].sum(), rng)]
    rows: list[str] = [*first["row_id"], *rest["row_id"]]
    return rng.sample(rows, number)


def filled(pool: pl.DataFrame, wanted: Sequence[str], tokens: int, rng: random.Random) -> pl.DataFrame:
    """The wanted rows in their order, others of the pool in place of those it does not hold."""
    sizes, place = pool["tokens"].to_list(), {row_id: at for at, row_id in enumerate(pool["row_id"])}
    kept = [place.get(row_id) for row_id in wanted]
    rest = sorted(set(range(pool.height)) - set(kept))
    missing = tokens - sum(sizes[at] for at in kept if at is not None)
    new = iter(nearest([sizes[at] for at in rest], kept.count(None), missing, rng))
    return pool[[rest[next(new)] if at is None else at for at in kept]]


def nearest(sizes: Sequence[int], number: int, total: int, rng: random.Random) -> list[int]:
    """Of many random draws of `number` places the one whose sizes come nearest to `total`."""
    draws = [rng.sample(range(len(sizes)), number) for _ in range(DRAWS)]
    return min(draws, key=lambda draw: abs(sum(sizes[at] for at in draw) - total))


# -- what came ---------------------------------------------------------------------------------------------------------


def summary(held: Held, seeds: Sequence[int]) -> dict[str, Any]:
    """All figures of a language."""
    found = {
        (name, seed): pl.read_parquet(held.place(name, seed) / "losses.parquet") for name in SETS for seed in seeds
    }
    chosen = {key: held.drawn(*key) for key in found}
    steps = {json.loads((held.place(*key) / "run.json").read_text("utf-8"))["steps"] for key in found}
    return {
        "tokens": held.tokens,
        "conversations": held.examples,
        "steps": sorted(steps),
        "seeds": list(seeds),
        "judged": held.asked.height,
        "untrained": loss(held.untrained()),
        "sets": {
            name: {
                "pool": held.pools[name].height,
                "tokens": [int(chosen[name, seed]["tokens"].sum()) for seed in seeds],
                "planted": [int((chosen[name, seed]["defect"] != "clean").sum()) for seed in seeds],
                "loss": loss(pooled([found[name, seed] for seed in seeds])),
            }
            for name in SETS
        },
        "curated_against": {
            against: {
                "all": gain([found["curated", s] for s in seeds], [found[against, s] for s in seeds]),
                "by_seed": [gain([found["curated", s]], [found[against, s]]) for s in seeds],
            }
            for against in SETS[:-1]
        },
        "written": {name: said for name in SETS if (said := written(held.place(name, seeds[0]) / "replies.parquet"))},
    }


def pooled(runs: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """LOSSES of several runs, summed by conversation: the conversation is what an interval redraws."""
    summed = pl.concat(runs).group_by("conversation_id", "language").agg(pl.col("value", "weight").sum())
    return summed.select(LOSSES.names()).sort("conversation_id")


def loss(found: pl.DataFrame) -> dict[str, float]:
    return asdict(ratio(found["value"].to_numpy(), found["weight"].to_numpy(), BOOTSTRAP))


def gain(ours: Sequence[pl.DataFrame], theirs: Sequence[pl.DataFrame]) -> dict[str, float]:
    """How much lower our loss is, in nats a token, conversation by conversation."""
    left, right = pooled(theirs), pooled(ours)
    assert left["conversation_id"].equals(right["conversation_id"])
    sides = [(side["value"].to_numpy(), side["weight"].to_numpy()) for side in (left, right)]
    return asdict(paired_difference(sides[0], sides[1]))


def over_seeds(gains: Sequence[Mapping[str, float]]) -> tuple[float, float, float] | None:
    """Mean and 95% interval of the gains of several seeds, rows drawn anew by each; None for one seed."""
    values = [g["value"] for g in gains]
    if len(values) < 2:
        return None
    mean, reach = statistics.mean(values), t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return mean, mean - reach, mean + reach


def written(path: Path) -> dict[str, Any]:
    """metric -> figure with interval, of the replies that a run wrote; {} when it wrote none."""
    if not path.exists():
        return {}
    parts = pl.read_parquet(path).sort("conversation_id").partition_by("metric", as_dict=True)
    return {str(metric): loss(part) for (metric,), part in parts.items() if metric in ("playbook", "stopped")}


# -- in words ----------------------------------------------------------------------------------------------------------

LANGUAGES = {"en": "English", "ar": "Arabic"}


def markdown(results: Mapping[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    return "\n".join(line for name in sorted(results) for line in _runs(name, results[name]))


def _runs(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    code, _, defects = name.partition(" ")
    title = LANGUAGES[code] + (f", {defects} of the raw rows defective" if defects else "")
    seeds, steps = len(found["seeds"]), " or ".join(map(str, found["steps"]))
    yield (
        f"**{title}**: {found['conversations']} conversations, about {found['tokens']:,} tokens and {steps} steps a "
        f"training, {seeds} seed(s), {found['judged']} clean test conversations. Nats a token; untrained "
        f"{interval(found['untrained'], '.3f')}."
    )
    yield ""
    rules = bool(found["written"])
    columns = ["trained on", "rows to draw from", "planted defects drawn", "tokens", "test loss"]
    yield from head(*columns, *(["rules kept", "replies that end"] if rules else []))
    for kind, one in found["sets"].items():
        sizes = [_few(one["planted"]), _few(one["tokens"])]
        said = [interval(found["written"][kind][metric], ".3f") for metric in ("playbook", "stopped")] if rules else []
        yield row(kind, f"{one['pool']:,}", *sizes, interval(one["loss"], ".3f"), *said)
    yield ""
    yield from head("curated is better than", "by", "by seed", "95% interval over the seeds")
    for against, one in found["curated_against"].items():
        by_seed = ", ".join(f"{g['value']:+.3f}" for g in one["by_seed"])
        spread = over_seeds(one["by_seed"])
        yield row(
            against, interval(one["all"], "+.3f"), by_seed, f"{spread[1]:+.3f} to {spread[2]:+.3f}" if spread else ""
        )
    yield ""


def _few(numbers: Sequence[int]) -> str:
    return f"{min(numbers):,}" if len(set(numbers)) == 1 else f"{min(numbers):,} to {max(numbers):,}"


if __name__ == "__main__":
    main()
