"""Near-identical conversations: candidates, proof, what must stay apart, and who survives."""
