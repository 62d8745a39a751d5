"""Runs SQL on Athena, and reads a feature group back: the newest record of each id, as a training job would see it."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError

Value = str | int | float | bool | None
Row = dict[str, Value]

_POLL_SECONDS, _TIMEOUT_SECONDS = 0.2, 300
_MOST_RUNS, _MORE_RUNS = 20, "MORE_RUNS_NEEDED"
_RESULTS_PREFIX = "queries/"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_PARSERS: dict[str, Callable[[str], Value]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("float", "real", "double", "decimal"), float),
    "boolean": lambda text: text.lower() == "true",
}


def run_query(deployment: Deployment, sql: str, *, database: str, groups: Iterable["GroupTable"] = ()) -> list[Row]:
    """Run one statement on Athena and return its rows.

    Parameters
    ----------
    deployment : Deployment
        The stack; query results are kept in its processed bucket under `queries/`.
    sql : str
        The statement; table names are those of the Glue catalogue.
    database : str
        Glue database in which unqualified table names are looked up.
    groups : iterable of GroupTable
        Whose features are called in the answer as they were defined: Athena lower-cases column names.

    Returns
    -------
    list of dict
        Values by column; of columns of equal name, the second is called `name_2`.

    Raises
    ------
    UsageError
        When there are several statements: Athena would answer one.
    CommandError
        When Athena rejects the statement or fails, with its reason.
    """
    if ";" in _QUOTED.sub("", sql).rstrip().rstrip(";"):
        raise UsageError("There are several statements.", hint="Give one at a time.")
    location = f"s3://{deployment.output('ProcessedBucketName')}/{_RESULTS_PREFIX}"
    try:
        query_id = deployment.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": database},
            ResultConfiguration={"OutputLocation": location},
        )["QueryExecutionId"]
        _wait(deployment, query_id)
    except ClientError as error:
        raise _query_error(error.response["Error"]["Message"]) from error
    return _read_rows(deployment, query_id, _spelling(groups))


def _wait(deployment: Deployment, query_id: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        answer = deployment.athena.get_query_execution(QueryExecutionId=query_id)
        status = answer["QueryExecution"].get("Status", {})
        if status.get("State") == "SUCCEEDED":
            return
        if status.get("State") in ("FAILED", "CANCELLED"):
            raise _query_error(status.get("StateChangeReason", "no reason given"))
        time.sleep(_POLL_SECONDS)
    raise CommandError(f"Athena did not answer within {_TIMEOUT_SECONDS} s.")


def _query_error(reason: str) -> CommandError:
    return CommandError("Athena could not run the query.", details=reason.strip())


def _spelling(groups: Iterable["GroupTable"]) -> dict[str, str]:
    """Return the features' names by what Athena makes of them; what two groups spell differently stays as it is."""
    found: dict[str, set[str]] = {}
    for name in (name for group in groups for name in group.features):
        found.setdefault(name.lower(), set()).add(name)
    return {lower: min(names) for lower, names in found.items() if len(names) == 1}


def _read_rows(deployment: Deployment, query_id: str, spelling: Mapping[str, str]) -> list[Row]:
    rows: list[Row] = []
    pages = deployment.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    for number, page in enumerate(pages):
        result = page["ResultSet"]
        columns = result["ResultSetMetadata"]["ColumnInfo"]
        names, kinds = [column["Name"] for column in columns], [column["Type"] for column in columns]
        lines = [[cell.get("VarCharValue") for cell in line.get("Data", [])] for line in result["Rows"]]
        has_header = number == 0 and lines[:1] == [names]  # the first line of a SELECT repeats the column names
        unique = _numbered([spelling.get(name.lower(), name) for name in names])
        rows.extend(dict(zip(unique, map(_typed, kinds, line), strict=True)) for line in lines[has_header:])
    return rows


def _numbered(names: Sequence[str]) -> list[str]:
    """Return column names of which no two are equal: a join has the columns of both its sides."""
    seen, unique = Counter[str](), list[str]()
    for name in names:
        seen[name] += 1
        while seen[name] > 1 and f"{name}_{seen[name]}" in names:
            seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _typed(kind: str, text: str | None) -> Value:
    # "decimal" may carry its precision, as in decimal(10,2).
    parser = _PARSERS.get(kind.lower().partition("(")[0], str)
    return None if text is None else parser(text)


