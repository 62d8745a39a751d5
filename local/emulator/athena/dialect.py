"""Athena's SQL as DuckDB's: what both answer alike stays, what differs is rewritten, what remains is refused.

sqlglot parses Athena's dialect and writes DuckDB's. It keeps the words, not the meaning: the meaning is in
`functions.py` and in the rewrites here. A function that is in neither list is refused, so that no query is answered
silently unlike Athena. Decision: laptop-8.
"""

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from local.emulator.athena.functions import ACCEPTED, ACCEPTED_BY_NAME

_MACRO_OF_TYPE = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INT", "BIGINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "double"),
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
_TEXTS = ("VARCHAR", "TEXT", "CHAR")
_PLURALS = {unit: f"to_{unit}s" for unit in ("second", "minute", "hour", "day", "week", "month", "year")}
_NO_TRINO = (exp.Qualify, exp.ILike, exp.TableSample, exp.Pivot, exp.Command, exp.Version, exp.RegexpILike)


class QueryError(Exception):
    """A query that Athena fails, or that the laptop refuses; the message is its StateChangeReason."""


def parse(sql: str) -> exp.Expr:
    """Parse one statement of Athena.

    Raises
    ------
    QueryError
        When it is no statement, with line and column.
    """
    try:
        statements = [tree for tree in sqlglot.parse(sql, dialect="athena") if tree is not None]
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        where = f"line {first.get('line', 1)}:{first.get('col', 1)}"
        raise QueryError(f"{where}: mismatched input: {first.get('description', 'not a statement')}") from error
    if len(statements) != 1:
        raise QueryError("Only one sql statement is allowed.")
    return statements[0]


def to_duckdb(tree: exp.Expr) -> str:
    """Return a query as DuckDB runs it, once its connection has the macros of `functions.py`.

    Raises
    ------
    QueryError
        When its answer may differ from Athena's, with what to write instead.
    """
    for node in tree.walk():
        _check(node)
    translated = tree.transform(_rewrite, copy=True)
    return str(translated.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE))


def name_columns(query: exp.Expr, count: int) -> None:
    """Name what a query leaves without a name as Athena does: `_col0` where DuckDB writes `count_star()`.

    Parameters
    ----------
    query : Expr
        A query; it is changed.
    count : int
        Columns of its answer: what a star stands for counts.
    """
    while isinstance(query, exp.SetOperation | exp.Subquery):  # the first part of a UNION names the columns
        query = query.this
    columns = query.expressions if isinstance(query, exp.Select) else []
    stars = [at for at, column in enumerate(columns) if column.is_star]
    for at, column in enumerate(columns):
        if isinstance(column.unnest(), exp.Alias | exp.Column | exp.Dot | exp.Star) or stars[:1] < [at] < stars[-1:]:
            continue
        place = at if not stars or at < stars[0] else count - len(columns) + at
        column.replace(exp.alias_(column.copy(), f"_col{place}"))


def _check(node: exp.Expr) -> None:
    if isinstance(node, _NO_TRINO):
        raise _refused(f"{type(node).__name__.upper()}: it is not in Athena's SQL, or not on the laptop")
    if isinstance(node, exp.Star) and (node.args.get("except_") or node.args.get("replace")):
        raise _refused("* with EXCLUDE or REPLACE: it is not in Athena's SQL")
    if isinstance(node, exp.Anonymous) and node.name.lower() not in ACCEPTED_BY_NAME:
        raise _refused(f"the function {node.name.lower()}")
    if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous) and type(node).__name__ not in ACCEPTED:
        raise _refused(f"the function {node.sql_name().lower()}")


def _refused(what: str) -> QueryError:
    return QueryError(
        f"NOT_SUPPORTED: the laptop cloud answers by DuckDB and refuses {what}. "
        "docs/laptop.md lists what it translates."
    )


def _rewrite(node: exp.Expr) -> exp.Expr:
    rewrite = _REWRITES.get(type(node))
    return rewrite(node) if rewrite else node


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _called(name: str, *parts: str) -> Callable[[exp.Expr], exp.Expr]:
    """Return what rewrites a node as a call of a function with some of the node's parts."""
    return lambda node: _call(name, *(node.args[part] for part in parts))


def _cast(node: exp.Expr) -> exp.Expr:
    """Casts are strict about texts and round half away from zero."""
    kind = node.args["to"].this.name
    if kind in _TEXTS:
        return _call("athena_text", node.this)
    macro = _MACRO_OF_TYPE.get(kind)
    if macro is None:
        return node
    prefix = "athena_try_" if isinstance(node, exp.TryCast) else "athena_"
    value = _call(f"{prefix}{macro}", node.this)
    return type(node)(this=value, to=node.args["to"]) if macro in ("integer", "double") else value


def _date_diff(node: exp.Expr) -> exp.Expr:
    """`date_diff` counts whole units that have passed; DuckDB's counts the borders between them."""
    return _call("date_sub", exp.Literal.string(_unit(node)), node.expression, node.this)


