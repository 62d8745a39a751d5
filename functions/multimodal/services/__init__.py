"""Use cases. A service takes ports and values and knows nothing of AWS or of Lambda."""
