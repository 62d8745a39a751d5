"""Keep a table's records in an SQLite file until all of it is read, and compare them with what the groups hold.

Memory stays the same however many records there are.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.tables.state import Pending, SpooledRecord, StateEntry
from multimodal.tables.table import DUPLICATE_ID, EVENT_TIME_EARLIER, MESSAGES, UPLOADED_EARLIER, RowProblem

_WORDS = {
    "write": "write",
    "unchanged": "unchanged",
    "duplicate": DUPLICATE_ID,
    "uploaded_earlier": UPLOADED_EARLIER,
    "event_time_earlier": EVENT_TIME_EARLIER,
    "duplicate_message": MESSAGES[DUPLICATE_ID],
    "uploaded_message": MESSAGES[UPLOADED_EARLIER],
    "event_time_message": MESSAGES[EVENT_TIME_EARLIER],
}
"""Parameters of the statements below."""

_CACHE_KIB = 64 * 1024

_TABLES = """
pragma journal_mode = off;
pragma synchronous = off;
pragma locking_mode = exclusive;
create table groups (id integer primary key, name text unique);
create table records (
  seq integer primary key, grp integer, case_id text, row integer, fingerprint text, event_time text, line text);
create table problems (row integer, case_id text, place text, code text, message text, scope text);
create table held (
  grp integer, case_id text, fingerprint text, event_time text, uploaded_at text, primary key (grp, case_id)
) without rowid;
"""

# A row makes a record for each group, so rows are counted once: union removes what is equal. Rows that are filtered out
# repeat nothing.
_FIND_REPEATED = """
create index by_key on records (grp, case_id, row, fingerprint, event_time);
create table repeated (case_id text primary key) without rowid;
insert into repeated
  select case_id from (
    select case_id, row from records
    union
    select case_id, row from problems where case_id is not null and scope = 'row')
  group by case_id having count(*) > 1;
insert into problems
  select distinct row, case_id, '', :duplicate, :duplicate_message, 'row' from records
  where case_id in (select case_id from repeated);
"""

# In the order of the keys, in which both sides are read from beginning to end.
_DECIDE = """
create table verdicts (seq integer primary key, verdict text);
insert into verdicts
  select r.seq, case
    when r.case_id in (select case_id from repeated) then :duplicate
    when h.fingerprint is null then :write
    when h.fingerprint = r.fingerprint then :unchanged
    when h.uploaded_at > :uploaded_at then :uploaded_earlier
    when h.event_time > r.event_time then :event_time_earlier
    else :write end
  from records r left join held h on h.grp = r.grp and h.case_id = r.case_id
  order by r.grp, r.case_id;
"""

_NAME_THE_LATE = """
insert into problems
  select r.row, r.case_id, g.name, v.verdict, case v.verdict
    when :uploaded_earlier then :uploaded_message else :event_time_message end, 'record'
  from verdicts v join records r on r.seq = v.seq join groups g on g.id = r.grp
  where v.verdict in (:uploaded_earlier, :event_time_earlier);
"""

_COUNT = """
select
  (select count(*) from records) as records,
  (select count(*) from verdicts where verdict = :write) as written,
  (select count(*) from verdicts where verdict = :unchanged) as unchanged,
  (select count(*) from verdicts where verdict in (:uploaded_earlier, :event_time_earlier)) as records_refused,
  (select count(distinct row) from problems where scope = 'row') as rejected_rows,
  (select count(distinct row) from problems where scope = 'dropped') as dropped_rows,
  (select count(distinct row) from problems where scope = 'label') as labels_held;
"""

_HOLD = """
insert into held
  select r.grp, r.case_id, r.fingerprint, r.event_time, :uploaded_at
  from records r join verdicts v on v.seq = r.seq
  where v.verdict in (:write, :unchanged)
  order by r.grp, r.case_id
  on conflict (grp, case_id) do update set
    event_time = case when fingerprint = excluded.fingerprint then event_time else excluded.event_time end,
    fingerprint = excluded.fingerprint,
    uploaded_at = max(uploaded_at, excluded.uploaded_at);
"""

_FORGET = """
insert into held values (?, ?, '', ?, ?)  -- multimodal.tables.state.UNKNOWN
  on conflict (grp, case_id) do update set
    fingerprint = excluded.fingerprint,
    event_time = max(event_time, excluded.event_time),
    uploaded_at = max(uploaded_at, excluded.uploaded_at);
