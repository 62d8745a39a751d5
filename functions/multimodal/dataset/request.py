"""What a build of a dataset is asked for: the content of `_build.json`, and what the command passes on."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from multimodal.ledger.dataset_file import StrictModel
from multimodal.ledger.errors import BadInputError, Reason

Timepoint = Literal["baseline", "surgery", "post_treatment"]
"""The latest moment whose facts may be features. What is known at the outcome is never one."""

ScanRule = Literal["latest", "first", "nearest"]
"""Which of several event times of a case counts: the last, the first, or the one nearest to the index time."""

_DAY, _MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def _as_moment(text: str, of_a_day: str) -> str:
    if _DAY.fullmatch(text):
        text = f"{text}T{of_a_day}Z"
    if not _MOMENT.fullmatch(text):
        raise ValueError("write a day as 2026-11-28 or a moment in UTC as 2026-11-28T09:30:00Z")
    datetime.fromisoformat(text)  # no day of the calendar: ValueError
    return text


LastMoment = Annotated[str, AfterValidator(lambda text: _as_moment(text, "23:59:59"))]
FirstMoment = Annotated[str, AfterValidator(lambda text: _as_moment(text, "00:00:00"))]
CaseId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Modality = Literal["imaging", "pet", "rna", "clinical"]
MAX_CASES = 1_000_000


class IndexTime(StrictModel):
    """Day 0 of each case, and the days around it in which an event counts.

    De-identified dates are shifted by another number of days for each patient, so that only distances within a patient
    mean anything.
    """

    of: Literal["imaging", "clinical"]
    """Day 0 is that of the CT, or of the clinical baseline."""
    days_before: Annotated[int, Field(ge=0, le=36_500)] = 36_500
    days_after: Annotated[int, Field(ge=0, le=36_500)] = 0


class Shares(StrictModel):
    """Expected shares of the parts of the split; what is left is for testing."""

    train: Annotated[float, Field(gt=0, lt=1)] = 0.7
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.15

    @model_validator(mode="after")
    def _leaves_a_test_part(self) -> Self:
        if self.train + self.validation >= 1:
            raise ValueError("train and validation must leave something for testing: their sum is to be below 1")
        return self


class BuildRequest(StrictModel):
    """One build of a dataset.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    build : str, optional
        Name of the build; without one it is made of the content.
    as_of : str, optional
        Latest event time of a feature's record, inclusive; a day counts to its end. Labels and records that only
        their upload dates are not cut.
    written_before : str, optional
        Only what the store had been given before this moment (UTC), deletions included.
    cases : list of str, optional
        The cohort; without it, all cases that have labels (or, in a dataset without labels, any record).
    modalities : list of str, optional
        Those to join; without it, all of the dataset's file. Each must have records.
    timepoint : str
        Features of groups that are known later are left out.
    t0 : IndexTime, optional
        Index time and window.
    records : str
        Which event time of a case counts where it has several.
    require_events : bool
        Whether a cohort in which nobody died is rejected.
    split : Shares
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dataset: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    build: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = None
    as_of: LastMoment | None = None
    written_before: FirstMoment | None = None
    cases: Annotated[list[CaseId], Field(min_length=1, max_length=MAX_CASES)] | None = None
    modalities: Annotated[list[Modality], Field(min_length=1)] | None = None
    timepoint: Timepoint = "surgery"
    t0: IndexTime | None = None
    records: ScanRule = "latest"
    require_events: bool = True
    split: Shares = Shares()

    @model_validator(mode="after")
    def _has_what_the_rule_needs(self) -> Self:
        if self.records == "nearest" and (self.t0 is None or self.t0.of == "imaging"):
            raise ValueError('records: nearest needs a day 0 of another group: "t0": {"of": "clinical"}')
        return self

    @property
    def cohort(self) -> list[str] | None:
        """The listed cases, sorted, each once."""
        return None if self.cases is None else sorted(set(self.cases))


def parse_request(document: object) -> BuildRequest:
    """Return the request that a document states.

    Raises
    ------
    BadInputError
        `BUILD_INVALID`, naming each key that is wrong and what to write.
    """
    try:
        return BuildRequest.model_validate(document)
    except ValidationError as error:
        wrong = [(".".join(map(str, e["loc"])) or "file", e["msg"]) for e in error.errors(include_input=False)[:5]]
        message = "; ".join(f"{where}: {what.removeprefix('Value error, ')}" for where, what in wrong)
        raise BadInputError(Reason.BUILD_INVALID, f"the request for a build is not valid: {message}") from error


def parse_build_file(text: str | None, dataset: str) -> BuildRequest:
    """Return the request of an uploaded `_build.json`; its folder names the dataset, and `{}` asks for the defaults."""
    try:
        document = json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            Reason.BUILD_INVALID, "_build.json is not JSON; {} asks for a build with all defaults"
        ) from error
    if not isinstance(document, Mapping):
        raise BadInputError(
            Reason.BUILD_INVALID, "_build.json must be an object; {} asks for a build with all defaults"
        )
    stated: dict[str, Any] = {"dataset": dataset, **document}
    if stated["dataset"] != dataset:
        raise BadInputError(Reason.BUILD_INVALID, f"_build.json names another dataset than its folder, {dataset}")
    return parse_request(stated)
