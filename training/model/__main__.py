"""Make the base model ready.  python -m training.model"""

import sys

from curation.harness.errors import QiratError
from curation.harness.params import load_params
from training.model.base import Model, base_folder, load_tokenizer


def main() -> None:
    """Make the base model ready, so that the first stage to use it need not."""
    try:
        model = load_params("model", Model)
        load_tokenizer(model)
        print(f"model: {model.name} is ready in {base_folder(model)}", file=sys.stderr)
    except QiratError as error:
        sys.exit(f"model: {error}")


if __name__ == "__main__":
    main()
