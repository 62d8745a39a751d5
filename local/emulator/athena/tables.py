"""Tables of the Glue catalogue as views of a DuckDB connection.

Seams: `ministack.services.glue._tables`, `ministack.services.s3._buckets`,
`ministack.services.athena._hidden`, `_table_relation` and `_empty_relation`. Files are not copied: a folder of hard
links keeps what a query reads, also when an object is replaced while it runs.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlglot import exp

from local.emulator.athena.dialect import QueryError
from local.emulator.aws import split_uri
from local.emulator.iceberg.files import link
from local.emulator.iceberg.rewrite import relation
from local.emulator.iceberg.tables import opened


def prepare_tables(connection: Any, tree: exp.Expr, database: str, work: Path) -> int:  # noqa: ANN401 - DuckDB's
    """Make a view of every table that a query names, in a schema named as its database.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where; its schema is the query's database afterwards.
    tree : sqlglot expression
        The query. Catalogues are taken off the tables' names.
    database : str
        Where unqualified names are looked up.
    work : Path
        Folder of this query for links to the tables' files.

    Returns
    -------
    int
        Bytes of all files of these tables: what Athena scans at most.

    Raises
    ------
    QueryError
        TABLE_NOT_FOUND or SCHEMA_NOT_FOUND, as Athena says it.
    """
    scanned = 0
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
    for schema, name in sorted(named_tables(tree, database)):
        definition, folder = definition_of(schema, name), work / f"{schema}.{name}"
        if is_iceberg(definition):
            source, files = _iceberg_relation(schema, name, folder)
        else:
            files = _link_files(definition, folder)
            source = _relation(definition, files)
        scanned += sum(path.stat().st_size for path in files)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        view = f"{quoted(schema)}.{quoted(name)}"
        connection.execute(f"CREATE VIEW {view} AS SELECT * FROM {source}")  # noqa: S608
    connection.execute(f"USE {quoted(database)}")
    return scanned


def named_tables(tree: exp.Expr, database: str) -> set[tuple[str, str]]:
    """Return schema and name of each table that a statement names, and take the catalogues off the names."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):  # a function that returns rows, such as unnest
            continue
        table.set("catalog", None)
        if table.db or table.name.lower() not in ctes:
            found.add(((table.db or database).lower(), table.name.lower()))
    return found


def definition_of(schema: str, name: str) -> dict[str, Any]:
    """Return a table of the catalogue.

    Raises
    ------
    QueryError
        TABLE_NOT_FOUND when there is none.
    """
    from ministack.services import glue

    definition = glue._tables.get(f"{schema}/{name}")
    if definition is None:
        raise QueryError(f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{schema}.{name}' does not exist")
    return dict(definition)


def is_iceberg(definition: dict[str, Any]) -> bool:
    """Whether a table of the catalogue is an Iceberg table."""
    return str((definition.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG"


def _iceberg_relation(schema: str, name: str, folder: Path) -> tuple[str, list[Path]]:
    with opened(schema, name) as table:
        files = table.data_files()
        paths = [link(file.file_path, folder / f"{number}.parquet") for number, file in enumerate(files)]
        return relation(table, paths), paths


def _link_files(definition: dict[str, Any], folder: Path) -> list[Path]:
    """Link every object of a table into a folder, partitions kept: Athena reads all below a table's location."""
    from ministack.services import athena, s3

    name, path = split_uri((definition.get("StorageDescriptor") or {}).get("Location", ""))
    prefix, bucket = f"{path.strip('/')}/", s3._buckets.get(name) or {"objects": {}}
    linked = []
    for key in sorted(bucket["objects"]):
        relative = key[len(prefix) :]
        if not key.startswith(prefix) or not relative or key.endswith("/") or athena._hidden(relative):
            continue
        with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
            linked.append(link(f"s3://{name}/{key}", folder / relative))
    return linked


def _relation(definition: dict[str, Any], files: Iterable[Path]) -> str:
    """Return DuckDB's relation of the files, with the columns of the Glue table and no others.

    Columns that no file has yet, such as a feature that was added after the last record, are null instead of unknown.
    """
    from ministack.services import athena

    paths = [str(path) for path in files]
    empty = str(athena._empty_relation(definition))
    if not paths:
        return empty
    relation = str(athena._table_relation(definition, paths))
    if not relation.startswith("read_parquet("):
        return relation
    return f"(SELECT * FROM {empty} UNION ALL BY NAME SELECT * FROM {relation})"  # noqa: S608


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
