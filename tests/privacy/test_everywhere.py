"""What was found once is masked everywhere in the conversation, however it is written, and JSON stays JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.conversation import message
from curation.privacy import KINDS, PATTERNED, covered, pseudonymised
from curation.privacy.tables import messages_may_hold
from tests.builders import record, talk

GULF = ("SA", "AE", "EG", "JO")
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def said(*contents: str, kinds=PATTERNED) -> list[str]:
    return [m["content"] for m in pseudonymised(talk(*contents), kinds, GULF)[0]]


spellings = st.builds(
    lambda prefix, gap, cut, eastern: _spelled(prefix, gap, cut, eastern),
    st.sampled_from(["0", "", "+966", "00966", "966", "9660"]),
    st.sampled_from(["", " ", "-", ".", " - "]),
    st.sets(st.integers(1, 8), max_size=3),
    st.booleans(),
)


def _spelled(prefix: str, gap: str, cuts: set[int], eastern: bool) -> str:
    groups = "".join(f"{gap}{d}" if n in cuts else d for n, d in enumerate("551234567"))
    spelled = f"{prefix}{gap if prefix not in ('0', '') else ''}{groups}"
    return spelled.translate(EASTERN) if eastern else spelled


@given(
    spellings,
    st.sampled_from(["order {}", "account {} is mine", "it is {}.", "طلب رقم {}", "حسابي {}", "id {}", "({})"]),
)
def test_a_phone_is_masked_in_every_spelling_and_whatever_it_is_called(spelled: str, sentence: str):
    contents = said("My mobile is 0551234567", "ok", sentence.format(spelled))
    assert contents[2] == sentence.format("[phone_1]")


@pytest.mark.parametrize(
    "called",
    [
        "account",
        "user",
        "login",
        "customer id",
        "membership no.",
        "client",
        "حسابي",
        "رقم العميل",
        "اسم المستخدم",
        "عضويتي",
    ],
)
def test_a_mobile_is_one_whatever_it_is_called_and_an_account_is_none(called: str):
    assert said(f"{called} 0551234567") == [f"{called} [phone_1]"]
    assert said(f"{called} 551234567 or 1034567897")[0].startswith(f"{called} 551234567")


@pytest.mark.parametrize(
    "words",
    [
        "zero five five one two three four five six seven",
        "oh five double five, one two three, four five six",
        "plus nine six six five five one two three four five six seven",
        "صفر خمسة خمسة واحد اثنين ثلاثة أربعة خمسة ستة سبعة",
        "صفر خمسه دبل خمسه واحد تنين تلاته اربعه خمسه سته",
        "Zero five one nine 4567 eight nine one",
    ],
)
def test_digits_in_words_are_a_number(words: str):
    table = record(talk(f"my number is {words}"))
    assert said(f"my number is {words}") == ["my number is [phone_1]"]
    assert table.select(messages_may_hold()).to_series().all()


@pytest.mark.parametrize("text", ["one two three testing", "I need two, three, four, five, six, seven, eight of them"])
def test_counting_is_no_number(text: str):
    assert said(text) == [text]


@pytest.mark.parametrize(
    ("turns", "shown"),
    [
        (["my number is 0551", "and the rest?", "234567"], ["my number is [phone_1]", "and the rest?", "[phone_1]"]),
        (["055", "yes?", "123 4567 thanks"], ["[phone_1]", "yes?", "[phone_1] thanks"]),
        (["رقمي ٠٥٥١", "تفضل", "٢٣٤٥٦٧"], ["رقمي [phone_1]", "تفضل", "[phone_1]"]),
        (["+9665", "go on", "5123", "and?", "4567"], ["[phone_1]", "go on", "[phone_1]", "and?", "[phone_1]"]),
        (["order 0551", "ok", "234567"], ["order 0551", "ok", "234567"]),
        (["room 12", "ok", "234567"], ["room 12", "ok", "234567"]),
        (["I have 055", "ok", "234567 boxes of the blue tiles you sold"], None),
    ],
)
def test_a_mobile_split_over_turns_is_found_and_other_numbers_are_not_joined(turns: list[str], shown: list[str] | None):
    assert said(*turns) == (shown or turns)
    assert shown in (None, turns) or record(talk(*turns)).select(messages_may_hold()).to_series().all()


@pytest.mark.parametrize(
    ("asked", "answer", "shown"),
    [
        ("Please tell me the verification code", "559102", "[secret_1]"),
        ("كم رمز التحقق؟", "٥٥٩١", "[secret_1]"),
        ("what is your password?", "hunter22", "[secret_1]"),
        ("What is your order number?", "559102", "559102"),
        ("Which promo code?", "202020", "202020"),
    ],
)
def test_a_bare_code_is_what_it_was_asked_for(asked: str, answer: str, shown: str):
    assert said("hi", asked, answer)[2] == shown
    assert shown == answer or record(talk("hi", asked, answer)).select(messages_may_hold()).to_series().all()


values = st.sampled_from(
    [
        "0551234567",
        "+966 55 123 4567",
        "sara@x.com",
        "hunter2",
        'say "hi" to sara@x.com',
        "a\\b",
        "blue",
        "",
        "٠٥٥١٢٣٤٥٦٧",
        "Bearer abcdef0123456789xyz",
        "https://x.example/?sig=abcdef123&x=1",
        "password: 'a1b2c3'",
        "SA0380000000608010167519",
    ]
)
trees = st.recursive(
    values | st.sampled_from([551234567, 966551234567]) | st.integers(0, 10**12) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["phone", "password", "note", "order", "0551234567"]), inner)
    ),
    max_leaves=8,
)


def shape(value: object) -> object:
    """Lists, keys without their tags, and types; a number that is masked becomes text."""
    if isinstance(value, dict):
        return [shape(one) for _, one in sorted(value.items(), key=lambda item: str(item[0]))] and len(value)
    if isinstance(value, list):
        return [shape(one) for one in value]
    return str if isinstance(value, int | str) and not isinstance(value, bool) else type(value)


@given(trees, st.sampled_from(["{}", "  {}", "Result: {}", "```json\n{}\n```"]))
def test_json_stays_json_with_its_keys_wherever_it_stands(tree: object, around: str):
    tree = tree if isinstance(tree, dict | list) else {"value": tree}  # as arguments and results are
    inside = json.dumps(tree, ensure_ascii=False)
    call = json.dumps([{"function": {"name": "find", "arguments": inside}}])
    messages = [
        message("user", "I am on 0551234567, my pin is 4821"),
        message("assistant", "", tool_calls=call),
        message("tool", around.format(inside)),
    ]
    shown = covered(messages, GULF)
    after = json.loads(json.loads(shown[1]["tool_calls"])[0]["function"]["arguments"])
    assert shape(after) == shape(tree)
    head, tail = around.split("{}")
    assert shape(json.loads(shown[2]["content"].removeprefix(head).removesuffix(tail))) == shape(tree)
    for written in (shown[1]["tool_calls"], shown[2]["content"]):
        assert "551234567" not in written and "sara@x.com" not in written


def test_two_spellings_of_a_number_as_keys_both_stay():
    assert json.loads(said('{"0551234567": 1, "+966551234567": 2}')[0]) == {"[phone_1]": 1, "[phone_1] (1)": 2}


def test_names_once_found_stand_for_the_person_wherever_they_stand():
    assert said("أنا ريم الدوسري", "أهلا ريم، تم التحويل لريم", "وريم ترد", kinds=KINDS) == [
        "أنا [name_1]",
        "أهلا [name_1]، تم التحويل ل[name_1]",
        "و[name_1] ترد",
    ]
    assert said("my name is Sara Khan", "thanks sara", "Sara Khan's bank", kinds=KINDS) == [
        "my name is [name_1]",
        "thanks [name_1]",
        "[name_1]'s bank",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SA0380000000608010167519",
        "SA03 8000 0000 6080 1016 7519",
        "sa03-8000-0000-6080-1016-7519",
        "SA03 80000000608010167519",
    ],
)
def test_an_iban_has_one_tag_however_it_is_written(text: str):
    assert said("IBAN SA0380000000608010167519", f"noted {text}.")[1] == "noted [iban_1]."


def test_a_slip_in_an_iban_does_not_show_it():
    assert said("my IBAN is SA03 8000 0000 6080 1016 7518 thanks") == ["my IBAN is [iban_1] thanks"]
