"""How improbable a model finds the team's own replies."""

from training.judge.metrics import Likely, Metric, Score


@Metric(
    "likelihood",
    better=-1,
    margin=0.05,
    title={
        "en": "Loss on the team's own replies, nats a token (lower is better)",
        "ar": "الخسارة على ردود الفريق نفسها، نات لكل رمز (الأقل أفضل)",
    },
    explanation={
        "en": "How improbable the model finds a token of the replies that the team gave.",
        "ar": "مدى استبعاد النموذج لكل رمز من الردود التي كتبها الفريق.",
    },
)
def nll(found: Likely) -> Score:
    """Nats a token, so that a token counts as much as any other."""
    return found.nats, found.tokens
