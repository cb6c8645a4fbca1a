"""The map of `qirat explore`: where rows stand on it, what they are filtered by, its pages and the server of these."""