"""

_LINES = "select r.line from records r join verdicts v on v.seq = r.seq where v.verdict = :write order by r.seq"
_PROBLEMS = "select row, case_id, place, code, message, scope from problems order by row, rowid"
_REPEATED = "select row, case_id, place, code, message, scope from problems where code = :duplicate order by row"

_BY_GROUP = """
select g.name, count(*) from records r join verdicts v on v.seq = r.seq join groups g on g.id = r.grp
where v.verdict <> :duplicate group by g.name order by g.name
"""

_ENTRIES = """
select g.name, h.case_id, h.fingerprint, h.event_time, h.uploaded_at
from held h join groups g on g.id = h.grp order by h.grp, h.case_id
"""


class SqliteSpool:
    """A spool on `database`, an empty file that nothing else uses."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._groups: dict[str, int] = {}
        database.execute(f"pragma cache_size = -{_CACHE_KIB}")
        database.executescript(_TABLES)
        database.execute("begin")  # one transaction for all: nothing is to survive

    def add(self, records: Iterable[SpooledRecord], problems: Iterable[RowProblem]) -> None:
        """Keep what some rows became."""
        self._database.executemany(
            "insert into records (grp, case_id, row, fingerprint, event_time, line) values (?, ?, ?, ?, ?, ?)",
            ((self._group(r.group), r.case_id, r.row, r.fingerprint, r.event_time, r.line) for r in records),
        )
        self._database.executemany(
            "insert into problems values (?, ?, ?, ?, ?, ?)",
            ((p.row, p.case_id, p.column, p.code, p.message, p.scope) for p in problems),
        )

    def groups(self) -> Sequence[str]:
        """Return the groups of the records that were added."""
        return tuple(self._groups)

    def remember(self, entries: Iterable[StateEntry]) -> None:
        """Take over what the groups hold."""
        self._database.executemany(
            "insert into held values (?, ?, ?, ?, ?)",
            ((self._group(e.group), e.case_id, e.fingerprint, e.event_time, e.uploaded_at) for e in entries),
        )

    def forget(self, pending: Pending, written: Iterable[tuple[str, str, str]]) -> None:
        """Take over group, case and event time of what a run may have written before it broke off."""
        rows = ((self._group(group), case, when, pending.uploaded_at) for group, case, when in written)
        self._database.executemany(_FORGET, rows)

    def forget_all(self) -> None:
        """Take everything that the groups hold for overwritten by something unknown."""
        self._database.execute("update held set fingerprint = ''")  # multimodal.tables.state.UNKNOWN

    def judge(self, uploaded_at: str) -> Mapping[str, int]:
        """Decide about every record, once; return the counts of `_COUNT`."""
        words = {**_WORDS, "uploaded_at": uploaded_at}
        for statement in (*_statements(_FIND_REPEATED), *_statements(_DECIDE), _NAME_THE_LATE):
            self._database.execute(statement, words)
        counted = self._database.execute(_COUNT, words)
        counts = dict(zip((column[0] for column in counted.description), counted.fetchone(), strict=True))
        self._database.execute(_HOLD, words)
        return counts

    def repeated(self) -> Iterator[RowProblem]:
        """Yield a problem for each row whose records are rejected because its case is in other rows too."""
        return (RowProblem(*row) for row in self._database.execute(_REPEATED, _WORDS))

    def counts_by_group(self) -> Mapping[str, int]:
        """Return how many records there are of each feature group, without those of repeated cases."""
        return dict(self._database.execute(_BY_GROUP, _WORDS))

    def lines(self) -> Iterator[str]:
        """Yield the records to be written, in the order of the file."""
        return (line for (line,) in self._database.execute(_LINES, _WORDS))

    def problems(self) -> Iterator[RowProblem]:
        """Yield what is wrong with rows, in their order."""
        return (RowProblem(*row) for row in self._database.execute(_PROBLEMS))

    def entries(self) -> Iterator[StateEntry]:
        """Yield what the groups hold once the records are written."""
        return (StateEntry(*row) for row in self._database.execute(_ENTRIES))

    def _group(self, name: str) -> int:
        if name not in self._groups:
            self._groups[name] = len(self._groups) + 1
            self._database.execute("insert into groups values (?, ?)", (self._groups[name], name))
        return self._groups[name]


@contextmanager
def sqlite_spool() -> Iterator[SqliteSpool]:
    """Open a spool in a folder of its own that is gone when the block ends.

    Raises
    ------
    BadInputError
        `INPUT_TOO_LARGE` when the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="table-") as folder:
        path = Path(folder) / "spool.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as database, _full_disk_explained():
            yield SqliteSpool(database)


@contextmanager
def _full_disk_explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
            raise
        message = "the table's records do not fit on the function's disk; split the file and upload the parts"
        raise BadInputError(Reason.INPUT_TOO_LARGE, message) from error


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";") if part.strip()]
