"""What lets most texts pass before they are read for personal data: cheap in both languages, and never too quick."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from curation.privacy.spoken import SPOKEN, may_be_spoken
from curation.privacy.tables import messages_may_hold
from tests.builders import record, talk

ENGLISH = "Good morning, the order that I placed last week has not come yet and nobody answers me, can you look into it"
ARABIC = "صباح الخير، طلبيتي من الأسبوع الماضي لم تصل حتى الآن ولا أحد يرد علي، هل يمكنكم التحقق من الأمر لو سمحتم"


def seconds_to_look(text: str) -> float:
    """CPU seconds for some 200 KB of conversations that say this in ever other words, the best of three."""
    words = text.split()
    said = [" ".join(words[at % 17 :] + words[: at % 13]) for at in range(1200)]
    table = record(*(talk(*said[at : at + 6]) for at in range(0, len(said), 6)))
    taken = []
    for _ in range(3):
        started = time.process_time()
        table.select(messages_may_hold())
        taken.append(time.process_time() - started)
    return min(taken)


def test_a_look_at_a_table_takes_no_longer_in_arabic_than_in_english():
    # 3 to 6 here; a bound of Unicode words anywhere in these patterns makes it more than 50.
    assert seconds_to_look(ARABIC) < 15 * seconds_to_look(ENGLISH)


DIGITS = (
    "صفر زيرو واحد واحدة اثنين إثنان تنين ثلاثة تلاتة ثلاث تلت أربعة اربع خمسة خمس ستة ست سبعة ثمانية تمانية ثمان تمن"
    " تسعة عشرة حداشر اتناشر عشرين تلاتين ثمانين تسعين مية ميتين دبل"
).split()


@given(st.lists(st.sampled_from(DIGITS), min_size=4, max_size=9), st.sampled_from([" ", "، ", " و", "-"]))
def test_the_look_at_words_passes_over_no_row_of_digits(words: list[str], between: str):
    said = between.join(words)
    assert may_be_spoken(f"رقمي {said} شكرا") == (re.search(SPOKEN, f"رقمي {said} شكرا") is not None)
    assert may_be_spoken(f"رقمي {' '.join(words)} شكرا")


def test_the_look_at_words_knows_every_digit():
    assert [word for word in DIGITS if not may_be_spoken(" ".join([word] * 4))] == []


def test_the_look_at_words_lets_other_arabic_text_pass():
    assert not may_be_spoken(ARABIC)
    assert re.search(SPOKEN, ARABIC) is None
