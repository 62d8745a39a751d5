"""Starts a cloud and deploys the template to it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli.deployment import Deployment, connect
from cli.draft.left import LOOK, checks_left, wrong_files
from cli.errors import CommandError, UsageError
from cli.features import describe_group
from cli.laptop import WITHOUT_SALMON, has_salmon, is_ours, read_cloud, read_state
from cli.processes import undisturbed
from cli.project import DATASET_FILES, PROGRAM, PYTHON_RUNTIME, STACK, STATE, shown
from cli.terminal import Steps, plural, print_heading, print_line
from local.cloud.cloud import start_cloud, stop_cloud
from local.cloud.deploy import build, build_folder, deploy
from local.cloud.deployed import forget, is_deployed, remember

LAUNCH_STEPS = 3
_BUILD_IS_TAKEN = "Another command builds and deploys from this folder: waiting until it has ended…"
_UNIT_DEPTH = {"imaging": 4, "genomics": 3, "clinical": 3}
"""How many parts of a key name a unit, by its first part: study, case or table."""


def launch(
    steps: Steps, root: Path, *, die_with_parent: bool = False, parameters: Mapping[str, str] | None = None
) -> tuple[Deployment, dict[str, str]]:
    """Start a cloud, build the functions and deploy the template: three steps.

    Parameters
    ----------
    steps : Steps
        Where progress is shown.
    root : Path
        Folder of the cloud's state.
    die_with_parent : bool
        Whether the cloud ends with this process, for whatever reason.
    parameters : mapping, optional
        Template parameters beyond those of the laptop; one that is not given keeps the value of the last deployment.

    Returns
    -------
    deployment : Deployment
        The stack.
    environment : dict
        The `AWS_*` variables with which any tool reaches the cloud.
    """
    was_running = read_cloud(root) is not None
    with steps.step("Start a cloud on this computer") as step:
        # While sam builds and deploys, the cloud imports what the first job would wait for.
        prepared = {"MULTIMODAL_PREPARE_JOBS": "1"}
        cloud = start_cloud(root, die_with_parent=die_with_parent, extra_env=prepared)
        environment = cloud.environment()
        step.detail = f"already running, {cloud.endpoint}" if was_running else cloud.endpoint
    with build_folder(on_wait=lambda: print_line(steps.console, _BUILD_IS_TAKEN, "yellow")):
        unchanged = was_running and is_deployed(root, parameters)
        with steps.step("Build the functions (sam build)") as step:
            if not unchanged:
                forget(root)
                build(environment)
            step.detail = "nothing has changed" if unchanged else PYTHON_RUNTIME
        with steps.step("Deploy template.yaml (sam deploy)") as step:
            deployment = connect(STACK, environment)
            if not unchanged:
                _deploy(deployment, environment, parameters)
                remember(root, parameters)
            step.detail = _describe(deployment)
    return deployment, environment


def _deploy(deployment: Deployment, environment: Mapping[str, str], parameters: Mapping[str, str] | None) -> None:
    """Deploy, and say of a failure why: sam's output ends with the roll-back, a hundred lines below the reason."""
    started = datetime.now(UTC)
    try:
        deploy(environment, parameters=parameters)
    except CommandError as error:
        error.details = "\n".join(failure_reasons(deployment, started)) or error.details
        raise


def failure_reasons(deployment: Deployment, since: datetime) -> list[str]:
    """Return what failed first in a deployment, with CloudFormation's reasons; nothing when it cannot say."""
    pages = deployment.cloudformation.get_paginator("describe_stack_events").paginate(StackName=deployment.stack)
    try:
        events = [event for page in pages for event in page["StackEvents"]]
    except (ClientError, BotoCoreError):
        return []
    return [
        f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
        for event in reversed(events)
        if event["Timestamp"] >= since
        and event.get("ResourceStatus", "").endswith("_FAILED")
        and "cancelled" not in event.get("ResourceStatusReason", "cancelled")
    ]


def _describe(deployment: Deployment) -> str:
    paginator = deployment.cloudformation.get_paginator("list_stack_resources")
    pages = paginator.paginate(StackName=deployment.stack)
    count = sum(len(page["StackResourceSummaries"]) for page in pages)
    return plural(count, "resource")


def check_datasets(names: Sequence[str]) -> None:
    """Reject datasets without a file, or with a wrong one, before half a minute of work.

    Raises
    ------
    UsageError
        When a dataset has no file, or a mistake is in it.
    """
    known = sorted(path.stem for path in DATASET_FILES.glob("*.yaml"))
    for name in names:
        if name not in known:
            raise UsageError(f"There is no {shown(DATASET_FILES)}/{name}.yaml.", hint=f"There are: {', '.join(known)}")
    if wrong := list(wrong_files(STACK, names)):
        raise UsageError("\n".join(wrong), hint=f"Correct it in {shown(DATASET_FILES)}/; nothing was started.")


