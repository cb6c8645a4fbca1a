"""Stage curate: verdicts and decisions make the curated set."""
