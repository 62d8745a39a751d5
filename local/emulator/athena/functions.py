"""Functions of Athena that DuckDB lacks or answers otherwise, as macros, and those that both answer alike.

Sources: Trino's documentation, "Functions and operators" (conditional, conversion, date and time, mathematical, string,
aggregate), which the Athena user guide names as that of engine version 3. `typeof` is known when a query is
planned, so that a macro that looks at it costs nothing per row.
"""

_INTEGERS = "('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT')"
_FLOATS = "('DOUBLE', 'FLOAT')"
_WHOLE = "'[+-]?[0-9]+'"
_NUMBER = r"'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity'"
_MOMENT = r"'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?'"
_DAY = "'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'"
_TRUTH = "'(?i)t|true|1|f|false|0'"


def _refuse(text: str) -> str:
    return f"error('NOT_SUPPORTED: {text}')"


def _cast(name: str, target: str, pattern: str, other: str) -> tuple[str, str]:
    """Return macros that cast to a type, or give NULL: a text must match a pattern, other types are cast as given."""
    fits = f"regexp_full_match(CAST(a AS VARCHAR), {pattern})"
    wrong = f"error('INVALID_CAST_ARGUMENT: Cannot cast ''' || CAST(a AS VARCHAR) || ''' to {target}')"
    is_text = "typeof(a) = 'VARCHAR'"
    return (
        f"CREATE MACRO athena_{name}(a) AS CASE WHEN {is_text} AND NOT {fits} THEN {wrong} ELSE {other} END",
        f"CREATE MACRO athena_try_{name}(a) AS CASE WHEN {is_text} AND NOT {fits} THEN NULL ELSE TRY({other}) END",
    )


MACROS = (
    # Division of decimals rounds to the scale of the operands (1 / 3.0 is 0.3): DuckDB divides them as doubles.
    f"""CREATE MACRO athena_divide(a, b) AS CASE
        WHEN (starts_with(typeof(a), 'DECIMAL') AND typeof(b) NOT IN {_FLOATS})
          OR (starts_with(typeof(b), 'DECIMAL') AND typeof(a) NOT IN {_FLOATS})
        THEN {_refuse("Athena rounds a quotient of decimals (1 / 3.0) to their scale: write 3e0 or CAST(x AS DOUBLE)")}
        WHEN b = 0 AND (typeof(a) IN {_FLOATS} OR typeof(b) IN {_FLOATS})
        THEN {_refuse("a double divided by zero, which is Infinity or NaN in Athena: write NULLIF(x, 0)")}
        WHEN b = 0 THEN error('DIVISION_BY_ZERO: Division by zero')
        ELSE a / b END""",
    # A double becomes a whole number by rounding half away from zero; DuckDB rounds half to even.
    *_cast(
        "integer",
        "BIGINT",
        _WHOLE,
        f"CASE WHEN typeof(a) IN {_FLOATS} THEN CAST(round(CAST(a AS DOUBLE)) AS BIGINT) ELSE CAST(a AS BIGINT) END",
    ),
    *_cast("double", "DOUBLE", _NUMBER, "CAST(a AS DOUBLE)"),
    *_cast("boolean", "BOOLEAN", _TRUTH, "CAST(a AS BOOLEAN)"),
    *_cast("date", "DATE", _DAY, "CAST(a AS DATE)"),
    *_cast("timestamp", "TIMESTAMP", _MOMENT, "CAST(a AS TIMESTAMP)"),
    f"""CREATE MACRO athena_text(a) AS CASE
        WHEN typeof(a) IN {_FLOATS}
        THEN {_refuse("a double as text, which is 1.5E0 in Athena: select it as it is")}
        WHEN typeof(a) IN ('TIMESTAMP WITH TIME ZONE')
        THEN {_refuse("a timestamp with time zone as text: CAST it to a timestamp first")}
        WHEN starts_with(typeof(a), 'TIMESTAMP')
        THEN strftime(TRY_CAST(CAST(a AS VARCHAR) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')
        ELSE CAST(a AS VARCHAR) END""",
    *(
        f"""CREATE MACRO athena_{name}(a) AS CASE WHEN typeof(a) IN {_INTEGERS}
            THEN {_refuse(f"{name} of a whole number, which stays one in Athena: leave it out")} ELSE {name}(a) END"""
        for name in ("floor", "ceil")
    ),
    # A date stays a date; DuckDB makes it a timestamp.
    """CREATE MACRO athena_as(a DATE, b TIMESTAMP) AS CAST(b AS DATE),
        (a TIMESTAMP, b TIMESTAMP) AS b, (a TIMESTAMPTZ, b TIMESTAMPTZ) AS b""",
    """CREATE MACRO athena_item(a, i) AS CASE WHEN i < 1 OR i > len(a)
        THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript must be within the bounds of the array')
        ELSE a[i] END""",
    "CREATE MACRO athena_split_part(a, s, n) AS list_extract(string_split(a, s), n)",
    "CREATE MACRO athena_regexp_extract(a, p, g) AS CASE WHEN regexp_matches(a, p) THEN regexp_extract(a, p, g) END",
    "CREATE MACRO athena_substring(a, b, n) AS CASE WHEN b = 0 OR n <= 0 THEN '' ELSE substring(a, b, n) END",
    "CREATE MACRO athena_substring_from(a, b) AS CASE WHEN b = 0 THEN '' ELSE substring(a, b) END",
)

_SAME_OR_TRANSLATED = """
    And Or Xor Case If Cast TryCast Coalesce Nullif Exists Greatest Least Count CountIf Sum Avg Min Max ArgMax
    ArgMin Stddev StddevSamp StddevPop Variance VariancePop AnyValue ArrayAgg LogicalAnd LogicalOr
    ApproxDistinct ApproxQuantile RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue
    LastValue NthValue Abs Ceil Floor Round Sqrt Cbrt Ln Exp Log Pow Concat Lower Upper Trim Length Substring
    Replace StrPosition Split StartsWith RegexpLike RegexpExtract Reverse Year Month Day Hour Minute Second
    DayOfWeekIso DayOfYear Quarter DateAdd DateDiff DateTrunc TimestampTrunc FromISO8601Timestamp
    FromISO8601Date DateStrToDate TsOrDsToDate Date TimeToUnix UnixToTime TimeToStr StrToTime CurrentDate
    CurrentTimestamp Transform Filter ArrayFilter ArraySize ArrayContains Array IsNan IsInf Unnest Explode
    Between Values Extract Hex LowerHex MD5Digest MD5 SHA2Digest SHA2 Encode ArrayToString SplitPart Pi Trunc
"""

ACCEPTED = frozenset(_SAME_OR_TRANSLATED.split())
"""Classes of sqlglot's functions whose answer is Athena's, in DuckDB or by a rewrite."""

ACCEPTED_BY_NAME = frozenset({"random", "nan", "infinity", "is_finite", "radians", "degrees", "sin", "cos", "tan"})
"""Functions that sqlglot has no class for."""
