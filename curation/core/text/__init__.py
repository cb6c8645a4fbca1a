"""What is known of text: folding, language, markdown."""
