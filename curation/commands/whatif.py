"""What other limits would change, from the findings that are there: nothing is scored again, nothing is written.

`qirat whatif route.outlier.doubt=0.98 route.pii.email=review --preset strict`
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from curation.core.record.codes import FACT, Code, Limit, read_codes
from curation.core.record.conversation import survivors
from curation.harness.errors import QiratError, faults, meant
from curation.harness.files import finished_table, table_path
from curation.harness.params import load_params
from curation.policy.floods import floods, sentence
from curation.policy.limits import Policy, Route, expecting, in_force
from curation.policy.verdicts import judged, places, verdicts
from curation.privacy import masked
from curation.privacy.params import Privacy

VERDICTS = ("accept", "review", "held", "reject")
CHARACTERS = 160  # of a message in an example


def whatif(assignments: Sequence[str], preset: str | None = None, examples: int = 3) -> dict[str, Any]:
    """The verdicts as they are and as they would be; before people's decisions, which stand whatever the limits."""
    codes, route = read_codes(), load_params("route", Route)
    holding = route if preset is None else route.model_copy(update={"preset": preset})
    now, then = in_force(route, codes), in_force(changed(holding, assignments, codes), codes)
    columns = ["row_id", "conversation_id", "language"]
    rows = survivors(finished_table("ingested/conversations", columns), finished_table("dedup/clusters"))
    findings = finished_table("scored/findings")
    now, then = (expecting(policy, finished_table("scored/notes")) for policy in (now, then))
    before, after = (verdicts(rows, judged(findings, policy, rows.height), policy) for policy in (now, then))
    both = before.join(after, on="conversation_id", suffix="_then").sort("conversation_id")
    preset_said = [] if preset is None else [f"route.preset: {route.preset} -> {preset}"]
    moved = both.filter(pl.col("verdict") != pl.col("verdict_then"))
    return {
        "settings": preset_said + written(holding, now, assignments, codes),
        "rows": both.height,
        "now": _counts(both["verdict"]),
        "then": _counts(both["verdict_then"]),
        "moves": _moves(moved, rows, findings, examples),
        "codes": _codes(both),
        "notes": unseen(findings, now, then),
        "floods": floods(rows, findings, then).to_dicts(),
        "places": places(then, rows.height),
    }


# -- the policy that is asked about ------------------------------------------------------------------------------------


def changed(route: Route, assignments: Sequence[str], codes: Mapping[str, Code]) -> Route:
    """The section with each `route.path=value` in place, over any preset."""
    held = in_force(route, codes).model_dump(exclude={"limits"})
    limits = {name: dict(route.limits.get(name, {})) for name in codes}
    section: dict[str, Any] = {**held, "presets": {route.preset: {}}, "limits": limits}
    for assignment in assignments:
        path, value = parsed(assignment, route, codes)
        part = section
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
    try:
        return Route.model_validate(section)
    except ValidationError as error:
        raise QiratError(f"these values do not fit: {faults(error)}") from None


def parsed(assignment: str, route: Route, codes: Mapping[str, Code]) -> tuple[tuple[str, ...], Any]:
    """("limits", "outlier", "doubt") and 0.98 out of "route.outlier.doubt=0.98", or with `limits.` in it."""
    name, equals, text = assignment.partition("=")
    if not equals:
        raise QiratError(f"{assignment!r} sets nothing; write it as route.outlier.doubt=0.98")
    path = tuple(name.strip().removeprefix("route.").split("."))
    path = ("limits", *path) if path[0] in codes else path
    limits = [f"limits.{code}.{field}" for code in codes for field in Limit.model_fields]
    facts = [f"facts.{code.removeprefix(FACT)}" for code in codes if code.startswith(FACT)]
    possible = ["budget", "too_common", "usual_share", *(f"pii.{kind}" for kind in route.pii), *facts, *limits]
    if (wanted := ".".join(path)) not in possible:
        raise QiratError(f"route has no {wanted}{meant(wanted, possible) or '; did you mean route.budget?'}")
    try:
        return path, yaml.safe_load(text)
    except yaml.YAMLError:
        raise QiratError(f"{assignment!r}: {text!r} is no value; write it as in params.yaml") from None


def written(holding: Route, now: Policy, assignments: Sequence[str], codes: Mapping[str, Code]) -> list[str]:
    """How params.yaml would say it, at the place that wins; and where the value stands now, where that is not there."""
    said = []
    for assignment in assignments:
        path, value = parsed(assignment, holding, codes)
        old: Any = now.model_dump()
        for key in path:
            old = old[key]
        place, ours = holding.place(codes, *path), ".".join(("route", *path))
        stands = f" ({place})" if place.endswith(".yaml") else ""
        said.append(f"{ours if stands else place}: {_plain(old)}{stands} -> {_plain(value)}")
    return said