@dataclass(frozen=True)
class GroupTable:
    """Where Athena finds a feature group.

    Parameters
    ----------
    group : str
        Name of the feature group.
    database, table : str
        Its names in the Glue catalogue.
    record_id, event_time : str
        The features that identify and date a record.
    features : tuple of str
        Names of its features, in the case in which they were defined.
    """

    group: str
    database: str
    table: str
    record_id: str
    event_time: str
    features: tuple[str, ...]

    @property
    def qualified_table(self) -> str:
        """The table as SQL names it from anywhere."""
        return f'"{self.database}"."{self.table}"'

    @property
    def unquoted_name(self) -> str:
        """The table as statements that maintain it name it."""
        return f"{self.database}.{self.table}"

    @property
    def newest_features_sql(self) -> str:
        """SQL for the newest record of each id, without the store's own columns: the store appends."""
        names = ", ".join(f'"{name.lower()}"' for name in self.features)
        return (
            f"SELECT {names} FROM (SELECT *, row_number() OVER ("  # noqa: S608 - names come from the catalogue
            f'PARTITION BY "{self.record_id}" ORDER BY "{self.event_time}" DESC, '
            '"api_invocation_time" DESC, "write_time" DESC) AS newest '
            f"FROM {self.qualified_table}) AS ranked WHERE newest = 1 AND NOT is_deleted"
        )


def run_statement(deployment: Deployment, group: GroupTable, sql: str) -> None:
    """Run a statement, again while Athena says that there is more to do."""
    for _ in range(_MOST_RUNS):
        try:
            run_query(deployment, sql, database=group.database)
        except CommandError as error:
            if _MORE_RUNS not in error.details:
                raise
        else:
            return
    raise CommandError(f"Athena is not done with {group.unquoted_name}.", hint="Run the command again.")


def with_tables(sql: str, describe: Callable[[str], GroupTable]) -> str:
    """Put the newest records of a feature group in the place of its name in braces, such as `{imaging}`.

    Table names carry the time at which their group was made, which nobody wants to type. The table itself has every
    version of a record, and a join of two would pair each with each.
    """
    return re.sub(r"\{([\w-]+)\}", lambda match: f"({describe(match[1]).newest_features_sql})", sql)


def find_group(deployment: Deployment, name: str) -> str:
    """Return the full name of a feature group given in full or by its content, such as `imaging`.

    Raises
    ------
    UsageError
        When no group of the stack, or more than one, goes by that name.
    """
    groups = deployment.feature_groups
    matches = [group for group in groups if group == name] or [group for group in groups if f"-{name}-v" in group]
    if len(matches) == 1:
        return matches[0]
    there = f"There are: {', '.join(short_name(deployment, group) for group in matches or groups)}."
    if not matches:
        raise UsageError(f"No feature group is called {name}.", hint=there)
    raise UsageError(f"{len(matches)} feature groups are called {name}.", hint=f"Which one? {there}")


def short_name(deployment: Deployment, group: str) -> str:
    """Return what one types for a group: its content (`imaging`), else with its dataset, else all of its name."""
    whole = group.removeprefix(f"{deployment.stack}-").rpartition("-v")[0]
    groups, names = deployment.feature_groups, (whole.partition("-")[2], whole)
    return next((name for name in names if sum(f"-{name}-v" in each for each in groups) == 1), group)


def groups_of(deployment: Deployment, dataset: str) -> list[str]:
    """Return the names of a dataset's feature groups, those of earlier versions included."""
    pages = deployment.sagemaker.get_paginator("list_feature_groups").paginate(NameContains=f"-{dataset}-")
    names = [each["FeatureGroupName"] for page in pages for each in page["FeatureGroupSummaries"]]
    return sorted(name for name in names if name.startswith(f"{deployment.stack}-{dataset}-"))


def is_iceberg(deployment: Deployment, group: str) -> bool:
    """Whether rows of a group can be erased."""
    store = deployment.sagemaker.describe_feature_group(FeatureGroupName=group)["OfflineStoreConfig"]
    return store.get("TableFormat") == "Iceberg"


def describe_group(deployment: Deployment, group: str) -> GroupTable:
    """Return where a feature group's offline store is in the Glue catalogue."""
    try:
        answer = deployment.sagemaker.describe_feature_group(FeatureGroupName=group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":  # such as an expired token
            raise
        raise CommandError(f"The feature group {group} does not exist.") from error
    definitions = list(answer["FeatureDefinitions"])
    while token := answer.get("NextToken"):
        answer = deployment.sagemaker.describe_feature_group(FeatureGroupName=group, NextToken=token)
        definitions.extend(answer["FeatureDefinitions"])
    catalog = answer["OfflineStoreConfig"]["DataCatalogConfig"]
    return GroupTable(
        group=group,
        database=catalog["Database"],
        table=catalog["TableName"],
        record_id=answer["RecordIdentifierFeatureName"],
        event_time=answer["EventTimeFeatureName"],
        features=tuple(definition.get("FeatureName", "") for definition in definitions),
    )


def read_features(deployment: Deployment, group: GroupTable) -> list[Row]:
    """Return the newest record of each id, with the features' own spelling."""
    sql = f'{group.newest_features_sql} ORDER BY "{group.record_id}"'
    rows = run_query(deployment, sql, database=group.database, groups=[group])
    return [{name: row[name] for name in row if name in group.features} for row in rows]
