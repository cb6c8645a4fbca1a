"""What annotators see: the fields of a record, the questions about it and the guidelines, in English and Arabic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.consensus.consensus import Review
from curation.decisions.decisions import REASONS

DECISIONS = {"keep": "Keep · إبقاء", "edit": "Edit · تعديل", "drop": "Drop · استبعاد"}
CONFIDENCE = {"sure": "Sure · متأكد", "unsure": "Not sure · غير متأكد"}
QUESTIONS = {"decision", "confidence", "reasons", "corrected", "label"}
FIELDS = {"why", "conversation"}
# Metadata that no property may declare: it tells gold and blind rows from doubts, or is for us alone.
HIDDEN = {"purpose", "round", "digest", "aside"}
VECTORS = {"meaning": "What the customer says · كلام العميل", "reply": "The replies · الردود"}  # for "find similar"
GUIDELINES = Path(__file__).with_name("guidelines.md")


@dataclass(frozen=True)
class Form:
    """A data set as annotators see it."""

    dataset: str  # its name
    named_by: str  # the setting of params.yaml that names it
    questions: frozenset[str]
    fields: frozenset[str]
    guidelines: Path
    settings: Callable[[Review], Any]  # for Argilla's client
    interface: str  # for Label Studio: the file in `interfaces`
    options: Mapping[str, Mapping[str, str]]  # of its questions, by the name that the file has for them


def settings(params: Review) -> Any:
    """The data set for Argilla's client, but for the vectors, whose sizes the embeddings tell.

    The decision never carries a suggestion: people would press Enter on it.
    """
    import argilla

    return argilla.Settings(
        fields=[
            argilla.TextField("why", title="Why you see this · لماذا تراها", use_markdown=True),
            argilla.ChatField("conversation", title="Conversation · المحادثة", use_markdown=True),
        ],
        questions=[
            argilla.LabelQuestion("decision", DECISIONS, title="Decision · القرار"),
            argilla.LabelQuestion("confidence", CONFIDENCE, title="How sure are you? · ما مدى تأكدك؟", required=False),
            argilla.MultiLabelQuestion("reasons", REASONS, title="Reasons · الأسباب", required=False),
            argilla.TextQuestion(
                "corrected",
                title="Corrected replies · الردود المصححة",
                description=(
                    "Only for Edit: each corrected reply whole, its number such as [2] on the line above it. What "
                    "stands here already is a doubtful reply: mend it in place, or leave it if you choose otherwise. · "
                    "للتعديل فقط: الرد كاملاً بعد تصحيحه وفوقه رقمه مثل [2] في سطر مستقل. وما تجده مكتوباً هنا هو الرد "
                    "المشكوك فيه: صحّحه في مكانه، أو اتركه إن اخترت غير التعديل."
                ),
                required=False,
            ),
            argilla.TextQuestion(
                "label",
                title="Corrected label · التصنيف المصحح",
                description="Only where the label is wrong. · فقط إن كان التصنيف خاطئاً.",
                required=False,
            ),
        ],
        metadata=[
            argilla.TermsMetadataProperty("language", title="Language · اللغة"),
            argilla.TermsMetadataProperty("source", title="Source · المصدر"),
            argilla.TermsMetadataProperty("intent", title="Label · التصنيف"),
            argilla.TermsMetadataProperty("codes", title="Doubts · مواضع الشك"),
            argilla.TermsMetadataProperty("group", title="Alike · المتشابهة"),
            argilla.FloatMetadataProperty("priority", title="Priority · الأولوية"),
            argilla.IntegerMetadataProperty("rank", title="Rank · الترتيب"),
        ],
        guidelines=GUIDELINES.read_text("utf-8"),
        # What no property declares, such as the purpose, is for us alone: annotators are not shown it and cannot filter
        # by it either, as they can by what a property hides from them.
        allow_extra_metadata=True,
        distribution=argilla.TaskDistribution(min_submitted=params.min_submitted),
    )


def review_form(params: Review) -> Form:
    """The form on which conversations are reviewed."""
    options = {"decisions": DECISIONS, "confidence": CONFIDENCE, "reasons": REASONS}
    questions, fields = frozenset(QUESTIONS), frozenset(FIELDS)
    return Form(params.dataset, "review.dataset", questions, fields, GUIDELINES, settings, "review.jinja", options)
