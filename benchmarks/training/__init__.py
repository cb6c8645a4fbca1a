"""Does an adapter win, does curation pay, how fast is a card."""
