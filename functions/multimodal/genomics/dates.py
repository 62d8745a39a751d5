"""When a sample was taken: the event time of its record, by a rule of the dataset's file."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from multimodal.ledger.dataset_file import StrictModel

FIRST_YEAR = 1900
"""De-identified dates are shifted, but not by a century."""

Timepoint = Literal["baseline", "surgery", "post_treatment"]
"""In their order."""

ColumnName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class DatedByColumn(StrictModel):
    """A column of the sample sheet, or of the matrix, has each sample's day."""

    column: ColumnName
    date_format: Annotated[str, Field(pattern="%")] = "%Y-%m-%d"
    shifted_calendar: bool = False
    """Whether days may lie after the upload: of calendars that were shifted into the future to hide the true dates."""


class DatedByTimepoint(StrictModel):
    """The sample was taken when the facts of a clinical timepoint were true; the join looks that day up."""

    timepoint: Timepoint


EventTime = Literal["upload"] | DatedByColumn | DatedByTimepoint


@dataclass(frozen=True)
class SampleDates:
    """Reads the cells of a date column; no day is after `today`, unless the calendar is a shifted one."""

    rule: DatedByColumn
    today: date

    def of(self, cell: str) -> str | None:
        """Return midnight of the cell's day as an event time, or None for an empty cell.

        Raises
        ------
        ValueError
            When the cell is no date of the rule's format, or the day is in the future or long ago.
        """
        text, form = cell.strip(), self.rule.date_format
        if not text:
            return None
        try:
            day = datetime.strptime(text, form).date()
        except ValueError as error:
            example = date(2001, 5, 30).strftime(form)
            raise ValueError(f"it is no date like {example} ({form})") from error
        if (day > self.today and not self.rule.shifted_calendar) or day.year < FIRST_YEAR:
            raise ValueError("the day is after the upload, or long ago")
        return f"{day.isoformat()}T00:00:00Z"
