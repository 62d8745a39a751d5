"""AWS Batch: its API, its jobs, which really run, and its resource types in a template."""

from local.emulator.batch.api import install

__all__ = ["install"]
