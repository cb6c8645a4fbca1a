"""Known defects planted in clean conversations: what Qirat's stages stop, what they let pass."""
