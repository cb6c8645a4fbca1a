"""What runs inside the server's own environment. It knows Argilla's server, and nothing of ours outside this folder."""
