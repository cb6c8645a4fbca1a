from collections.abc import Mapping, Sequence
from math import floor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import route
from curation.checks.check import FINDINGS
from curation.curate.fates import CURATED, decided
from curation.decisions.decisions import Decision
from curation.policy.limits import Blind
from curation.policy.queue import doubted_turns, grouped, in_turn, language_shares, queue, ties, with_blind_samples
from curation.policy.verdicts import VERDICTS, causes
from curation.score.notes import NOTES
from tests.builders import params, record, save_codes, shipped_policy, talk

HALVES = {"ar": 0.5, "en": 0.5}


def verdicts(*rows: tuple[str, str, float], codes: Sequence[str] = ("loop",)) -> pl.DataFrame:
    """VERDICTS of (id, verdict, priority)."""
    doubts = {"review", "held", "reject"}
    told = [
        {
            "conversation_id": key,
            "verdict": verdict,
            "codes": list(codes) if verdict in doubts else [],
            "priority": chance,
        }
        for key, verdict, chance in rows
    ]
    return pl.DataFrame(told, schema=VERDICTS)


def line(*rows: tuple[str, str, float], tied: Sequence[tuple[str, str]] = ()) -> pl.DataFrame:
    table = pl.DataFrame(tied, schema={"conversation_id": pl.String, "tie": pl.String}, orient="row")
    return grouped(queue(verdicts(*rows), found()), table)


def found(*seen: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(seen, schema=FINDINGS)


def spoken(languages: Mapping[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        list(languages.items()), schema=dict.fromkeys(["conversation_id", "language"], pl.String), orient="row"
    )


def order(doubts: pl.DataFrame, languages: Mapping[str, str] | None = None) -> list[str]:
    return in_turn(doubts, spoken(languages or {}), HALVES)["conversation_id"].to_list()


# -- whose turn it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sure", "other"), [("en", "ar"), ("ar", "en")])
def test_no_language_is_starved_by_another_whose_doubts_are_surer(sure: str, other: str):
    rows = [(f"{n}", "review", 0.9) for n in range(4)] + [(f"{n}", "review", 0.1) for n in range(4, 8)]
    languages = {f"{n}": sure if n < 4 else other for n in range(8)}
    assert [languages[key] for key in order(line(*rows), languages)] == [sure, other] * 4


priorities = st.integers(1, 99).map(lambda n: n / 100)
doubts = st.lists(st.tuples(priorities, st.sampled_from(["ar", "en", "de", "xx"])), max_size=25)


@settings(deadline=None)
@given(doubts)
def test_every_language_has_its_share_of_any_first_rows(rows: list[tuple[float, str]]):
    shares = {"ar": 0.5, "en": 0.3, "de": 0.2}
    table = line(*[(f"{n:02}", "review", priority) for n, (priority, _) in enumerate(rows)])
    languages = {f"{n:02}": language for n, (_, language) in enumerate(rows)}
    ranked = in_turn(table, spoken(languages), shares)
    assert sorted(ranked["conversation_id"]) == sorted(languages)
    assert ranked["rank"].to_list() == list(range(1, len(rows) + 1))
    seen = [languages[key] for key in ranked["conversation_id"] if languages[key] != "xx"]
    for first in range(len(seen) + 1):
        for language, share in shares.items():
            least = min(floor(share * first + 1e-9), seen.count(language))
            assert seen[:first].count(language) >= least


@settings(deadline=None)
@given(doubts)
def test_in_one_language_the_likeliest_come_first(rows: list[tuple[float, str]]):
    ranked = in_turn(
        line(*[(f"{n:02}", "review", priority) for n, (priority, _) in enumerate(rows)]),
        spoken({f"{n:02}": language for n, (_, language) in enumerate(rows)}),
        HALVES,
    )
    for language in ("ar", "en"):
        keys = [f"{n:02}" for n, (_, spoke) in enumerate(rows) if spoke == language]
        chances = ranked.filter(pl.col("conversation_id").is_in(keys))["priority"].to_list()
        assert chances == sorted(chances, reverse=True)


def test_a_rare_language_stands_where_its_doubts_put_it():
    rows = [("a", "review", 0.9), ("b", "review", 0.8), ("m", "review", 0.95), ("n", "review", 0.1)]
    assert order(line(*rows), {"a": "en", "b": "ar", "m": "mixed", "n": "mixed"}) == ["m", "a", "b", "n"]


def test_languages_with_a_tenth_of_the_rows_have_shares():
    rows = pl.DataFrame({"language": ["en"] * 60 + ["ar"] * 31 + ["mixed"] * 9})
    assert language_shares(rows) == {"ar": 0.31, "en": 0.6}


def test_held_rows_stand_behind_all_that_the_budget_pays_for():
    rows = [("a", "held", 0.4), ("b", "review", 0.5), ("c", "held", 0.3), ("d", "review", 0.9)]
    assert order(line(*rows), {"a": "ar", "b": "en", "c": "ar", "d": "en"}) == ["d", "b", "a", "c"]


# -- what stands together ----------------------------------------------------------------------------------------------


def test_alike_rows_stand_together_behind_their_likeliest():
    rows = [("a", "review", 0.9), ("b", "review", 0.5), ("c", "review", 0.4), ("d", "review", 0.1)]
    doubts = line(*rows, tied=[("b", "x"), ("d", "x")])
    assert order(doubts) == ["a", "b", "d", "c"]
    assert dict(doubts.select("conversation_id", "group").iter_rows()) == {"a": "a", "b": "b", "c": "c", "d": "b"}


def test_what_hangs_together_step_by_step_is_one_group():
    rows = [(key, "review", 0.5) for key in "abcde"]
    tied = [("e", "x"), ("d", "x"), ("d", "y"), ("b", "y"), ("b", "a")]
    assert line(*rows, tied=tied).sort("conversation_id")["group"].to_list() == ["a", "a", "c", "a", "a"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("stuvwxyz")), max_size=12))
