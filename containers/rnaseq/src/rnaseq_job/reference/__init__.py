"""Builds a reference once, from a genome and its annotation, and stages it for the samples that use it."""
