"""From people's answers to decisions: tables of answers, no Argilla."""
