"""The errors of the job: a dataset that no model can be made of, and a job that is described wrongly."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a dataset or a model was rejected. The comment beside each value says when it is used."""

    DATASET_INCOMPLETE = "DATASET_INCOMPLETE"  # a file of the build is absent, damaged, or does not fit the others
    NO_SURVIVAL_LABELS = "NO_SURVIVAL_LABELS"  # the build has no columns of time and event
    TOO_FEW_EVENTS = "TOO_FEW_EVENTS"  # fewer events than a comparison needs, or none at all
    VALUES_INVALID = "VALUES_INVALID"  # a feature or label is no number, or not finite, or a case occurs twice
    TOO_LATE = "TOO_LATE"  # a feature is known later than the timepoint that was asked for
    MODEL_MISMATCH = "MODEL_MISMATCH"  # the dataset lacks features that the model needs


class SurvivalJobError(Exception):
    """Base of every error that this package raises on purpose."""


class InputRejectedError(SurvivalJobError):
    """The input cannot be used, and running the job again changes nothing.

    Parameters
    ----------
    code : ReasonCode
        The enumerated reason.
    message : str
        What is wrong and what the user can do about it.
    """

    def __init__(self, code: ReasonCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class InvalidJobError(SurvivalJobError):
    """The job itself is described wrongly: a folder that is not there, an option that makes no sense."""
