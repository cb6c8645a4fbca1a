"""Mailboxes and single mails: who is who, what belongs together, and what nobody typed."""

import gzip
import json
import mailbox
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.ingest.reading import Ingest
from tests.builders import params
from tests.ingest.formats.rows import HELLO, MARHABA
from tests.ingest.test_ingest import PARAMS, read, said

CUSTOMER, TEAM, OTHER = "Ali <ali@mail.example>", "Sara <sara@shop.example>", "Huda <huda@home.example>"
SEPARATOR = b"From MAILER Mon Jan  5 10:15:00 2026\n"


def mail(sender: str, to: str, text: str, number: int, **headers: str) -> EmailMessage:
    """A mail with an id, a date in the minute of its number, and further headers, their names with underscores."""
    found = EmailMessage()
    found["From"], found["To"] = sender, to
    found["Message-ID"] = f"<{number}@x.example>"
    found["Date"] = f"Mon, 05 Jan 2026 10:{number:02}:00 +0300"
    for name, value in headers.items():
        found[name.replace("_", "-")] = value
    found.set_content(text)
    return found


def thread(pairs: Sequence[tuple[str, str]], first: int = 1, customer: str = CUSTOMER) -> list[EmailMessage]:
    """Mails of a customer and the team, each answering the one before."""
    found: list[EmailMessage] = []
    for place, (role, text) in enumerate(pairs, first):
        ends = (customer, TEAM) if role == "user" else (TEAM, customer)
        answers = " ".join(str(one["Message-ID"]) for one in found)
        more = {"In_Reply_To": str(found[-1]["Message-ID"]), "References": answers} if found else {}
        found.append(mail(*ends, text, place, Subject="Re: Order" if found else "Order", **more))
    return found


def box(path: Path, *mails: EmailMessage | bytes) -> Path:
    parts = [one if isinstance(one, bytes) else one.as_bytes() for one in mails]
    path.write_bytes(b"".join(SEPARATOR + part.rstrip(b"\n") + b"\n\n" for part in parts))
    return path


def conversations(path: Path, using: Ingest = PARAMS) -> list[dict[str, Any]]:
    kind, found, quarantine = read(path, using)
    assert (kind, quarantine) == ("mailbox", [])
    return found


def using(**more: Any) -> Ingest:
    return Ingest.model_validate(params("ingest") | more)


# -- threads and people ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("talk", [HELLO, MARHABA], ids=["en", "ar"])
def test_mails_that_answer_one_another_are_a_conversation(talk: list[tuple[str, str]], tmp_path: Path):
    (found,) = conversations(box(tmp_path / "a.mbox", *thread(talk)))
    assert said(found) == talk
    assert (found["source_id"], found["customer"]) == ("<1@x.example>", "ali@mail.example")
    assert found["created_at"].isoformat() == "2026-01-05T07:01:00+00:00"
    assert json.loads(found["metadata"])["subject"] == "Order"


@settings(max_examples=20, deadline=None)  # files are written
@given(order=st.permutations(range(6)))
def test_threads_are_the_same_whatever_the_order_of_their_mails(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
):
    long = [*HELLO, ("user", "Thanks."), ("assistant", "You are welcome.")]
    mails = [*thread(long), *thread(MARHABA, 20, OTHER)]
    path = box(tmp_path_factory.mktemp("box") / "a.mbox", *(mails[place] for place in order))
    assert sorted(map(said, conversations(path))) == sorted([long, MARHABA])


@pytest.mark.parametrize("step", [1, -1], ids=["oldest first", "newest first"])
def test_mails_without_references_belong_together_by_subject_and_people(step: int, tmp_path: Path):
    mails = [
        mail(CUSTOMER, TEAM, "Where is my order?", 1, Subject="Order"),
        mail(OTHER, TEAM, "أين طلبي؟", 2, Subject="Order"),
        mail(TEAM, CUSTOMER, "On its way.", 3, Subject="RE: Order"),
        mail(TEAM, OTHER, "هو في الطريق إليك.", 4, Subject="رد: Order"),
        mail(CUSTOMER, TEAM, "Another order is late too.", 5, Subject="Order"),
    ]
    found = [said(one) for one in conversations(box(tmp_path / "a.mbox", *mails[::step]))]
    assert sorted(found) == sorted([HELLO, MARHABA, [("user", "Another order is late too.")]])


def test_gmails_thread_joins_mails_that_lost_their_references(tmp_path: Path):
    mails = thread(HELLO)
    for one in mails:
        del one["References"], one["In-Reply-To"]
        one["X-GM-THRID"] = "17"
    (found,) = conversations(box(tmp_path / "a.mbox", *mails))
    assert said(found) == HELLO


