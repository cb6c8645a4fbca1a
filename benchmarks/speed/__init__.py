"""Speed and memory beside other tools."""
