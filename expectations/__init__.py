"""Great Expectations suites over what the pipeline ingested and curated."""
