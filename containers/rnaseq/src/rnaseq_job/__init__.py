"""Reads of one RNA-seq sample to gene expression, with DRAGEN or salmon behind one command line."""

__version__ = "0.1.0"
