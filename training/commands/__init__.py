"""What people ask about training: `qirat cost`, `preview`, `curve`, `canaries`, `export`."""
