"""Every statement that grants or denies something, one line each; run as a module, it prints those of the template.

Sids and the order of statements, actions and resources do not count. References stay symbolic (`${Name.Attribute}`),
both branches of a condition are kept, and so is the condition under which a resource exists.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.infrastructure.support import expanded, listed

ACCEPTED = Path(__file__).with_name("statements.txt")
UNORDERED = {"Action", "NotAction", "Resource", "NotResource"}


def symbolic(value: Any) -> Any:
    """Write references as text, and leave parameters and conditions as they are named."""
    if isinstance(value, list):
        return [symbolic(v) for v in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": attribute}:
            return f"${{{'.'.join(listed(attribute))}}}"
        case {"Fn::Sub": [text, own]}:
            known = {k: str(symbolic(v)) for k, v in own.items()}
            return re.sub(r"\$\{([^!}]+)\}", lambda m: known.get(m.group(1), m.group(0)), text)
        case {"Fn::Sub": str(text)}:
            return text
    return {k: symbolic(v) for k, v in value.items()}


def canonical(statement: dict[str, Any]) -> str:
    """Write a statement as one line that does not depend on its Sid or on an order."""
    found = {k: symbolic(v) for k, v in statement.items() if k != "Sid"}
    for key in UNORDERED & set(found):
        found[key] = sorted(_text(v) for v in listed(found[key]))
    return _text(found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def documents(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every policy document inside a resource's properties, whatever the property is called."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
        else:
            for inner in value.values():
                yield from documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from documents(inner)


def _scope(resource: dict[str, Any]) -> dict[str, Any]:
    """Return what a resource's statements are attached to, and what else it grants."""
    given = resource["Properties"]
    keys = {"ManagedPolicyArns", "PermissionsBoundary", "Roles", "Queues", "Topics", "Bucket"}
    if resource["Type"] == "AWS::Lambda::Permission":
        keys = set(given)
    return {k: symbolic(given[k]) for k in sorted(keys & set(given))}


def collect(template: dict[str, Any]) -> list[str]:
    """Return the statements of a template that SAM has expanded, sorted."""
    lines = []
    for name, resource in template["Resources"].items():
        head = f"{name} ({resource.get('Condition', 'always')})"
        found = [s for d in documents(resource.get("Properties", {})) for s in listed(d["Statement"])]
        lines += [f"{head} {canonical(s)}" for s in found]
        scope = _scope(resource) if found or resource["Type"] == "AWS::Lambda::Permission" else {}
        if scope:
            lines.append(f"{head} attached {_text(scope)}")
    return sorted(lines)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in collect(expanded())))
