"""CloudFormation: attributes of the resources of a nested stack that an update leaves as they are.

Seam: `ministack.services.cloudformation.provisioners._update_resource`, which updates of nested stacks call without the
attributes that a resource had, so that a reference to one fails.
"""

from typing import Any


def install() -> None:
    """Give updates of nested stacks the attributes that the emulator drops."""
    from ministack.services.cloudformation import _stacks, provisioners

    update = provisioners._update_resource

    def _update(
        kind: str,
        physical_id: str,
        old_props: dict[str, Any],
        new_props: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
        old_attrs: dict[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any]]:
        if old_attrs is None:
            known = _stacks.get(stack_name, {}).get("_resources", {}).get(logical_id, {})
            old_attrs = known.get("Attributes")
        made: tuple[str, dict[str, Any]] = update(
            kind, physical_id, old_props, new_props, stack_name, logical_id, old_attrs
        )
        return made

    provisioners._update_resource = _update
