"""Everything about people's review: the queue to Argilla, decisions back, and the server embedded."""
