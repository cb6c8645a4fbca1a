"""Stage evaluate: the adapter against the prompts on the same test conversations."""
