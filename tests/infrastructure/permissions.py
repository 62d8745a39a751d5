"""What each role of the template may do, from `permissions.yaml`."""

from pathlib import Path

import yaml

_TABLE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

ROLES: dict[str, set[str]] = {
    role: {action for word in words for action in (_TABLE["shared"][word] if ":" not in word else [word])}
    for role, words in _TABLE["roles"].items()
}
ON_EVERYTHING: dict[str, str] = {
    action: reason for reason, actions in _TABLE["on_everything"].items() for action in actions
}
"""Actions that may name all resources, and why."""
