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
        curated = stage.read(CURATED, ["conversation_id", "parent_id", "customer", "source_file"])
        grouped = curated.with_columns(
            cluster_id=groups(curated["conversation_id"], related(curated, stage.read("dedup/pairs")))
        )
        part = filled(grouped, assigned(grouped, stage.params), stage.params)
        for remark in told(grouped, stage.params.test_files):
            stage.say(remark)
        parts = {name: grouped.filter(part == name) for name in PARTS}
        assert_apart(parts)

        schema = pl.Schema([*stage.schema(CURATED).items(), ("cluster_id", pl.String())])
        for name, rows in parts.items():
            stage.write_parts(f"splits/{name}", chosen(stage.parts(CURATED), rows), schema)
        sizes = {name: rows.height for name, rows in parts.items()}
        if empty := [name for name, size in sizes.items() if not size]:
            stage.say(
                f"no conversation fell into {' and '.join(empty)}: {grouped.height} clean conversations are too few to "
                "split; the gate says what would help"
            )
        stage.write_metrics({**sizes, "groups": grouped["cluster_id"].n_unique()})


def chosen(conversations: Iterable[pl.DataFrame], rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Those of the conversations that are among the rows, with their groups."""
    grouped = rows.select("conversation_id", "cluster_id")
    for part in conversations:
        yield part.join(grouped, on="conversation_id", maintain_order="left")


def related(curated: pl.DataFrame, pairs: pl.DataFrame) -> list[tuple[str, str]]:
    """Pairs of curated ids that must stay together: alike words (edits are as alike as their parent), one customer."""
    now = {parent or key: key for key, parent in curated.select("conversation_id", "parent_id").iter_rows()}
    alike = [(now[x], now[y]) for x, y in pairs.select("left", "right").iter_rows() if x in now and y in now]
    named = curated.filter(pl.col("customer").is_not_null()).select(
        "conversation_id", first=pl.col("conversation_id").first().over("customer")
    )
    return alike + list(named.iter_rows())


def assigned(grouped: pl.DataFrame, params: Split) -> pl.Series:
    """train, dev or test by the hash of the group and the seed: new data moves no group that it is not related to.

    Where `test_files` name rows, the groups of these are the test, however large, and what would have been drawn for
    it is train: a test drawn from what train is made of would tell less than one of what came later or from elsewhere.
    """
    sizes = dict(grouped["cluster_id"].value_counts().iter_rows())
    limit = max(1.0, params.largest_group * grouped.height)
    held_out = set(grouped.filter(meant(grouped["source_file"], params.test_files))["cluster_id"])

    def part(group: str) -> str:
        if group in held_out:
            return "test"
        draw = drawn(group, params)
        if sizes[group] > limit or draw >= params.test + params.dev:
            return "train"
        if draw >= params.test:
            return "dev"
        return "train" if held_out else "test"

    of_group = {group: part(group) for group in sizes}
    return grouped["cluster_id"].replace_strict(of_group, return_dtype=pl.String)


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
    everything = pl.concat(
        [rows.select("cluster_id", "conversation_id", part=pl.lit(name)) for name, rows in parts.items()]
    )
    for column in ("cluster_id", "conversation_id"):
        if (everything.group_by(column).agg(pl.col("part").n_unique())["part"] > 1).any():
            raise QiratError(f"a {column} stands in two parts; this is a defect of split, please report it")


if __name__ == "__main__":
    main()
