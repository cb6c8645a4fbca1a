from typing import Any

from tests.builders import talk
from tests.training.tiny import model, renderer
from training.generation import generate


def prompts() -> list[list[int]]:
    return [renderer().prompt(talk(words)) for words in ("hi", "a longer question, with more words", "أين طلبي؟")]


def written(**settings: Any) -> list[str]:
    return [r.text for r in generate(model(), renderer(), prompts(), **{"max_new_tokens": 12, "batch": 3, **settings})]


def test_padding_in_a_batch_does_not_change_the_words() -> None:
    assert written(batch=1) == written(batch=3) == written(batch=2)


def test_what_the_models_own_settings_say_of_decoding_counts_for_nothing() -> None:
    poisoned = model()
    plain = written()
    settings = {"repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "min_new_tokens": 12, "max_time": 0.0}
    for name, value in settings.items():
        setattr(poisoned.generation_config, name, value)
    likely = [int(t) for text in plain for t in renderer().tokenizer(text)["input_ids"]]
    poisoned.generation_config.suppress_tokens = likely
    poisoned.generation_config.bad_words_ids = [[token] for token in likely]
    assert [r.text for r in generate(poisoned, renderer(), prompts(), max_new_tokens=12, batch=3)] == plain


def test_a_reply_that_never_ends_is_cut_and_says_so() -> None:
    for reply in generate(model(), renderer(), prompts(), max_new_tokens=5, batch=2):
        assert reply.tokens <= 5
        assert reply.stopped == (reply.tokens < 5)


def test_the_stop_token_ends_a_reply_and_is_no_part_of_it() -> None:
    import torch

    willing = model()
    with torch.no_grad():  # every hidden state points at the stop token
        willing.lm_head.weight.zero_()
        willing.lm_head.weight[renderer().stop_id] = 0.0
        willing.model.norm.weight.fill_(0.0)
        willing.lm_head.bias = torch.nn.Parameter(
            torch.nn.functional.one_hot(torch.tensor(renderer().stop_id), 600) * 9.0
        )
    for reply in generate(willing, renderer(), prompts(), max_new_tokens=5, batch=2):
        assert (reply.text, reply.tokens, reply.stopped) == ("", 1, True)
