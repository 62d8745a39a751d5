"""Takes an uploaded table back as a whole, so that the dataset is as if it had never come (`retract-1`).

The rows that it wrote are deleted, and the other tables of the dataset run again: what they say of the same cases, and
this table had corrected or repeated, is written once more. After one that wrote no row nothing runs. Versions of its
object, reports on it and documents of its runs stay until they expire, unless they are purged.
"""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from uuid import uuid4

from rich.console import Console

from cli.deployment import Deployment, chosen_dataset
from cli.errors import CommandError, UsageError
from cli.features import GroupTable, describe_group, groups_of, is_iceberg, run_query, run_statement
from cli.ledger import Unit, read_units
from cli.project import PROGRAM
from cli.removal.objects import Bucket, Version, side_by_side
from cli.removal.retention import NONCURRENT_DAYS
from cli.removal.text import as_stored
from cli.removal.units import remove_units, require_idle, require_no_builds
from cli.retry import request_reruns
from cli.terminal import plural, print_line
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.unit import Unit as Named
from multimodal.pipeline.arrivals import parse_key
from multimodal.tables.state import DatasetState, StateEntry

_SOURCE = "source_uri"

Rows = Mapping[str, Set[str]]
"""Feature group → the cases of which it has rows of the table."""


def retract_table(console: Console, deployment: Deployment, key: str, *, confirmed: bool, purge: bool = False) -> None:
    """List what a table wrote and, when confirmed, take it back.

    It can be repeated after any interruption: rows are deleted last.

    Parameters
    ----------
    console : Console
    deployment : Deployment
    key : str
        The table's key in the raw bucket, or its address.
    confirmed : bool
        Take it back.
    purge : bool
        Remove all versions of its object, reports and runs, too, also of a table that was taken back before.

    Raises
    ------
    UsageError
        When it is no table, or none was uploaded under this key.
    CommandError
        When a table of the dataset is processed, or a group is of a format from which nothing can be deleted.
    """
    raw, processed = (Bucket(deployment, deployment.output(f"{name}BucketName")) for name in ("Raw", "Processed"))
    key = key.removeprefix(f"s3://{raw.name}/")
    table = _table_of(key)
    chosen_dataset(deployment, table.dataset)
    units = read_units(deployment)
    its = [unit for unit in units if unit.unit_id == table.unit_id]
    uri = f"s3://{raw.name}/{key}"
    rows = dict(_rows(deployment, table.dataset, uri))
    versions = [version for version in raw.versions(key) if version.key == key] if purge else []
    traces = _traces(processed, table, its) if purge else []
    if not (its or raw.latest(key) or rows or versions or traces):
        raise UsageError(f"No table was uploaded as {key}.", hint=f"`{PROGRAM} status` names those there are.")
    for group, cases in rows.items():
        print_line(console, f"{group}: rows of {plural(len(cases), 'case')}")
    if not confirmed:
        if not rows:
            print_line(console, "No rows of it are in a feature group.")
        doing = f"--yes {'deletes these rows and ' if rows else ''}removes the table{_scope(purge=purge)}"
        print_line(console, f"Nothing was changed. {doing}.", "bold")
        return
    others = [each for each in units if each.is_table and _shares_state(each, table)]
    require_no_builds(deployment)
    require_idle([*its, *others])
    _require_iceberg(deployment, rows)
    raw.remove(versions)
    if not purge:
        deployment.s3.delete_object(Bucket=raw.name, Key=key)
    _drop_from_state(processed, table, its, rows)
    processed.remove(traces)
    remove_units(deployment, its)
    again = [each.unit_id for each in others if rows and each.status == "COMPLETED"]
    request_reruns(deployment, again)
    for name in rows:
        table_of_group = describe_group(deployment, name)
        sql = f"DELETE FROM {table_of_group.qualified_table} WHERE {_of(uri)}"  # noqa: S608 - names from the catalogue
        run_statement(deployment, table_of_group, sql)
    _print_end(console, key, again, purge=purge)


def _table_of(key: str) -> Named:
    unit = parse_key(key).unit
    if unit is None or not unit.is_table:
        hint = f"Such as clinical/<dataset>/table.csv. Studies and reads: `{PROGRAM} forget --subject`."
        raise UsageError(f"{key} is no clinical table and no expression matrix.", hint=hint)
    return unit


def _shares_state(unit: Unit, table: Named) -> bool:
    same = unit.text("dataset") == table.dataset and unit.unit_id.startswith(f"{table.modality}#")
    return same and unit.unit_id != table.unit_id and not unit.is_note


