"""Intervals, agreement and groups."""
