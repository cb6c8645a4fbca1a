import pytest

from curation.core.record.playbook import Playbook
from tests.builders import ROOT, talk
from tests.core.text.test_dialect import SAID
from training.judge.metrics import Answered, Score
from training.judge.metrics.dialect import dialect


def measured(team: str, written: str, customer: str = SAID["gulf"][0]) -> Score:
    messages = [*talk(customer, team)]
    playbook = Playbook.load(ROOT / "playbook.yaml")
    return dialect(Answered({"messages": messages}, [{"turn": 1, "text": written}], playbook))


@pytest.mark.parametrize("practice", SAID)
def test_the_teams_own_practice_is_what_is_wanted(practice: str) -> None:
    """A team that answers Gulf customers in standard Arabic wants that, and one that answers in dialect wants that."""
    first, second, _ = SAID[practice]
    assert measured(first, second) == (True, 1)
    assert all(measured(first, said[1]) == (False, 1) for name, said in SAID.items() if name != practice)


@pytest.mark.parametrize("untold", ["", "شكرا", "Your order is on its way", "تمام"])
def test_what_cannot_be_told_is_not_counted(untold: str) -> None:
    known = SAID["standard"][0]
    assert measured(known, untold) is None
    assert measured(untold, known) is None
