"""Damaged files before the real reader."""
