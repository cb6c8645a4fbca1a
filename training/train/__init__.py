"""Stage train: a LoRA adapter tuned with TRL on the proved tokens."""
