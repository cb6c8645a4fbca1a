"""Formats in which other trainers take a training set, one file each."""
