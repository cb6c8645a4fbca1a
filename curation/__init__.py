"""Raw conversations to a curated set: ingest, deduplicate, check, route, review, split, gate, report."""
