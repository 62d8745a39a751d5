"""The header of a clinical table against the columns that the configuration describes, before any row is read."""

from collections.abc import Mapping, Sequence

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.identifiers import kind_of
from multimodal.ledger.errors import BadInputError, Reason

MAX_COLUMNS = 2_000


_SHOWN, _NAME_LENGTH = 10, 60


def known_names(config: ClinicalConfig) -> dict[str, str]:
    """Return every name that a column may have in a header, with the name that the configuration gives it."""
    described = (config.id, *config.columns)
    return {name: column.source for column in described for name in (column.source, *column.aliases)}


def match_header(header: Sequence[str], config: ClinicalConfig) -> dict[str, int]:
    """Return the position of every configured column; their order in the file does not matter.

    Raises
    ------
    BadInputError
        ``HEADER_NOT_RECOGNISED``, ``COLUMNS_NOT_DECLARED``, ``COLUMNS_DUPLICATED`` or ``COLUMNS_MISSING``. The message
        names columns, and none that looks like personal data.
    """
    names = known_names(config)
    if not any(name in names for name in header):
        raise BadInputError(Reason.HEADER_NOT_RECOGNISED, _NOT_RECOGNISED)
    found: dict[str, int] = {}
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1 and name]
    for position, name in enumerate(header):
        source = names.get(name)
        if source in found:
            twice.append(name)
        elif source is not None:
            found[source] = position
    missing = [column.source for column in (config.id, *config.columns) if column.source not in found]
    _refuse(_undeclared(header, names), twice, missing)
    return found


_NOT_RECOGNISED = (
    "the first row has none of the columns that the dataset's file describes: the table must be of this dataset and "
    "begin with its header, with commas, semicolons or tabs between the columns"
)


def _undeclared(header: Sequence[str], names: Mapping[str, str]) -> list[str]:
    return [_printable(position, name) for position, name in enumerate(header, 1) if name not in names]


def _printable(position: int, name: str) -> str:
    if not name:
        return f"column {position} (without a name)"
    if kind_of(name) is not None:
        return f"column {position} (its name looks like personal data)"
    return repr(name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…")


def _refuse(undeclared: Sequence[str], twice: Sequence[str], missing: Sequence[str]) -> None:
    lacking = f"; and these are missing: {_listed(list(map(repr, missing)))}" if missing else ""
    if undeclared:
        message = (
            f"columns that the dataset's file does not describe: {_listed(undeclared)}{lacking}. They might name a "
            "person, so nothing was taken. Describe them (kind: drop, with a reason, if nothing is made of them), list "
            "new names under aliases, or remove them from the table"
        )
        raise BadInputError(Reason.COLUMNS_NOT_DECLARED, message, {"columns": list(undeclared[:_SHOWN])})
    if twice:
        message = f"columns that are there more than once: {_listed([repr(n) for n in dict.fromkeys(twice)])}; keep one"
        raise BadInputError(Reason.COLUMNS_DUPLICATED, message)
    if missing:
        message = (
            f"columns that are missing: {_listed(list(map(repr, missing)))}; export the table with all its columns"
        )
        raise BadInputError(Reason.COLUMNS_MISSING, message, {"columns": list(missing[:_SHOWN])})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
