"""What another limit would free is what the policy would then accept, and every limit is drawn where it cuts."""

import random
import re
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.policy.verdicts import judged, verdicts
from curation.report.blocks import Figure, Table
from curation.report.figures import histogram
from curation.report.value_section import alone_by_code, changes, values, worst_values
from curation.report.words import languages
from tests.report.example import finished, policy

POLICY = policy()
CODES = {"outlier": (0.98, 1.0), "unusual_reply": (0.5, 1.0), "repetition": (0.1, 0.8), "reply_words": (0, 12)}


def scored(rows: list[list[tuple[str, float]]]) -> pl.DataFrame:
    found = [(f"c{n:03}", code, "info", value, None) for n, row in enumerate(rows) for code, value in row]
    schema = {"conversation_id": pl.String, "code": pl.String, "severity": pl.String, "value": pl.Float64}
    return pl.DataFrame(found, schema | {"threshold": pl.Float64}, orient="row")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_as_many_rows_are_accepted_under_another_limit_as_the_page_says(seed: int) -> None:
    draw = random.Random(seed)
    rows = [
        [(code, draw.choice([draw.uniform(*ends), round(draw.uniform(*ends), 2)])) for code, ends in drawn]
        for drawn in (draw.choices(list(CODES.items()), k=draw.choice([0, 1, 1, 2])) for _ in range(150))
    ]
    findings = scored(rows)
    ids = pl.DataFrame({"conversation_id": [f"c{n:03}" for n in range(len(rows))], "language": "ar"})

    def accepted(limits: dict[str, object]) -> int:
        held = POLICY.model_copy(update={"limits": {**POLICY.limits, **limits}})
        return verdicts(ids, judged(findings, held, ids.height), held).filter(verdict="accept").height

    now = verdicts(ids, judged(findings, POLICY, ids.height), POLICY)
    worst = worst_values(findings, POLICY)
    assert alone_by_code(now).keys() == CODES.keys()
    for code, alone in alone_by_code(now).items():
        of_code = worst.filter(pl.col("conversation_id").is_in(alone), code=code)["worst"]
        for change in changes(code, of_code, POLICY.limits[code]):
            name, _, value = change.setting.removeprefix(f"route.{code}.").partition("=")
            limit = POLICY.limits[code].over({name: None if value == "null" else float(value)})
            assert change.freed >= len(alone) / 4 or POLICY.limits[code].fatal is not None
            assert accepted({code: limit}) - accepted({}) == change.freed, (code, change)


def test_the_table_says_what_half_of_the_rows_need_and_the_line_to_try_it() -> None:
    done = finished(rows=60)
    ids = done["routed/verdicts"]["conversation_id"].sort()
    found = scored([[("unusual_reply", 0.5 + n / 100)] for n in range(ids.len())]).with_columns(conversation_id=ids)
    told = verdicts(ids.to_frame().with_columns(language=pl.lit("en")), judged(found, POLICY, ids.len()), POLICY)
    tables = {**done.tables, "scored/findings": found, "routed/verdicts": told}
    for words in languages():
        results = replace(done, tables=tables)
        _, table, figure = values(results, results.worded(words))
        assert isinstance(table, Table)
        assert isinstance(figure, Figure)
        [row] = table.rows
        stopped = told.filter(pl.col("verdict") != "accept").height
        assert f"<summary>{stopped}</summary>" in str(row[2])
        setting = re.search(r"qirat whatif (route\.unusual_reply\.doubt=[\d.]+)<", str(row[-1]))
        assert setting
        assert str(row[4]).startswith(setting[1].partition("=")[2])
        assert str(figure.drawing).count("<svg") == 1
        assert done.codes["unusual_reply"].title[words.code] in str(row[0])


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=60), st.floats(-1e4, 1e4), st.booleans(), st.floats(1e-3, 1e3)
)
@settings(max_examples=25, deadline=None)
def test_a_histogram_holds_every_value_and_stays_in_its_frame(
    values: list[float], limit: float, below: bool, scale: float
) -> None:
    drawing, highest = histogram([v * scale for v in values], {"doubt": limit * scale}, below)
    assert 1 <= highest <= len(values)
    line, placed = round(limit * scale, 6), [round(v * scale, 6) for v in values]
    beyond = any(v < line if below else v >= line for v in placed)
    assert ('class="removed"' in drawing) == beyond
    for x, width in re.findall(r'<rect class="\w+" x="([-\d.]+)" y="[-\d.]+" width="([-\d.]+)"', drawing):
        assert float(x) + 0.1 >= 8
        assert float(x) + float(width) <= 312.1
    assert 8 <= float(re.findall(r'class="limit doubt" x1="([-\d.]+)"', drawing)[0]) <= 312
