"""Near-copies: planted copies and twins, ours beside other tools."""
