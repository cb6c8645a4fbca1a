"""What people's decisions teach: pairs and judged replies, one step of TRL's trainers on each."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.record.conversation import message
from qirat.publish import Wanted, publish
from qirat.publish.preferences import edited_replies
from tests.builders import talk
from tests.qirat.publish.project import project, published
from tests.training import tiny

__all__ = ["project"]  # the fixture


def test_an_edit_is_a_pair_under_one_tag_for_one_value(project: Path):
    from datasets import load_from_disk

    (pair,) = load_from_disk(published() / "preference")["train"]
    assert pair["prompt"] == [{"role": "user", "content": "أين طلبي؟ رقمي [phone_1]"}]
    assert pair["chosen"] == [{"role": "assistant", "content": "وصل المستودع، وسنتصل على [phone_1] غداً."}]
    assert pair["rejected"] == [{"role": "assistant", "content": "لا نعرف. نتصل على [phone_1]"}]
    assert pair["reasons"] == ["wrong_answer"]


def test_judged_replies_stand_apart_and_in_the_split_of_what_they_are_like(project: Path):
    from datasets import load_from_disk

    found = load_from_disk(published() / "kto")
    said = {part: {(row["completion"][0]["content"], row["label"]) for row in rows} for part, rows in found.items()}
    assert said == {
        "train": {
            ("Of course, within two weeks.", True),
            ("وصل المستودع، وسنتصل على [phone_1] غداً.", True),
            ("لا نعرف. نتصل على [phone_1]", False),
        },
        "dev": {("ليست مشكلتنا.", False)},  # a near copy of the dev row
        "test": {("Stop asking.", False)},  # the customer of the test row
    }


def test_a_drop_of_several_replies_is_told_and_not_guessed(project: Path):
    assert "1 conversations that people dropped" in publish(Wanted("mit", Path("out")), yes=False)


@given(st.integers(1, 6), st.data())
def test_every_corrected_reply_is_found_and_no_other_turn(turns: int, data: st.DataObject):
    before = [message(**m) for m in talk(*(f"said {n}" for n in range(2 * turns)))]
    corrected = data.draw(st.sets(st.integers(0, 2 * turns - 1)))
    after = [{**m, "content": f"now {n}"} if n in corrected else m for n, m in enumerate(before)]
    assert list(edited_replies(before, after)) == sorted(n for n in corrected if n % 2)


@given(st.integers(0, 5), st.integers(0, 5))
def test_turns_taken_out_give_no_pair_of_replies_to_different_questions(at: int, behind: int):
    before = [message(**m) for m in talk(*(f"said {n}" for n in range(12)))]
    after = before[: 2 * at] + before[2 * at + 2 :]
    assert list(edited_replies(before, after)) == []
    longer = [*before[: 2 * behind], *(message(**m) for m in talk("more", "words")), *before[2 * behind :]]
    assert list(edited_replies(before, longer)) == []


def arguments(config: Any, **more: Any) -> Any:
    quiet = {"output_dir": "trained", "max_steps": 1, "report_to": "none", "use_cpu": True, "bf16": False}
    return config(**quiet, save_strategy="no", disable_tqdm=True, max_length=256, **more)


@pytest.mark.parametrize("trainer", ["sft", "dpo", "kto"])
def test_one_step_of_plain_trl(project: Path, trainer: str):
    import trl
    from datasets import load_from_disk

    folder = published()
    tiny.model().save_pretrained("tiny")
    kinds = {
        "sft": (trl.SFTTrainer, trl.SFTConfig, folder, {}),
        "dpo": (trl.DPOTrainer, trl.DPOConfig, folder / "preference", {}),
        "kto": (trl.KTOTrainer, trl.KTOConfig, folder / "kto", {"per_device_train_batch_size": 3}),
    }
    made, config, place, more = kinds[trainer]
    training = made(
        model="tiny",
        args=arguments(config, **more),
        train_dataset=load_from_disk(place)["train"],
        processing_class=tiny.tokenizer(),
    )
    assert training.train().training_loss > 0
