"""The one loader of the sample events in ``events/``; ``sam local invoke`` takes the same files."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).resolve().parents[1] / "events"


def event_names() -> list[str]:
    """Return the names of all samples."""
    return sorted(path.stem for path in EVENTS.glob("*.json"))


def load_event(name: str) -> dict[str, Any]:
    """Return a fresh copy of a sample event.

    Parameters
    ----------
    name : str
        File name in ``events/`` without ``.json``; it begins with the name of the function that takes the event.

    Raises
    ------
    FileNotFoundError
        When there is no such sample; the message names those that exist.

    Examples
    --------
    >>> load_event("plan_jobs_run")["execution_name"]
    'run-0123456789abcdef'
    """
    path = EVENTS / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"there is no sample event {name!r}; there are {', '.join(event_names())}")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
