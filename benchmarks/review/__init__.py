"""What review costs and what it is worth."""
