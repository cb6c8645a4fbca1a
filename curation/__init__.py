"""Raw conversations to a curated set: ingest, deduplicate, check, route, review, split, gate, report."""

import os

# What a part of a table took is given back before the next one is read: Polars' allocator, which reads this when Polars
# is first imported, otherwise keeps it for half a second and then for another.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0")