def test_the_team_is_the_domain_in_most_threads_also_where_it_writes_first(tmp_path: Path):
    first = [("assistant", "Your order is late."), ("user", "When then?")]
    mails = [*thread(first), *thread(first, 10, OTHER), *thread(HELLO, 20, "Omar <omar@third.example>")]
    found = conversations(box(tmp_path / "a.mbox", *mails))
    assert [said(one) for one in found] == [first, first, HELLO]
    assert "shop.example is taken for the team" in json.loads(found[0]["metadata"])["roles_assumed"]


def test_a_team_with_free_mail_is_an_address(tmp_path: Path):
    mails = [mail(f"c{n}@gmail.com", "our.shop@gmail.com", "Hello?", n) for n in range(1, 4)]
    mails += [
        mail("our.shop@gmail.com", f"c{n}@gmail.com", "Yes?", 10 + n, In_Reply_To=f"<{n}@x.example>")
        for n in range(1, 4)
    ]
    found = conversations(box(tmp_path / "a.mbox", *mails))
    assert [said(one) for one in found] == [[("user", "Hello?"), ("assistant", "Yes?")]] * 3


def test_a_help_desk_within_one_company_is_an_address(tmp_path: Path):
    mails = [mail(f"c{n}@corp.example", "it@corp.example", "My screen is dark.", n) for n in range(1, 4)]
    mails.append(mail("it@corp.example", "c1@corp.example", "Press the button.", 9, In_Reply_To="<1@x.example>"))
    found = conversations(box(tmp_path / "a.mbox", *mails))
    assert said(found[0]) == [("user", "My screen is dark."), ("assistant", "Press the button.")]
    assert {said(one)[0][0] for one in found} == {"user"}


@pytest.mark.parametrize(
    "told",
    [
        {"team_domains": ["mail.example"]},
        {"team_domains": ["ali@mail.example"]},
        {"roles": {**params("ingest")["roles"], "mail.example": "assistant"}},
        {"roles": {**params("ingest")["roles"], "ali@mail.example": "assistant"}},
        {
            "team_domains": ["mail.example", "shop.example"],
            "roles": {**params("ingest")["roles"], "sara@shop.example": "user"},
        },
    ],
)
def test_params_say_who_is_the_team(told: dict[str, Any], tmp_path: Path):
    (found,) = conversations(box(tmp_path / "a.mbox", *thread(HELLO)), using(**told))
    assert [role for role, _ in said(found)] == ["assistant", "user"]
    assert "roles_assumed" not in json.loads(found["metadata"])


def test_who_is_in_copy_writes_for_the_customer_and_colleagues_for_the_team(tmp_path: Path):
    mails = thread(HELLO)
    more = {"Cc": OTHER, "References": "<1@x.example>"}
    mails.append(mail(OTHER, TEAM, "Mine too.", 3, **more))
    mails.append(mail("Omar <omar@help.shop.example>", CUSTOMER, "Both tomorrow.", 4, **more))
    (found,) = conversations(box(tmp_path / "a.mbox", *mails))
    assert said(found) == [*HELLO, ("user", "Mine too."), ("assistant", "Both tomorrow.")]


# -- what nobody typed, or nobody outside read -------------------------------------------------------------------------

AUTOMATIC = [
    {"Auto_Submitted": "auto-replied"},
    {"Auto_Submitted": "auto-generated; owner-email=x@x.example"},
    {"X_Autoreply": "yes"},
    {"Precedence": "auto_reply"},
    {"Subject": "Automatic reply: Order"},
    {"Subject": "رد تلقائي: طلبي"},
    {"Return_Path": "<>"},
]


@pytest.mark.parametrize("headers", AUTOMATIC)
def test_automatic_mails_are_left_out_and_counted(headers: dict[str, str], tmp_path: Path):
    mails = [*thread(HELLO), mail(TEAM, CUSTOMER, "We got your mail.", 3, References="<1@x.example>", **headers)]
    (found,) = conversations(box(tmp_path / "a.mbox", *mails))
    assert said(found) == HELLO
    assert sum(json.loads(found["metadata"])["left_out"].values()) == 1


def test_bounces_copies_and_mails_within_the_team_are_left_out(tmp_path: Path):
    answers = {"References": "<1@x.example>"}
    mails = [
        *thread(HELLO),
        thread(HELLO)[0],
        mail("MAILER-DAEMON@shop.example", TEAM, "Undelivered", 3, **answers),
        mail(TEAM, "Omar <omar@shop.example>", "he is slow", 4, **answers),
    ]
    (found,) = conversations(box(tmp_path / "a.mbox", *mails))
    assert said(found) == HELLO
    left_out = {"bounce": 1, "mail within the team": 1, "second copy": 1}
    assert json.loads(found["metadata"])["left_out"] == left_out


