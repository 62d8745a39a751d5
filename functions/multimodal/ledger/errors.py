"""The two kinds of failure, and the reason codes that the ledger itself gives a unit.

Everything the project raises on purpose derives from `MultimodalError` and is either worth another try
(`RetryableError`) or the input's fault (`BadInputError`). Step Functions matches these names in
its `Retry` and `Catch`; queue consumers report only retryable failures back to SQS.
"""

from enum import StrEnum


class MultimodalError(Exception):
    """Base of every error the project raises on purpose."""


class RetryableError(MultimodalError):
    """A passing fault of a service: the same call may succeed later."""


class BadInputError(MultimodalError):
    """The input cannot be used; the message tells the user what to do.

    Parameters
    ----------
    reason_code : str
        One of `Reason`, or a code the radiomics job wrote.
    message : str
        What is wrong and what to do about it. Never holds a patient identifier beyond the subject key.
    details : dict, optional
        Numbers and names behind the message.
    """

    def __init__(self, reason_code: str, message: str, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.reason_code = reason_code
        self.message = message
        self.details = details or {}


class InvalidRequestError(BadInputError):
    """A request to a function or a state machine that does not say what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("INVALID_REQUEST", message)


class ConfigurationError(MultimodalError):
    """The deployment itself is wrong: a missing setting or a dataset file that cannot be read."""


class Reason(StrEnum):
    """Why a unit waits or has ended without features."""

    IMAGE_NOT_SET = "IMAGE_NOT_SET"
    INCOMPLETE_UPLOAD = "INCOMPLETE_UPLOAD"
    INCOMPLETE_STUDY = "INCOMPLETE_STUDY"
    UPLOAD_REMOVED = "UPLOAD_REMOVED"
    AMBIGUOUS_UPLOAD = "AMBIGUOUS_UPLOAD"
    MARKER_INVALID = "MARKER_INVALID"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    KEY_NOT_ACCEPTED = "KEY_NOT_ACCEPTED"
    KEY_IGNORED = "KEY_IGNORED"
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"
    OBJECTS_ARCHIVED = "OBJECTS_ARCHIVED"
    DATASET_UNKNOWN = "DATASET_UNKNOWN"
    SUBJECT_HAS_NO_STUDY = "SUBJECT_HAS_NO_STUDY"
    COHORT_INVALID = "COHORT_INVALID"
    MANIFEST_INVALID = "MANIFEST_INVALID"
    SERIES_NOT_FOUND = "SERIES_NOT_FOUND"
    FETCH_FAILED = "FETCH_FAILED"
    PLAN_INVALID = "PLAN_INVALID"
    JOB_FAILED = "JOB_FAILED"
    RESULT_MISSING = "RESULT_MISSING"
    RUN_LOST = "RUN_LOST"
    QUOTA = "QUOTA"
    CAPACITY = "CAPACITY"
    FEATURES_INVALID = "FEATURES_INVALID"
    PARAMS_MISMATCH = "PARAMS_MISMATCH"
    SAMPLESHEET_INVALID = "SAMPLESHEET_INVALID"
    NOT_IN_SAMPLESHEET = "NOT_IN_SAMPLESHEET"
    MATE_MISSING = "MATE_MISSING"
    READS_AMBIGUOUS = "READS_AMBIGUOUS"
    READS_MIXED = "READS_MIXED"
    REFERENCE_INCOMPLETE = "REFERENCE_INCOMPLETE"
    REFERENCE_NOT_READY = "REFERENCE_NOT_READY"
    ASSAY_MISMATCH = "ASSAY_MISMATCH"
    ROUTE_NOT_CONFIGURED = "ROUTE_NOT_CONFIGURED"
    MATRIX_INVALID = "MATRIX_INVALID"
    GENES_NOT_FOUND = "GENES_NOT_FOUND"
    SCALE_SUSPECTED = "SCALE_SUSPECTED"
    DEFINITION_CHANGED = "DEFINITION_CHANGED"
    TABLE_FAILED = "TABLE_FAILED"
    TABLE_EMPTY = "TABLE_EMPTY"
    NO_ROW_TAKEN = "NO_ROW_TAKEN"
    NOT_CSV = "NOT_CSV"
    ENCODING_UNKNOWN = "ENCODING_UNKNOWN"
    ROW_TOO_LONG = "ROW_TOO_LONG"
    QUOTES_UNBALANCED = "QUOTES_UNBALANCED"
    TOO_MANY_COLUMNS = "TOO_MANY_COLUMNS"
    HEADER_NOT_RECOGNISED = "HEADER_NOT_RECOGNISED"
    COLUMNS_MISSING = "COLUMNS_MISSING"
    COLUMNS_DUPLICATED = "COLUMNS_DUPLICATED"
    COLUMNS_NOT_DECLARED = "COLUMNS_NOT_DECLARED"
    IDENTIFIERS_FOUND = "IDENTIFIERS_FOUND"
    BUILD_INVALID = "BUILD_INVALID"
