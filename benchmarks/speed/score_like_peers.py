"""`python -m curation.score` with just the checks whose work the peers' operators do too; for benchmarks.speed.

python -m benchmarks.speed.score_like_peers
"""

from unittest.mock import patch

from curation import checks
from curation.score import __main__ as score

SAME = ("encoding", "length", "pii", "repetition")


def main() -> None:
    some = {name: check for name, check in checks.checks().items() if name in SAME}
    assert len(some) == len(SAME)
    with patch.object(score, "checks", lambda: some):
        score.main()


if __name__ == "__main__":
    main()
