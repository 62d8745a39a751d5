"""Drafts a dataset's file from a clinical table: `multimodal dataset draft table.csv`."""
