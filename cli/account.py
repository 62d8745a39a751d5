"""Checks a deployment to a real account before anything is built: `python -m cli.account <section>`.

`make deploy` runs it. It asks AWS for nothing: it looks at the shell's variables, the profile and samconfig.toml.
"""

import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ProfileNotFound

from cli.draft.left import LOOK, checks_left
from cli.errors import CommandError
from cli.laptop import CLIENT_VARIABLES
from cli.project import ROOT
from cli.terminal import make_console, print_error, print_line

SAMCONFIG = ROOT / "samconfig.toml"


def check_deployment(section: str, variables: Mapping[str, str], samconfig: Path = SAMCONFIG) -> boto3.Session:
    """Refuse what could only fail after the build, or would deploy to the wrong place.

    Parameters
    ----------
    section : str
        Section of samconfig.toml.
    variables : mapping
        The shell's environment.
    samconfig : Path
        The file.

    Returns
    -------
    boto3.Session
        What the deployment is made with.

    Raises
    ------
    CommandError
        When the shell is that of the laptop cloud, there is no such section, or credentials or region are missing.
    """
    _refuse_laptop_cloud(variables)
    settings = _read_settings(section, samconfig)
    try:
        session = boto3.Session(profile_name=settings.get("profile"), region_name=settings.get("region"))
    except ProfileNotFound as error:
        hint = "`aws configure` makes profiles; AWS_PROFILE names the one to use."
        raise CommandError(f"{error}.", hint=hint) from error
    if session.get_credentials() is None:
        hint = "Run `aws configure` or `aws sso login`, or set AWS_PROFILE to a profile that has them."
        raise CommandError("There are no AWS credentials to deploy with.", hint=hint)
    if not session.region_name:
        hint = "For example: export AWS_DEFAULT_REGION=us-east-1"
        raise CommandError("No AWS region is set, neither in AWS_DEFAULT_REGION nor in the profile.", hint=hint)
    return session


def parameters_of(section: str, samconfig: Path = SAMCONFIG) -> dict[str, str]:
    """Return the parameters of the template that a section of samconfig.toml gives."""
    given = _read_settings(section, samconfig).get("parameter_overrides", [])
    return dict(each.split("=", 1) for each in given)


def _refuse_laptop_cloud(variables: Mapping[str, str]) -> None:
    redirected = sorted(name for name in variables if name.startswith("AWS_ENDPOINT_URL") and variables[name])
    if redirected:
        name = redirected[0]
        raise CommandError(
            f"{name} is set to {variables[name]}, so this shell would deploy there and not to AWS.",
            hint=f"Use a new shell, or: unset {' '.join(dict.fromkeys([*redirected, *CLIENT_VARIABLES]))}",
        )


def _read_settings(section: str, samconfig: Path) -> dict[str, Any]:
    """Return what a section says about deployments; what belongs to all commands counts, too."""
    document = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    sections = {name: part for name, part in document.items() if isinstance(part, dict) and "deploy" in part}
    if section not in sections:
        known = ", ".join(sections)
        raise CommandError(f"{samconfig.name} has no section {section}.", hint=f"CONFIG may be one of: {known}")
    parts = (sections[section].get(command, {}).get("parameters", {}) for command in ("global", "deploy"))
    return {key: value for part in parts for key, value in part.items()}


def main(arguments: Sequence[str]) -> int:
    """Check a deployment with the section that is given; return 1 after saying why it cannot be made.

    Drafts of datasets that nobody has gone through are named, and stop nothing.
    """
    try:
        check_deployment(arguments[0], os.environ)
    except CommandError as error:
        print_error(make_console(stderr=True), error)
        return error.exit_code
    for left in checks_left():
        print_line(make_console(stderr=True), f"! {left}. {LOOK}", "yellow")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
