"""Exports of messengers whose chats are JSON: their messages are the raw rows, read by the real reader."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ingest.files import raw_files
from curation.ingest.formats import Outcome, formats
from curation.ingest.reading import Ingest, beginnings, outcomes_of
from tests.builders import params
from tests.ingest.formats.rows import READING, contents, metadata, said

PARAMS = Ingest.model_validate(params("ingest"))


def read(folder: Path, files: Mapping[str, Any], roles: Mapping[str, str] | None = None) -> dict[str, list[Outcome]]:
    """What becomes of each file below a folder."""
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    told = PARAMS.model_copy(update={"roles": {**PARAMS.roles, **(roles or {})}})
    found = {}
    for file in raw_files(folder):
        [(head, chunks)] = beginnings(file, told)
        rows = [row for chunk in chunks for row in chunk.rows()]
        found[file.name] = outcomes_of(head, formats().get(head.kind), rows, told)
    return found


def only(folder: Path, document: Any, **roles: str) -> Outcome:
    (outcome,) = read(folder, {"export.json": document}, roles)["export.json"]
    return outcome


# -- Telegram ----------------------------------------------------------------------------------------------------------


def telegram(*sent: tuple[str, Any], kind: str = "personal_chat", **about: Any) -> dict[str, Any]:
    """A chat with Huda, who is number 5; everybody else is the owner of the account, number 9."""
    messages = [
        {
            "id": n,
            "type": "message",
            "date": f"2024-03-14T10:{n:02}:00",
            "from": name,
            "text": text,
            "from_id": "user5" if name in ("Huda", "هدى") else "user9",
        }
        for n, (name, text) in enumerate(sent)
    ]
    return {"name": "Huda", "type": kind, "id": 5, "messages": messages, **about}


def test_a_telegram_chat_with_a_call_a_link_and_no_time_zone(tmp_path: Path):
    messages = [
        {
            "id": 1,
            "type": "service",
            "date": "2024-03-14T10:00:00",
            "actor": "Huda",
            "action": "phone_call",
            "text": "",
        },
        {
            "id": 2,
            "type": "message",
            "date": "2024-03-14T10:01:00",
            "date_unixtime": "1710410460",
            "from": "Huda",
            "from_id": "user5",
            "text": ["See ", {"type": "link", "text": "https://a.example"}, " please"],
        },
        {
            "id": 3,
            "type": "message",
            "date": "2024-03-14T10:02:00",
            "from": "Lamp Shop",
            "from_id": "user9",
            "text": "Yes",
        },
    ]
    outcome = only(tmp_path, {"name": "Huda", "type": "personal_chat", "id": 5, "messages": messages})
    assert said(outcome) == [("user", "See https://a.example please"), ("assistant", "Yes")]
    assert dict(outcome.left_out) == {1: "notice"}
    assert outcome.provenance["customer"] == "Huda"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([("Nour", "Good morning"), ("Huda", "yes")], ["assistant", "user"]),
        ([("Huda", "hello"), ("Nour", "hi")], ["user", "assistant"]),
        ([("نور", "صباح الخير"), ("هدى", "صباح النور")], ["assistant", "user"]),
        ([("Nour", ""), ("Huda", ["a ", {"type": "bold", "text": "b"}]), ("Nour", "c")], ["user", "assistant"]),
        ([("Huda", [{"type": "mention", "text": "@nour"}, " hi"]), ("Nour", "c")], ["user", "assistant"]),
    ],
)
def test_the_customer_of_a_telegram_chat_is_whom_it_is_named_after(
    tmp_path: Path, sent: list[tuple[str, Any]], expected: list[str]
):
    assert [role for role, _ in said(only(tmp_path, telegram(*sent)))] == expected


def test_a_telegram_account_is_its_chats_and_notes_to_oneself_are_none(tmp_path: Path):
    chats = [
        telegram(("Nour", "Good morning"), ("Huda", "yes")),
        telegram(("Nour", "milk, eggs"), kind="saved_messages"),
        telegram(("FixBot", "Pick one"), ("Nour", "two"), kind="bot_chat", id=9, name="FixBot"),
        telegram(kind="private_group", name="nobody wrote"),
    ]
    account = {
        "personal_information": {"user_id": 9},
        "chats": {"about": "", "list": chats},
        "left_chats": {"list": []},
    }
    first, notes, bot = read(tmp_path, {"result.json": account})["result.json"]
    assert [role for role, _ in said(first)] == ["assistant", "user"]
    assert "notes to oneself" in str(notes.reason)
    assert [row.number for outcome in (first, notes, bot) for row in outcome.rows] == [1, 2, 3, 4, 5]
    assert said(bot)[0][1] == "Pick one"


def test_a_silence_cuts_a_telegram_chat_and_each_message_stays_a_raw_row(tmp_path: Path):
    chat = telegram(("Huda", "hello"), ("Nour", "hi"), ("Huda", "again"), ("Nour", "yes"))
    for message in chat["messages"][2:]:
        message["date"] = message["date"].replace("2024-03-14", "2024-03-20")
    first, second = read(tmp_path, {"result.json": chat})["result.json"]
    assert ([row.number for row in first.rows], [row.number for row in second.rows]) == ([1, 2], [3, 4])


# -- Messenger and Instagram -------------------------------------------------------------------------------------------


def mojibake(value: Any) -> Any:
    """As Facebook writes text down."""
    if isinstance(value, dict):
        return {key: mojibake(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [mojibake(inner) for inner in value]
    return value.encode().decode("latin-1") if isinstance(value, str) else value


def messenger(title: str, *sent: tuple[str, str], **more: Any) -> dict[str, Any]:
    messages = [
        {"sender_name": name, "timestamp_ms": 1710410400000 + 1000 * n, "content": text, **more}
        for n, (name, text) in enumerate(sent)
    ]
    people = [{"name": name} for name in dict.fromkeys(name for name, _ in sent)]
    return {"participants": people, "title": title, "thread_path": "inbox/h_1", "messages": messages[::-1]}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("هل المصباح متوفر؟", "نعم، متوفر"),
        ("Is it available?", "Yes 👍 it’s here"),
        ("C'est combien, s’il vous plaît ?", "Ça coûte 40 €"),
        ("Wie viel kostet die Lampe für draußen?", "Vierzig"),
        ("لمبة LED متوفرة؟", "Yes é"),
    ],
)
@pytest.mark.parametrize("broken", [True, False])
def test_a_messenger_thread_is_mended_and_stands_in_its_order(tmp_path: Path, question: str, answer: str, broken: bool):
    thread = messenger("هدى", ("هدى", question), ("نور", answer), ("هدى", "Reacted ❤ to your message "))
    outcome = only(tmp_path, mojibake(thread) if broken else thread)
    assert said(outcome) == [("user", question), ("assistant", answer)]
    assert dict(outcome.left_out) == {1: "notice"}
    assert outcome.provenance["customer"] == "هدى"


@pytest.mark.parametrize(
    "text",
    [
        "Nour sent an attachment.",
        "Nour sent a photo.",
        "You missed a call.",
        "Nour changed the theme to Love.",
        "Liked a message",
    ],
)
def test_what_messenger_says_of_itself_is_left_out(tmp_path: Path, text: str):
    outcome = only(tmp_path, messenger("Huda", ("Huda", "hello"), ("Nour", text), ("Nour", "I sent a photo.")))
    assert said(outcome) == [("user", "hello"), ("assistant", "I sent a photo.")]


def test_unsent_and_wordless_messages_are_left_out_and_told(tmp_path: Path):
    thread = messenger("Huda", ("Huda", "hello"), ("Nour", "x"), ("Nour", "y"), ("Nour", "z"))
    last, middle, second, _ = thread["messages"]
    second["is_unsent"] = True
    del middle["content"]
    outcome = only(tmp_path, thread)
    assert said(outcome) == [("user", "hello"), ("assistant", last["content"])]
    assert dict(outcome.left_out) == {2: "media", 3: "deleted message"}


# -- Discord -----------------------------------------------------------------------------------------------------------


def discord(*sent: tuple[str, str], channel: Mapping[str, Any] | None = None, **by_name: Any) -> dict[str, Any]:
    messages = [
        {
            "id": str(n),
            "type": "Default",
            "timestamp": f"2024-03-14T10:{n:02}:00.1+02:00",
            "content": text,
            "author": {"id": name, "name": name.lower(), "nickname": name, "isBot": False, **by_name.get(name, {})},
        }
        for n, (name, text) in enumerate(sent)
    ]
    return {"guild": {}, "channel": channel or {"type": "GuildTextChat", "name": "help"}, "messages": messages}


STAFF = {"roles": [{"name": "Support"}]}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (discord(("Ann", "Good day"), ("Bob", "hello"), Ann=STAFF), ["assistant", "user"]),
        (
            discord(("نور", "صباح الخير"), ("هدى", "مرحبا"), نور={"roles": [{"name": "خدمة العملاء"}]}),
            ["assistant", "user"],
        ),
        (
            discord(("Tick", "Ticket"), ("Bob", "hello"), ("Ann", "hi"), Tick={"isBot": True}),
            ["assistant", "user", "assistant"],
        ),
        (
            discord(("Ann", "Good day"), ("Bob", "hi"), channel={"type": "DirectTextChat", "name": "Bob"}),
            ["assistant", "user"],
        ),
        (discord(("Cy", "hello"), ("Bob", "hello"), ("Ann", "hi"), Ann=STAFF), ["user", "user", "assistant"]),
    ],
)
def test_roles_bots_and_direct_messages_of_discord_tell_the_team(
    tmp_path: Path, document: dict[str, Any], expected: list[str]
):
    assert [role for role, _ in said(only(tmp_path, document))] == expected


def test_joins_and_pins_of_discord_are_no_people_and_three_are_not_guessed(tmp_path: Path):
    document = discord(("Bob", "hello"), ("Dee", "Joined the server."), ("Ann", "hi"), ("Ann", "Pinned a message."))
    document["messages"][1]["type"], document["messages"][3]["type"] = "GuildMemberJoin", "ChannelPinnedMessage"
    outcome = only(tmp_path, document)
    assert [role for role, _ in said(outcome)] == ["user", "assistant"]
    assert dict(outcome.left_out) == {2: "notice", 4: "notice"}
    three = discord(("Bob", "hello"), ("Ann", "hi"), ("Dee", "hi as well"))
    assert "3 people speak" in str(only(tmp_path, three).reason)
    assert [role for role, _ in said(only(tmp_path, three, bob="user"))] == ["user", "assistant", "assistant"]


# -- Slack -------------------------------------------------------------------------------------------------------------


def slack(*sent: tuple[str, str, str], **more: Any) -> list[dict[str, Any]]:
    """Messages of users, each with its thread or ""."""
    return [
        {
            "type": "message",
            "user": user,
            "ts": f"17104104{n:02}.000100",
            "text": text,
            **more,
            **({"thread_ts": thread} if thread else {}),
        }
        for n, (user, text, thread) in enumerate(sent, 10)
    ]


USERS = [
    {"id": "U1", "name": "huda", "profile": {"display_name": "Huda", "real_name": "Huda Ali"}},
    {"id": "U2", "name": "sam", "profile": {"display_name": "", "real_name": "Support Sam"}},
]


def test_each_thread_of_slack_is_a_conversation_with_names_mentions_and_links(tmp_path: Path):
    day = slack(
        ("U1", "<@U2> see <https://a.example|the page> &amp; <#C1|help>", "1710410410.000100"),
        ("U1", "another thing", "1710410411.000100"),
        ("U2", "Done", "1710410410.000100"),
        ("U2", "Also done <mailto:a@b.example|a@b.example>", "1710410411.000100"),
        ("U1", "<@U1> has joined the channel", "1710410411.000100"),
    )
    day[4]["subtype"] = "channel_join"
    found = read(tmp_path, {"users.json": USERS, "channels.json": [], "help/2024-03-14.json": day})
    assert list(found) == ["help/2024-03-14.json"]
    first, second = found["help/2024-03-14.json"]
    assert said(first) == [
        ("user", "@Support Sam see [the page](https://a.example) & #help"),
        ("assistant", "Done"),
    ]
    assert said(second) == [("user", "another thing"), ("assistant", "Also done a@b.example")]
    assert dict(second.left_out) == {5: "notice"}


def test_slack_without_its_users_takes_the_names_that_messages_have(tmp_path: Path):
    day = slack(("U1", "مرحبا", ""), ("U2", "أهلا", ""), ("B1", "تم فتح التذكرة", ""))
    day[1]["user_profile"] = {"real_name": "فريق الدعم"}
    day[2] |= {"subtype": "bot_message", "bot_id": "B1", "username": "Ticket"}
    (outcome,) = read(tmp_path, {"day.json": day})["day.json"]
    assert [role for role, _ in said(outcome)] == ["user", "assistant", "assistant"]


def test_who_a_slack_user_is_counts_for_what_is_remembered_of_the_file(tmp_path: Path):
    from curation.ingest.files import key_of

    read(tmp_path, {"users.json": USERS, "help/2024-03-14.json": slack(("U1", "Hi", ""), ("U2", "Hello", ""))})
    (file,) = raw_files(tmp_path)
    before = key_of(file, "1")
    (tmp_path / "users.json").write_text("[]")
    assert key_of(file, "1") != before


# -- Teams -------------------------------------------------------------------------------------------------------------


def teams(*sent: tuple[str, str], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": str(n),
            "messageType": "message",
            "createdDateTime": f"2024-03-14T10:{n:02}:00Z",
            "chatId": "c",
            "from": {"user": {"displayName": name}},
            "body": {"contentType": "html", "content": text},
            **more,
        }
        for n, (name, text) in enumerate(sent, 10)
    ]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_teams_chat_comes_newest_first_in_html_with_events(tmp_path: Path, wrapped: bool):
    sent = teams(("Omar", "<p>Where is it?</p>"), ("Support Lina", "<div>On its way &amp; soon</div>"), ("x", ""))
    sent[2] |= {"messageType": "systemEventMessage", "from": None, "body": {"content": "<systemEventMessage/>"}}
    outcome = only(tmp_path, {"@odata.context": "x", "value": sent[::-1]} if wrapped else sent[::-1])
    assert said(outcome) == [("user", "Where is it?"), ("assistant", "On its way & soon")]
    assert dict(outcome.left_out) == {1: "notice"}


def test_guests_and_applications_of_teams_tell_the_sides_and_channels_are_cut_by_thread(tmp_path: Path):
    chat = teams(("لينا", "أهلا"), ("عمر", "مرحبا"), ("Flow", "opened"))
    chat[1]["from"]["user"]["userIdentityType"] = "anonymousGuest"
    chat[2]["from"] = {"application": {"displayName": "Flow"}}
    assert [role for role, _ in said(only(tmp_path, chat))] == ["assistant", "user", "assistant"]
    channel = teams(("Omar", "one"), ("Zoe", "two"), ("Support Lina", "to one"), ("Support Lina", "to two"))
    for message, thread in zip(channel, (None, None, "10", "11"), strict=True):
        message |= {"channelIdentity": {"channelId": "h"}, "replyToId": thread}
    first, second = read(tmp_path, {"export.json": channel})["export.json"]
    assert (said(first)[1], said(second)[1]) == (("assistant", "to one"), ("assistant", "to two"))


# -- all ---------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["Huda", "هدى", "Support Sam", "خدمة العملاء"])
TEXTS = st.text(st.characters(categories=["L", "Nd", "Zs"]), min_size=1, max_size=20)


@pytest.mark.parametrize("make", [telegram, discord, teams, lambda *sent: messenger("Huda", *sent)])
@given(sent=st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=8))
def test_every_message_of_a_chat_is_in_one_outcome_as_said_or_left_out(make: Any, sent: Sequence[tuple[str, str]]):
    made = make(*sent)
    rows = made if isinstance(made, list) else made["messages"]
    found = contents(*rows)
    (form,) = [form for form in formats().values() if form.recognises(found)]
    outcomes = list(form.read(found, READING))
    taken = [row.number for outcome in outcomes for row in outcome.rows]
    assert sorted(taken) == list(range(1, len(rows) + 1))
    for outcome in outcomes:
        if outcome.messages:
            assert len(outcome.messages) + len(outcome.left_out) == len(outcome.rows)
            assert "roles_told_by" in metadata(outcome) or "roles_assumed" in metadata(outcome)
