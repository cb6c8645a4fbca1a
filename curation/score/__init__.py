"""Stage score: every check over the survivors."""
