"""Radiomic features and their names."""
