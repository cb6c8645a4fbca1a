"""Exports of WhatsApp, of both systems and in both languages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.formats import Outcome, formats
from curation.ingest.rows import Contents, RawRow
from tests.ingest.formats.rows import (
    ANDROID,
    ANDROID_ARABIC,
    HELLO,
    IOS,
    IOS_ARABIC,
    MARHABA,
    READING,
    lines,
    metadata,
    only,
    outcomes,
    said,
)


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        (ANDROID, [("user", "Where is\nmy order?"), HELLO[1]]),
        (ANDROID_ARABIC, MARHABA),
        (IOS, HELLO),
        (IOS_ARABIC, MARHABA),
    ],
)
def test_whatsapp_exports_of_both_systems_and_languages(export: str, expected: list[tuple[str, str]]):
    outcome = only(*lines(export))
    assert said(outcome) == expected
    assert outcome.provenance["created_at"].replace(second=0) == datetime(2024, 12, 31, 21, 15, tzinfo=UTC)
    assert "roles_assumed" in metadata(outcome)
    assert outcome.provenance["customer"] in ("Ali", "علي")


def test_people_of_a_chat_are_who_params_say_they_are():
    export = [f"[31/12/2024, 21:15] {name}: Hi" for name in ("Zaafaran Home", "Ali", "Mona")]
    assert "3 people speak in this chat (first in rows 1, 2 and 3)" in str(only(*export).reason)
    mapped = READING.model_copy(update={"roles": {**READING.roles, "zaafaran home": "assistant"}})
    outcome = only(*export, reading=mapped)
    assert [role for role, _ in said(outcome)] == ["assistant", "user", "user"]
    assert "roles_assumed" not in metadata(outcome)


def test_a_long_silence_starts_a_new_conversation():
    start = datetime(2025, 1, 31, 23)
    times = [start, start + timedelta(hours=11), start + timedelta(hours=24), start + timedelta(hours=25)]
    export = [f"{moment:%d/%m/%Y, %H:%M} - {name}: hello" for moment, name in zip(times, "ABAB", strict=True)]
    first, second = outcomes(*export)
    assert ([row.number for row in first.rows], [row.number for row in second.rows]) == ([1, 2], [3, 4])
    assert len(outcomes(*export, reading=READING.model_copy(update={"silence_hours": 24}))) == 1


def test_which_number_is_the_month_is_told_by_the_whole_chat():
    def days(*dates: str) -> list[Any]:
        export = [f"{date}, 10:00 - {name}: hello" for date, name in zip(dates, "ABAB", strict=False)]
        return [outcome.provenance["created_at"].date().isoformat() for outcome in outcomes(*export)]

    assert days("1/2/25", "1/13/25") == ["2025-01-02", "2025-01-13"]
    assert days("1/2/25", "13/2/25") == ["2025-02-01", "2025-02-13"]
    assert days("2025-02-01", "2025-02-13") == ["2025-02-01", "2025-02-13"]
    assert days("30.01.25", "02.02.25") == ["2025-01-30", "2025-02-02"]


def test_a_chat_of_media_and_notices_only_is_refused():
    outcome = only("12/31/24, 9:15 PM - Ali: <Media omitted>", "12/31/24, 9:15 PM - Ali left")
    assert "nobody says anything" in str(outcome.reason)


def test_null_names_lost_media_only_as_whatsapp_writes_it():
    lines = ("12/31/24, 9:15 PM - Ali: NULL", "12/31/24, 9:16 PM - Ali: null", "12/31/24, 9:17 PM - Sara: Null?")
    assert [m["content"] for m in only(*lines).messages or ()] == ["NULL", "Null?"]


NAMES = st.sampled_from(["Ali", "خدمة العملاء", "+966 55 000 0000"])
SAYINGS = st.text(st.characters(categories=["L", "Nd", "P", "Zs"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip()) and "\u200e" not in text and text.strip() != "null"  # so it names lost media
)


@given(st.lists(st.tuples(NAMES, SAYINGS), min_size=1, max_size=8))
def test_what_whatsapp_writes_is_what_is_read(sent: list[tuple[str, str]]):
    export = [f"[31/12/2024, 21:15:{n:02}] {name}: {text}" for n, (name, text) in enumerate(sent)]
    assert [text for _, text in said(only(*export))] == [text.strip() for _, text in sent]


# -- notices are no people ---------------------------------------------------------------------------------------------


def chat(*said_lines: str) -> list[str]:
    """A chat of Android, a minute a line."""
    return [f"31/12/2024, 09:{minute:02} - {line}" for minute, line in enumerate(said_lines, 10)]


def in_file(name: str, *texts: str, regulars: frozenset[str] = frozenset()) -> Outcome:
    rows = [RawRow(number, text) for number, text in enumerate(texts, 1)]
    found = Contents(iter(rows), rows, name=name, regulars=regulars)
    (outcome,) = formats()["whatsapp"].read(found, READING)
    return outcome


TALK = ("Rana: my mixer makes a loud noise", "Samir Fix: Hello, please stop it")
TALKED = [("user", "my mixer makes a loud noise"), ("assistant", "Hello, please stop it")]


@pytest.mark.parametrize(
    "notice",
    [
        "Rana created group “Repairs: Amman”",
        'Rana created group "Repairs: Amman"',
        "You created group “Orders: 2024”",
        "Rana changed the subject from “Repairs: old” to “Repairs: new”",
        "Rana changed the group name to Repairs: Amman",
        "Rana changed this group's icon",
        "Rana changed the group description",
        "Rana added Lina: Kitchen",
        "Rana added +962 7 9000 0000",
        "Lina joined using this group's invite link",
        "Lina left",
        "Lina changed their phone number. Tap to message or add the new number.",
        "Your security code with Lina changed. Tap to learn more.",
        "Rana pinned a message",
        "Rana turned on disappearing messages. New messages will disappear from this chat 24 hours after they're sent.",
        "This chat is with a business account. Tap to learn more: https://faq.whatsapp.com",
        "This business uses a secure service from Meta to manage this chat. See https://faq.whatsapp.com/a",
        "Missed voice call at 10:30",
        "أنشأ رنا المجموعة “صيانة: عمّان”",
        "رنا أنشأت المجموعة «صيانة: عمان»",
        "غيّر رنا اسم المجموعة من “صيانة: قديم” إلى “صيانة: جديد”",
        "تمت إضافة لينا: المطبخ",
        "الرسائل والمكالمات مشفرة تمامًا بين الطرفين: اضغط لمعرفة المزيد",
        "Ana creó el grupo “Taller: Madrid”",
        "Zoé a créé le groupe « Atelier : Paris »",
        "Jan hat die Gruppe „Werkstatt: Bonn“ erstellt",
        'Ayşe "Tamir: Ankara" grubunu oluşturdu',
        "Ана создала группу «Ремонт: Москва»",
    ],
)
def test_a_notice_is_nobody_also_where_it_holds_a_colon(notice: str):
    outcome = only(*chat(notice, *TALK))
    assert said(outcome) == TALKED
    assert dict(outcome.left_out) == {1: "notice"}


@pytest.mark.parametrize(
    "name",
    ["Left Bank Cafe", "Joined Woodworks", "Value Added Services", "Group 4", "O'Neil", "سارة غادر", "Sam 🔧", "Added"],
)
def test_a_person_is_a_person_whatever_the_name_and_how_often_it_speaks(name: str):
    outcome = only(*chat(f"{name}: where is my order?", "Samir Fix: On its way"))
    assert said(outcome)[0][1] == "where is my order?"
    assert len(said(outcome)) == 2


@pytest.mark.parametrize(
    "mark",
    [
        "<Media omitted>",
        "<تم استبعاد الوسائط>",
        "<Multimedia omitido>",
        "<Médias omis>",
        "<Medien ausgeschlossen>",
        "<Arquivo de mídia oculto>",
        "<Medya dahil edilmedi>",
        "<Media tidak disertakan>",
        "<رسانه پیوست نشده است>",
        "<Без медиафайлов>",
        "<View once voice message omitted>",
        "This message was deleted",
        "You deleted this message",
        "This message was deleted by admin Lina.",
        "تم حذف هذه الرسالة.",
        "حذفتَ هذه الرسالة",
        "Se eliminó este mensaje.",
        "Waiting for this message. This may take a while.",
        "في انتظار هذه الرسالة. قد يستغرق ذلك بعض الوقت.",
        "Missed video call",
        "مكالمة صوتية فائتة",
        "IMG-20241231-WA0001.jpg (file attached)",
        "IMG-20241231-WA0001.jpg (الملف مرفق)",
        "\u200ePTT-20241231-WA0002.opus (archivo adjunto)",
        "Receipt March.pdf (Datei angehängt)",
        "Lina.vcf (file attached)",
        "location: https://maps.google.com/?q=31.95,35.91",
        "الموقع: https://maps.google.com/?q=31.95,35.91",
        "POLL:\nWhich day?\nOPTION: Monday (2 votes)\nOPTION: Friday (0 votes)",
        "null",
    ],
)
def test_what_stands_in_place_of_words_is_left_out_and_told(mark: str):
    outcome = only(*lines("\n".join(chat(TALK[0], f"Rana: {mark}", TALK[1]))))
    assert said(outcome) == TALKED
    assert set(outcome.left_out) == set(range(2, 3 + mark.count("\n")))
    assert metadata(outcome)["messages_without_text"] == 1


@pytest.mark.parametrize(
    "words",
    [
        "I left",
        "Photo",
        "Voice call, please",
        "somebody deleted this message of mine",
        "تمت إضافة الخصم لحسابك",
        "أضاف المندوب قطعة",
        "غادر الموظف قبل أن أصل",
        "click <Sign in> and then (file attached)",
        "This chat is fine: thanks",
        "see https://maps.google.com/?q=1,2 and call me",
    ],
)
def test_what_people_write_stays_though_it_sounds_like_the_app(words: str):
    assert ("user", words) in said(only(*chat(TALK[0], f"Rana: {words}", TALK[1])))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("DOC-20240104-WA0003.pdf (file attached)\nThis is the guide", "This is the guide"),
        ("\u200eIMG-20240104-WA0003.jpg (الملف مرفق)\nهذا هو الدليل", "هذا هو الدليل"),
        ("<Media omitted>\nThis is the guide", "This is the guide"),
        ("This is the guide \u200e<attached: 00000012-PHOTO-2024-01-04.jpg>", "This is the guide"),
        ("<adjunto: 00000012-PHOTO.jpg>\nEsta es la guía", "Esta es la guía"),
        ("Datos.xlsx (archivo adjunto)\nEsta es la guía", "Esta es la guía"),
        ("This is the guide \u200e<This message was edited>", "This is the guide"),
        ("هذا هو الدليل <تم تعديل هذه الرسالة>", "هذا هو الدليل"),
        ("Das ist er \u200e<Diese Nachricht wurde bearbeitet>", "Das ist er"),
        ("@\u2068Lina\u2069 look at this", "@Lina look at this"),
        ("see https://a.example/x?y=1: all of it", "see https://a.example/x?y=1: all of it"),
    ],
)
def test_marks_leave_the_words_and_captions_stay(written: str, words: str):
    outcome = only(*lines("\n".join(chat(TALK[0], f"Samir Fix: {written}"))))
    assert said(outcome) == [TALKED[0], ("assistant", words)]


def test_an_export_of_ios_names_the_group_before_what_the_app_says():
    export = """
