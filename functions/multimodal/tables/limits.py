"""How large a table may be, and the steps in which it is taken."""

MAX_TABLE_BYTES = 1024**3
"""Largest object: three times a table of a million rows and forty columns."""

PART_RECORDS = 10_000
"""Records of a part: some minutes' writing at most, and few enough parts for one execution's history."""

MAX_PARTS = 1_500
"""An execution's history holds 25,000 events, and a part takes eleven of them, more when it is called again."""

CHUNK_RECORDS = 500
"""Records after which progress is noted: what a crash may write twice."""

READ_RESERVE_MS = 360_000
"""Time that is kept for what follows the reading of a table."""

WRITE_RESERVE_MS = 60_000
