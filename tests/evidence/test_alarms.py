"""Alarms that rang for their fault in the end-to-end tests, and why the others could not."""

from tests.evidence.conftest import Evidence

RANG = {"quarantined-units", "genomics-quarantined-units", "clinical-quarantined-units"}
"""A corrupt study, a truncated upload of reads and tables that no row was taken of were uploaded."""
NOT_HERE = {
    "the laptop cloud has no metrics of SQS and EventBridge": {
        *("arrivals-dead-letters", "feature-ingest-dead-letters", "events-dead-letters", "lost-dead-letters"),
        *("late-queues", "undelivered-events", "undelivered-requests"),
    },
    "the laptop cloud's alarms do not tell functions and state machines apart": {
        *("failed-executions", "failed-datasets", "failed-models", "failed-fetches", "ended-runs"),
        *("failing-functions", "throttled-functions"),
    },
    "no study falls back in these tests; the alarm rings in tests/contract/test_local_functions.py": {
        "fast-lane-fallbacks",
    },
    "it takes hours": {"oldest-unit", "genomics-oldest-unit", "clinical-oldest-unit"},
    "no unit fails for a fault that is ours in these tests; in tests/chaos they do": {
        *("failed-units", "genomics-failed-units", "clinical-failed-units"),
    },
}


def test_alarms_rang_for_what_was_quarantined(evidence: Evidence) -> None:
    assert {name for name in RANG if not evidence.alarms[name]} == set()
