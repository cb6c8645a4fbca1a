"""Mails as their writers meant them: HTML is text, quoted mails and signatures are off, style stays."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.mail import CHARACTERS_KEPT, reply_of_mail, tidied
from curation.ingest.markup import is_html


def said(text: str) -> str:
    return reply_of_mail(text, html=True, quotes=True, signatures=True)[0]


# -- HTML --------------------------------------------------------------------------------------------------------------

HTML = {
    "paragraphs": (
        "<p>Hello Sara,</p><p>Order <b>A&nbsp;12</b> ships on <i>Monday</i>.<br>Thanks</p>",
        "Hello Sara,\n\nOrder A 12 ships on Monday.\nThanks",
    ),
    "lists": (
        "<p>Please:</p><ul><li>open Settings<ul><li>press it</li></ul></li></ul><ol><li>one</li><li>two</li></ol>",
        "Please:\n\n* open Settings\n  + press it\n1. one\n2. two",
    ),
    "table": (
        "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Rug</td><td>120</td></tr></table>",
        "Item  Price\nRug   120",
    ),
    "Arabic": (
        '<div dir="rtl"><p>مرحباً بك،</p><p>طلبك رقم <strong>١٢٣</strong> في الطريق.</p></div>',
        "مرحباً بك،\n\nطلبك رقم ١٢٣ في الطريق.",
    ),
    "links": (
        '<p>See <a href="https://x.example/t?a=1&amp;b=2">this</a>, <a href="https://x.example/">x.example</a> or '
        'write to <a href="mailto:a@x.example">a@x.example</a> <a href="javascript:alert(1)">now</a></p>',
        "See [this](https://x.example/t?a=1&b=2), x.example or write to a@x.example now",
    ),
    "broken": (
        "<p>Hi <b>there<p>I can't log in <br> since <i>Monday</div></td>",
        "Hi there\n\nI can't log in\nsince Monday",
    ),
    "unseen": (
        "<style>p{color:red}</style><script>alert(1)</script><p>Text</p><!-- no --><p style='display: none'>no</p>"
        "<img src='https://x.example/pixel.png'>",
        "Text",
    ),
    "Outlook": (
        "<p class=MsoNormal>Dear team,<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p>Refund me</p>",
        "Dear team,\n\nRefund me",
    ),
    "entities": ("Tom &amp; Sara&#39;s 5 &lt; 6", "Tom & Sara's 5 < 6"),
    "margins": ("<div style='margin-top:1000000em;padding-left:1000000em'>far</div>", "far"),
}


@pytest.mark.parametrize("name", HTML)
def test_html_is_the_text_a_reader_sees(name: str):
    html, text = HTML[name]
    assert said(html) == text


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "if (a<b) { c>d }",
        "Does `<br>` work in a template?",
        "```html\n<p>my page</p>\n```",
        "List<String> names",
        "I <3 you",
        "Write to Sara <sara@x.example>",
        "my <order>",
    ],
)
def test_text_that_only_looks_like_html_stays(text: str):
    assert not is_html(text)
    assert said(text) == text


def test_html_too_deep_to_be_read_whole_stays_as_it_is():
    html = "<p>first</p>" + "<div>" * 300 + "deep" + "</div>" * 300
    assert said(html) == html


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_every_word_in_html_is_a_word_of_the_text(words: str):
    assert said(f"<div><p>{escape(words)}</p></div>").split() == words.split()


PIECES = "<p> </p> <br <li> <table> <td </div> <!-- --> &lt; &#0; &#xD800; < > / a \x00 \ud83d".split(" ")


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_html_of_any_shape_gives_text_that_can_be_written(html: str):
    assert said(f"<p>{html}").encode() is not None


# -- quoted mails ------------------------------------------------------------------------------------------------------

QUOTED = [
    "On Mon, 5 Jan 2026 at 10:15, Ali <a@x.example> wrote:\n> Where is it?\n> Ali",
    "On Mon, 5 Jan 2026 at 10:15, Ali\n<a@x.example> wrote:\n\nWhere is it?",
    "في الأحد، 5 يناير 2026 في 10:15 ص تمت كتابة ما يلي بواسطة Ali <a@x.example>:\n\nأين طلبي؟",
    "\u200fفي ٥ يناير ٢٠٢٦، الساعة ١٠:١٥ ص، كتب علي <a@x.example>:\n> أين طلبي؟\n> علي",
    "-----Original Message-----\nFrom: Ali\nWhere is it?",
    "----- رسالة أصلية -----\nأين طلبي؟",
    "________________________________\nFrom: Ali\nSent: Monday\nTo: Sara\nSubject: Order\n\nWhere is it?",
    "من: علي\nتم الإرسال: الأحد\nإلى: سارة\nالموضوع: طلبي\n\nأين طلبي؟",
    "> Where is it?\n> Ali",
]


@pytest.mark.parametrize("quote", QUOTED)
def test_the_mail_below_is_taken_off(quote: str):
    text, removed = reply_of_mail(f"On its way.\n\n{quote}", html=True, quotes=True, signatures=False)
    assert text == "On its way."
    assert [part.what for part in removed] == ["quote"]
    assert removed[0].text in quote


def test_an_answer_below_the_quoted_mail_stays():
    text = "On Mon, 5 Jan 2026 at 10:15, Sara wrote:\n> Which size?\n\nLarge, please."
    assert said(text) == "Large, please."


@pytest.mark.parametrize(
    "text",
    [
        "On Mon, 5 Jan 2026 at 10:15, Sara wrote:\n> Which size?\nLarge.\n> Which colour?\nRed.",
        "On 5 May at 10:15 I wrote:\nplease cancel it",
        "في يوم الأحد 10:15 كتبت لكم:\nأريد الإلغاء",
        "> Which size?\nLarge.",
        "I read:\n> one line",
        "---------- Forwarded message ---------\nFrom: Shop\nYour order is lost.",
    ],
)
def test_answers_between_quoted_lines_forwarded_mails_and_what_people_tell_stay(text: str):
    assert said(text) == text


def test_mails_quoted_in_html_go_and_answers_below_them_stay():
    html = (
        '<div>Works now.</div><div class="gmail_quote"><div class="gmail_attr">On Mon Ali wrote:</div>'
        '<blockquote class="gmail_quote">Try <b>again</b></blockquote></div><div class="gmail_signature">Ali</div>'
        "Thanks"
    )
    text, removed = reply_of_mail(html, html=True, quotes=True, signatures=True)
    assert text == "Works now.\nThanks"
    assert [(part.what, part.text) for part in removed] == [
        ("quote", "On Mon Ali wrote:\nTry again"),
        ("signature", "Ali"),
    ]
    forwarded = '<p>See:</p><div class="gmail_quote">---------- Forwarded message ---------<p>Lost</p></div>'
    assert "Lost" in said(forwarded)


# -- signatures --------------------------------------------------------------------------------------------------------

SIGNATURES = [
    "-- \nOmar Ali\nCustomer Care\n+966 55 123 4567",
    "--\nسارة محمد\nsara@x.example",
    "Best regards,\nSara\nSupport team",
    "Kind regards\nSara Ahmed\nZaafaran Home | www.zaafaran.example",
    "Regards, Sara",
    "Thanks,\nAli Hassan",
    "مع أطيب التحيات،\nسارة محمد\nفريق دعم زعفران هوم",
    "مع تحيات فريق الدعم",
    "وتفضلوا بقبول فائق الاحترام والتقدير،\nعلي حسن",
    "Sent from my iPhone",
    "Get Outlook for Android",
    "أُرسلت من الـ iPhone",
    "تم الإرسال من هاتفي",
    "This email is a service from Zaafaran. Delivered by Zendesk\n[ABC123-DEFG]",
    "This is an automated message.\nPlease do not reply to it.",
    "هذه رسالة آلية، يرجى عدم الرد عليها.",
    "Best regards,\nSara\n\nThis e-mail and any attachments are confidential.",
]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_is_taken_off(signature: str):
    text, removed = reply_of_mail(f"We are sorry.\n\n{signature}", html=True, quotes=True, signatures=True)
    assert text == "We are sorry."
    assert "\n\n".join(part.text for part in removed).split() == signature.split()
    assert {part.what for part in removed} == {"signature"}


@pytest.mark.parametrize(
    "closing",
    [
        "Is there anything else I can help you with?",
        "Best regards",
        "Thank you for contacting Zaafaran Home, Sara!",
        "Thanks,\nplease call me",
        "Thank you\nOrder 1234 was shipped today",
        "Regards to your family",
        "Best wishes for your new home.",
        "هل هناك شيء آخر يمكنني مساعدتك به؟",
        "مع تحياتي",
        "مع تحياتي لكم",
        "مع الشكر على تعاونكم",
        "شكراً\nمتى يصل طلبي",
        "مع التحية\nمتى يصل طلبي؟",
        "مع الشكر، أرجو الرد",
        "مع خالص التحية\nبانتظار ردكم",
        "We have two.\n--\nThe second is better for you",
        "It was sent from my warehouse",
        "See below:\n-- first\n-- second",
        "أرسلت من أسبوع ولم يصل",
        "Regards,\nI would like to know when my order arrives, it has been two weeks since I paid.",
    ],
)
def test_closings_and_requests_stay(closing: str):
    text = f"We are sorry.\n\n{closing}"
    assert said(text) == text


@given(st.lists(st.sampled_from([*QUOTED, *SIGNATURES, "hello", "", "> a", "<p>x</p>", "شكراً"]), max_size=5))
def test_no_message_is_emptied_and_nothing_goes_unnoted(parts: list[str]):
    text = "\n".join(parts)
    found, removed = reply_of_mail(text, html=False, quotes=True, signatures=True)
    assert bool(found.strip()) == bool(text.strip())
    kept = "".join([found, *(part.text for part in removed)])
    assert sorted("".join(kept.split())) == sorted("".join(text.split()))


def test_line_ends_of_any_system_are_line_ends():
    text = "On its way.\n\nBest regards,\nSara\n\nOn Mon, 5 Jan 2026 at 10:15, Ali wrote:\n> a\n> b"
    assert {said(text.replace("\n", end)) for end in ("\n", "\r\n", "\r")} == {"On its way."}


def test_what_was_taken_off_is_noted_by_message():
    long = "On Mon, 5 Jan 2026 at 10:15, Ali wrote:\n" + "word " * 1000
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"Hello\n{long}"}]
    found, (removed,) = tidied(messages, html=True, quotes=True, signatures=True)
    assert [m["content"] for m in found] == ["Hi", "Hello"]
    assert (removed["message"], removed["what"], removed["characters"]) == (1, "quote", len(long.strip()))
    assert removed["text"] == long[:CHARACTERS_KEPT]
