import argparse
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

from benchmarks import document, document_checks, results
from benchmarks.corruption import arabic, defects, qirat, tables
from benchmarks.peers import environment
from benchmarks.peers.environment import as_text
from benchmarks.rows import clean, jaccard, shingles
from benchmarks.speed import __main__ as speed
from benchmarks.speed.corpus import Corpus
from curation.checks import checks
from curation.planting import values
from curation.planting.defects import misread, phrases
from curation.planting.rows import Row

WORDS = phrases()
TOPICS = {
    "en": {
        "delivery": "Where is the parcel that I ordered last week, please? I've waited since Monday.",
        "opening": "When do you open on the weekend, and is there parking behind the shop?",
    },
    "ar": {
        "delivery": "أين الطرد الذي طلبته الأسبوع الماضي من فضلكم؟ أنا بانتظاره منذ الاثنين.",
        "opening": "متى تفتحون في نهاية الأسبوع وهل توجد مواقف للسيارات خلف المحل؟",
    },
}
REPLIES = {
    "en": "It's with the courier now - you will get a message as soon as it is out for {} today.",
    "ar": "إنه الآن عند شركة الشحن وستصلك رسالة حين يخرج للتسليم في حي {} هذا اليوم.",
}
SECOND = {"en": "Thank you, that helps me {} a lot, friend.", "ar": "شكراً لك هذا يساعدني {} كثيراً يا صديقي."}


def base(language: str, size: int = 120) -> list[Row]:
    rows = []
    for n in range(size):
        rng = random.Random(n)
        words = [" ".join("".join(rng.choices("abcdeghilmnorst", k=7)) for _ in range(9)) for _ in range(3)]
        topic = rng.choice(sorted(TOPICS[language]))
        said = [
            f"{TOPICS[language][topic]} {words[0]}",
            f"{REPLIES[language].format(words[1])} {topic}",
            f"{SECOND[language].format(words[2])}",
            f"{REPLIES[language].format(words[0])}",
        ]
        roles = ("user", "assistant", "user", "assistant")
        messages = tuple({"role": role, "content": text} for role, text in zip(roles, said, strict=True))
        rows.append(Row(f"{language}{n}", language, topic, frozenset([topic]), messages))
    return rows


def plant(rows: list[Row], rate: float, seed: int) -> tuple[list[Row], list[Row]]:
    return defects.planted(rows, rate, seed, WORDS)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_defect_is_planted_as_often_as_asked(language: str) -> None:
    rows, _ = plant(base(language), rate=2 / 120, seed=1)
    assert Counter(row.defect for row in rows if row.defect) == dict.fromkeys(defects.DEFECTS, 2)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_planted_row_differs_from_its_source_and_a_clean_one_does_not(language: str) -> None:
    source = {row.id: row for row in base(language)}
    rows, _ = plant(list(source.values()), rate=2 / 120, seed=1)
    for row in rows:
        before = source[row.twin or row.id]
        same = (row.messages, row.label) == (before.messages, before.label)
        assert same == (row.defect in (None, "exact_copy", "evaluation_leak")), row.defect


def test_the_same_seed_plants_the_same() -> None:
    assert plant(base("en"), 0.01, seed=3) == defects.planted(base("en"), 0.01, seed=3, words=WORDS)
    assert plant(base("en"), 0.01, seed=3) != defects.planted(base("en"), 0.01, seed=4, words=WORDS)


def test_evaluation_rows_are_leaked_ones_or_stand_nowhere_in_the_data() -> None:
    rows, evaluation = plant(base("en"), rate=3 / 120, seed=1)
    leaked = {row.id for row in rows if row.defect == "evaluation_leak"}
    here = {row.id for row in rows}
    assert {row.id for row in evaluation if row.id in here} == leaked
    assert len(evaluation) == 2 * len(leaked)


def test_near_copies_are_near_and_no_copies() -> None:
    rows, _ = plant(base("en"), rate=3 / 120, seed=1)
    source = {row.id: row for row in base("en")}
    pairs = [(source[row.twin], row) for row in rows if row.defect == "near_copy" and row.twin]
    assert len(pairs) == 3
    assert all(0.7 <= jaccard(shingles(a.text), shingles(b.text)) < 1 for a, b in pairs)


def test_raw_files_hold_nothing_of_the_truth() -> None:
    rows, _ = plant(base("en"), rate=3 / 120, seed=1)
    for row in defects.renamed(rows):
        assert set(defects.as_json(row)) <= {"id", "messages", "label"}
        assert re.fullmatch(r"en-\d{5}", row.id)


@given(st.integers())
def test_planted_personal_data_is_valid_by_its_checksum(seed: int) -> None:
    rng = random.Random(seed)
    assert luhn.is_valid(re.sub(r"\D", "", values.card(rng)))
    assert iban.is_valid(values.iban(rng), check_country=False)


def test_no_check_holds_the_words_that_are_planted() -> None:
    known = set()
    for path in (results.ROOT / "curation/checks").iterdir():
        if path.is_file():
            known |= shingles(path.read_text("utf-8"))
    kinds = [WORDS[kind] for kind in ("profanity", "model_refusal", "placeholder", "spam")]
    said = [text for kind in kinds for phrases in kind.values() for text in phrases]
    assert not [text for text in said if len(shingles(text) & known) > 1]  # one run of five words is chance


def test_mojibake_is_what_a_wrong_decoder_makes_and_can_be_undone() -> None:
    assert misread("don’t", "cp1252") == "donâ€™t"
    assert misread("مرحبا", "cp1256").encode("cp1256").decode("utf-8") == "مرحبا"