def test_groups_are_what_the_ties_connect(tied: list[tuple[str, str]]):
    members = {key: {key} for key in "abcdefgh"}
    for _ in members:
        for one, tie in tied:
            for other, same in tied:
                if tie == same:
                    members[one] = members[other] = members[one] | members[other]
    table = line(*[(key, "review", 0.5) for key in "abcdefgh"], tied=tied)
    assert dict(table.select("conversation_id", "group").iter_rows()) == {key: min(members[key]) for key in members}


def test_alike_rows_with_other_doubts_are_apart():
    doubted = pl.concat([verdicts(("a", "review", 0.5)), verdicts(("b", "review", 0.5), codes=["loop", "mail"])])
    tied = pl.DataFrame({"conversation_id": ["a", "b"], "tie": ["b", "a"]})
    assert grouped(queue(doubted, found()), tied)["group"].n_unique() == 2


def test_a_held_row_stands_with_its_group_when_the_budget_pays_for_another():
    rows = [("a", "review", 0.9), ("b", "held", 0.1), ("c", "review", 0.5)]
    assert order(line(*rows, tied=[("a", "b")])) == ["a", "b", "c"]


def tied_rows(*, pairs: Sequence[tuple[str, str, str]] = (), findings: Sequence[Mapping[str, Any]] = ()) -> set[str]:
    """Which of three rows, whose replies are the same but for their spelling in the first two, share a tie."""
    rows = record(
        talk("One?", "Closed today."),
        talk("Two?", "closed  today."),
        talk("Three?", "Open."),
        conversation_id=list("abc"),
    )
    near = pl.DataFrame(
        [(left, right, 0.8, relation) for left, right, relation in pairs],
        schema={"left": pl.String, "right": pl.String, "similarity": pl.Float64, "relation": pl.String},
        orient="row",
    )
    said = doubted_turns(rows.iter_slices(1), found(*findings))
    table = ties(near, found(*findings), rows.select("row_id", "conversation_id"), said)
    alone = verdicts(*[(key, "review", 0.5) for key in "abc"])
    groups = grouped(queue(alone, found()), table).group_by("group").agg(pl.col("conversation_id").sort())
    return {"".join(members) for members in groups["conversation_id"]}


def doubt(key: str, turn: int | None = 1, **more: Any) -> dict[str, Any]:
    return {"conversation_id": key, "code": "loop", "severity": "doubt", "turn": turn, **more}


def test_near_copies_kept_apart_by_what_they_mean_are_alike_and_distant_relatives_are_not():
    assert tied_rows(pairs=[("a", "c", "numbers")]) == {"ac", "b"}
    assert tied_rows(pairs=[("a", "c", "related")]) == {"a", "b", "c"}


@pytest.mark.parametrize(("value", "groups"), [(0.95, {"a", "bc"}), (0.94, {"a", "b", "c"})])
def test_copies_in_other_words_are_alike_from_the_limit_on(value: float, groups: set[str]):
    copy = {"conversation_id": "c", "code": "semantic_copy", "severity": "info", "value": value, "evidence": "file:2"}
    assert tied_rows(findings=[copy]) == groups


def test_rows_are_alike_when_the_same_reply_is_in_doubt():
    assert tied_rows(findings=[doubt("a"), doubt("b"), doubt("c")]) == {"ab", "c"}


@pytest.mark.parametrize("other", [doubt("b", turn=0), doubt("b", turn=None), doubt("b", severity="info")])
def test_rows_are_not_alike_when_the_same_reply_is_doubted_in_one_only(other: Mapping[str, Any]):
    assert tied_rows(findings=[doubt("a"), other]) == {"a", "b", "c"}


# -- blind samples -----------------------------------------------------------------------------------------------------


