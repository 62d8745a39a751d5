"""SageMaker: Processing jobs, which really run, and Feature Store with an offline store."""

from local.emulator.sagemaker.api import install

__all__ = ["install"]
