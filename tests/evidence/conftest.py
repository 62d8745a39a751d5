"""What the last run of the end-to-end tests left (`tests/end_to_end/evidence.py`), from all of its workers."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.emulator.calls import FILE
from tests.end_to_end.evidence import ALARMS, LEAKS, POLICIES


@dataclass(frozen=True)
class Evidence:
    """What the workers wrote.

    Parameters
    ----------
    policies : list of dict
        Each role's statements, of every stack.
    calls : list of dict
        Each permission that a call used, by the same logical ids, and each call that was denied.
    searches : list of dict
        How many texts a worker searched for the patient of the tests, and where it found something.
    alarms : dict
        Whether an alarm rang, by its name without the stack's.
    """

    policies: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    searches: list[dict[str, Any]]
    alarms: dict[str, bool]


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    """Of the run that `E2E_EVIDENCE` names."""
    if "E2E_EVIDENCE" not in os.environ:
        pytest.skip("the end-to-end tests leave what is judged here: make e2e")
    folders = sorted(path for path in Path(os.environ["E2E_EVIDENCE"]).iterdir() if path.is_dir())
    assert folders, "the end-to-end tests left nothing"
    found = Evidence([], [], [], {})
    for folder in folders:
        policies = json.loads((folder / POLICIES).read_text())
        names = {each["role"]: each["logical_id"] for each in policies}
        calls = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
        found.policies.extend(policies)
        found.calls.extend({**call, "role": names.get(call["role"], call["role"])} for call in calls)
        found.searches.append(json.loads((folder / LEAKS).read_text()))
        for name, rang in json.loads((folder / ALARMS).read_text()).items():
            found.alarms[name] = found.alarms.get(name, False) or rang
    return found
