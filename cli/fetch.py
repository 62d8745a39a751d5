"""The command `multimodal fetch`: public series by a manifest, looked up, shown with their licences, and asked for."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from rich.console import Console

from cli.deployment import Deployment, check_section, chosen_dataset
from cli.errors import CommandError, UsageError
from cli.idc_index import look_up_index
from cli.terminal import make_table, plural, print_block, print_heading, print_line
from multimodal.imaging.known_series import look_up_shipped, read_shipped, shipped_manifests
from multimodal.imaging.series_manifest import MANIFEST_STEM, Series, UnknownSeriesError, manifest_text, parse_manifest
from multimodal.imaging.uploads import NO_NAME
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.text import decode_text, size_text
from multimodal.ledger.unit import Unit
from multimodal.pipeline.fetching import MANIFEST_STUDY


def read_source(source: str) -> list[Series]:
    """Return the series of a manifest: a file, or the name of one that is shipped.

    Raises
    ------
    CommandError
        When there is no such manifest, or it cannot be used.
    """
    if source in shipped_manifests():
        return list(read_shipped(source))
    path = Path(source).expanduser()
    if not path.is_file():
        hint = f"Give a file (.csv, .s5cmd, .tcia) or one of these names: {', '.join(shipped_manifests())}."
        raise UsageError(f"There is no manifest {source}.", hint=hint)
    try:
        return parse_manifest(path.name, decode_text(path.read_bytes()), look_up)
    except UnknownSeriesError as error:
        message = f"{len(error.unknown):,} series are not in the index, such as {error.unknown[0]}."
        raise CommandError(message, hint="The index's version may be older or newer than the manifest.") from error
    except BadInputError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: BadInputError) -> CommandError:
    """Return the error of a file that is still here: it was not uploaded, and is corrected where it lies."""
    problems = "; ".join(cast("list[str]", error.details["problems"])[:3])
    return CommandError(f"{path} cannot be used: {problems}.", hint="Correct it and run the command again.")


def look_up(names: Sequence[str]) -> Mapping[str, Series]:
    """Find series in the shipped manifests; the index is only needed for others."""
    known = look_up_shipped(names)
    rest = [name for name in names if name not in known]
    return {**known, **look_up_index(rest)} if rest else known


def first_patients(series: Sequence[Series], patients: int | None) -> list[Series]:
    """Return the series of the first so many patients; None means all."""
    chosen = set(list(dict.fromkeys(each.patient for each in series))[:patients])
    return [each for each in series if each.patient in chosen]


def print_series(console: Console, series: Sequence[Series]) -> None:
    """Print what would be copied and the licence of all of it."""
    patients, studies = {s.patient for s in series}, {s.study for s in series}
    counted = f"{plural(len(patients), 'patient')}, {plural(len(studies), 'study', 'studies')}, {len(series):,} series"
    print_line(console, f"{counted}, {size_text(sum(s.size for s in series))}")
    print_heading(console, "Licences")
    table = make_table("licence", "source", "modality", "series", right=("series",))
    counts = Counter((s.licence, s.source, s.modality) for s in series)
    for (licence, source, modality), count in sorted(counts.items()):
        table.add_row(licence, source and f"https://doi.org/{source}", modality, f"{count:,}")
    print_block(console, table)
    forbidden = sum(s.is_non_commercial for s in series)
    if forbidden:
        print_line(console, f"! {forbidden:,} series may not be used commercially", style="yellow")


def upload_manifest(deployment: Deployment, series: Sequence[Series], dataset: str) -> list[str]:
    """Upload the manifest, which starts the fetch; return the units of the ledger to expect.

    Raises
    ------
    UsageError
        When the stack was not deployed for the dataset, or for imaging of it.
    """
    dataset = chosen_dataset(deployment, dataset)
    check_section(deployment, dataset, "imaging")
    if deployment.endpoint:
        _reject_missing_archives(deployment, {each.bucket for each in series})
    bucket, key = deployment.output("RawBucketName"), manifest_key(dataset)
    deployment.s3.put_object(Bucket=bucket, Key=key, Body=manifest_text(series).encode(), ContentType="text/csv")
    units = dict.fromkeys(Unit(dataset, each.patient, each.study) for each in series)
    return [unit.unit_id for unit in units]


def manifest_key(dataset: str) -> str:
    """Return where a dataset's manifest is uploaded."""
    return f"imaging/{dataset}/{MANIFEST_STEM}.csv"


def note_of(dataset: str) -> str:
    """Return the id of the ledger's note about a dataset's manifest and copies that failed."""
    return Unit(dataset, NO_NAME, MANIFEST_STUDY).unit_id


def watch_copies(deployment: Deployment, dataset: str) -> Callable[[], bool]:
    """Return a function that says whether a manifest that is uploaded from now on is still copied, or not yet begun.

    It raises `CommandError` when the copying as a whole failed; of single studies the ledger says so.
    """
    machine, states = deployment.resource("FetchStateMachine"), deployment.states
    own_input, inputs = {"key": manifest_key(dataset)}, dict[str, object]()

    def executions() -> Mapping[str, str]:
        newest = states.list_executions(stateMachineArn=machine)["executions"]
        return {each["executionArn"]: each["status"] for each in newest}

    before = executions()

    def is_copying() -> bool:
        found = {arn: status for arn, status in executions().items() if arn not in before}
        for arn in found.keys() - inputs.keys():
            inputs[arn] = json.loads(states.describe_execution(executionArn=arn)["input"])
        own = [status for arn, status in found.items() if inputs[arn] == own_input]
        if own and not {"RUNNING", "SUCCEEDED"} & set(own):
            hint = f"The executions of {machine.rpartition(':')[2]} say why; `multimodal status` shows what was copied."
            raise CommandError(f"The copying ended with {own[0]}.", hint=hint)
        return not own or "RUNNING" in own

    return is_copying


def _reject_missing_archives(deployment: Deployment, buckets: set[str]) -> None:
    """Say on the laptop cloud, which reaches no other, that an archive is not there."""
    missing = buckets - {each["Name"] for each in deployment.s3.list_buckets()["Buckets"]}
    if missing:
        hint = "`python -m local.synthetic.archive` makes one with made-up studies; --stack NAME means a stack on AWS."
        raise CommandError(f"The laptop cloud has no s3://{min(missing)}/.", hint=hint)
