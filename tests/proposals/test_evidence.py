import pytest

from curation.core.record.playbook import Rule
from curation.proposals.evidence import confirmed
from tests.builders import record, talk

HELLO = Rule.model_validate(
    {"id": "greeting", "kind": "required", "where": "first_reply", "say": {"en": ["good day"], "ar": ["طاب يومك"]}}
)


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(("kept", "elsewhere", "proposed"), [(28, 1, True), (28, 26, False), (12, 0, False)])
def test_a_rule_is_borne_out_only_by_rows_that_keep_it_where_others_do_not_say_it(
    language: str, kept: int, elsewhere: int, proposed: bool
):
    said = HELLO.say[language][0]
    talks = [talk("a", said if n < kept else "b", "c", said if n < elsewhere else "d") for n in range(30)]
    rows = record(*talks, language=[language] * 30).to_dicts()
    assert bool(confirmed([HELLO], rows)) == proposed
