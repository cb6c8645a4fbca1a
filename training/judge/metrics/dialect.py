"""Whether Arabic replies are in the dialect in which the team answers."""

from curation.core.text.dialect import UNKNOWN, dialect_of
from training.judge.metrics import Answered, Metric, Score


@Metric(
    "replies",
    better=1,
    decides=False,  # many a set has no conversation in which it can be told
    title={
        "en": "Conversations answered in the team's Arabic, share (higher is better)",
        "ar": "نسبة المحادثات المجاب عنها بعربية الفريق (الأعلى أفضل)",
    },
    explanation={
        "en": "Arabic conversations whose written replies are in the dialect, or standard Arabic, of the team's own "
        "replies there: the customer's, where the team writes so. Counted where both can be told.",
        "ar": "المحادثات العربية التي جاءت ردودها المكتوبة بلهجة ردود الفريق فيها أو بفصحاها: بلهجة العميل حيث جرت "
        "عادة الفريق بذلك. ولا يُحسب إلا ما أمكن فيه تمييز الطرفين.",
    },
)
def dialect(talk: Answered) -> Score:
    """Share of the conversations; all replies of one are told together, as one alone says too little."""
    messages = talk.conversation["messages"]
    wanted = dialect_of("\n".join(messages[reply["turn"]]["content"] for reply in talk.replies))
    written = dialect_of("\n".join(reply["text"] for reply in talk.replies))
    return None if UNKNOWN in (wanted, written) else (wanted == written, 1)
