"""The sample: a seeded, bilingual support export of the fictional shop Zaafaran Home, with planted, labelled defects.

    qirat sample

writes data/raw (five formats), data/evaluation (held-out conversations) and data/sample_truth.parquet, which tells for
every raw row what was planted and which no stage reads. The same seed writes the same bytes.
"""

import random
from pathlib import Path

CONVERSATIONS = 3600  # raw rows of the year, defects included
NEWEST = (280, 180)  # rows of the month after it, English and Arabic: clean, in phrases that the year does not have
SEED = 7


def write(root: Path, seed: int = SEED, conversations: int = CONVERSATIONS) -> dict[str, int]:
    """Writes the export below `root` and answers how many raw rows carry which defect."""
    from qirat.sample.defects import plant
    from qirat.sample.dialogues import Author
    from qirat.sample.exporters import export, write_evaluation, write_truth
    from qirat.sample.rows import SampleRow

    author = Author(random.Random(f"{seed}/conversations"))
    evaluation = author.evaluation(120)
    rows = plant(author, evaluation, conversations, random.Random(f"{seed}/defects"))
    newest = author.newest(*(round(count * conversations / CONVERSATIONS) for count in NEWEST))
    rows += sorted(map(SampleRow.of, newest), key=lambda row: (row.created_at, row.conversation.subject))
    export(root / "data" / "raw", rows, random.Random(f"{seed}/files"))
    write_evaluation(root / "data" / "evaluation", evaluation)
    return write_truth(root / "data" / "sample_truth.parquet", rows)
