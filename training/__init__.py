"""Curated set to a judged adapter: tokenize, baselines, LoRA, evaluation."""
