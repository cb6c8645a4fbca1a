"""Great Expectations suites over what the pipeline ingested and curated."""

import curation.harness  # noqa: F401  how memory is given back is settled before Polars is imported
