"""One row of a ready expression matrix: text into values, or the reason why not."""

import math
from collections.abc import Callable, Sequence

from multimodal.genomics.config import ExpressionUnit, MatrixConfig
from multimodal.genomics.expression import log2_of_sum

MAX_LOG2 = 40.0
"""log2(value + 1) of a million million: no unit goes that far, so such cells are no logarithms."""

PER_MILLION: frozenset[ExpressionUnit] = frozenset({"TPM", "CPM"})
"""Units whose values, over all genes of a case, add up to a million (to less when genes are left out)."""

MILLION = 1e6 * 1.01
"""With room for values that were rounded before they were written."""


class CellError(ValueError):
    """A row whose cells are not what the configuration says.

    Parameters
    ----------
    code : str
        ``VALUE_INVALID`` or ``VALUE_IMPLAUSIBLE``.
    message : str
        What is wrong and what to do, without the value.
    at : int, optional
        Position of the first gene that is wrong, when it is one gene's fault.
    """

    def __init__(self, code: str, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.at = code, message, at


def read_values(cells: Sequence[str], matrix: MatrixConfig, missing: frozenset[str]) -> list[float | None]:
    """Return a row's values as they are written; None where there is none.

    Every gene is read, not only the panel: text in any of them means that the row has slipped or was mangled.

    Parameters
    ----------
    cells : sequence of str
        The cells of the gene columns.
    matrix : MatrixConfig
        Unit and scale.
    missing : frozenset of str
        What stands for "no value", the empty text among it.

    Raises
    ------
    CellError
        When a cell is no finite number of at least zero, or the values cannot be of that unit or scale.
    """
    cells = [cell.strip() for cell in cells]  # " 0 " is what is listed as 0
    try:
        values = [None if cell in missing else float(cell) for cell in cells]
    except ValueError:
        values = [_value(at, cell, missing) for at, cell in enumerate(cells)]
    present = [v for v in values if v is not None]
    total = sum(present)
    if not math.isfinite(total) or "_" in "".join(cells) or (present and min(present) < 0):
        raise _first_fault(cells, values)
    _check_scale(present, total, matrix)
    return values


def _value(at: int, cell: str, missing: frozenset[str]) -> float | None:
    if cell in missing:
        return None
    try:
        return float(cell)
    except ValueError:
        message = "not a number; write plain numbers with a decimal point, and nothing or NA where there is no value"
        raise CellError("VALUE_INVALID", message, at) from None


def _first_fault(cells: Sequence[str], values: Sequence[float | None]) -> CellError:
    for at, (cell, value) in enumerate(zip(cells, values, strict=True)):
        if value is not None and not math.isfinite(value):
            message = "NaN and infinity are not measurements; leave the cell empty, or list it under matrix.missing"
            return CellError("VALUE_INVALID", message, at)
        if value is not None and value < 0:
            return CellError("VALUE_INVALID", "expression is never negative; check genomics.matrix.scale", at)
        if "_" in cell and value is not None:
            return CellError("VALUE_INVALID", "not a number; write it without underscores", at)
    return CellError("VALUE_IMPLAUSIBLE", "the values are too large to add up; check genomics.matrix")


def _check_scale(present: Sequence[float], total: float, matrix: MatrixConfig) -> None:
    if matrix.scale == "log2_plus_1":
        if present and max(present) > MAX_LOG2:
            raise CellError("VALUE_IMPLAUSIBLE", f"above {MAX_LOG2:g} is no log2; check genomics.matrix.scale")
    elif matrix.unit in PER_MILLION and total > MILLION:
        message = f"the case's values add up to more than a million, which {matrix.unit} never do; check matrix.unit"
        raise CellError("VALUE_IMPLAUSIBLE", message)


def combine_of(matrix: MatrixConfig) -> Callable[[Sequence[float]], float]:
    """Return how the values of a gene become log2(value + 1)."""
    return log2_of_sum if matrix.scale == "linear" else _log2_of_logs


def _log2_of_logs(values: Sequence[float]) -> float:
    """A lone logarithm stays as it is written; several genes are summed on the linear scale."""
    return values[0] if len(values) == 1 else log2_of_sum([2**v - 1 for v in values])