def _date_add(node: exp.Expr) -> exp.Expr:
    step = (
        exp.cast(exp.Paren(this=node.expression), "BIGINT")
        if isinstance(node.expression, exp.Expr)
        else node.expression
    )
    return _same_kind(node.this, exp.Add(this=node.this.copy(), expression=_call(_PLURALS[_unit(node)], step)))


def _date_trunc(node: exp.Expr) -> exp.Expr:
    return _same_kind(node.this, _call("date_trunc", exp.Literal.string(_unit(node)), node.this.copy()))


def _plus_interval(node: exp.Expr) -> exp.Expr:
    return _same_kind(node.this, node) if isinstance(node.expression, exp.Interval) else node


def _same_kind(source: exp.Expr, moment: exp.Expr) -> exp.Expr:
    """A date stays a date. DuckDB does not know the type of an aggregate when it chooses a macro."""
    if source.find(exp.AggFunc, exp.Window, exp.Subquery):
        raise _refused("date arithmetic on an aggregate: give the aggregate a name in a WITH query first")
    return _call("athena_as", source.copy(), moment)


def _unit(node: exp.Expr) -> str:
    unit = str(node.args["unit"].name).lower() if node.args.get("unit") else "day"
    if unit not in _PLURALS:
        raise _refused(f"the unit {unit}")
    return unit


def _approx_quantile(node: exp.Expr) -> exp.Expr:
    """An exact value is within the error of an approximate one, and is the same each time."""
    if node.args.get("weight") or node.args.get("accuracy"):
        raise _refused("approx_percentile with weight or accuracy")
    return _call("quantile_disc", node.this, node.args["quantile"])


def _with_nulls(name: str) -> Callable[[exp.Expr], exp.Expr]:
    """`max_by` and `min_by` return NULL when the chosen row has NULL; DuckDB's skip that row."""

    def _rewrite_one(node: exp.Expr) -> exp.Expr:
        if node.args.get("count"):
            raise _refused("max_by and min_by with a number of rows")
        return _call(name, node.this, node.expression)

    return _rewrite_one


def _bracket(node: exp.Expr) -> exp.Expr:
    if node.args.get("safe") or len(node.expressions) != 1:
        return node
    # sqlglot counts an index from zero; Trino and DuckDB from one
    offset = 1 - int(node.args.get("offset") or 0)
    index = node.expressions[0]
    return _call(
        "athena_item", node.this, exp.Add(this=index, expression=exp.Literal.number(offset)) if offset else index
    )


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return _call("athena_regexp_extract", node.this, node.expression, group)


def _substring(node: exp.Expr) -> exp.Expr:
    length = node.args.get("length")
    if length is None:
        return _call("athena_substring_from", node.this, node.args["start"])
    return _call("athena_substring", node.this, node.args["start"], length)


_REWRITES: dict[type, Callable[[exp.Expr], exp.Expr]] = {
    exp.Div: _called("athena_divide", "this", "expression"),
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.DateDiff: _date_diff,
    exp.DateAdd: _date_add,
    exp.DateTrunc: _date_trunc,
    exp.TimestampTrunc: _date_trunc,
    exp.Add: _plus_interval,
    exp.Sub: _plus_interval,
    exp.ApproxQuantile: _approx_quantile,
    exp.ArgMax: _with_nulls("arg_max_null"),
    exp.ArgMin: _with_nulls("arg_min_null"),
    exp.Bracket: _bracket,
    exp.RegexpExtract: _regexp_extract,
    exp.Substring: _substring,
    exp.SplitPart: _called("athena_split_part", "this", "delimiter", "part_index"),
    exp.Floor: _called("athena_floor", "this"),
    exp.Ceil: _called("athena_ceil", "this"),
}

_UNLOAD = re.compile(
    r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'(s3://[^']+)'\s*WITH\s*\(([^()]*)\)\s*;?\s*", re.IGNORECASE | re.DOTALL
)
_PROPERTY = re.compile(r"\s*(\w+)\s*=\s*'([^']*)'\s*")


def split_unload(sql: str) -> tuple[str, str, dict[str, str]] | None:
    """Return query, target and properties of an UNLOAD statement, or None when it is none.

    Raises
    ------
    QueryError
        When it is an UNLOAD that Athena does not understand.
    """
    if not re.match(r"\s*UNLOAD\b", sql, re.IGNORECASE):
        return None
    parts = _UNLOAD.fullmatch(sql)
    properties = [_PROPERTY.fullmatch(text) for text in parts[3].split(",")] if parts else [None]
    if parts is None or None in properties:
        raise QueryError("line 1:1: mismatched input: UNLOAD (query) TO 's3://…' WITH (format = 'PARQUET') is expected")
    return parts[1], parts[2], {found[1].lower(): found[2] for found in properties if found}
