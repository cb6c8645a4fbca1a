from typing import Any

import polars as pl

from tests.builders import record, talk
from training.evaluate.memorisation import PARTICULAR, memorised
from training.judge.scoring import PREDICTIONS

SECRET = "the blue vase stands behind the old clock in the hall"
HOUSE = "thank you for writing to us today and have a very nice evening"


def found(said: str, *train: list[dict[str, Any]], asked: str = "Where is it?") -> list[tuple[str, int, str]]:
    """(what, value, evidence) of an adapter's reply after training on these."""
    tested = record(talk(asked, "the team's own reply"))
    rows = [("adapter", tested["conversation_id"][0], 1, 9, said, 5, True)]
    predictions = pl.DataFrame(rows, schema=PREDICTIONS, orient="row")
    table = memorised(predictions, tested, record(*train), ("SA",))
    return list(table.select("what", "value", "evidence").iter_rows())


def test_a_run_of_one_training_conversation_is_found_whatever_stands_around_it() -> None:
    said = f"Hello! {SECRET.upper()}, as I said."
    assert found(said, talk("Hi", f"Sure: {SECRET}."), talk("Hi", "ok")) == [("verbatim", 11, SECRET)]


def test_what_many_training_conversations_say_is_the_houses_phrase_and_not_told() -> None:
    rows = [talk(f"Hi {n}", HOUSE) for n in range(PARTICULAR + 1)]
    assert found(HOUSE, *rows) == []
    assert found(HOUSE, *rows[:PARTICULAR])[0][:2] == ("verbatim", 13)


def test_what_the_customer_said_is_not_learnt_by_heart() -> None:
    assert found(f"You say {SECRET}?", talk("Hi", SECRET), asked=f"I know that {SECRET}") == []


def test_short_runs_and_other_orders_are_not_told() -> None:
    assert found("the blue vase stands behind the clock", talk("Hi", SECRET)) == []


def test_arabic_is_found_in_any_spelling() -> None:
    said = "المزهرية الزرقاء خلف الساعة القديمة في الردهة إلى اليمين"
    ((what, words, _),) = found(said, talk("مرحبا", f"نعم، {said.replace('إ', 'ا').replace('ة', 'ه')} يا سيدي"))
    assert (what, words) == ("verbatim", 9)


def test_personal_data_of_training_is_told_by_its_kind_and_never_shown() -> None:
    seen = found("Write to sara@mail.example.com.", talk("I am sara@mail.example.com", "ok"))
    assert seen == [("personal", 1, "email")]
    assert found("Write to other@mail.example.com.", talk("I am sara@mail.example.com", "ok")) == []
    given = found("I have sara@mail.example.com.", talk("sara@mail.example.com", "ok"), asked="sara@mail.example.com")
    assert given == []
