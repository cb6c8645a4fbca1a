"""What checks say of their codes, and what they may not say."""

import ast
import json
import re
from pathlib import Path

import pytest

from curation.checks import checks
from curation.checks.codes import codes
from curation.core.record.codes import CODES, as_json, read_codes
from curation.harness.errors import QiratError
from curation.planting.defects import DEFECTS
from curation.privacy.finds import PATTERNED
from tests.builders import ROOT, save_codes

GOOD = "severity: doubt, limit: {doubt: 1}, words: {en: It is wrong., ar: خطأ}"
PRODUCT = ("curation", "training", "qirat", "expectations", "params.yaml", "dvc.yaml", "playbook.yaml")
FEW = 3  # codes that a file may name for what it does with them; more are a list


def written(folder: Path, text: str, name: str = "shape") -> Path:
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder


def test_every_check_has_codes_and_every_code_a_check():
    assert {code.check for code in codes().values()} == set(checks())
    assert {name for check in checks().values() for name in check.codes} == set(codes())


def test_the_check_of_personal_data_names_each_kind_that_has_a_pattern():
    assert set(checks()["pii"].codes) == {f"pii_{kind}" for kind in PATTERNED}


def test_what_score_writes_is_what_others_read(tmp_path: Path):
    save_codes(tmp_path)
    assert as_json(read_codes(tmp_path / CODES)) == as_json(codes())
    assert json.dumps(as_json(codes())) == json.dumps(as_json(codes.__wrapped__()))
    with pytest.raises(QiratError, match="dvc repro score"):
        read_codes(tmp_path / "codes.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"odd: {{{GOOD}, limits: 1}}", r"shape.yaml, odd: limits: .*keys are severity, limit"),
        (f"odd: {{{GOOD}}}\nodd: {{{GOOD}}}", r"shape.yaml: odd stands there twice"),
        ("odd: {severity: doubt, words: {en: It is wrong.}}", r"shape.yaml, odd: words lacks ar"),
        (f"odd: {{{GOOD}, asked: {{ar: خطأ}}}}", r"shape.yaml, odd: asked lacks en"),
        (f"odd: {{{GOOD}, title: {{en: odd}}}}", r"shape.yaml, odd: title lacks ar"),
        (f"odd: {{{GOOD}, presets: {{strict: {{dout: 1}}}}}}", r"odd: dout"),
        (f"judge_x: {{{GOOD}, presets: {{strict: {{fatal: 1}}}}}}", r"judge_x: .*never the only ground to drop"),
        (f"pii_shoe: {{{GOOD}}}", r"pii_shoe: route.pii says"),
        ("odd: {severity: bad, words: {en: a, ar: b}}", r"odd: severity"),
        ("odd:", r"shape.yaml, odd: severity"),
        ("odd: doubt", r"shape.yaml, odd: expected its severity"),
        ("- odd", r"shape.yaml: expected codes"),
        ("odd: {", r"shape.yaml is no YAML"),
    ],
)
def test_a_file_of_codes_that_makes_no_sense_is_refused_with_its_place(tmp_path: Path, text: str, said: str):
    with pytest.raises(QiratError, match=said):
        codes(written(tmp_path, text))


def test_a_code_belongs_to_one_check(tmp_path: Path):
    written(tmp_path, f"odd: {{{GOOD}}}", "other")
    with pytest.raises(QiratError, match=r"shape.yaml: odd is a code of other.yaml too"):
        codes(written(tmp_path, f"odd: {{{GOOD}}}"))


def test_a_language_that_nobody_has_said_it_in_is_told_in_english(tmp_path: Path):
    code = codes(written(tmp_path, f"odd: {{{GOOD}, asked: {{en: It looks wrong., ar: يبدو خطأ}}}}"))["odd"]
    assert [code.told(language) for language in ("ar", "fr")] == ["خطأ", "It is wrong."]
    assert [code.told_to_reviewers(language) for language in ("en", "fr")] == ["It looks wrong.", "It is wrong."]


# -- no list of codes by hand ------------------------------------------------------------------------------------------


def named(path: Path) -> set[str]:
    """The codes that a file names: of Python in its strings, of others anywhere but in comments."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        said = "\n".join(
            node.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value
        )
    else:
        said = re.sub(r"(^|\s)#.*", "", text)
    return set(re.findall(r"\w+", said)) & set(codes())


def test_no_file_beside_the_checks_keeps_a_list_of_codes():
    found = [path for place in PRODUCT for path in [ROOT / place, *(ROOT / place).rglob("*")]]
    kept = {".py", ".yaml", ".json", ".jinja", ".js"}
    files = [path for path in found if path.suffix in kept and ROOT / "curation/checks" not in path.parents]
    assert len(files) > 100
    planted = {ROOT / "curation/planting", ROOT / "curation/report/strings"}  # name defects, some of them as codes are
    apart = {path: named(path) - (set(DEFECTS) if path.parent in planted else set()) for path in files}
    lists = {str(path.relative_to(ROOT)): sorted(found) for path, found in apart.items() if len(found) > FEW}
    assert lists == {}