def unseen(findings: pl.DataFrame, now: Policy, then: Policy) -> list[str]:
    """Limits below what a check reports at all: such rows have no finding, so nothing here can tell of them."""
    reported = dict(findings.group_by("code").agg(pl.col("threshold").min()).sort("code").iter_rows())
    return [
        f"{code} is reported from {least:g} on; what lies below {limit:g} was not seen and is not counted here"
        for code, least in reported.items()
        if least is not None
        and not then.limits[code].below
        and (limit := then.limits[code].doubt) is not None
        and limit < least
        and limit != now.limits[code].doubt
    ]


# -- what it changes ---------------------------------------------------------------------------------------------------


def _counts(verdict: pl.Series) -> dict[str, int]:
    found = dict(verdict.value_counts().iter_rows())
    return {name: found.get(name, 0) for name in VERDICTS}


def _codes(both: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows by doubt or fault, where their number changes."""
    counts = [
        both.select(code=pl.col(name).explode()).drop_nulls().group_by("code").agg(**{label: pl.len()})
        for name, label in (("codes", "now"), ("codes_then", "then"))
    ]
    joined = counts[0].join(counts[1], on="code", how="full", coalesce=True).with_columns(pl.all().fill_null(0))
    return joined.filter(pl.col("now") != pl.col("then")).sort("code").to_dicts()


def _moves(moved: pl.DataFrame, rows: pl.DataFrame, findings: pl.DataFrame, examples: int) -> list[dict[str, Any]]:
    """Each way that rows take from one verdict to another, most travelled first, with the likeliest of them."""
    ordered = moved.sort("priority_then", "priority", "conversation_id", descending=[True, True, False])
    ways = ordered.group_by("verdict", "verdict_then").agg(pl.len(), ids=pl.col("conversation_id").head(examples))
    ways = ways.sort("len", "verdict", "verdict_then", descending=[True, False, False])
    shown = _examples(ordered, ways["ids"].explode().drop_nulls().implode(), rows, findings)
    return [
        {"from": old, "to": new, "rows": count, "examples": [shown[key] for key in ids]}
        for old, new, count, ids in ways.iter_rows()
    ]


def _examples(
    moved: pl.DataFrame, ids: pl.Series, rows: pl.DataFrame, findings: pl.DataFrame
) -> dict[str, dict[str, Any]]:
    """conversation_id -> what was seen in it and what it says."""
    chosen = moved.filter(pl.col("conversation_id").is_in(ids)).join(
        rows.select("conversation_id", "row_id"), on="conversation_id"
    )
    values = findings.filter(pl.col("conversation_id").is_in(ids)).sort("code", "value")
    words = _words(ids)
    return {
        row["conversation_id"]: {
            "row_id": row["row_id"],
            "conversation_id": row["conversation_id"],
            "values": [
                [code, round(value, 6)]
                for key, code, value in values.select("conversation_id", "code", "value").iter_rows()
                if key == row["conversation_id"] and code in {*row["codes"], *row["codes_then"]}
            ],
            "words": words.get(row["conversation_id"], []),
        }
        for row in chosen.iter_rows(named=True)
    }


def _words(ids: pl.Series) -> dict[str, list[str]]:
    """conversation_id -> its first question and last reply, without personal data and cut short."""
    found = (
        pl.scan_parquet(table_path("ingested/conversations"))
        .filter(pl.col("conversation_id").is_in(ids))
        .select("conversation_id", "messages")
    )
    countries = load_params("privacy", Privacy).countries
    return {key: _snippets(messages, countries) for key, messages in found.collect().iter_rows()}


def _snippets(messages: Sequence[Mapping[str, Any]], countries: Sequence[str]) -> list[str]:
    first = next((m for m in messages if m["role"] == "user"), None)
    last = next((m for m in reversed(messages) if m["role"] == "assistant"), None)
    return [f"{m['role']}: {_cut(masked(m['content'], countries))}" for m in (first, last) if m is not None]


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= CHARACTERS else plain[: CHARACTERS - 1] + "…"


# -- for people --------------------------------------------------------------------------------------------------------


def as_text(answer: Mapping[str, Any]) -> str:
    """The answer as a person reads it."""
    lines = [*answer["settings"], *answer["notes"], ""]
    lines += [f"{'':<8}{'now':>10}{'then':>10}"]
    lines += [f"{name:<8}{answer['now'][name]:>10,}{answer['then'][name]:>10,}" for name in VERDICTS]
    flooded = [sentence(flood, answer["places"]) + "." for flood in answer["floods"]]
    if not answer["moves"]:
        return "\n".join([*lines, "", "No row would move.", *flooded])
    for way in answer["moves"]:
        lines += ["", f"{way['rows']:,} rows from {way['from']} to {way['to']}"]
        for example in way["examples"]:
            values = ", ".join(f"{code} {value:g}" for code, value in example["values"])
            lines += [f"  {example['row_id']}  {values}", *(f"      {said}" for said in example["words"])]
    if answer["codes"]:
        lines += ["", "rows by doubt or fault"]
        lines += [f"  {c['code']:<32}{c['now']:>8,} -> {c['then']:,}" for c in answer["codes"]]
    return "\n".join(
        [*lines, "", *flooded, "These are the policy's verdicts; what people decided stands whatever the limits."]
    )


def _plain(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
