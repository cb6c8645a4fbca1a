"""The command line, and the author of the example: the only room that sees both halves."""
