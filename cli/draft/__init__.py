"""Drafts a dataset's file from a clinical table: `make dataset CSV=path`."""
