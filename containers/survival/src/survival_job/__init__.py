"""Survival models of a joined dataset, compared by modality."""

__version__ = "0.1.0"