def _rows(deployment: Deployment, dataset: str, uri: str) -> Iterator[tuple[str, Set[str]]]:
    for name in groups_of(deployment, dataset):
        group = describe_group(deployment, name)
        if _SOURCE in group.features and (cases := _cases(deployment, group, uri)):
            yield name, cases


def _cases(deployment: Deployment, group: GroupTable, uri: str) -> Set[str]:
    case = f'"{group.record_id.lower()}"'
    sql = f"SELECT DISTINCT {case} AS case_id FROM {group.qualified_table} WHERE {_of(uri)}"  # noqa: S608
    return {str(row["case_id"]) for row in run_query(deployment, sql, database=group.database)}


def _of(uri: str) -> str:
    return f"{_SOURCE} = '{uri.replace(chr(39), chr(39) * 2)}'"


def _require_iceberg(deployment: Deployment, rows: Rows) -> None:
    append_only = [name for name in rows if not is_iceberg(deployment, name)]
    if append_only:
        message = f"Nothing was changed: rows of {', '.join(append_only)} cannot be deleted (format Glue)."
        hint = "Raise group_version in the dataset's file, deploy with OfflineStoreFormat=Iceberg, and upload the rest."
        raise CommandError(message, hint=hint)


def _scope(*, purge: bool) -> str:
    return " with all versions of its file, its reports and its runs" if purge else ""


def _traces(processed: Bucket, table: Named, its: Sequence[Unit]) -> list[Version]:
    """Return all versions of reports on the table's contents, and of its runs: of these the plans last, which tell."""
    of_runs = list(processed.versions("runs/"))
    plans = [version for version in of_runs if version.key.endswith("/plan.json") and not version.is_marker]
    contents, roots = {unit.text("content_version") for unit in its}, list[str]()
    for version, text in zip(plans, side_by_side(processed.read, plans), strict=True):
        if units := _units_of_run(text, table):
            contents |= {str(unit.get("content_version", "")) for unit in units}
            roots.append(version.key.removesuffix("plan.json"))
    reports = [each for name in sorted(contents - {""}) for each in processed.versions(f"{table.result_folder}{name}/")]
    own = (version for version in of_runs if version.key.startswith(tuple(roots)))
    return [*reports, *sorted(own, key=lambda version: version.key.endswith("/plan.json"))]


def _drop_from_state(bucket: Bucket, table: Named, its: Sequence[Unit], rows: Rows) -> None:
    """Let the state say nothing of the cases, so that the next table that has them writes them."""
    folder = f"{table.result_folder}_state/"
    document = _text(bucket, f"{folder}state.json")
    state = DatasetState.from_document(json.loads(document) if document else None)
    if not state.records:
        return
    run = f"retract-{uuid4().hex[:12]}"  # progress of earlier runs is none of the next: `base_of`
    lines = _text(bucket, state.records).decode().split("\n")
    kept = [line for line in lines if line and not _is_among(StateEntry.from_line(line), rows)]
    records = f"{folder}{run}.jsonl.gz"
    bucket.put(records, as_stored(records, "".join(f"{line}\n" for line in kept).encode()), "application/gzip")
    own_profile = any(f"/{unit.text('content_version') or '-'}/" in state.profile for unit in its)
    pending = tuple(each for each in state.pending if not _units_of_run(_text(bucket, RunPaths(each.run).plan), table))
    profile = "" if own_profile else state.profile
    following = replace(state, run=run, records=records, profile=profile, pending=pending)
    bucket.put(f"{folder}state.json", json.dumps(following.document()).encode())


def _is_among(entry: StateEntry, rows: Rows) -> bool:
    return entry.case_id in rows.get(entry.group, ())


def _units_of_run(plan: bytes, table: Named) -> list[dict[str, str]]:
    """Return what the plan of a run says of the table; nothing where it is about something else."""
    units: list[dict[str, str]] = json.loads(plan or b"{}").get("units", [])
    return units if [unit.get("unit_id") for unit in units] == [table.unit_id] else []


def _text(bucket: Bucket, key: str) -> bytes:
    latest = bucket.latest(key)
    return bucket.read(latest) if latest else b""


def _print_end(console: Console, key: str, again: Sequence[str], *, purge: bool) -> None:
    print_line(console, f"{key} is taken back{_scope(purge=purge)}.", "bold")
    if not purge:
        line = (
            f"Versions of the file and documents of its runs stay for {NONCURRENT_DAYS} days, reports until they are "
            "removed: the same command with --purge does it now."
        )
        print_line(console, line, "yellow")
    if again:
        print_line(console, f"{plural(len(again), 'other table')} of the dataset run again: `{PROGRAM} wait`.")
    print_line(console, "Datasets and models that were built with it stay as they are: build them again.", "dim")
    print_line(console, "Feature Store writes up to 15 minutes late on AWS: repeat the command then.", "dim")
