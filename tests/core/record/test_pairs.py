import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.pairs import Judgement, collected, read_judgements, reply_hash, write_judgements
from curation.harness.errors import QiratError

HASHES = st.text("0123456789abcdef", min_size=16, max_size=16)
JUDGEMENTS = st.builds(
    Judgement,
    conversation_id=st.sampled_from(["a" * 32, "b" * 32]),
    turn=st.integers(0, 3),
    replies=st.tuples(st.sampled_from(["0" * 16, "1" * 16]), HASHES),
    annotator=st.sampled_from(["sara", "عمر"]),
    choice=st.sampled_from(["a", "b", "both_good", "both_bad"]),
    reasons=st.sampled_from([(), ("tone", "helps")]),
    at=st.sampled_from(["2026-01-05T10:00:00+00:00", "2026-01-06T10:00:00+03:00"]),
    right=st.sampled_from([None, "a", "b"]),
)
SAID = {
    "annotator": "sara",
    "at": "2026-01-05T10:00:00+00:00",
    "choice": "a",
    "conversation_id": "a" * 32,
    "replies": ["0" * 16, "1" * 16],
    "turn": 1,
}
LINE = json.dumps(SAID, separators=(",", ":"))


def judged(**changed: Any) -> Judgement:
    return Judgement.model_validate_json(LINE).model_copy(update=changed)


@given(st.lists(JUDGEMENTS, max_size=6))
def test_judgements_read_back_as_they_were_written_whatever_their_order(
    tmp_path_factory: pytest.TempPathFactory, given_: list[Judgement]
) -> None:
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    kept = collected([], given_)
    write_judgements(kept[::-1], path)
    assert read_judgements(path) == kept
    before = path.read_bytes()
    write_judgements(collected(kept, kept), path)
    assert path.read_bytes() == before


def test_one_persons_later_word_on_a_pair_stands_whichever_side_the_replies_stood_on() -> None:
    turned = judged(replies=("1" * 16, "0" * 16), at="2026-01-06T10:00:00+00:00")
    assert collected([judged()], [turned]) == collected([turned], [judged()]) == [turned]
    assert len(collected([judged()], [judged(annotator="omar"), judged(turn=2)])) == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (LINE.replace('"a",', '"c",'), "choice"),
        (LINE.replace("0" * 16, "0" * 15), "replies"),
        (LINE.replace("+00:00", ""), "no time with its zone"),
        (LINE.replace('"turn":1', '"turn":1,"arm":"adapter"'), "arm"),
        (LINE, "a second decision on the replies"),
        ("{", "line 3"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f'{{"qirat":"pairs","version":1}}\n{LINE}\n{line}\n')
    with pytest.raises(QiratError, match=r"pairs\.jsonl, line 3") as error:
        read_judgements(path)
    assert told in str(error.value)


@given(st.text(), st.text())
def test_a_hash_names_the_words(one: str, other: str) -> None:
    assert (reply_hash(one) == reply_hash(other)) == (one == other)
