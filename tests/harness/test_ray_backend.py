"""Ray behind the seam, on this machine: one session for all tests, which starts when the first needs it."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.checks import checks
from curation.curate.masking import masker
from curation.harness import ray_backend
from curation.harness.engine import Machine, map_items, map_rows
from curation.harness.errors import QiratError
from curation.harness.local_backend import AHEAD
from curation.harness.ray_backend import _end, installed, refuse_other_versions, spread
from curation.score.rows import looker
from tests.builders import context, record, talk

ON_RAY, HERE = Machine(engine="ray", workers=2), Machine(workers=1)
TALKS = record(
    *(talk(f"Where is order {n}?", f"It costs {n} SAR, call 05012345{n}") for n in range(10, 20)),
    talk("أين طلبي؟", "خرج طردك من المستودع هذا الصباح."),
    talk("Hi", "As an AI language model, I cannot do that."),
).with_columns(parent_id=pl.lit(None, pl.String))


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 1}')  # a card by name: nothing here needs one
        yield
    if folder := ray_folder():
        import ray

        _end(ray, folder)
        assert not folder.exists()


def ray_folder() -> Path | None:
    return next(Path("/tmp").glob(f"qirat-ray-{os.getpid()}-*"), None)


def doubling() -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda rows: rows.with_columns(pl.col("n") * 2)


def killed_once(folder: Path, number: int) -> int:
    """As long as no process died over the number, the one that is asked for it does."""
    died = folder / str(number)
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def mortal(folder: Path) -> Callable[[int], int]:
    return partial(killed_once, folder)


def failing() -> Callable[[int], Any]:
    return fail


def fail(number: int) -> None:
    raise (QiratError("row 7 is torn; mend it") if number else KeyError("no such column"))


def unpreparable() -> Callable[[int], int]:
    raise QiratError("the model is missing; install it")


def told() -> Callable[[int], dict[str, Any]]:
    return lambda _: {"threads": pl.thread_pool_size(), **os.environ}


def same() -> Callable[[int], int]:
    return abs


@given(st.lists(st.integers(0, 99), max_size=30), st.integers(1, 40))
@example(list(range(30)), 2)
@settings(max_examples=10)
def test_any_part_gives_the_rows_of_one_process(numbers: list[int], at_once: int) -> None:
    rows = pl.DataFrame({"n": numbers}, schema={"n": pl.Int64})
    ours = pl.concat(map_rows(doubling, rows, at_once, ON_RAY, 0))
    assert ours.equals(pl.concat(map_rows(doubling, rows, at_once, HERE, 0)))


@pytest.mark.parametrize(
    "prepare",
    [
        partial(looker, [check for check in checks().values() if not check.whole_set], (), context()),
        partial(masker, ["phone", "email"], context().privacy),
    ],
    ids=["score", "curate"],
)
def test_kernels_of_stages_give_the_same_tables(prepare: Any) -> None:
    def tables(machine: Machine) -> list[Any]:
        return [part.values() if isinstance(part, dict) else part for part in map_rows(prepare, TALKS, 5, machine, 0)]

    for ours, theirs in zip(tables(ON_RAY), tables(HERE), strict=True):
        assert all(one.equals(other) for one, other in zip(ours, theirs, strict=True))


def test_a_part_whose_process_is_killed_is_answered_by_another(tmp_path: Path) -> None:
    assert list(spread(partial(mortal, tmp_path), range(2), 2, None)) == [0, 1]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_part_that_kills_every_process_stops_the_stage_with_a_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ray_backend, "TRIES", 1)
    with pytest.raises(QiratError, match=r"set machine\.workers to fewer"):
        list(spread(partial(mortal, tmp_path), range(2), 2, None))


def test_what_goes_wrong_in_a_kernel_is_told_as_here() -> None:
    with pytest.raises(QiratError, match=r"\Arow 7 is torn; mend it\Z"):
        list(spread(failing, [1], 2, None))
    with pytest.raises(KeyError, match="no such column"):
        list(spread(failing, [0], 2, None))
    with pytest.raises(QiratError, match="the model is missing"):
        list(spread(unpreparable, [1], 2, None))


def test_parts_are_taken_as_they_are_answered() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    answers = spread(same, items(), 2, None)
    assert next(answers) == 0
    assert len(taken) <= 2 * AHEAD + 1
    answers.close()


def test_who_stops_early_lives() -> None:
    """To take back what is under way, Ray's own `cancel`, ended this process in one of 4 to 200 rounds."""
    for round_ in range(40):
        answers = spread(same, range(100), 2, None)
        assert [next(answers) for _ in range(round_ % 5 + 1)] == [*range(round_ % 5 + 1)]
        answers.close()


def slow(number: int) -> tuple[float, float]:
    began = time.time()
    time.sleep(0.05)
    return began, time.time()


