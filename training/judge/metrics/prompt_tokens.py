"""What a reply costs before it begins."""

from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=-1,
    decides=False,  # the adapter, which has no prompt, would win each time
    title={"en": "Tokens before a reply begins (lower is cheaper)", "ar": "الرموز قبل بدء الرد (الأقل أرخص)"},
    explanation={
        "en": "What the model reads before each reply: the prompt, and the conversation so far.",
        "ar": "ما يقرؤه النموذج قبل كل رد: التلقين والمحادثة حتى تلك اللحظة.",
    },
)
def prompt_tokens(talk: Answered) -> Score:
    """Tokens a reply."""
    return sum(reply["prompt_tokens"] for reply in talk.replies), len(talk.replies)
