"""Two replies before people: what they are shown, and what comes back."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from curation.consensus.consensus import ModelJudge, Pairs, Review
from curation.core.record.conversation import conversations
from curation.core.record.pairs import PATH, read_judgements, reply_hash, write_judgements
from curation.harness.endpoint import Completion, UnansweredError
from curation.harness.errors import QiratError
from curation.review import annotators, commands, model_judge
from curation.review.commands import app
from curation.review.pairs import COLUMNS, between, pairs_of_now, pull, push, records, take_in
from tests.builders import ROOT, save, talk
from tests.review.fake_server import FakeServer, present, response

PARAMS = Review(pairs=Pairs(gold=0.25))
ARMS = ("adapter", "prompted", "few_shot", "base")
OPENINGS = {"en": "Where is order {n}? Call +966 55 123 4567", "ar": "أين الطلب {n}؟ اتصلوا على 0551234567"}
OWN = {
    "en": "Order {n} is on its way and arrives tomorrow, word{n}.",
    "ar": "الطلب {n} في الطريق إليك ويصل غداً إن شاء الله كلمة{n}.",
}


def said(arm: str, n: int) -> str:
    return f"=cmd {n} **{arm[::-1]}** call +966 55 123 4567" if n % 2 else f"رد {arm[::-1]} {n} 0551234567"


def written(ids: list[str], texts: Mapping[str, str] | None = None) -> pl.DataFrame:
    rows = [
        (arm, key, turn, (texts or {}).get(arm, said(arm, n)))
        for n, key in enumerate(ids)
        for arm in ARMS
        for turn in (1, 3)
    ]
    return pl.DataFrame(rows, schema=["arm", "conversation_id", "turn", "text"], orient="row")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after evaluate: 12 test conversations that all arms answered, 20 of dev, half of them Arabic."""
    monkeypatch.chdir(tmp_path)
    spoken = ["en" if n % 2 else "ar" for n in range(36)]
    rows = [
        {
            "row_id": f"f:{n}",
            "source": "t",
            "language": code,
            "messages": talk(OPENINGS[code].format(n=n), OWN[code].format(n=n), "Ok", OWN[code].format(n=n + 100)),
        }
        for n, code in enumerate(spoken)
    ]
    table = conversations(rows).with_columns(parent_id=pl.lit(None, pl.String))
    save(tmp_path, "ingested/conversations", table)
    for split, part in (("test", table[:12]), ("dev", table[12:32]), ("train", table[32:])):
        save(tmp_path, f"splits/{split}", part)
    save(tmp_path, "evaluated/predictions", written(table[:12]["conversation_id"].to_list()))
    Path("data/evaluated/verdict.json").write_text(json.dumps({"best_prompt_arm": "prompted"}))
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    return tmp_path


def pushed(server: Any, params: Review = PARAMS) -> Any:
    return push(server, params, ("SA",))


def test_every_test_conversation_is_asked_once_against_the_best_prompt_and_gold_stands_among_them(here: Path) -> None:
    pairs = pairs_of_now(PARAMS.pairs)
    test = set(pl.read_parquet("data/splits/test.parquet")["conversation_id"])
    asked = [pair for pair in pairs if pair.conversation_id in test]
    gold = [pair for pair in pairs if pair.conversation_id not in test]
    assert (len(asked), len(gold)) == (12, 4)
    for pair in asked:
        assert [sum(arm[::-1] in text for text in pair.replies) for arm in ARMS] == [1, 1, 0, 0]
    for pair in gold:
        own = [text for text in pair.replies if set(text.split()) & set(pair.before[0]["content"].split())]
        assert own, "the team's reply to this customer"
        assert pair.replies[0] != pair.replies[1]
    first = [pair.language for pair in pairs[:8]]
    assert first.count("ar") == 4


def test_sides_are_drawn_and_nothing_shown_tells_whose_a_reply_is(here: Path) -> None:
    shown = records(pairs_of_now(PARAMS.pairs), ("SA",))
    ours = ["retpada" in record["fields"]["reply_a"] for record in shown]
    assert 2 < sum(ours) < 10
    for record in shown:
        told = json.dumps({name: record[name] for name in ("external_id", "metadata", "fields")}, ensure_ascii=False)
        assert not [arm for arm in (*ARMS, "gold", "purpose") if arm in told]
        assert set(record["metadata"]) == {"language", "rank", "digest"}
        assert "551234567" not in told.replace(" ", "") and "[phone" in told.replace("\\", "")
        assert "**" not in record["fields"]["reply_a"], "every sign means itself"


