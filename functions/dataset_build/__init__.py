"""The function that builds a joined dataset, step by step."""
