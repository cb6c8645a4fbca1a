"""Defects planted in copies of a run's own rows: what is spoilt, with which words."""
