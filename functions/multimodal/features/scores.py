"""Risk scores of a saved model as records of the dataset's scores group."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from multimodal.features.group import (
    EVENT_TIME,
    EVENT_TIME_SOURCE,
    RECORD_ID,
    Document,
    FeatureGroupSpec,
    FeatureRecords,
    FeatureType,
    Record,
    check_group,
    event_time_of,
    fit,
    of_type,
    parse_json,
    valid_document,
)
from multimodal.ledger.errors import BadInputError, InvalidRequestError, Reason
from multimodal.ledger.ports import ObjectStore
from multimodal.observability import logger

SCORES_VERSION = 1
"""A new version is a new group: raise it when a feature changes its type or its meaning."""

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
"""An execution's name, as part of a key."""


class _Score(Document):
    """One case; the percentile is its place among the cases that the model was trained on, 0 to 100."""

    case_id: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^\S")]
    risk_score: float
    risk_percentile: float | None = None


class ScoresDocument(Document):
    """`scores.json` as the survival job writes it; `build` is the one that was scored."""

    schema_version: Literal[1] = Field(alias="schema")
    dataset: str
    build: str
    modalities: list[str]
    scores: list[_Score]


def scores_group(stack: str, dataset: str) -> FeatureGroupSpec:
    """Return the specification of a dataset's scores group.

    Examples
    --------
    >>> scores_group("dev", "nsclc").name
    'dev-nsclc-scores-v1'
    """
    features = (
        *of_type(FeatureType.STRING, RECORD_ID, EVENT_TIME, EVENT_TIME_SOURCE),
        *of_type(FeatureType.FRACTIONAL, "risk_score", "risk_percentile"),
        *of_type(FeatureType.STRING, "model", "modalities", "dataset_build", "source_uri"),
    )
    spec = FeatureGroupSpec(f"{stack}-{dataset}-scores-v{SCORES_VERSION}", features)
    check_group(spec)
    return spec


@dataclass(frozen=True)
class ScoreIngest:
    """Writes the scores of a run.

    Parameters
    ----------
    processed : ObjectStore
        Holds `scores/<dataset>/<run>/scores.json`.
    features : FeatureRecords
    stack : str
    dataset_names : sequence of str
        The deployed datasets: only these have a scores group.
    """

    processed: ObjectStore
    features: FeatureRecords
    stack: str
    dataset_names: Sequence[str]

    def ingest(self, dataset: str, run: str, model: str, scored_at: str) -> dict[str, Any]:
        """Write all scores of a run; writing them again changes nothing that a reader sees.

        Parameters
        ----------
        dataset, run : str
            They name `scores.json`.
        model : str
            `<build>/<run>` of the saved model.
        scored_at : str
            When the run started, in ISO 8601: the event time of its records.

        Returns
        -------
        dict
            `group`, and how many `records` were written.

        Raises
        ------
        InvalidRequestError
            For a dataset that is not deployed, a run that is no name, or a time that is none.
        BadInputError
            `RESULT_MISSING` without scores; `FEATURES_INVALID` when they are not what the job writes.
        RetryableError
            When Feature Store is busy.
        """
        if dataset not in self.dataset_names or not _RUN.fullmatch(run):
            raise InvalidRequestError("dataset must name a deployed dataset, and run an execution")
        key, moment = f"scores/{dataset}/{run}/scores.json", _event_time(scored_at)
        text = self.processed.read_text(key)
        if text is None:
            raise BadInputError(Reason.RESULT_MISSING, f"there is no {key}; score the build again")
        document = valid_document(ScoresDocument, parse_json(text, key), key)
        spec = scores_group(self.stack, dataset)
        _check(document, dataset, key)
        origin = {
            EVENT_TIME: moment,
            EVENT_TIME_SOURCE: "ScoringTime",
            "model": model,
            "modalities": ",".join(document["modalities"]),
            "dataset_build": document["build"],
            "source_uri": self.processed.uri(key),
        }
        records = [_record(each, origin, spec, key) for each in document["scores"]]
        self.features.write([(spec.name, record) for record in records])
        logger().info("scores written", group=spec.name, records=len(records), run_id=run)
        return {"group": spec.name, "records": len(records)}


def _check(document: Mapping[str, Any], dataset: str, key: str) -> None:
    if document["dataset"] != dataset:
        raise BadInputError(Reason.FEATURES_INVALID, f"{key} has scores of {document['dataset']}, not of {dataset}")
    twice = [case for case, count in Counter(each["case_id"] for each in document["scores"]).items() if count > 1]
    if twice:
        raise BadInputError(Reason.FEATURES_INVALID, f"{key} scores cases twice", {"count": len(twice)})


def _record(score: Mapping[str, Any], origin: Mapping[str, str], spec: FeatureGroupSpec, key: str) -> Record:
    values = {name: score.get(name) for name in (RECORD_ID, "risk_score", "risk_percentile")}
    return fit({**values, **origin}, spec, key)


def _event_time(moment: str) -> str:
    """Return an ISO time as Feature Store takes it, in UTC and whole seconds."""
    problem = "scored_at must be a time in ISO 8601 with its offset, such as 2026-11-28T12:00:00Z"
    try:
        found = datetime.fromisoformat(moment)
    except ValueError as error:
        raise InvalidRequestError(problem) from error
    if found.tzinfo is None:
        raise InvalidRequestError(problem)
    return event_time_of(found.timestamp())
