"""What runs inside Label Studio's own environment: its server for this machine only, where annotators only annotate."""
