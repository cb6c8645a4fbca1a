"""What all stages stand on: the record that they pass on, text and statistics."""
