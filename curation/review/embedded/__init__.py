"""Argilla's own server, embedded: made on first use in an environment of its own, on SQLite, for this machine only."""