def test_a_thread_that_nobody_typed_is_a_reason(tmp_path: Path):
    path = box(tmp_path / "a.mbox", mail(TEAM, CUSTOMER, "We are closed.", 1, Auto_Submitted="auto-replied"))
    _, found, (unread,) = read(path)
    assert (found, unread["reason"]) == ([], "it has no message but automatic mails")


@pytest.mark.parametrize("subject", ["Out of office chairs?", "Automatic doors", "Re: Auto reply in your app"])
def test_what_a_customer_asks_about_is_not_automatic(subject: str, tmp_path: Path):
    (found,) = conversations(box(tmp_path / "a.mbox", mail(CUSTOMER, TEAM, "Do you have it?", 1, Subject=subject)))
    assert said(found) == [("user", "Do you have it?")]


# -- how mails are written ---------------------------------------------------------------------------------------------

HEAD = b"From: =?utf-8?b?2LnZhNmK?= <ali@mail.example>\nTo: sara@shop.example\nMessage-ID: <1@x.example>\n"
QUESTION = "أين طلبي؟ دفعت ١٢٠ ريالاً."
WESTERN_DIGITS = QUESTION.replace("١٢٠", "120")  # Windows-1256 has no others
BODIES = {
    "quoted-printable": b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    + "".join(
        f"={byte:02X}" + ("=\n" if place % 20 == 19 else "") for place, byte in enumerate(QUESTION.encode())
    ).encode(),
    "windows-1256": b"Content-Type: text/plain; charset=windows-1256\n\n" + WESTERN_DIGITS.encode("cp1256"),
    "iso-8859-6 called utf-8": b"Content-Type: text/plain; charset=utf-8\n\n" + WESTERN_DIGITS.encode("cp1256"),
    "an unknown charset": b"Content-Type: text/plain; charset=x-unknown\n\n" + QUESTION.encode(),
    "no charset": b"Content-Type: text/plain\n\n" + QUESTION.encode(),
    "html": b"Content-Type: text/html; charset=utf-8\n\n" + f"<div dir=rtl>{QUESTION}</div>".encode(),
    "empty text beside html": (
        b'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/plain\n\n \n--b\n'
        b"Content-Type: text/html; charset=utf-8\n\n" + f"<p>{QUESTION}</p>".encode() + b"\n--b--\n"
    ),
    "text beside html": (
        b'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n'
        + QUESTION.encode()
        + b"\n--b\nContent-Type: text/html\n\n<p>other</p>\n--b--\n"
    ),
    "flowed": b"Content-Type: text/plain; charset=utf-8; format=flowed\n\n" + QUESTION.replace("؟ ", "؟ \n").encode(),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
def test_a_mail_is_read_in_whatever_way_it_is_written(name: str, end: bytes, tmp_path: Path):
    path = tmp_path / "a.eml"
    path.write_bytes((HEAD + BODIES[name]).replace(b"\n", end))
    (found,) = conversations(path)
    assert [(role, text.replace("١٢٠", "120")) for role, text in said(found)] == [("user", WESTERN_DIGITS)]


def test_attachments_are_counted_and_no_words_are_lost_to_them(tmp_path: Path):
    first, *others = thread(HELLO)
    first.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="فاتورة.pdf")
    first.add_attachment("a note in a file", filename="note.txt")
    (found,) = conversations(box(tmp_path / "a.mbox", first, *others))
    assert said(found) == HELLO
    assert json.loads(found["metadata"])["attachments"] == 2


def test_quotes_and_signatures_of_mails_go(tmp_path: Path):
    quote = (
        "On its way.\n\nBest regards,\nSara Ahmed\n\nOn Mon, Jan 5, 2026 at 10:01 AM Ali <ali@mail.example>\nwrote:\n"
    )
    mails = thread([HELLO[0], ("assistant", f"{quote}> Where is my order?\n")])
    (found,) = conversations(box(tmp_path / "a.mbox", *mails))
    assert said(found) == HELLO


def test_a_mail_that_says_all_in_its_subject_says_that(tmp_path: Path):
    (found,) = conversations(box(tmp_path / "a.mbox", mail(CUSTOMER, TEAM, "", 1, Subject="Where is my order?")))
    assert said(found) == [HELLO[0]]


def test_headers_in_windows_arabic_are_read(tmp_path: Path):
    path = tmp_path / "a.eml"
    head = HEAD + "Subject: أين طلبي يا سادة؟\n".encode("cp1256")
    path.write_bytes(head + b"\n\n")
    (found,) = conversations(path)
    assert said(found) == [("user", "أين طلبي يا سادة؟")]