@given(st.lists(st.text(max_size=30), min_size=2, max_size=2), st.integers(0, 5))
def test_the_same_words_are_the_same_pair_whoever_wrote_them(texts: list[str], seed: int) -> None:
    talks = conversations([{"row_id": "f:1", "source": "t", "language": "en", "messages": talk("Hi", "Yes")}])
    table = talks.select("conversation_id", "language", "messages")
    key = table["conversation_id"][0]
    names = []
    for ours, theirs in (texts, texts[::-1]):
        rows = [("adapter", key, 1, ours), ("base", key, 1, theirs)]
        predictions = pl.DataFrame(rows, schema=["arm", "conversation_id", "turn", "text"], orient="row")
        names.append([pair.name for pair in between(table, predictions, "base", seed)])
    assert names[0] == names[1]
    assert bool(names[0]) == (texts[0].split() != texts[1].split()), "replies alike are no question"


def test_a_push_again_writes_nothing_and_another_seed_turns_no_pair_that_people_see(here: Path) -> None:
    server = FakeServer()
    assert len(pushed(server).new) == 16
    again = pushed(server)
    assert (again.new, again.changed, again.aside, again.gone) == ([], [], [], [])
    other = pushed(server, Review(pairs=Pairs(gold=0.25, seed=8)))
    held = [frozenset(p.external_id.split(".")) for p in server.present() if not p.is_aside]
    assert len(held) == len(set(held)) == 16, "no pair stands there twice, once a side"
    assert {p.external_id for p in other.aside} <= {p.external_id for p in server.present()}


def test_what_was_answered_comes_back_once_with_the_words_and_gold_with_its_right_side(here: Path) -> None:
    server = FakeServer()
    pushed(server)
    for record in server.present():
        server.answer(record.id, "submitted", decision="a", reasons=["tone"])
    server.answer(server.present()[0].id, "draft", decision="b")
    done = pull(server)  # type: ignore[arg-type]
    assert (done.new, done.total, done.gone) == (16, 16, 0)
    before = PATH.read_bytes()
    assert pull(server).new == 0 and PATH.read_bytes() == before  # type: ignore[arg-type]
    assert not [arm for arm in ARMS if arm in before.decode()]
    found = read_judgements()
    own = {
        (key, turn): reply_hash(messages[turn]["content"])
        for key, messages in pl.read_parquet("data/splits/dev.parquet")["conversation_id", "messages"].iter_rows()
        for turn in (1, 3)
    }
    gold = [judgement for judgement in found if judgement.right]
    assert len(gold) == 4
    for judgement in gold:
        assert judgement.replies[judgement.right == "b"] == own[judgement.conversation_id, judgement.turn]
    assert {judgement.preferred for judgement in found} == {judgement.replies[0] for judgement in found}
    assert not pushed(FakeServer()).new, "what was judged is not asked again"


def test_a_new_adapters_replies_are_asked_anew_and_old_judgements_stay_with_the_old_words(here: Path) -> None:
    server = FakeServer()
    pushed(server)
    for record in server.present():
        server.answer(record.id, "submitted", decision="both_bad")
    pull(server)  # type: ignore[arg-type]
    ids = pl.read_parquet("data/splits/test.parquet")["conversation_id"].to_list()
    save(here, "evaluated/predictions", written(ids, {"adapter": "A new reply."}))
    assert len(pushed(server).new) == 12
    hashes = {reply for judgement in read_judgements() for reply in judgement.replies}
    assert reply_hash("A new reply.") not in hashes


def test_what_is_made_by_hand_or_none_of_the_form_is_told_and_the_rest_is_taken(here: Path) -> None:
    server = FakeServer()
    pushed(server)
    first, second, *_ = server.present()
    server.answer(first.id, "submitted", decision="a")
    server.answer(second.id, "submitted", decision="كلاهما")
    for name in ("", "ticket 7", first.external_id):
        made = present(name, {"team": "x"}, None, [response("submitted", decision="b")])
        server.held[f"by hand {name}"] = replace(made, id=f"by hand {name}")
    done = pull(server)  # type: ignore[arg-type]
    assert (done.new, done.total, len(done.unreadable)) == (1, 1, 4)
    assert pushed(server).by_hand == 3 and "by hand " in server.held


