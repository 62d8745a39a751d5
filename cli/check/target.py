"""What is deployed or will be: a stack's name, its parameters, and clients of its account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from cli.deployment import Deployment
from cli.errors import CommandError
from cli.project import ROOT

TEMPLATE = ROOT / "template.yaml"


@dataclass(frozen=True)
class Target:
    """A stack that is there, or that the next deployment makes.

    Parameters
    ----------
    deployment : Deployment
        Name, credentials and region.
    given : mapping
        Parameters of the next deployment; what is not given is as in the stack, or by default.
    """

    deployment: Deployment
    given: Mapping[str, str]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.deployment.stack

    @property
    def region(self) -> str:
        """The region that is asked."""
        return str(self.deployment.session.region_name)

    @cached_property
    def status(self) -> str:
        """The stack's status, or nothing while there is no stack."""
        try:
            return str(self.deployment.description["StackStatus"])
        except CommandError:
            return ""

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Every parameter as the next deployment has it."""
        return {**default_parameters(), **self.deployed, **self.given}

    @property
    def deployed(self) -> dict[str, str]:
        """Parameters of the stack as it is there; none without one."""
        return self.deployment.parameters if self.status else {}

    @property
    def is_production(self) -> bool:
        """Whether the template holds it to production's rules."""
        return self.parameters["EnvironmentName"] == "prod"

    def list_of(self, name: str) -> list[str]:
        """Return a parameter that is a list."""
        return [part for part in self.parameters[name].split(",") if part]

    def output(self, name: str) -> str:
        """Return an output of the stack, or nothing."""
        return self.deployment.outputs.get(name, "") if self.status else ""

    def client(self, service: str) -> Any:  # noqa: ANN401 – a boto3 client
        """Return a client of a service."""
        session, config = self.deployment.session, self.deployment.config
        return session.client(service, endpoint_url=self.deployment.endpoint, config=config)  # type: ignore[call-overload]

    def pages(self, service: str, operation: str, key: str, **request: object) -> Iterator[dict[str, Any]]:
        """Yield the items of a listing, page by page."""
        for page in self.client(service).get_paginator(operation).paginate(**request):
            yield from page[key]


class _Template(yaml.CSafeLoader):
    """Reads a template; the short forms of intrinsic functions, of which parameters have none, become nothing."""


_Template.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@cache
def default_parameters(template: Path = TEMPLATE) -> dict[str, str]:
    """Return the default of each parameter of the template."""
    document = yaml.load(template.read_text(encoding="utf-8"), _Template)  # noqa: S506 # nosec B506 – a safe loader
    return {name: str(parameter.get("Default", "")) for name, parameter in document["Parameters"].items()}
