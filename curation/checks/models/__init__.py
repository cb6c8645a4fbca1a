"""What several checks learn from the set itself."""
