"""The one statement that picks a group's records: valid in Athena (Trino) and in DuckDB, with the same result.

Whatever the engines see differently is avoided or written out: types are cast, times are compared as text or as
timestamps, nothing is divided, and no key of an order is null. Decision: dataset-2.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from multimodal.dataset.request import BuildRequest, ScanRule
from multimodal.features.group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, UPLOAD_TIME, FeatureType

MAX_STATEMENT = 262_144
"""Characters that Athena takes (Amazon Athena API reference, StartQueryExecution, QueryString)."""

TYPES = {FeatureType.STRING: "VARCHAR", FeatureType.FRACTIONAL: "DOUBLE", FeatureType.INTEGRAL: "BIGINT"}

KEPT_TYPES = (("days_from_t0", "BIGINT"), ("dated_by_upload", "BOOLEAN"), ("event_times", "BIGINT"))
"""Columns of a snapshot beside the case and its features: distance to day 0, whether only the upload dates the
record, and how many event times the case had to choose from."""


@dataclass(frozen=True)
class Table:
    """A group's table in the Glue catalogue."""

    database: str
    name: str

    @property
    def sql(self) -> str:
        """The table as SQL names it from anywhere."""
        return f"{quoted(self.database)}.{quoted(self.name)}"


@dataclass(frozen=True)
class Cut:
    """Which records count.

    Parameters
    ----------
    as_of : str, optional
        Latest event time, inclusive; None for labels.
    written_before : str, optional
        Moment before which the store was given the record.
    rule : str
        Which event time of a case counts.
    t0 : Table, optional
        Table whose chosen record dates day 0.
    t0_rule : str
        Which of its event times does.
    days_before, days_after : int
        The window around day 0.
    dated_by : Table, optional
        Table whose newest record of the case says when the facts were true of a record that only its upload dates.
    """

    as_of: str | None = None
    written_before: str | None = None
    rule: ScanRule = "latest"
    t0: Table | None = None
    t0_rule: ScanRule = "latest"
    days_before: int = 0
    days_after: int = 0
    dated_by: Table | None = None


def cut_of(request: BuildRequest, t0: Table | None, dated_by: Table | None = None) -> Cut:
    """Return the cut of a feature group; `t0` is the table that dates day 0, if the request names one."""
    rule = "latest" if request.records == "nearest" else request.records
    index = request.t0
    if index is None or t0 is None:
        return Cut(request.as_of, request.written_before, rule, dated_by=dated_by)
    before, after = index.days_before, index.days_after
    return Cut(request.as_of, request.written_before, request.records, t0, rule, before, after, dated_by)


def label_cut(request: BuildRequest) -> Cut:
    """Return the cut of the labels: what happened to a patient is always later than what predicts it."""
    return Cut(None, request.written_before)


def snapshot(table: Table, columns: Sequence[tuple[str, FeatureType]], cut: Cut) -> str:
    """Return the statement that picks one record of each case.

    The newest write of the chosen event time counts: by `api_invocation_time`, then `write_time`, as AWS documents it
    for the offline store. A tombstone hides the records of its event time and before that were written before it; what
    is written after it shows again. Rows that are equal in all of these stay side by side: `multimodal.dataset.join`
    takes one of them by its content.

    Parameters
    ----------
    table : Table
        The group's table.
    columns : sequence of (str, FeatureType)
        Features to read.
    cut : Cut
        Which records count.

    Returns
    -------
    str
        A SELECT with the columns `case_id`, `KEPT_TYPES` and the features.
    """
    steps = _index_time(cut) + _dates(cut) + _choice("", table, cut, "t0" if cut.t0 else None)
    values = ",\n  ".join(f"CAST(s.{quoted(n)} AS {TYPES[kind]}) AS {quoted(n)}" for n, kind in columns)
    return (
        f"WITH {_joined(steps)}\n"
        f"SELECT c.id AS {RECORD_ID},\n  c.days AS days_from_t0, c.by_upload AS dated_by_upload, "
        f"c.event_times AS event_times{',' if values else ''}\n  {values}\n"
        f"FROM {table.sql} s JOIN chosen c\n"
        f"  ON s.{quoted(RECORD_ID)} = c.id AND {_event_at('s.')} = c.event_at\n"
        "  AND s.api_invocation_time = c.invoked AND s.write_time = c.written\n"
        "WHERE NOT coalesce(s.is_deleted, false)"
    )


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _joined(steps: Iterable[str]) -> str:
    return ",\n".join(steps)


def _event_at(alias: str = "") -> str:
    # Without its Z, a time with milliseconds is later than the same second without: as texts, '.' comes before 'Z'.
    return f"replace(replace({alias}{quoted(EVENT_TIME)}, '.000Z', 'Z'), 'Z', '')"


def _moment(text: str) -> str:
    return text.replace("Z", "")


def _index_time(cut: Cut) -> list[str]:
    """Return the steps up to `t0`, the day of each case from which days are counted."""
    if cut.t0 is None:
        return []
    own = Cut(cut.as_of, cut.written_before, cut.t0_rule)
    day = "SELECT id, min(event_at) AS event_at FROM t0_chosen WHERE NOT by_upload GROUP BY id"
    return [*_choice("t0_", cut.t0, own, None), f"t0 AS ({day})"]


