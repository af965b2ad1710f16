"""Hand-made vectors without a download."""
