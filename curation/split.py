"""Train, dev and test with nothing alike across them.  python -m curation.split"""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import polars as pl
from pydantic import Field

from curation.core.record.draw import lot
from curation.core.record.groups import groups
from curation.harness.errors import QiratError
from curation.harness.params import Params
from curation.harness.stage import Stage

CURATED = "curated/conversations"
A_ROW = 700  # bytes of memory that a row takes: its id, its group, its draw
PARTS = ("train", "dev", "test")


class Split(Params):
    """params.yaml: split"""

    test: float = Field(gt=0, lt=0.5)  # share of the groups
    dev: float = Field(gt=0, lt=0.5)
    test_files: tuple[str, ...] = ()  # globs of raw files or folders that are the test; () draws it
    largest_group: float  # share of the rows; a larger group of related rows is kept in train
    seed: int


def main() -> None:
    """Groups of related conversations (copies, near-copies, one customer) go to one part as a whole."""
    with Stage("split", Split) as stage:
        stage.refuse_too_little(CURATED, A_ROW)
        curated = stage.read(CURATED, ["conversation_id", "parent_id", "customer", "source_file"])
        grouped = curated.with_columns(
            cluster_id=groups(curated["conversation_id"], related(curated, stage.read("dedup/pairs")))
        )
        part = filled(grouped, assigned(grouped, stage.params), stage.params)
        for remark in told(grouped, stage.params.test_files):
            stage.say(remark)
        grouped = grouped.select("conversation_id", "cluster_id")
        assert_apart({name: grouped.filter(part == name) for name in PARTS})

        schema = pl.Schema([*stage.schema(CURATED).items(), ("cluster_id", pl.String())])
        for name in PARTS:
            rows = chosen(stage.parts(CURATED), grouped["cluster_id"], part == name)
            stage.write_parts(f"splits/{name}", rows, schema)
        sizes = {name: int((part == name).sum()) for name in PARTS}
        if empty := [name for name, size in sizes.items() if not size]:
            stage.say(
                f"no conversation fell into {' and '.join(empty)}: {grouped.height} clean conversations are too few to "
                "split; the gate says what would help"
            )
        stage.write_metrics({**sizes, "groups": grouped["cluster_id"].n_unique()})


def chosen(conversations: Iterable[pl.DataFrame], groups: pl.Series, wanted: pl.Series) -> Iterator[pl.DataFrame]:
    """Those of the conversations that are wanted, with their groups; both are told of all of them, in their order."""
    start = 0
    for part in conversations:
        cluster_id = groups.slice(start, part.height).alias("cluster_id")
        yield part.with_columns(cluster_id).filter(wanted.slice(start, part.height))
        start += part.height


def related(curated: pl.DataFrame, pairs: pl.DataFrame) -> list[tuple[str, str]]:
    """Pairs of curated ids that must stay together: alike words (edits are as alike as their parent), one customer."""
    read_as = pl.coalesce("parent_id", "conversation_id")
    paired = curated.filter(read_as.is_in(pl.concat([pairs["left"], pairs["right"]]).unique().implode()))
    now = {parent or key: key for key, parent in paired.select("conversation_id", "parent_id").iter_rows()}
    alike = [(now[x], now[y]) for x, y in pairs.select("left", "right").iter_rows() if x in now and y in now]
    customers = curated.select("conversation_id", "customer").drop_nulls("customer")
    named = customers.select("conversation_id", first=pl.col("conversation_id").first().over("customer"))
    return alike + list(named.filter(pl.col("conversation_id") != pl.col("first")).iter_rows())


def assigned(grouped: pl.DataFrame, params: Split) -> pl.Series:
    """train, dev or test by the hash of the group and the seed: new data moves no group that it is not related to.

    Where `test_files` name rows, the groups of these are the test, however large, and what would have been drawn for
    it is train: a test drawn from what train is made of would tell less than one of what came later or from elsewhere.
    """
    groups = grouped["cluster_id"]
    draw = pl.Series((drawn(group, params) for group in groups), dtype=pl.Float64)
    is_large = pl.len().over("cluster_id") > max(1.0, params.largest_group * grouped.height)
    held_out = groups.filter(meant(grouped["source_file"], params.test_files))
    of_test = pl.when(draw < params.test).then(pl.lit("test" if held_out.is_empty() else "train"))
    by_draw = of_test.when(draw < params.test + params.dev).then(pl.lit("dev")).otherwise(pl.lit("train"))
    drawn_apart = pl.when(is_large).then(pl.lit("train")).otherwise(by_draw)
    part = pl.when(pl.col("cluster_id").is_in(held_out.implode())).then(pl.lit("test")).otherwise(drawn_apart)
    return grouped.select(part.alias("cluster_id")).to_series()


def drawn(group: str, params: Split) -> float:
    """From 0 to 1, by the hash of the group and the seed."""
    return int(lot(f"{params.seed}:{group}")[:16], 16) / 2**64


def meant(files: pl.Series, globs: tuple[str, ...]) -> pl.Series:
    """For each of the files, paths below data/raw, whether a glob means it or a folder or archive that holds it."""
    known = {file: any(_means(glob, file) for glob in globs) for file in files.unique()}
    return pl.Series([known[file] for file in files], dtype=pl.Boolean)


def _means(glob: str, file: str) -> bool:
    path = PurePosixPath(file)
    return any(place.match(glob) for place in (path, *path.parents[:-1]))


def told(grouped: pl.DataFrame, test_files: tuple[str, ...]) -> Iterator[str]:
    """What the hold-out took with it, and globs that mean nothing."""
    files = grouped["source_file"]
    for glob in test_files:
        if not meant(files, (glob,)).any():
            yield (
                f"split.test_files: no clean conversation comes from {glob}; the files are "
                f"{', '.join(sorted(files.unique()))}"
            )
    held_out = grouped.filter(meant(files, test_files))
    taken = grouped.filter(pl.col("cluster_id").is_in(held_out["cluster_id"].implode())).height - held_out.height
    if taken:
        yield (
            f"{taken} conversations of other files went to test with the {held_out.height} of split.test_files: "
            "they are alike or of the same customers"
        )
    if test_files and held_out.is_empty():
        yield "split.test_files names nothing, so test is drawn at random (split.test)"


def filled(grouped: pl.DataFrame, part: pl.Series, params: Split) -> pl.Series:
    """The parts, of which none is empty where there are three groups: a tiny set is short of luck, not of rows.

    An empty part takes the group of train that came nearest to being drawn, one of the smallest.
    """
    if set(part.unique()) == set(PARTS):
        return part
    of_group = dict(zip(grouped["cluster_id"], part, strict=True))
    sizes = dict(grouped["cluster_id"].value_counts().iter_rows())
    for name in ("test", "dev", "train"):
        names = list(of_group.values())
        largest = max(PARTS, key=names.count)
        if name not in names and names.count(largest) > 1:
            nearest = [group for group, its in of_group.items() if its == largest]
            of_group[min(nearest, key=lambda group: (sizes[group], drawn(group, params), group))] = name
    return grouped["cluster_id"].replace_strict(of_group, return_dtype=pl.String)


def assert_apart(parts: dict[str, pl.DataFrame]) -> None:
    """No group and no conversation stands in two parts."""
    for column in ("cluster_id", "conversation_id"):
        of_each = [rows[column].unique() for rows in parts.values()]
        if pl.concat(of_each).n_unique() < sum(map(len, of_each)):
            raise QiratError(f"a {column} stands in two parts; this is a defect of split, please report it")


if __name__ == "__main__":
    main()
