"""What annotators see: the fields of a record, the questions about it and the guidelines, in English and Arabic."""

from pathlib import Path
from typing import Any

from pydantic import Field

from curation.stage import Params

DECISIONS = {"keep": "Keep · إبقاء", "edit": "Edit · تعديل", "drop": "Drop · استبعاد"}
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
GUIDELINES = Path(__file__).with_name("guidelines.md")


class Review(Params):
    """The `review` section of params.yaml."""

    workspace: str = "qirat"  # annotators see the data sets of their workspaces only
    dataset: str = "review"
    min_submitted: int = Field(default=1, ge=1)  # answers a conversation needs
    mask_personal_data: bool = True  # emails, phones and the like are shown as "[phone_1]"


def settings(params: Review) -> Any:
    """The data set for Argilla's client. No question carries a suggestion: people would press Enter on it."""
    import argilla

    return argilla.Settings(
        fields=[
            argilla.TextField("why", title="Why you see this · لماذا تراها", use_markdown=True),
            argilla.ChatField("conversation", title="Conversation · المحادثة", use_markdown=True),
        ],
        questions=[
            argilla.LabelQuestion("decision", DECISIONS, title="Decision · القرار"),
            argilla.MultiLabelQuestion("reasons", REASONS, title="Reasons · الأسباب", required=False),
            argilla.TextQuestion(
                "corrected",
                title="Corrected replies · الردود المصححة",
                description=(
                    "Only for Edit. The last reply as it should read; for others, write its number in brackets, as in "
                    "the conversation, on a line of its own above each. · "
                    "للتعديل فقط: نص الرد الأخير كما ينبغي، ولغيره اكتب رقمه بين قوسين في سطر مستقل فوقه."
                ),
                required=False,
            ),
            argilla.TextQuestion("label", title="Corrected label · التصنيف المصحح", required=False),
        ],
        metadata=[
            argilla.TermsMetadataProperty("language", title="Language · اللغة"),
            argilla.TermsMetadataProperty("source", title="Source · المصدر"),
            argilla.TermsMetadataProperty("intent", title="Label · التصنيف"),
            argilla.TermsMetadataProperty("codes", title="Doubts · مواضع الشك"),
            argilla.FloatMetadataProperty("priority", title="Priority · الأولوية"),
            argilla.IntegerMetadataProperty("rank", title="Rank · الترتيب"),
        ],
        guidelines=GUIDELINES.read_text("utf-8"),
        distribution=argilla.TaskDistribution(min_submitted=params.min_submitted),
    )