def sleeping() -> Callable[[int], tuple[float, float]]:
    return slow


def test_fewer_workers_than_processors_are_kept() -> None:
    list(spread(same, range(2), 2, None))  # a session of two
    spans = list(spread(sleeping, range(4), 1, None))
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))


def test_ray_keeps_to_this_machine_and_to_itself(capfd: pytest.CaptureFixture[str]) -> None:
    environment = next(spread(told, [1], 2, None))
    import ray
    from ray._raylet import AuthenticationMode, get_authentication_mode

    assert get_authentication_mode() == AuthenticationMode.TOKEN
    assert environment["RAY_AUTH_TOKEN"] == os.environ["RAY_AUTH_TOKEN"]
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["threads"] == 1
    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]
    died = {"lines": ["A worker died"], "pid": "raylet", "is_err": False, "job": None, "ip": "", "actor_name": None}
    ray._private.worker.print_to_stdstream(died, ignore_prefix=False)
    assert capfd.readouterr() == ("", "")
    folder = ray_folder()
    assert folder is not None
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_of_a_process_that_was_killed_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_backend, "SHORT", tmp_path)
    (tmp_path / "qirat-ray-4194305-x").mkdir()  # no process has so high a number
    (tmp_path / f"qirat-ray-{os.getppid()}-x").mkdir()
    made = ray_backend._folder()
    assert sorted(tmp_path.iterdir()) == sorted([made, tmp_path / f"qirat-ray-{os.getppid()}-x"])


def test_small_work_needs_no_ray() -> None:
    assert list(map_items(same, [1], Machine(engine="ray", address="nowhere:1"), large=False)) == [1]


def test_a_model_has_a_card_of_its_own_where_there_is_one_and_a_process_that_dies_over_it_is_replaced(
    tmp_path: Path,
) -> None:
    (with_card,) = map_items(told, [1], ON_RAY, large=True, work="model")
    assert with_card["CUDA_VISIBLE_DEVICES"] == "0"
    assert list(map_items(partial(mortal, tmp_path), range(3), ON_RAY, large=True, work="model")) == [0, 1, 2]


def test_a_part_that_kills_every_process_with_a_card_stops_the_stage_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ray_backend, "TRIES", 1)
    with pytest.raises(QiratError, match=r"set machine\.workers to fewer"):
        list(map_items(partial(mortal, tmp_path), range(2), ON_RAY, large=True, work="model"))


def test_a_head_that_is_gone_is_told_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would end this process a minute later; tests/chaos kills a real one."""
    list(spread(same, range(2), 2, None))
    import ray

    gone = SimpleNamespace(gcs_address="127.0.0.1:1")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: gone)
    with pytest.raises(QiratError, match=r"127\.0\.0\.1:1 is gone .*refused\); start the cluster again"):
        list(spread(same, range(2), 2, None))
    monkeypatch.setattr(ray_backend, "PATIENCE", 0.01)
    with pytest.raises(QiratError, match="is gone"):
        ray_backend._got(ray, ray.remote(slow).remote(0))


def test_a_ray_that_does_not_start_is_told_with_a_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import ray

    def refuses(*_: Any, **__: Any) -> None:
        raise ValueError("not enough memory\n for its store")

    monkeypatch.setattr(ray, "init", refuses)
    monkeypatch.setattr(ray_backend, "SHORT", tmp_path)
    with pytest.raises(QiratError, match=r"not start .* not enough memory for its store; .*engine to local"):
        ray_backend._start(ray, 1)


def test_what_ray_takes_here_is_left_out_of_what_a_stage_may_take() -> None:
    memory = 2 * 10**9
    assert Machine(memory=memory).room - Machine(memory=memory, engine="ray").room == ray_backend.OWN
    assert Machine(memory=memory, engine="ray", address="head:6379").room == Machine(memory=memory).room
    assert Machine(memory=memory, engine="ray", workers=8).processes < Machine(memory=memory, workers=8).processes == 2


def test_another_version_on_a_node_is_refused() -> None:
    refuse_other_versions(installed(), {"polars": installed()["polars"]})
    with pytest.raises(QiratError, match=r"has 1\.0 of polars where .* is asked for, .*; install on every node"):
        refuse_other_versions(installed(), {**installed(), "polars": "1.0"})


def test_an_engine_that_is_not_installed_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(QiratError, match=r"pip install 'qirat\[ray\]'"):
        list(map_items(same, [1], ON_RAY, large=True))


def test_a_cluster_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    for address, why in {
        "ray://head:10001": "give HOST:PORT",
        "127.0.0.1:1": "refused",
        "head": "cannot be joined",
    }.items():
        with pytest.raises(QiratError, match=why):
            list(spread(same, [1], 2, address))