def test_lines_that_begin_with_from_are_words_and_escaped_ones_are_restored(tmp_path: Path):
    text = "Hello\n\nFrom Riyadh I need two.\n>From here too.\n"
    path = tmp_path / "a.mbox"
    written = mailbox.mbox(path)
    for one in thread([("user", text), HELLO[1]]):
        written.add(one)
    written.close()
    (found,) = conversations(path)
    assert said(found)[0][1] == "Hello\n\nFrom Riyadh I need two.\n>From here too.".replace(">From here", "From here")
    unescaped = box(tmp_path / "b.mbox", *thread([("user", text), HELLO[1]]))
    assert "From Riyadh I need two." in said(conversations(unescaped)[0])[0][1]


@pytest.mark.parametrize("name", ["a.mbox", "takeout", "mails.txt", "a.mbox.gz"])
def test_a_mailbox_is_known_whatever_it_is_called(name: str, tmp_path: Path):
    path = box(tmp_path / name, *thread(HELLO))
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    (found,) = conversations(path)
    assert said(found) == HELLO


@pytest.mark.parametrize("name", ["a.eml", "1704448500.M1P2.host", "mail.txt"])
def test_a_single_mail_is_known_whatever_it_is_called(name: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(b"Received: from x.example\n\tby y.example\n" + HEAD + BODIES["html"])
    (found,) = conversations(path)
    assert said(found) == [("user", QUESTION)]


def test_a_transcript_with_from_and_to_is_no_mail(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("From: Ali\nTo: Sara\nSubject: Order\n\nHello")
    assert read(path)[0] != "mailbox"


def test_mails_of_one_thread_in_files_of_their_own_name_the_same_beginning(tmp_path: Path):
    first, second, third = thread([*HELLO, ("user", "Thanks.")])
    found = []
    for name, one in (("1.eml", first), ("2.eml", second), ("3.eml", third)):
        (tmp_path / name).write_bytes(one.as_bytes())
        found += conversations(tmp_path / name)
    assert [said(one) for one in found] == [[HELLO[0]], [HELLO[1]], [("user", "Thanks.")]]
    assert {one["source_id"] for one in found} == {"<1@x.example>"}


BROKEN = {
    "nobody wrote it": (b"To: sara@shop.example\nMessage-ID: <1@x.example>\nDate: x\n\nHello", "who wrote it"),
    "nothing": (b"\n\n\n", "who wrote it"),
    "half a header": (b"From\nHello", "who wrote it"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_mails_are_quarantined_with_a_reason_and_break_no_other(name: str, tmp_path: Path):
    data, reason = BROKEN[name]
    _, found, quarantine = read(box(tmp_path / "a.mbox", *thread(HELLO), data, *thread(MARHABA, 10, OTHER)))
    assert sorted(map(said, found)) == sorted([HELLO, MARHABA])
    assert [reason in row["reason"] for row in quarantine] == [True]


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_a_mailbox_every_mail_is_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
):
    path = box(tmp_path_factory.mktemp("box") / "a.mbox", *thread(HELLO), *thread(MARHABA, 10, OTHER))
    whole = path.read_bytes()
    place = data.draw(st.integers(len(SEPARATOR), len(whole)))
    path.write_bytes(whole[:place] + data.draw(st.binary(max_size=12)) + whole[place + data.draw(st.integers(0, 40)) :])
    _, found, quarantine = read(path)
    assert found or quarantine


def test_the_rows_of_a_thread_say_why_they_are_not_in_it():
    from curation.ingest.formats import formats
    from curation.ingest.mails import mail_row
    from tests.ingest.formats.rows import READING, contents

    mails = [
        *thread(HELLO),
        mail(TEAM, CUSTOMER, "Closed.", 3, References="<1@x.example>", Auto_Submitted="auto-replied"),
    ]
    rows = [mail_row(number, one.as_bytes()) for number, one in enumerate(mails, 1)]
    (outcome,) = formats()["mailbox"].read(contents(*rows), READING)
    assert outcome.left_out == {3: "automatic mail"}
    assert [row.number for row in outcome.rows] == [1, 2, 3]


@pytest.mark.parametrize("sign", ["(", "[(", '"(', "=?utf-8?q?(", "<("])
def test_a_header_made_to_exhaust_the_parser_stops_nothing(sign: str, tmp_path: Path):
    hostile = f"From: {sign * 1000}x@mail.example\nTo: a@shop.example\nSubject: {sign * 3000}\n"
    path = tmp_path / "a.eml"
    path.write_text(f"{hostile}Message-ID: <1@x>\nMIME-Version: 1.0\nDate: {sign * 500}\n\nWhere is my order?\n")
    read(path)
