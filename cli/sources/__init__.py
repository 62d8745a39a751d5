"""Finds what a folder or a file holds to upload: studies, RNA-seq reads and references, clinical tables."""
