"""Reason codes that the ledger itself gives a unit.

The radiomics job has reason codes of its own (``rejection.schema.json``); both sets are explained in
``docs/outputs.md``.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a unit waits or has ended without features."""

    IMAGE_NOT_SET = "IMAGE_NOT_SET"
    INCOMPLETE_UPLOAD = "INCOMPLETE_UPLOAD"
    INCOMPLETE_STUDY = "INCOMPLETE_STUDY"
    UPLOAD_REMOVED = "UPLOAD_REMOVED"
    AMBIGUOUS_UPLOAD = "AMBIGUOUS_UPLOAD"
    MARKER_INVALID = "MARKER_INVALID"
    KEY_NOT_ACCEPTED = "KEY_NOT_ACCEPTED"
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"
    OBJECTS_ARCHIVED = "OBJECTS_ARCHIVED"
    DATASET_UNKNOWN = "DATASET_UNKNOWN"
    SUBJECT_HAS_NO_STUDY = "SUBJECT_HAS_NO_STUDY"
    COHORT_INVALID = "COHORT_INVALID"
    JOB_FAILED = "JOB_FAILED"
    RESULT_MISSING = "RESULT_MISSING"
    RUN_LOST = "RUN_LOST"
    FEATURES_INVALID = "FEATURES_INVALID"
    PARAMS_MISMATCH = "PARAMS_MISMATCH"