def many(accepted: int = 40, rejected: int = 40, review: int = 20, codes: Sequence[str] = ("loop",)) -> pl.DataFrame:
    keys = {"accept": accepted, "reject": rejected, "review": review, "held": 10}
    rows = [(f"{verdict} {n:03}", verdict, 0.5) for verdict, size in keys.items() for n in range(size)]
    return verdicts(*rows, codes=codes)


def sampled(table: pl.DataFrame, **blind: int) -> pl.DataFrame:
    doubts = in_turn(
        grouped(queue(table, found()), pl.DataFrame(schema={"conversation_id": pl.String, "tie": pl.String})),
        spoken({}),
        {},
    )
    return with_blind_samples(doubts, table, Blind.model_validate(blind))


def test_blind_samples_stand_evenly_among_the_rows_that_the_budget_pays_for():
    ranks = sampled(many(), accepted=3, rejected=2).filter(pl.col("reason") != "doubt")["rank"].to_list()
    assert ranks == [3, 8, 13, 18, 23]  # of 25


def test_a_blind_row_tells_nothing_of_what_the_checks_said():
    blind = sampled(many(), accepted=5, rejected=5).filter(pl.col("reason") != "doubt")
    assert blind.group_by("reason").len().sort("reason").rows() == [("blind_accepted", 5), ("blind_rejected", 5)]
    assert blind.select("priority", "codes", "evidence").unique().rows() == [(None, [], [])]


def test_the_sample_hardly_changes_when_rows_come():
    def drawn(rows: int) -> set[str]:
        blind = sampled(many(accepted=rows), accepted=20, rejected=0)
        return set(blind.filter(reason="blind_accepted")["conversation_id"])

    assert len(drawn(100) & drawn(104)) >= 17
    assert drawn(100) == drawn(100)


def test_another_seed_draws_others():
    samples = {seed: sampled(many(), accepted=10, rejected=0, seed=seed) for seed in (1, 2)}
    drawn = [set(table.filter(reason="blind_accepted")["conversation_id"]) for table in samples.values()]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("code", ["evaluation_leak", "pii_card"])
def test_nobody_is_asked_to_judge_a_fault_that_cannot_be_seen(code: str):
    assert sampled(many(codes=["loop", code]), accepted=0, rejected=5).filter(reason="blind_rejected").is_empty()


def test_a_set_without_doubts_has_its_blind_samples_all_the_same():
    blind = sampled(verdicts(("a", "accept", 0.0), ("b", "accept", 0.0)), accepted=5)
    assert blind["conversation_id"].sort().to_list() == ["a", "b"]
    assert blind["rank"].to_list() == [1, 2]


def test_a_rejected_row_that_people_keep_comes_back_and_an_accepted_one_they_drop_goes():
    table = verdicts(("a" * 32, "reject", 0.0), ("b" * 32, "accept", 0.0))
    said = {
        "a" * 32: Decision(conversation_id="a" * 32, decision="keep"),
        "b" * 32: Decision(conversation_id="b" * 32, decision="drop"),
    }
    fates = decided(table, said, pl.DataFrame(schema=CURATED), causes(found(), shipped_policy()))
    assert dict(fates.select("conversation_id", "outcome").iter_rows()) == {"a" * 32: "kept", "b" * 32: "dropped"}


# -- the stage ---------------------------------------------------------------------------------------------------------


def test_the_stage_needs_no_vectors_and_writes_the_columns_that_others_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    rows = record(talk("One?", "Yes."), talk("Two?", "No."), talk("Three?", "Maybe."), language=["en", "ar", "en"])
    doubted = {"conversation_id": rows["conversation_id"][1], "check": "c", "code": "spam", "value": 2.0, "turn": 1}
    tables = {
        "ingested/conversations": rows,
        "dedup/clusters": rows.select("row_id", "conversation_id", survivor=True),
        "dedup/pairs": pl.DataFrame(schema={"left": pl.String, "right": pl.String, "relation": pl.String}),
        "scored/findings": found({**doubted, "severity": "info"}),
        "scored/notes": pl.DataFrame(schema=NOTES),
    }
    for name, table in tables.items():
        path = tmp_path / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(path)
    save_codes(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"route": {**params("route"), "budget": 1.0}}))
    route.main()
    line = pl.read_parquet("data/routed/queue.parquet")
    assert line.columns == "conversation_id rank priority reason codes evidence verdict group".split()
    assert line["reason"].to_list() == ["doubt", "blind_accepted", "blind_accepted"]
    assert line.row(0, named=True) | {"priority": None} == {
        "conversation_id": doubted["conversation_id"],
        "rank": 1,
        "priority": None,
        "reason": "doubt",
        "codes": ["spam"],
        "evidence": ["spam: "],
        "verdict": "review",
        "group": doubted["conversation_id"],
    }
