"""How answers are judged: the arms, what they write, and each measure of it."""
