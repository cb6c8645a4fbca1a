"""Mails as their writers meant them: HTML is text, quoted mails and signatures are off, style stays."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.mail import CHARACTERS_KEPT, reply_of_mail, tidied, without_quotes
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


# -- forwarded mails, and what others put above a quote ----------------------------------------------------------------

FORWARDS = [
    "---------- Forwarded message ---------\nFrom: Shop <s@x.example>\nDate: Mon, Jan 5, 2026 at 10:15 AM\n"
    "Subject: Order\nTo: <a@x.example>\n\nYour order is lost.",
    "---------- Forwarded message ----------\nFrom: Shop\nTo: Ali\n\n> Your order is lost.\n> Sorry",
    "Begin forwarded message:\n\nFrom: Shop <s@x.example>\nSubject: Order\nDate: 5 January 2026 at 10:15\n"
    "To: Ali <a@x.example>\n\nYour order is lost.",
    "Begin forwarded message:\n\n> From: Shop <s@x.example>\n> Subject: Order\n>\n> Your order is lost.\n> Sorry",
    "---------- رسالة معاد توجيهها ---------\nمن: متجر <s@x.example>\nالتاريخ: الاثنين، 5 يناير 2026 في 10:15\n"
    "الموضوع: طلبي\nإلى: علي <a@x.example>\n\nضاع طلبك.",
    "-------- الرسالة الممررة --------\nالموضوع: طلبي\nالتاريخ: 5 يناير 2026\nمن: متجر\n\nضاع طلبك.",
    "بداية الرسالة المُعاد توجيهها:\n\nمن: متجر <s@x.example>\nالموضوع: طلبي\n\nضاع طلبك.",
    "-------- Message transféré --------\nSujet : Commande\nDate : lundi 5 janvier 2026\nDe : Shop\n\nPerdu.",
    "-------- Weitergeleitete Nachricht --------\nBetreff: Bestellung\nVon: Shop <s@x.example>\n\nVerloren.",
    "-------- İletilen Mesaj --------\nKonu: Sipariş\nKimden: Shop <s@x.example>\n\nKayboldu.",
    "Début du message réexpédié :\n\nDe: Shop <s@x.example>\nObjet: Commande\n\nPerdu.",
    "________________________________\nFrom: Shop <s@x.example>\nSent: Monday, January 5, 2026 10:15 AM\n"
    "To: Ali <a@x.example>\nSubject: FW: Order\n\nYour order is lost.",
]


@pytest.mark.parametrize("forward", FORWARDS)
@pytest.mark.parametrize("above", ["", "What does this mean?\n\n", "ما معنى هذا؟\n\n"])
def test_a_forwarded_mail_stays(forward: str, above: str):
    assert said(above + forward) == above + forward


HEADED = [
    "From: Shop <s@x.example>\nSent: Monday, January 5, 2026 10:15 AM\nTo: Ali\nSubject: Order\n\nYour order is lost.",
    "*From:* Shop <s@x.example>\n*Sent:* Monday, January 5, 2026 10:15 AM\n*To:* Ali\n*Subject:* Order\n\nIt is lost.",
    "-----Original Message-----\nFrom: Shop\nSent: Monday\nTo: Ali\nSubject: Order\n\nYour order is lost.",
    "من: متجر\nتم الإرسال: الاثنين، 5 يناير 2026\nإلى: علي\nالموضوع: طلبي\n\nضاع طلبك.",
]


@pytest.mark.parametrize("mail", HEADED)
@pytest.mark.parametrize(
    "above", ["", "FYI\n\n", "Please see the mail below.\n\n", "للعلم\n\n", "نحول لكم هذه الرسالة\n\n", "Fwd\n\n"]
)
def test_what_is_handed_on_under_outlooks_headers_stays(mail: str, above: str):
    assert said(above + mail) == above + mail


def test_forwarded_mails_in_html_stay_with_all_that_they_quote():
    gmail = (
        '<div>See:</div><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>'
        'From: Shop</div><p>Lost</p><blockquote class="gmail_quote">Where is it?</blockquote></div>'
    )
    thunderbird = (
        '<p>See:</p><div class="moz-forward-container">-------- Message transféré --------<br>Sujet : Perdu<br>'
        '<blockquote type="cite">Where is it?</blockquote>Lost</div>'
    )
    outlook = (
        '<div>FYI</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Shop<br><b>Sent:</b> '
        "Monday<br><b>To:</b> Ali<br><b>Subject:</b> Order</div><div>Lost. Where is it?</div>"
    )
    for html in (gmail, thunderbird, outlook):
        assert {"Lost", "Where"} <= set(said(html).replace(".", " ").split()), html
    reply = outlook.replace("FYI", "It is found.")
    assert said(reply) == "It is found."


ANSWER = "We have two left.\nWhich one? The red: 5 USD."
EN_AR = [
    "On Mon, Jan 5, 2026 at 10:15 AM Ali Hassan <ali.hassan.with.a.long.name@mail.x.example>\nwrote:",
    "On Mon, Jan 5, 2026 at 10:15 AM\nAli Hassan <a@x.example> wrote:",
    "On Monday, January 5, 2026 at\n10:15:00 AM GMT+3, Ali\n<a@x.example> wrote:",
    "On 05/01/2026 10:15, Ali wrote:",
    "On Jan 5, 2026, at 10:15 AM, Ali <a@x.example> wrote:",
    'On 05/01/2026, 10:15, "Ali" <a@x.example> wrote:',
    "On Mon, 5 Jan at 10:15 AM , Ali <a@x.example> wrote:",
    "في الاثنين، 5 يناير 2026 في 10:15 ص تمت كتابة ما يلي بواسطة\nAli <a@x.example>:",
    "\u202bفي الاثنين، 5 يناير 2026 في 10:15 ص تمت كتابة ما يلي بواسطة \u202aAli\u202c\u200f "
    "<\u202aa@x.example\u202c\u200f>:\u202c",
    "في الاثنين، 5 يناير 2026 في 10:15 ص كتب Ali Hassan\n<a@x.example>:",
    "في الاثنين، ٥ يناير ٢٠٢٦ في ١٠:١٥ ص، كتبت سارة\n<s@x.example>:",
    "في الاثنين، 5 يناير 2026 في\n10:15 ص علي <a@x.example> كتب:",
    "بتاريخ الاثنين، 5 يناير 2026 10:15 ص، كتب علي <a@x.example>:",
]
ELSEWHERE = [
    "Le lun. 5 janv. 2026 à 10:15, Ali <a@x.example> a écrit :",
    "Am Mo., 5. Jan. 2026 um 10:15 Uhr schrieb Ali <a@x.example>:",
    "El lun, 5 ene 2026 a las 10:15, Ali (<a@x.example>) escribió:",
    "Il giorno lun 5 gen 2026 alle ore 10:15 Ali <a@x.example> ha scritto:",
    "Em seg., 5 de jan. de 2026 às 10:15, Ali <a@x.example> escreveu:",
    "Ali <a@x.example>, 5 Oca 2026 Pzt, 10:15 tarihinde şunu yazdı:",
    "در تاریخ دوشنبه ۵ ژانویهٔ ۲۰۲۶، ۱۰:۱۵ علی <a@x.example> نوشت:",
    "پیر، 5 جنوری 2026 کو 10:15 پر علی <a@x.example> نے لکھا:",
    "пн, 5 янв. 2026 г. в 10:15, Ali <a@x.example>:",
    "2026-01-05 10:15 GMT+03:00 Ali <a@x.example>:",
    "Op ma 5 jan. 2026 om 10:15 schreef Ali <a@x.example>:",
]


@pytest.mark.parametrize("attribution", EN_AR + ELSEWHERE)
def test_a_quote_goes_with_the_lines_that_tell_of_it_and_answers_below_it_stay(attribution: str):
    quote = f"{attribution}\n> Where is it?\n>\n> Ali"
    assert said(f"{ANSWER}\n\n{quote}") == ANSWER
    assert said(f"{quote}\n\n{ANSWER}") == ANSWER
    assert said(f"{ANSWER}\n{quote}\n{ANSWER}") == f"{ANSWER}\n{ANSWER}"
    between = f"{attribution}\n> Where is it?\nIn Jeddah.\n> And when?\nOn Sunday."
    assert said(between) == between


@pytest.mark.parametrize("attribution", [one for one in EN_AR if "<" in one])
def test_a_quote_without_marks_goes_where_the_line_above_it_is_certain(attribution: str):
    assert said(f"{ANSWER}\n\n{attribution}\n\nWhere is it?\nAli") == ANSWER


@pytest.mark.parametrize("attribution", ELSEWHERE)
def test_in_other_languages_a_quote_without_marks_stays_whole(attribution: str):
    text = f"{ANSWER}\n\n{attribution}\n\nOù est ma commande ?"
    assert said(text) == text


@pytest.mark.parametrize(
    "headers",
    [
        "*From:* Ali <a@x.example>\n*Sent:* Monday, January 5, 2026 10:15 AM\n*To:* Sara\n*Subject:* Order",
        "*From: *Ali <a@x.example>\n*Date: *Monday, January 5, 2026 at 10:15 AM\n*To: *Sara\n*Subject: *Order",
        "From: Ali [mailto:a@x.example]\nSent: Monday 10:15\nTo: Sara\nCc: Huda; Omar\nSubject: Order",
        "From: Ali <a@x.example>\nDate: Monday, 5 January 2026 at 10:15\nTo: Sara <s@x.example>",
        "*من:* علي <a@x.example>\n*تم الإرسال:* الاثنين، 5 يناير 2026\n*إلى:* سارة\n*الموضوع:* طلبي",
        "من: علي\nتم الارسال: الاثنين\nالى: سارة\nالموضوع: طلبي",
        "\u200fمن: علي\n\u200fالتاريخ: الاثنين\n\u200fإلى: سارة\n\u200fنسخة: هدى\n\u200fالموضوع: طلبي",
    ],
)
def test_a_mail_under_outlooks_headers_goes(headers: str):
    assert said(f"{ANSWER}\n\n{headers}\n\nWhere is it?\nAli") == ANSWER
    assert said(f"{ANSWER}\n\n________________________________\n{headers}\n\nWhere is it?\nAli") == ANSWER


def test_answers_in_html_below_and_between_what_gmail_quotes_stay():
    attribution = '<div class="gmail_attr">On Mon, Ali wrote:</div>'
    quotes = [f'<blockquote class="gmail_quote">{text}</blockquote>' for text in ("Which size?", "Which colour?")]
    below = f'<div class="gmail_quote">{attribution}{quotes[0]}<div>Large, please.</div></div>'
    assert said(below) == "Large, please."
    between = f'<div class="gmail_quote">{attribution}{quotes[0]}<div>Large.</div>{quotes[1]}<div>Red.</div></div>'
    assert said(between).split("\n") == ["On Mon, Ali wrote:", "Which size?", "Large.", "Which colour?", "Red."]
    cited = '<blockquote type="cite">Which size?</blockquote><p>Large.</p><blockquote type="cite">Colour?</blockquote>'
    assert said(f"{cited}<p>Red.</p>").split() == ["Which", "size?", "Large.", "Colour?", "Red."]


OWN = [
    "On 5 May 2026 at 10:15 I wrote to you:\nplease cancel",
    "On 5 May 2026 I wrote to help@x.example:\nplease cancel",
    "On Sunday at 10:15 your agent Sara wrote:\nplease wait",
    "On 5 May 2026 at 10:15, your agent from the night shift wrote:\nplease wait",
    "في 5 مايو 2026 الساعة 10:15 كتبت لكم:\nأريد الإلغاء",
    "في 5 مايو 2026 الساعة 10:15 كتبت الرسالة التالية:\nأريد الإلغاء",
    "يوم الأحد الساعة 10:15 كتب الموظف:\nانتظر",
    "From: Riyadh\nDate: 5 May 2026 10:00\nTo: Jeddah\nfor two people",
    "من: الرياض\nالتاريخ: 5 مايو 2026\nإلى: جدة\nلشخصين",
    "I get this:\n> Error 17\n> Disk full",
    "يظهر لي:\n> خطأ 17\n> القرص ممتلئ",
    "The letter said:\n> pay\n> now",
    "---- Order ----\nTwo lamps\n---- Address ----\nJeddah",
    "Item: lamp\nSent: Monday\nTo: me",
    "Le 5 mai 2026 à 10:15 j'ai écrit :\n> annulez\n> vite",
    "From: where?\nDate: when?\nwho",
    "Subject: my order\nIt is late.",
    "I said: wait.\nYou said: no.",
]


@pytest.mark.parametrize("words", OWN)
def test_what_people_tell_of_mails_and_journeys_is_their_own(words: str):
    assert said(words) == words
    assert said(f"Hello,\n{words}\nBye now") == f"Hello,\n{words}\nBye now"


WORDS = st.lists(
    st.sampled_from([*(line for own in OWN[:3] + OWN[7:9] for line in own.split("\n")), "Yes.", "", "أريد: الإلغاء"])
    | st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters=">"), max_size=30),
    min_size=1,
    max_size=5,
).map("\n".join)


@given(WORDS.filter(str.strip), WORDS, st.sampled_from(EN_AR + ELSEWHERE))
def test_the_writers_own_words_survive_any_quote_with_marks(above: str, below: str, attribution: str):
    mail = f"{above}\n\n{attribution}\n> Where is it?\n> Ali\n\n{below}"
    kept = without_quotes(mail)[0]
    assert kept.split() == f"{above}\n{below}".split()


@given(WORDS.filter(str.strip), st.sampled_from([one for one in EN_AR if "<" in one] + HEADED[:3:2]))
def test_the_writers_own_words_survive_above_any_quote(above: str, attribution: str):
    kept = without_quotes(f"{above}\n\n{attribution}\n\nWhere is it?\nAli")[0]
    assert kept.split()[: len(above.split())] == above.split()


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
