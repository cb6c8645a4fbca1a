"""Stage baseline: what prompts alone reach, before anything is trained."""
