"""What annotators see: the fields of a record, the questions about it and the guidelines, in English and Arabic."""

from pathlib import Path
from typing import Any

from pydantic import Field

from curation.stage import Params

DECISIONS = {"keep": "Keep · إبقاء", "edit": "Edit · تعديل", "drop": "Drop · استبعاد"}
CONFIDENCE = {"sure": "Sure · متأكد", "unsure": "Not sure · غير متأكد"}
REASONS = {
    "wrong_answer": "Wrong answer · جواب خاطئ",
    "invented_fact": "Invented or stale fact · معلومة مختلقة أو قديمة",
    "wrong_tone": "Not how we speak · ليس أسلوبنا",
    "against_playbook": "Against the playbook · مخالف لدليل العمل",
    "personal_data": "Personal data · بيانات شخصية",
    "wrong_label": "Wrong label · تصنيف خاطئ",
    "wrong_language": "Wrong language · لغة غير مناسبة",
    "incomplete": "Incomplete · غير مكتمل",
    "not_useful": "Nothing to learn from · لا فائدة منه",
}
QUESTIONS = {"decision", "confidence", "reasons", "corrected", "label"}
VECTORS = {"meaning": "What the customer says · كلام العميل", "reply": "The replies · الردود"}  # for "find similar"
GUIDELINES = Path(__file__).with_name("guidelines.md")


class Review(Params):
    """The `review` section of params.yaml."""

    workspace: str = "qirat"  # annotators see the data sets of their workspaces only
    dataset: str = "review"
    min_submitted: int = Field(default=1, ge=1)  # answers a conversation needs
    min_confidence: float = Field(default=0.7, ge=0, le=1)  # chance of being right from which answers decide
    enough_confidence: float = Field(default=0.9, ge=0, le=1)  # decided so surely, a row is not asked about again
    second_opinions: float = Field(default=0.1, ge=0, le=1)  # second looks, as a share of all answers
    gold: float = Field(default=0.05, ge=0, lt=1)  # share of the line-up whose right decision is known
    mask_personal_data: bool = True  # emails, phones and the like are shown as "[phone_1]"


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
