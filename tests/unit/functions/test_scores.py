"""Scores of a saved model as records: what is written, and what is not."""

import json
from typing import Any

import pytest

from multimodal.features.scores import ScoreIngest, scores_group
from multimodal.ledger.errors import BadInputError, InvalidRequestError
from tests.unit.functions.fakes import FakeFeatureStore, FakeObjects

KEY = "scores/made/run-1/scores.json"
WHEN = "2026-11-28T13:30:00.123+01:00"


def document(**changes: Any) -> dict[str, Any]:
    """Return what the survival job writes."""
    scores = [
        {"case_id": "S-1", "risk_score": 0.25, "risk_percentile": 80},
        {"case_id": "S-2", "risk_score": -1, "risk_percentile": None},
    ]
    return {
        "schema": 1,
        "dataset": "made",
        "build": "b2",
        "modalities": ["rna", "clinical"],
        "scores": scores,
    } | changes


def ingest(text: str | None, **changes: str) -> FakeFeatureStore:
    objects, store = FakeObjects("processed"), FakeFeatureStore()
    if text is not None:
        objects.put(KEY, text.encode())
    asked = {"dataset": "made", "run": "run-1", "model": "b1/run-0", "scored_at": WHEN} | changes
    found = ScoreIngest(objects, store, "stack", ["made"]).ingest(**asked)
    assert found == {"group": "stack-made-scores-v1", "records": len(store.records)}
    return store


def test_each_case_gets_a_record_that_fits_the_group() -> None:
    (group, first), (_, second) = ingest(json.dumps(document())).records
    assert group == "stack-made-scores-v1"
    assert first == {
        "case_id": "S-1",
        "event_time": "2026-11-28T12:30:00Z",
        "event_time_source": "ScoringTime",
        "risk_score": "0.25",
        "risk_percentile": "80.0",
        "model": "b1/run-0",
        "modalities": "rna,clinical",
        "dataset_build": "b2",
        "source_uri": f"s3://processed/{KEY}",
    }
    assert set(first) == set(scores_group("stack", "made").types)
    assert "risk_percentile" not in second


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "RESULT_MISSING"),
        ("{", "FEATURES_INVALID"),
        (json.dumps(document(schema=2)), "FEATURES_INVALID"),
        (json.dumps(document(dataset="other")), "FEATURES_INVALID"),
        (json.dumps(document(scores=[{"case_id": "S-1", "risk_score": "high"}])), "FEATURES_INVALID"),
        (json.dumps(document(scores=[{"case_id": "S-1", "risk_score": float("nan")}])), "FEATURES_INVALID"),
        (json.dumps(document(scores=[{"case_id": "S-1", "risk_score": 1.0}] * 2)), "FEATURES_INVALID"),
        *(
            (json.dumps(document(scores=[{"case_id": case, "risk_score": 1.0}])), "FEATURES_INVALID")
            for case in ("", " ", " S-1", "S\n1", "S" * 256, 1, None)
        ),
    ],
)
def test_scores_that_are_none_are_rejected_as_a_whole(text: str | None, code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        ingest(text)
    assert caught.value.reason_code == code


@pytest.mark.parametrize(
    "changes", [{"dataset": "other"}, {"run": "../x"}, {"scored_at": "noon"}, {"scored_at": "2026-11-28T12:00:00"}]
)
def test_requests_that_name_nothing_are_rejected(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        ingest(json.dumps(document()), **changes)


def test_one_case_that_is_wrong_leaves_nothing_half_written() -> None:
    store, objects = FakeFeatureStore(), FakeObjects("processed")
    scores = [{"case_id": "S-1", "risk_score": 1.0}, {"case_id": "S-2", "risk_score": float("inf")}]
    objects.put(KEY, json.dumps(document(scores=scores)).encode())
    with pytest.raises(BadInputError):
        ScoreIngest(objects, store, "stack", ["made"]).ingest("made", "run-1", "b1/run-0", WHEN)
    assert store.records == []
