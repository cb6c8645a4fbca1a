"""One of several processes that share the weights of a base out, with checkpointing, by accounting and by counting.

python -m tests.training.rehearsal.sharing SIZE LAYERS CARDS
"""

import sys

from benchmarks.training.accounting import peak_bytes_of_one
from tests.training.rehearsal.test_memory import BF16, RANK, TOKENS, qwen
from training.model.cost import Shape, memory


def main() -> None:
    """Prints both, in bytes."""
    size, layers, cards = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    config = qwen(size, num_hidden_layers=layers)
    counted = memory(Shape.of(config, RANK), TOKENS, BF16, True, cards)
    print(peak_bytes_of_one(config, TOKENS, RANK, True, cards), counted)


if __name__ == "__main__":
    main()
