"""Files that people keep in git: decisions, answers, gold, what to forget."""