@pytest.mark.parametrize("noted", [True, False])
def test_who_is_renamed_judges_a_pair_once(here: Path, noted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeServer()
    pushed(server)
    for record in server.present()[:3]:
        server.answer(record.id, "submitted", decision="a")
    pull(server)  # type: ignore[arg-type]
    if not noted:  # taken before accounts were noted
        annotators.PATH.unlink()
    monkeypatch.setattr(server, "usernames", lambda: {"u1": "سارة", "u2": "omar"})
    server.answer(server.present()[3].id, "submitted", decision="b")
    pull(server)  # type: ignore[arg-type]
    assert [judgement.annotator for judgement in read_judgements()] == ["sara"] * 4


def test_judgements_on_conversations_that_are_forgotten_are_not_taken(here: Path) -> None:
    server = FakeServer()
    pushed(server)
    for record in server.present():
        server.answer(record.id, "submitted", decision="a")
    for place in ("ingested/conversations", "splits/test"):
        path = Path(f"data/{place}.parquet")
        pl.read_parquet(path)[1:].write_parquet(path)
    done = pull(server)  # type: ignore[arg-type]
    assert (done.gone, done.total) == (1, 15)


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_spreadsheet_shows_the_same_and_is_read_in_both_languages(here: Path, separator: str) -> None:
    run = CliRunner().invoke(app, ["pairs", "export", "pairs.csv"])
    assert run.exit_code == 0, run.output
    text = Path("pairs.csv").read_text("utf-8-sig")
    assert not [arm for arm in (*ARMS, "gold") if arm in text] and "551234567" not in text.replace(" ", "")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert all(cell[:1] not in "=+-@" or not cell for row in rows for cell in row.values())
    headers = dict(zip(COLUMNS, rows[0], strict=True))
    words = ["A", "b", "كلاهما جيد", "Both bad", "both_good", "A أفضل"]
    for row, word in zip(rows, words, strict=False):
        row[headers["decision"]], row[headers["reasons"]] = word, "tone، الطول"
    rows[-1][headers["reasons"]] = "tone"
    out = io.StringIO()
    writer = csv.DictWriter(out, headers.values(), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    Path("pairs.csv").write_text(out.getvalue(), "utf-8")
    run = CliRunner().invoke(app, ["pairs", "import", "pairs.csv", "--annotator", "سارة"])
    assert run.exit_code == 0, run.output
    assert "6 answers, 6 of them new" in run.output and "1 rows have no decision" in run.output
    found = {".".join([j.conversation_id, str(j.turn), *j.replies]): j for j in read_judgements()}
    choices = [found[row[headers["id"]]].choice for row in rows[: len(words)]]
    assert choices == ["a", "b", "both_good", "both_bad", "both_good", "a"]
    assert all(judgement.reasons == ("tone", "length") for judgement in found.values())
    before = PATH.read_bytes()
    assert "0 of them new" in CliRunner().invoke(app, ["pairs", "import", "pairs.csv", "--annotator", "سارة"]).output
    assert PATH.read_bytes() == before


def test_a_cell_that_cannot_be_read_is_told_with_its_row_and_nothing_is_taken(here: Path) -> None:
    CliRunner().invoke(app, ["pairs", "export", "pairs.jsonl"])
    rows = [json.loads(line) for line in Path("pairs.jsonl").read_text("utf-8").splitlines()]
    rows[0]["decision"] = "a"
    for change, told in (
        ({"decision": "the first"}, "decision is 'the first'"),
        ({"decision": "a", "reasons": "vibes"}, "reasons is 'vibes'"),
        ({"decision": "b", "id": "3f"}, "id '3f' is none of this project's"),
        ({"decision": "b", "id": f"{'0' * 32}{rows[1]['id'][32:]}"}, "is none of this project's"),
        ({"decision": "b", "id": rows[0]["id"]}, "another answer on the conversation of row 1"),
    ):
        lines = [rows[0], rows[1] | change]
        Path("filled.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
        with pytest.raises(QiratError, match=r"filled\.jsonl, row 2") as error:
            take_in(Path("filled.jsonl"), "sara")
        assert told in str(error.value)
        assert not PATH.exists()


def test_before_evaluate_has_run_the_cure_is_told(here: Path) -> None:
    Path("data/evaluated/verdict.json").unlink()
    with pytest.raises(QiratError, match="run `dvc repro evaluate` first"):
        pairs_of_now(PARAMS.pairs)


def test_a_long_reply_is_cut_for_reading_and_an_empty_one_is_shown_as_empty(here: Path) -> None:
    pair = replace(pairs_of_now(PARAMS.pairs)[0], replies=("x" * 50_000, " "), language="ar")
    [record] = records([pair], None)
    assert len(record["fields"]["reply_a"]) < 20_000 and "لا تظهر هنا" in record["fields"]["reply_a"]
    assert "فارغ" in record["fields"]["reply_b"]


# -- a model beside people ---------------------------------------------------------------------------------------------

JUDGE = Review(pairs=Pairs(gold=0.25), judge=ModelJudge(url="https://host/v1", model="m"))


def test_a_model_is_refused_without_a_name_without_people_and_beyond_what_it_may_cost(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_judge, "ask", lambda *args: pytest.fail("nobody may be asked"))
    with pytest.raises(QiratError, match=r"set review\.judge"):
        model_judge.judge(PARAMS, ("SA",))
    with pytest.raises(QiratError, match="people have judged 0 of these pairs"):
        model_judge.judge(JUDGE, ("SA",))
    judged_by_people(monkeypatch)
    with pytest.raises(QiratError, match="24 answers are wanted and 3 allowed"):
        model_judge.judge(JUDGE.model_copy(update={"judge": ModelJudge(url="https://h", model="m", most=3)}), ("SA",))
    assert len(read_judgements()) == 16


def judged_by_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_judge, "FEW", 12)  # as many test conversations as the project has
    server = FakeServer()
    pushed(server)
    for record in server.present():
        server.answer(record.id, "submitted", decision="a")
    pull(server)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answers", "preferred"), [("adapter", True), ("first", None), ("TIE", None), ("I will not", None)]
)
def test_both_orders_are_asked_and_who_goes_by_the_order_has_not_decided(
    here: Path, monkeypatch: pytest.MonkeyPatch, answers: str, preferred: bool | None
) -> None:
    judged_by_people(monkeypatch)
    asked: list[str] = []

    def answer(address: str, key: str | None, body: Any, timeout: float) -> Completion:
        asked.append(body["messages"][-1]["content"])
        a, _ = asked[-1].split("<reply B>")
        word = {"adapter": "A" if "retpada" in a else "b.", "first": "A"}.get(answers, answers)
        return Completion(word, True, None, None)

    monkeypatch.setattr(model_judge, "ask", answer)
    assert model_judge.judge(JUDGE, ("SA",)).new == 12
    assert len(asked) == 24 and not [text for text in asked if "551234567" in text.replace(" ", "")]
    ours = {reply_hash(said("adapter", n)) for n in range(12)}
    model = [judgement for judgement in read_judgements() if judgement.by == "model"]
    assert {judgement.annotator for judgement in model} == {"model m"}
    assert {j.preferred in ours if j.preferred else None for j in model} == {preferred}
    assert model_judge.judge(JUDGE, ("SA",)).new == 0 and len(asked) == 24, "what it said is kept"


def test_what_a_model_said_before_its_endpoint_failed_is_kept_and_people_are_asked_all_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by_people(monkeypatch)
    left = iter(["A", "B", "A", "B"])

    def answer(*_: Any) -> Completion:
        if (word := next(left, None)) is None:
            raise UnansweredError("it answers 503")
        return Completion(word, True, None, None)

    monkeypatch.setattr(model_judge, "ask", answer)
    with pytest.raises(QiratError, match="it answers 503"):
        model_judge.judge(JUDGE, ("SA",))
    kept = read_judgements()
    assert sum(judgement.by == "model" for judgement in kept) == 2
    write_judgements(judgement for judgement in kept if judgement.by == "model")
    assert len(pushed(FakeServer()).new) == 16


def test_status_tells_of_pairs_beside_the_review_and_a_pull_before_any_were_asked_needs_no_splits(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, server = FakeServer(), FakeServer()
    monkeypatch.setattr(commands, "connected", lambda: (empty, PARAMS))
    monkeypatch.setattr(commands, "pairs_server", lambda params: server)
    assert CliRunner().invoke(app, ["status"]).output == "0 pending, 0 completed\n"
    pushed(server)
    first = next(iter(server.held))
    server.answer(first, "submitted", decision="a")
    told = CliRunner().invoke(app, ["status"]).output.splitlines()
    assert told[:2] == ["0 pending, 0 completed", "pairs:"]
    assert "pending" in told[2]
    assert told[3].endswith("1 submitted")
    for split in ("train", "dev", "test"):
        Path(f"data/splits/{split}.parquet").unlink()
    assert pull(empty).new == 0  # type: ignore[arg-type]