def test_the_clean_base_has_both_sides_and_no_near_copies() -> None:
    row, *others = base("en", 5)
    silent = replace(row, id="silent", messages=row.messages[:1])
    twin = replace(row, id="twin", messages=(*row.messages, {"role": "user", "content": "Thank you."}))
    half = replace(row, id="half", messages=row.messages[:2])
    assert jaccard(shingles(row.text), shingles(twin.text)) >= 0.7 > jaccard(shingles(row.text), shingles(half.text))
    assert clean([row, silent, twin, *others, half]) == [row, *others, half]


def test_every_intent_has_answers_in_arabic() -> None:
    words = arabic.replies()
    intents = [said for group in words["groups"].values() for said in group.values()]
    assert len(intents) == 77
    for said in intents:
        assert len(said["answers"]) >= 3
        assert all(re.search(r"[\u0600-\u06ff]", text) for text in [*said["answers"], *said["more"]])


def test_arabic_dialogues_alternate_and_begin_with_the_question() -> None:
    words = arabic.replies()
    said = words["groups"]["delivery"]["card arrival"]
    for seed in range(50):
        messages = list(arabic.dialogue("أين بطاقتي؟", said, words, random.Random(seed)))
        assert [m["role"] for m in messages] == ["user", "assistant"] * (len(messages) // 2)
        assert messages[0]["content"].endswith("أين بطاقتي؟")
        assert any(answer in m["content"] for m in messages for answer in said["answers"])


def test_a_masked_number_is_gone_only_if_its_digits_are() -> None:
    row = replace(base("en", 1)[0], traces=("0501 234 567",))
    assert qirat.is_mended(row, "call me on [phone_1]")
    assert not qirat.is_mended(row, "call me on 0501234567")
    assert not qirat.is_mended(row, None)


def test_held_rows_do_not_count_as_stopped() -> None:
    assert tables.stopped({"rows": 4, "reject": 1, "review": 1, "held": 1, "passed": 1}) == 0.5


def test_a_held_row_counts_once_nothing_planted_is_left_in_it_and_both_figures_are_told() -> None:
    counts = {"rows": 4, "reject": 1, "held_mended": 2, "held": 1}
    assert (tables.stopped(counts), tables.stopped(counts, tables.STRICTLY)) == (0.75, 0.25)


def test_peers_get_a_line_a_turn() -> None:
    lines = as_text(base("en", 1)[0].messages).split("\n")
    assert [line.split(":")[0] for line in lines] == ["user", "assistant", "user", "assistant"]


def test_a_peer_runs_in_the_python_that_was_named_and_else_in_one_of_its_own_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ran(command: list[object], check: bool) -> None:
        made.append(command[-1])
        python = Path(str(command[0]))
        python.parent.mkdir(parents=True)
        python.touch()

    made: list[object] = []
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment.venv, "create", lambda home, with_pip: None)
    monkeypatch.setattr(environment.subprocess, "run", ran)
    parser = argparse.ArgumentParser()
    environment.add_options(parser, "text-dedup", "datatrove")
    arguments = parser.parse_args(["--datatrove", "/other/python"])
    assert environment.python_of("datatrove", arguments) == "/other/python"
    for _ in range(2):
        own = environment.python_of("text-dedup", arguments)
        assert own == str(tmp_path / ".qirat/benchmarks/text-dedup/bin/python")
    assert made == ["text-dedup==0.4.0"]


def test_a_row_of_a_corpus_does_not_depend_on_its_size() -> None:
    corpus = Corpus(base("en", 20) + base("ar", 20))
    whole = list(corpus.lines(0, 60))
    assert whole[40:] == list(corpus.lines(40, 60))
    assert {corpus.row(n)["label"] for n in range(20)} == {"en", "ar"}


def test_speed_tables_compare_with_qirat_on_as_many_rows() -> None:
    cost = {"wall": 2.0, "cpu": 2.0, "rss": 100.0, "pss": 90.0}
    slow = {"wall": 10.0, "cpu": 8.0, "rss": 300.0, "pss": 200.0}
    found = {
        "qirat 10": {"what": "qirat", "rows": 10, **cost},
        "data-juicer 10": {"what": "data-juicer", "rows": 10, **slow},
    }
    assert "| 10 | data-juicer | 10.0 | 8.0 | 1 | 300 | 200 | 5.0 | 4.0 | 800.00 |" in speed.markdown(found)


def test_a_section_of_the_page_is_replaced_and_the_rest_stays() -> None:
    page = "before\n<!-- x: measured -->old<!-- x: end -->\nafter"
    assert document.with_section(page, "x", "new\n") == "before\n<!-- x: measured -->\n\nnew\n\n<!-- x: end -->\nafter"
    with pytest.raises(ValueError, match="once each"):
        document.with_section(page, "y", "new")


@pytest.mark.parametrize("name", document.PAGES)
def test_what_a_page_has_from_code_and_results_is_up_to_date(name: str) -> None:
    assert dict(document.PAGES[name]())
    assert (results.ROOT / "docs" / name).read_text("utf-8") == document.page(name), (
        "run `python -m benchmarks.document`"
    )


def test_figures_of_a_check_that_has_changed_since_are_not_shown() -> None:
    check = checks()["repetition"]
    spoken = {"repeated_reply": {"en": {"planted": 17, "rows": 172, "of": {"loop": 17}}}}
    now, changed = ("\n".join(document_checks.codes(check, spoken, same)) for same in (True, False))
    assert "17 of 172" in now
    assert "17 of 172" not in changed
    assert "right, en" not in changed
    assert "not measured since it changed" in changed