def bring_up(console: Console, datasets: Sequence[str] = ()) -> None:
    """Start the cloud that stays, or bring the running one up to date, and say how to use it.

    An interruption stops a cloud that this call started, and leaves one that was there before.

    Parameters
    ----------
    console : Console
        Where progress is printed.
    datasets : sequence of str
        Datasets to deploy; none for those of the last deployment, or the template's own.
    """
    check_datasets(datasets)
    parameters = {"DatasetNames": ",".join(datasets)} if datasets else None
    console.print()
    lost = count_lost_units(STATE)
    if lost is not None:
        gone = f"{plural(lost, 'unit')} and their features are gone: upload them again" if lost else "it held no data"
        print_line(console, f"The previous cloud ended unexpectedly; {gone}.", "yellow")
    was_running = read_cloud(STATE) is not None
    try:
        deployment, environment = launch(Steps(console, LAUNCH_STEPS), STATE, parameters=parameters)
    except KeyboardInterrupt:
        if not was_running:
            stop_interrupted(console, STATE)
        raise
    _print_use(console, deployment, environment)
    if not has_salmon():
        # The cloud looks for programs where this command's shell had them.
        hint = "Reads will not be processed until it is there; on a new PATH, after `make down` and `make up`."
        print_line(console, f"! {WITHOUT_SALMON} {hint}", "yellow")


def count_lost_units(root: Path) -> int | None:
    """Return how many units were uploaded to a cloud that ended without being stopped; None when there is none.

    Parameters
    ----------
    root : Path
        The folder it was started with; its uploads are still there.
    """
    cloud = read_state(root.resolve())
    if cloud is None or is_ours(cloud):
        return None
    keys = (path.relative_to(bucket).parts for bucket in root.glob("s3/*/*rawbucket*") for path in bucket.rglob("*"))
    units = {key[: _UNIT_DEPTH.get(key[0], 0)] for key in keys if len(key) >= _UNIT_DEPTH.get(key[0], len(key) + 1)}
    return len([unit for unit in units if not unit[-1].startswith("_") and not unit[-1].endswith(".meta.json")])


def stop_interrupted(console: Console, root: Path) -> None:
    """Stop the cloud that an interrupted command started, and say so: it may take seconds."""
    with undisturbed():
        print_line(console, "Stopping the cloud…", style="yellow")
        stop_cloud(root)


def _print_use(console: Console, deployment: Deployment, environment: dict[str, str]) -> None:
    print_heading(console, f'To use it with the aws command line, in this shell (in others: eval "$({PROGRAM} env)"):')
    print_line(console, "unset AWS_PROFILE")
    for name, value in environment.items():
        print_line(console, f"export {name}={value}")
    print_line(console, 'Version 1 of that command line also needs --endpoint-url "$AWS_ENDPOINT_URL" for sqs.', "dim")
    print_heading(console, "What is there")
    print_line(console, f"raw bucket       s3://{deployment.output('RawBucketName')}")
    print_line(console, f"results          s3://{deployment.output('ProcessedBucketName')}")
    print_line(console, f"ledger           {deployment.output('LedgerTableName')}")
    print_line(console, f"datasets         {', '.join(deployment.datasets)}")
    for left in checks_left(deployment.datasets):
        print_line(console, f"! {left}. {LOOK}", "yellow")
    for group in deployment.feature_groups:
        print_line(console, f"feature group    {group}")
    for group in deployment.feature_groups:
        print_line(console, f"Athena table     {describe_group(deployment, group).qualified_table}")
    print_heading(console, "Next")
    if which(PROGRAM) is None:
        print_line(console, "source .venv/bin/activate")
    for command in next_commands(deployment.stack, deployment.datasets, deployment.feature_groups):
        print_line(console, command)


def next_commands(stack: str, datasets: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Return what a user can type next, with names that are deployed.

    Examples
    --------
    >>> next_commands("laptop", ["my_study"], ["laptop-my_study-labels-v1"])[1]
    'multimodal features labels'
    """
    first = {name: next(group for group in groups if group.startswith(f"{stack}-{name}-")) for name in datasets}
    contents = {group: group.removeprefix(f"{stack}-{name}-").rpartition("-v")[0] for name, group in first.items()}
    is_alone = {group: sum(f"-{content}-v" in name for name in groups) == 1 for group, content in contents.items()}
    return [
        *(f"{PROGRAM} upload DIR --dataset {name} --wait" for name in datasets),
        *(f"{PROGRAM} features {content if is_alone[group] else group}" for group, content in contents.items()),
        f"{PROGRAM} results my-results",
        *(f"{PROGRAM} report --dataset {name} --output my-report/{name}" for name in datasets),
        "make down",
    ]
