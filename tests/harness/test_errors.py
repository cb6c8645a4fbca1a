"""What pydantic finds is told in sentences, each with its place."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import Field, ValidationError, field_validator

from curation.harness.errors import QiratError, faults
from curation.harness.params import Params, load_params, mistyped


class Inner(Params):
    least: int = Field(ge=1)


class Outer(Params):
    inner: Inner
    others: Mapping[str, Inner] = Field(default_factory=dict)
    perhaps: Inner | None = None
    kinds: tuple[str, ...] = ()

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        raise ValueError("there is no such kind")


def wrong(value: object) -> ValidationError:
    with pytest.raises(ValidationError) as error:
        Outer.model_validate(value)
    return error.value


def test_every_fault_has_its_place_and_what_stands_there() -> None:
    error = wrong({"inner": {"least": 0}, "kinds": ["odd"]})
    least, kinds = "inner.least: Input should be greater than or equal to 1", "kinds: there is no such kind"
    assert faults(error) == f"{least} (is 0); {kinds} (is ['odd'])"
    assert faults(error, "split") == f"split.{least} (is 0); split.{kinds} (is ['odd'])"
    assert faults(error, quoted=False) == f"{least}; {kinds}"


def test_what_has_no_place_is_told_without_one() -> None:
    assert faults(wrong(3)) == "Input should be a valid dictionary or instance of Outer (is 3)"
    assert faults(ValueError("no JSON")) == "no JSON"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"inner": {"least": 1}, "iner": 3}, "inner"),
        ({"inner": {"least": 1, "leats": 1}}, "least"),
        ({"inner": {"least": 1}, "others": {"any": {"least": 1, "laest": 2}}}, "least"),
        ({"inner": {"least": 1}, "perhaps": {"least": 1, "leest": 2}}, "least"),
        ({"inner": {"least": 1}, "صنف": 2}, None),
        ({"inner": {"least": 0}}, None),
    ],
)
def test_a_mistyped_name_is_told_with_the_one_that_it_may_be(value: object, meant: str | None) -> None:
    assert mistyped(wrong(value), Outer) == (f"; did you mean {meant}?" if meant else "")


def test_mistyped_params_are_told_with_what_they_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, meant in (("spilt: {seed: 7}", "split"), ("split: {leest: 1}", "least")):
        (tmp_path / "params.yaml").write_text(text, "utf-8")
        with pytest.raises(QiratError, match=rf"did you mean {meant}\?"):
            load_params("split", Inner)
