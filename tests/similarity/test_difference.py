"""People see at a glance what tells two near-copies apart."""

from hypothesis import given
from hypothesis import strategies as st

from curation.similarity.difference import COMPARED, difference, marked, steps
from tests.builders import talk

WORDS = st.lists(st.sampled_from("order late 12.50 the طلبي وصل ، , please".split()), max_size=12).map(" ".join)


def test_a_changed_word_is_marked_in_its_turn_and_nothing_else_is_shown():
    left = talk("Hello", "Order 1001 is late", "Thank you")
    right = talk("Hello", "Order 1002 is late", "Thank you")
    assert difference(left, right) == ["  2 assistant: Order [-1001-]{+1002+} is late"]


def test_numbers_are_marked_whole():
    assert marked("it costs 12.50 today", "it costs 12.75 today") == "it costs [-12.50-]{+12.75+} today"


def test_arabic_is_marked_word_by_word():
    assert marked("أين طلبي الآن؟", "أين طلبكم الآن؟") == "أين [-طلبي-]{+طلبكم+} الآن؟"


def test_words_far_from_any_difference_are_left_out():
    far = " ".join(f"w{n}" for n in range(40))
    assert marked(f"{far} red", f"{far} blue") == "… w34 w35 w36 w37 w38 w39 [-red-]{+blue+}"


def test_turns_are_compared_with_those_they_belong_to_after_one_was_put_in():
    left = talk("My order is late", "I am sorry for that", "When does it come now")
    right = talk("Hi", "Hello", "My order is very late", "I am so sorry for that", "When does it come then")
    assert difference(left, right) == [
        "  + user: {+Hi+}",
        "  + assistant: {+Hello+}",
        "  1 user: My order is {+very+} late",
        "  2 assistant: I am {+so+} sorry for that",
        "  3 user: When does it come [-now-]{+then+}",
    ]


def test_arguments_of_tool_calls_are_words_too():
    left, right = ([{"role": "assistant", "content": "", "tool_calls": f'[{{"order":"{n}"}}]'}] for n in (1, 2))
    assert difference(left, right) == ['  1 assistant: [{"order":"[-1-]{+2+}"}]']


@given(WORDS, WORDS)
def test_nothing_is_marked_only_if_the_words_are_the_same(left: str, right: str):
    assert (difference(talk(left), talk(right)) == []) == (left.split() == right.split())


def test_long_texts_are_compared_where_they_begin_to_differ_and_what_follows_is_told_as_different():
    said = "قل a " * COMPARED
    assert marked(f"{said}red {said}", f"{said}blue {said}").count("[-") == 1
    words = [f"w{n}" for n in range(3 * COMPARED)]
    one, two = " ".join(words), " ".join(words[1::2])
    found = marked(one, two)
    assert found.startswith("[-w0-] w1 [-w2-] w3") and f"w{2 * COMPARED}" in found


@given(WORDS, WORDS)
def test_the_steps_lead_from_one_to_the_other(left: str, right: str):
    before, after = left.split(), right.split()
    found = steps(before, after)
    assert [word for kind, _, _, k, m in found for word in after[k:m]] == after
    assert [word for kind, i, j, _, _ in found for word in before[i:j]] == before
    assert all((kind == "equal") == (before[i:j] == after[k:m]) for kind, i, j, k, m in found)


@given(WORDS)
def test_a_conversation_does_not_differ_from_itself(text: str):
    assert difference(talk(text, text), talk(text, text)) == []