[31/12/2024, 21:15:03] Repairs: \u200eMessages and calls are end-to-end encrypted.
[31/12/2024, 21:15:03] Repairs: \u200eRana created this group
[31/12/2024, 21:15:04] You: \u200eYou were added
[31/12/2024, 21:15:05] Rana: my order is late
[31/12/2024, 21:16:00] Dr: Sam: hello there
[31/12/2024, 21:16:01] Dr: Sam: \u200eInvoice March.pdf • \u200e2 pages \u200edocument omitted
[31/12/2024, 21:16:02] Dr: Sam: it comes
today
[31/12/2024, 21:16:03] Rana: \u200eVoice call, \u200e2 min
"""
    outcome = only(*lines(export))
    assert said(outcome) == [
        ("user", "my order is late"),
        ("assistant", "hello there"),
        ("assistant", "it comes\ntoday"),
    ]
    assert set(outcome.left_out) == {1, 2, 3, 6, 9}
    assert outcome.told.startswith('team: "Dr: Sam"; customer: "Rana"')


def test_blank_lines_of_a_message_stay():
    rows = [RawRow(1, chat("Rana: one")[0]), RawRow(4, "two"), RawRow(5, chat("Samir Fix: three")[0])]
    (outcome,) = formats()["whatsapp"].read(Contents(iter(rows), rows), READING)
    assert said(outcome)[0] == ("user", "one\n\n\ntwo")


@pytest.mark.parametrize(
    ("language", "notice"),
    [
        ("Spanish", "Los mensajes y las llamadas están cifrados de extremo a extremo. Nadie fuera de este chat"),
        ("French", "Les messages et les appels sont chiffrés de bout en bout. Aucun tiers, pas même WhatsApp"),
        ("German", "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. Niemand außerhalb dieses Chats"),
        ("Portuguese", "As mensagens e as ligações são protegidas com a criptografia de ponta a ponta"),
        ("Turkish", "Mesajlar ve aramalar uçtan uca şifrelidir. Bu sohbetin dışında hiç kimse"),
        ("Indonesian", "Pesan dan panggilan terenkripsi secara end-to-end. Tidak seorang pun"),
        ("Urdu", "پیغامات اور کالز شروع سے آخر تک مرموز ہیں"),
        ("Persian", "پیام‌ها و تماس‌ها به‌صورت سرتاسری رمزگذاری شده‌اند"),
        (None, "Messages and calls are end-to-end encrypted. No one outside of this chat can read them."),
        (None, "الرسائل والمكالمات مشفرة تمامًا بين الطرفين."),
    ],
)
def test_the_language_of_the_phone_is_told_where_it_is_neither_english_nor_arabic(language: str | None, notice: str):
    assert metadata(only(*chat(notice, *TALK))).get("phone_language") == language


# -- who is who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "texts", "team"),
    [
        ("", ("Lamp Shop: Good morning", "Huda: good morning"), "Lamp Shop"),
        ("", ("متجر المصابيح: صباح الخير", "هدى: صباح النور"), "متجر المصابيح"),
        ("", ("Nour: Hello, thank you for contacting us", "Huda: hello"), "Nour"),
        ("", ("نور: أهلاً، كيف أقدر أساعدك؟", "هدى: مرحبا"), "نور"),
        ("", ("Nour: Good morning", "Huda: I would like to return my lamp"), "Nour"),
        ("", ("نور: صباح الخير", "هدى: وين طلبي؟"), "نور"),
        ("WhatsApp Chat with Huda.txt", ("Nour: Good morning", "Huda: yes"), "Nour"),
        ("WhatsApp Chat - Huda Ali.zip/_chat.txt", ("Nour: Good morning", "Huda Ali: yes"), "Nour"),
        ("دردشة واتساب مع هدى.txt", ("نور: صباح الخير", "هدى: نعم"), "نور"),
        ("chats/WhatsApp-Chat mit Huda.txt", ("Nour: Guten Tag", "Huda: ja"), "Nour"),
        ("", ("Nour: Good morning", "+962 7 9000 0000: yes"), "Nour"),
        ("", ("Nour: Good morning", "~ Huda: yes"), "Nour"),
        ("", ("You: Good morning", "Huda: yes"), "You"),
        ("", ("أنت: صباح الخير", "هدى: نعم"), "أنت"),
        ("", ("Huda: Good morning", "Nour: yes"), "Nour"),
    ],
)
def test_a_team_that_greets_first_is_not_taken_for_the_customer(name: str, texts: tuple[str, str], team: str):
    outcome = in_file(name, *chat(*texts))
    roles = ["assistant" if text.removeprefix("~ ").startswith(f"{team}:") else "user" for text in texts]
    assert [role for role, _ in said(outcome)] == roles
    assert f'team: "{team}"; customer: ' in outcome.told


def test_who_speaks_in_most_chats_of_a_folder_is_the_team():
    outcome = in_file("", *chat("Nour: Good morning", "Huda: yes"), regulars=frozenset(["Nour"]))
    assert [role for role, _ in said(outcome)] == ["assistant", "user"]
    both = in_file("", *chat("Nour: Good morning", "Huda: yes"), regulars=frozenset(["Nour", "Huda"]))
    assert [role for role, _ in said(both)] == ["user", "assistant"]  # pages of one chat tell nothing


def test_of_more_than_two_people_none_is_guessed():
    group = chat("Rana: my mixer is loud", "Samir Fix: please stop it", "Lina Fix: we collect it", "Rana: thanks")
    held = only(*group)
    assert held.messages is None
    assert "3 people speak in this chat (first in rows 1, 2 and 3)" in str(held.reason)
    assert "Rana" not in str(held.reason)
    mapped = READING.model_copy(update={"roles": {**READING.roles, "rana": "user"}})
    assert [role for role, _ in said(only(*group, reading=mapped))] == ["user", "assistant", "assistant", "user"]
    half = {**READING.roles, "rana": "user", "samir fix": "assistant"}
    unsure = only(*group, reading=READING.model_copy(update={"roles": half}))
    assert "the sides of only 2 are known" in str(unsure.reason)


@given(st.permutations(["Rana: my mixer is loud", "Shelf Team: please stop it", "Omar: and mine"]))
def test_a_team_that_says_so_is_the_team_wherever_it_stands(texts: list[str]):
    roles = dict(zip((text.split(":")[0] for text in texts), (r for r, _ in said(only(*chat(*texts)))), strict=True))
    assert roles == {"Rana": "user", "Shelf Team": "assistant", "Omar": "user"}
