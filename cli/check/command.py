"""Runs all checks of a deployment, and prints a line for each."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.account import check_deployment, parameters_of
from cli.check.account import check_lake_formation, check_linked_roles, check_region
from cli.check.drafts import check_drafts
from cli.check.finding import Check, Finding, Level, findings_of
from cli.check.images import check_images
from cli.check.network import check_network
from cli.check.quotas import check_genomics, check_lambda, check_networks, check_processing
from cli.check.stack import check_groups, check_key, check_mail, check_names, check_status
from cli.check.target import Target
from cli.deployment import Deployment, reach
from cli.errors import UsageError
from cli.terminal import make_console, plural, print_line

CHECKS: tuple[tuple[str, Check], ...] = (
    ("stack", check_status),
    ("names", check_names),
    ("datasets", check_drafts),
    ("region", check_region),
    ("Lambda", check_lambda),
    ("SageMaker jobs", check_processing),
    ("Batch jobs", check_genomics),
    ("service roles", check_linked_roles),
    ("Lake Formation", check_lake_formation),
    ("networks", check_networks),
    ("network", check_network),
    ("images", check_images),
    ("key", check_key),
    ("feature groups", check_groups),
    ("alarms", check_mail),
)

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def run_checks(target: Target, checks: Sequence[tuple[str, Check]] = CHECKS) -> Iterator[Finding]:
    """Yield what each check finds; one that is not allowed to look says so."""
    for subject, check in checks:
        yield from findings_of(subject, check, target)


def check(
    parameters: Annotated[
        list[str] | None, typer.Argument(help="Parameters of the next deployment, as NAME=value.", metavar="NAME=value")
    ] = None,
    stack: Annotated[
        str, typer.Option("--stack", envvar="MULTIMODAL_STACK", help="The stack, deployed or not yet.", metavar="NAME")
    ] = "",
    config: Annotated[str, typer.Option(help="Section of samconfig.toml.", metavar="NAME")] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Say what an account lacks for a deployment, before or after it was made; exit 1 when something fails."""
    given = _given(parameters or [])
    if stack:
        session = check_deployment(config, os.environ)
        target = Target(Deployment(stack, session), {**parameters_of(config), **given})
    else:
        target = Target(reach(), given)
    console, found = make_console(), list[Finding]()
    if not (stack or as_json):
        print_line(
            console,
            "The laptop cloud, judged as an account: it has no images, quotas or roles; --stack NAME checks yours.",
        )
    for finding in run_checks(target):
        found.append(finding)
        if not as_json:
            _print(console, finding)
    failed = sum(finding.level is Level.FAIL for finding in found)
    if as_json:
        print(json.dumps([finding.as_document() for finding in found], indent=2, ensure_ascii=False))
    else:
        warned = sum(finding.level is Level.WARN for finding in found)
        print_line(console, f"{plural(len(found), 'check')}: {failed} fail, {warned} warn.", style="dim")
    raise typer.Exit(int(failed > 0))


def _given(parameters: Sequence[str]) -> dict[str, str]:
    """Return `NAME=value` arguments by name."""
    wrong = [each for each in parameters if "=" not in each]
    if wrong:
        raise UsageError(f"{wrong[0]} is not NAME=value.", hint="For example: VpcId=vpc-0123456789abcdef0")
    return dict(each.split("=", 1) for each in parameters)


def _print(console: Console, finding: Finding) -> None:
    line = Text.assemble(
        "  ", (f"{finding.level.value:<5}", _STYLES[finding.level]), f"{finding.subject:<16}{finding.message}"
    )
    console.print(line, soft_wrap=True)
    if finding.action:
        console.print(Text(f"         {finding.action}", style="dim"), soft_wrap=True)
