"""Reads a feature group back: the newest record of each id, as a training job would see it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from cli.athena import Row, run_query
from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.rows import print_rows
from cli.terminal import plural, print_block

_SHOWN_COLUMNS = (
    "case_id",
    "event_time",
    "volume_ml",
    "original_shape_Sphericity",
    "original_firstorder_Mean",
    "original_glcm_JointEntropy",
    "manufacturer",
    "original_shape_Maximum3DDiameter",
    "mapped_percent",
    "library_type",
)

_ORIGIN = frozenset({"event_time_source", "source_uri", "upload_id", "correlation_id"})
_GENE = "log2tpm_"

# pyradiomics' names: image type, feature class, feature.
_RADIOMIC = re.compile(r"[a-z][\w.-]*_(firstorder|shape|shape2D|glcm|glrlm|glszm|gldm|ngtdm)_\w+")


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
    def newest_features_sql(self) -> str:
        """SQL for the newest record of each id, without the store's own columns: the store appends."""
        names = ", ".join(f'"{name.lower()}"' for name in self.features)
        return (
            f"SELECT {names} FROM (SELECT *, row_number() OVER ("  # noqa: S608 - names come from the catalogue
            f'PARTITION BY "{self.record_id}" ORDER BY "{self.event_time}" DESC, '
            '"api_invocation_time" DESC, "write_time" DESC) AS newest '
            f"FROM {self.qualified_table}) AS ranked WHERE newest = 1 AND NOT is_deleted"
        )


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
    problem = f"{len(matches)} feature groups are" if matches else "No feature group is"
    raise UsageError(f"{problem} called {name}.", hint="There are: " + ", ".join(matches or groups))


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
    """Return the newest record of each id, with the features' own spelling.

    Athena lower-cases column names; the feature definitions say how they were written.
    """
    spelling = {name.lower(): name for name in group.features}
    sql = f'{group.newest_features_sql} ORDER BY "{group.record_id}"'
    rows = run_query(deployment, sql, database=group.database)
    return [{spelling[name.lower()]: value for name, value in row.items() if name.lower() in spelling} for row in rows]


def print_features(
    console: Console,
    group: GroupTable,
    rows: list[Row],
    *,
    whole: str = "`features … --json`",
    total: int | None = None,
) -> None:
    """Print the columns a person looks at first, as many as there is room for, and how many more `whole` has.

    Of more records than are given, `total` says how many there are.
    """
    if not rows:
        print_block(console, Text(f"{group.group} has no records yet."))
        return
    first = [name for name in _SHOWN_COLUMNS if name in group.features] or list(group.features[:6])
    first += [name for name in group.features if name.startswith(_GENE)]
    if set(first) <= {group.record_id, group.event_time}:
        first += [name for name in group.features if name not in first and name not in _ORIGIN]
    columns = print_rows(console, rows, first, _label)
    console.print()
    more = len(group.features) - len(columns)
    shown = f"{len(rows)} of " if total is not None and total > len(rows) else ""
    text = f"{shown}{plural(total or len(rows), 'record')} in {group.group}; {more} more columns ({whole} has all)."
    print_block(console, Text(text, style="dim"))


def _label(name: str) -> str:
    return (
        name.removeprefix("original_").split("_", 1)[-1] if name.startswith("original_") else name.removeprefix(_GENE)
    )


def describe_features(names: Iterable[str]) -> str:
    """Say how many features are radiomic and how many tell of the study, the scan and the program.

    Examples
    --------
    >>> describe_features(["case_id", "volume_ml", "original_glcm_Contrast"])
    '1 radiomic feature and 2 others'
    """
    kinds = Counter(bool(_RADIOMIC.fullmatch(name)) for name in names)
    return f"{plural(kinds[True], 'radiomic feature')} and {plural(kinds[False], 'other')}"
