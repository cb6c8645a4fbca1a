"""How much of the personal data in sentences is found."""
