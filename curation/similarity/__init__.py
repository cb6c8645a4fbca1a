"""What is alike: shingles, neighbours, differences."""
