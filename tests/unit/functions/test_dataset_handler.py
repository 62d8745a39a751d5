"""The handler of `dataset_build`: each step of the state machine reaches its service method."""

from types import SimpleNamespace
from typing import Any

import pytest

from dataset_build import app
from multimodal.ledger.errors import InvalidRequestError
from tests.sample_events import load_event

CONTEXT: Any = SimpleNamespace(memory_limit_in_mb="3008")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the service was asked."""
    made: list[tuple[Any, ...]] = []

    def step(name: str) -> Any:
        def take(*arguments: Any) -> dict[str, str]:
            made.append((name, *arguments))
            return {"step": name}

        return take

    service = SimpleNamespace(**{name: step(name) for name in ("plan", "query", "write", "fail")})
    monkeypatch.setattr(app, "dataset_build", lambda _: service)
    return made


@pytest.mark.parametrize("name", ["plan", "query", "write", "fail"])
def test_a_step_is_taken(name: str, calls: list[tuple[Any, ...]]) -> None:
    event = load_event(f"dataset_build_{name}")

    assert app.handler(event, CONTEXT) == {"step": name}
    assert calls == [(name, *(value for key, value in event.items() if key != "step"))]


@pytest.mark.parametrize(
    "event", [{}, {"step": "plan", "run_id": "r"}, {"step": "query", "run_id": "r"}, {"step": "x"}]
)
def test_an_event_that_says_nothing_is_rejected(event: dict[str, Any], calls: list[tuple[Any, ...]]) -> None:
    with pytest.raises(InvalidRequestError, match="step must be"):
        app.handler(event, CONTEXT)
    assert not calls


def test_the_join_gets_a_share_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STACK_NAME", "METRICS_NAMESPACE", "RAW_BUCKET", "PROCESSED_BUCKET", "DATASET_NAMES"):
        monkeypatch.setenv(name, "some")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    app.dataset_build.cache_clear()

    assert app.dataset_build(3000).engine.memory_mb == 1800
    app.dataset_build.cache_clear()
