"""Athena's SQL, which is Trino's, as DuckDB takes it: the same answer, or a refusal.

sqlglot translates functions and types. What it leaves different is set or refused here.

Source: Trino's documentation, "Mathematical functions and operators", "Conversion functions", "Comparison functions".
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot.expressions import Expression

_SETTINGS = (
    # Whole numbers divide into whole ones, and by zero into an error. A DOUBLE by zero is an error too, not infinity.
    "SET integer_division = true",
    "SET disabled_optimizers = 'type_pushdown'",  # makes the CSV reader's TRY_CAST strict
    "CREATE TEMP MACRO athena_text(a) AS CASE WHEN typeof(a) IN ('DOUBLE', 'FLOAT') AND a IS NOT NULL "
    "THEN error('NOT_SUPPORTED on the laptop: in Athena a DOUBLE as text looks otherwise; cast it to DECIMAL') "
    "ELSE CAST(a AS VARCHAR) END",
)


def connect() -> Any:  # noqa: ANN401 - DuckDB's
    """Return a DuckDB connection that divides as Athena does."""
    import duckdb  # only the emulator's environment has it

    connection = duckdb.connect(":memory:")
    for setting in _SETTINGS:
        connection.execute(setting)
    return connection


class SqlError(Exception):
    """A query that the laptop does not answer as Athena would."""


def translated(query: str) -> str:
    """Return a query of Athena as DuckDB takes it.

    Raises
    ------
    SqlError
        When the query does not parse, or has something that the laptop would answer differently.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError, TokenError

    try:
        statements = [tree for tree in sqlglot.parse(query, read="athena") if tree is not None]
    except (ParseError, TokenError) as error:
        raise SqlError(f"SYNTAX_ERROR: {str(error).splitlines()[0]}") from error
    if len(statements) != 1:
        raise SqlError("SYNTAX_ERROR: one statement at a time")
    tree = statements[0]
    for refused, why in _REFUSED.items():
        if tree.find(getattr(exp, refused)):
            raise SqlError(f"NOT_SUPPORTED on the laptop: {why}")
    return str(tree.transform(_node).sql(dialect="duckdb"))


_REFUSED = {
    "ApproxQuantile": "approx_percentile gives another estimate than Athena's; number the rows and take one instead",
    "ApproxDistinct": "approx_distinct gives another estimate than Athena's; use count(DISTINCT …)",
}


def _node(node: "Expression") -> "Expression":
    from sqlglot import exp

    if isinstance(node, exp.Cast) and node.to.is_type("varchar", "text") and not isinstance(node.this, exp.Literal):
        # A DOUBLE as text is 1.5E10 there and 15000000000.0 here.
        return exp.Anonymous(this="athena_text", expressions=[node.this])
    return node
