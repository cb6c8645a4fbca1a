"""What pydantic finds is told in sentences, each with its place."""

import pytest
from pydantic import Field, ValidationError, field_validator

from curation.harness.errors import faults
from curation.harness.params import Params


class Inner(Params):
    least: int = Field(ge=1)


class Outer(Params):
    inner: Inner
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
