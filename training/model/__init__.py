"""The base model, and what is measured on any model: cost, attention, likelihood, the adapter's folder."""
