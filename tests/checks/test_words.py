"""What a set says is read once for all checks that compare its rows."""

from curation.checks.check import contents
from curation.checks.models.words import LEAST, said_by_language
from tests.builders import context, record, talk


def test_a_set_is_read_once_while_it_is_at_hand_and_anew_when_it_is_another():
    rows = record(*(talk(f"Where is order {n}?", f"Order {n} is on its way.") for n in range(LEAST)))
    (said,) = said_by_language(rows, context())
    assert said_by_language(rows, context())[0] is said
    assert said_by_language(rows.head(LEAST - 1), context()) == []
    assert said_by_language(rows, context())[0] is not said


def test_a_text_that_is_said_again_and_again_is_one_text():
    rows = record(*(talk(f"Where is my {'old ' * n}lamp?", "It is on its way.") for n in range(LEAST)))
    (said,) = said_by_language(rows, context())
    assert said.counts.shape[0] == LEAST + 1
    assert said.times(said.reply).max() == LEAST
    first = said.turns[[int(said.reply.argmax())]]
    assert contents(first, rows, context()).to_list() == ["It is on its way."]
