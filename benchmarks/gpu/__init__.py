"""Training speed on a GPU: Qwen3's shapes with random weights, our recipe beside TRL's defaults."""
