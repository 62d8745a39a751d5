"""No call without a permission, no permission without a call."""

import shutil
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.evidence.conftest import Evidence

_WHOLE = pytest.mark.skipif(shutil.which("salmon") is None, reason="without salmon no reads were quantified")
Permission = tuple[str, str, str]
"""A role's logical id, a statement's Sid and an action."""

_EXCEPTIONS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("not_called.yaml").read_text())
NOT_CALLED = {entry: reason for reason, entries in _EXCEPTIONS.items() for entry in entries}


def granted(policies: Iterable[Mapping[str, Any]]) -> set[Permission]:
    """Return what the roles may do."""
    return {
        (each["logical_id"], each["statement"]["Sid"], action)
        for each in policies
        for action in _listed(each["statement"]["Action"])
    }


def used(calls: Iterable[Mapping[str, Any]]) -> set[Permission]:
    """Return what calls were allowed by."""
    return {(call["role"], call["sid"], call["action"]) for call in calls if "sid" in call}


def without_call(policies: Iterable[Mapping[str, Any]], calls: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return permissions that no call used and no exception names, as `Role Sid action`."""
    unused = (" ".join(permission) for permission in sorted(granted(policies) - used(calls)))
    return [text for text in unused if not any(fnmatchcase(text, pattern) for pattern in NOT_CALLED)]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_no_call_is_without_a_permission(evidence: Evidence) -> None:
    denied = sorted({f"{c['role']} {c['action']} {c['denied']}" for c in evidence.calls if "denied" in c})
    assert not denied, "the role's policies in the template do not allow what its code does"


@_WHOLE
def test_no_permission_is_without_a_call(evidence: Evidence) -> None:
    found = without_call(evidence.policies, evidence.calls)
    assert not found, "take it out of the template, or give the reason in tests/evidence/not_called.yaml"


@_WHOLE
def test_no_exception_is_without_need(evidence: Evidence) -> None:
    unused = [" ".join(each) for each in granted(evidence.policies) - used(evidence.calls)]
    needless = [pattern for pattern in NOT_CALLED if not any(fnmatchcase(text, pattern) for text in unused)]
    assert not needless, "take it out of tests/evidence/not_called.yaml: it is called, or granted no more"


def test_a_permission_too_many_is_found() -> None:
    statement = {"Sid": "Read", "Action": ["s3:GetObject", "s3:DeleteObject"]}
    policies = [{"logical_id": "SomeRole", "statement": statement}]
    calls = [{"role": "SomeRole", "sid": "Read", "action": "s3:GetObject", "pattern": "*"}]
    assert without_call(policies, calls) == ["SomeRole Read s3:DeleteObject"]