def _dates(cut: Cut) -> list[str]:
    """Return the steps up to `dates`: when another table says that a case's facts were true.

    It is not cut by `as_of`: a record whose date were cut away would count as one without a date, and stay.
    """
    if cut.dated_by is None:
        return []
    day = "SELECT id, min(event_at) AS event_at FROM d_chosen WHERE NOT by_upload GROUP BY id"
    return [*_choice("d_", cut.dated_by, Cut(None, cut.written_before), None), f"dates AS ({day})"]


def _choice(prefix: str, table: Table, cut: Cut, t0: str | None) -> list[str]:
    """Return the steps from a table's rows to `<prefix>chosen`: the keys of the record of each case that counts."""
    return [
        f"{prefix}versions AS ({_versions(table, cut)})",
        f"{prefix}judged AS ({_judged(prefix)})",
        f"{prefix}eligible AS ({_eligible(prefix, cut, t0)})",
        f"{prefix}counted AS (SELECT id, count(DISTINCT dated_at) AS event_times FROM {prefix}eligible GROUP BY id)",
        f"{prefix}ranked AS ({_ranked(prefix, cut)})",
        f"{prefix}chosen AS (SELECT DISTINCT id, event_at, by_upload, invoked, written, days, event_times "
        f"FROM {prefix}ranked WHERE place = 1)",
    ]


def _versions(table: Table, cut: Cut) -> str:
    limit = _moment(cut.written_before).replace("T", " ") if cut.written_before else None
    when = f" WHERE write_time < TIMESTAMP '{limit}'" if limit else ""
    return (
        f"SELECT {quoted(RECORD_ID)} AS id, {_event_at()} AS event_at, "
        f"coalesce({quoted(EVENT_TIME_SOURCE)}, '') = '{UPLOAD_TIME}' AS by_upload, api_invocation_time AS invoked, "
        f"write_time AS written, coalesce(is_deleted, false) AS gone FROM {table.sql}{when}"
    )


def _judged(prefix: str) -> str:
    # Of a record and a tombstone of one moment, the tombstone counts as the later: what was to be deleted is gone.
    return (
        "SELECT id, event_at, by_upload, invoked, written, gone, max(CASE WHEN gone THEN event_at END) OVER "
        "(PARTITION BY id ORDER BY invoked DESC, written DESC, gone DESC "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS hidden_to FROM {prefix}versions"
    )


def _eligible(prefix: str, cut: Cut, t0: str | None) -> str:
    at, by_upload = "v.event_at", "v.by_upload"
    if cut.dated_by:
        at, by_upload = (
            "CASE WHEN v.by_upload THEN coalesce(d.event_at, v.event_at) ELSE v.event_at END",
            ("(v.by_upload AND d.event_at IS NULL)"),
        )
    days = f"date_diff('day', CAST(substr(t.event_at, 1, 10) AS DATE), CAST(substr({at}, 1, 10) AS DATE))"
    distance = f"CASE WHEN {by_upload} THEN NULL ELSE {days} END" if t0 else "CAST(NULL AS BIGINT)"
    conditions = ["NOT v.gone", "(v.hidden_to IS NULL OR v.hidden_to < v.event_at)"]
    if cut.as_of:
        # An upload's time says nothing of when the facts were true: cut by it, a whole cohort would lose a modality.
        # '~' comes after '.': the milliseconds of the last second are within it.
        conditions.append(f"({by_upload} OR {at} < '{_moment(cut.as_of)}~')")
    if t0:
        conditions.append(f"({by_upload} OR {days} BETWEEN -{cut.days_before} AND {cut.days_after})")
    source = f"{prefix}judged v" + (f" LEFT JOIN {t0} t ON t.id = v.id" if t0 else "")
    source += " LEFT JOIN dates d ON d.id = v.id" if cut.dated_by else ""
    return (
        f"SELECT v.id AS id, v.event_at AS event_at, {at} AS dated_at, {by_upload} AS by_upload, v.invoked AS invoked, "
        f"v.written AS written, {distance} AS days FROM {source} WHERE {' AND '.join(conditions)}"
    )


def _ranked(prefix: str, cut: Cut) -> str:
    first = {
        "latest": "e.dated_at DESC",
        "first": "e.dated_at ASC",
        # A record without a distance comes last; of two that are equally near, the earlier counts.
        "nearest": "coalesce(abs(e.days), 1000000) ASC, e.dated_at ASC",
    }[cut.rule]
    return (
        f"SELECT e.id AS id, e.event_at AS event_at, e.by_upload AS by_upload, e.invoked AS invoked, "
        f"e.written AS written, e.days AS days, n.event_times AS event_times, rank() OVER (PARTITION BY e.id ORDER BY "
        f"{first}, e.invoked DESC, e.written DESC) AS place "
        f"FROM {prefix}eligible e JOIN {prefix}counted n ON n.id = e.id"
    )
