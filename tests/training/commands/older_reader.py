"""What transformers, whichever comes first on the path, makes of models and words that were written by another.

python tests/training/commands/older_reader.py FOLDER

Each folder in it holds a model with its tokenizer, and `given.safetensors` with tokens, their logits, and a chat in
tokens, as its writer made them. Prints JSON: how far the logits are off, as a share of their spread, and both chats.
"""

import json
import sys
from pathlib import Path
from typing import Any

CHAT = [{"role": "user", "content": "أين طلبي؟ Where is it?"}, {"role": "assistant", "content": "لحظة."}]


def read(folder: Path) -> dict[str, Any]:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    given = load_file(folder / "given.safetensors")
    model: Any = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    with torch.no_grad():
        found = model.eval()(given["ids"]).logits
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    return {
        "off": float((found - given["logits"]).square().mean().sqrt() / given["logits"].std()),
        "chat": tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False),
        "chat_given": given["chat"].tolist(),
        "end": tokenizer.eos_token,
    }


if __name__ == "__main__":
    import transformers

    told = {folder.name: read(folder) for folder in sorted(Path(sys.argv[1]).iterdir())}
    print(json.dumps({"version": transformers.__version__, "read": told}))
