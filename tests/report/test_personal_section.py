"""Whether personal data is left: by kind, what becomes of it, and how much of what was planted is found."""

from dataclasses import replace

import polars as pl

from curation.checks.check import FINDINGS
from curation.report.blocks import Note, Table
from curation.report.model_sections import budget
from curation.report.personal_section import personal
from curation.report.results import USED, Results
from curation.report.words import languages
from tests.report.example import figure, finished

DONE = finished(rows=150)
RECALL = [("pii_phone", "en", 10, 9, 0.9, 0.6, 0.98, False), ("pii_phone", "ar", 10, 7, 0.7, 0.4, 0.89, False)]


def seen(*codes: str) -> Results:
    """The example, in whose first used and first unused rows these were seen."""
    rows = DONE.rows().drop_nulls("conversation_id").with_columns(used=pl.col("outcome").is_in(USED))
    keys = [rows.filter(pl.col("used") == used)["conversation_id"][0] for used in (True, False)]
    found = pl.DataFrame([{"conversation_id": key, "code": code} for key in keys for code in codes])
    recall = pl.DataFrame(RECALL, DONE["audited/recall"].schema, orient="row")
    more = {
        "scored/findings": found.select(pl.col(c) if c in found.columns else pl.lit(None).alias(c) for c in FINDINGS)
    }
    return replace(DONE, tables={**DONE.tables, **more, "audited/recall": recall})


def test_kinds_that_are_masked_are_not_told_as_left_and_those_that_are_reported_are() -> None:
    for words in (DONE.worded(words) for words in languages()):
        gist, table = personal(seen("pii_phone", "pii_name"), words)
        assert isinstance(gist, Note)
        assert isinstance(table, Table)
        assert gist.kind == "warning"
        assert words.titled("pii_name") in gist.text
        assert words.titled("pii_phone") not in gist.text
        by_kind = {str(row[0]).partition("pii_")[2].partition("<")[0]: row for row in table.rows}
        assert [figure(cell) for cell in by_kind["name"][2:4]] == [2, 1]
        assert "qirat why --used --code pii_name --all" in by_kind["name"][3]
        assert "70%" in by_kind["phone"][4]  # of the language in which least is found
        assert words.name_of("languages", "ar") in by_kind["phone"][4]
        assert by_kind["email"][4] == words("personal.unmeasured")
        assert personal(seen("pii_phone"), words)[0] == Note(words("personal.nothing"), "good")


def test_what_costs_most_comes_first_with_its_part_of_all_tokens() -> None:
    words = DONE.worded(languages()[0])
    rows = [("train", "ar", "refund", 4, 400), ("train", "en", "refund", 9, 100), ("test", "en", "refund", 9, 9000)]
    table = pl.DataFrame(rows, ["split", "language", "label", "conversations", "tokens"], orient="row").with_columns(
        supervised=pl.lit(1), truncated=pl.lit(0), dropped=pl.lit(0)
    )
    results = replace(DONE, tables={**DONE.tables, "tokenized/budget": table})
    gist, costly, _, longest = budget(results, words, ("SA",))
    assert isinstance(gist, Note)
    assert gist.text == "Most tokens are learned from: refund, Arabic, 80% of the tokens of training."
    assert isinstance(costly, Table)
    assert [row[3:] for row in costly.rows] == [["400", "100", "80%"], ["100", "11", "20%"]]
    assert "qirat why --used --label refund --language ar" in costly.rows[0][2]
    assert isinstance(longest, Table)
    counts = [figure(row[2]) for row in longest.rows]
    assert counts == sorted(counts, reverse=True)
    assert "qirat why chats.jsonl:" in longest.rows[0][0] or "qirat why tickets.csv:" in longest.rows[0][0]
