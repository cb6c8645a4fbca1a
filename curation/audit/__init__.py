"""Stage audit: what share of planted defects the checks find in this set."""
