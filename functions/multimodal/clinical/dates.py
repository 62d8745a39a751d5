"""Read dates as tables write them: any order, names of months, two-digit years, counts of days, a time behind them."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from multimodal.clinical.cells import Day, Fault, RowCode, formula, is_formula
from multimodal.clinical.column_config import COUNTED_FROM, Date, DateDifference
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.phi import kind_of
from multimodal.tables.table import Scope

FIRST_YEAR = 1900
"""Earlier dates of a patient are typing errors."""

LAST_SHIFTED_YEAR = 2999
"""Of calendars that were shifted into the future."""

_MONTHS = (
    "jan januar january janvier janv enero ene janner gennaio gen janeiro januari",  # codespell:ignore
    "feb februar february fevrier fevr fev febrero feber febbraio fevereiro februari",  # codespell:ignore
    "mar march marz maerz mrz mars marzo marco maart mrt",  # codespell:ignore
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "jun june juni juin junio giugno giu junho",  # codespell:ignore
    "jul july juli juillet juil julio luglio lug julho",  # codespell:ignore
    "aug august aout agosto ago augustus",
    "sep sept september septembre septiembre setiembre settembre set setembro",
    "oct october okt oktober octobre octubre ottobre ott outubro out",  # codespell:ignore
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre diciembre dic dicembre dezembro",  # codespell:ignore
)
"""English, German, French, Spanish, Italian, Portuguese and Dutch, without accents."""

MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

_TIME_BEHIND = re.compile(
    r"[T ] ?(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?\Z"
    r"|:[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,9})?\Z"
    r"|(?<=\A[0-9]{8})T?(?:[01][0-9]|2[0-4])[0-5][0-9](?:[0-6][0-9](?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{4})?\Z"
)
"""A time, perhaps with a zone; SAS writes it as 12MAR1998:10:30:00, HL7 and DICOM as 19980312103000."""

_PART, _DIRECTIVE = re.compile("%([dmYybB])"), re.compile("(%[dmYyb])")
_TOUCHING = re.compile("%[dmYy]%[dmYy]")

_GROUPS = {
    "%d": "([0-9]{1,2})",
    "%m": "([0-9]{1,2})",
    "%Y": "([0-9]{4})",
    "%y": "([0-9]{2})",
    "%b": r"([^\W\d_]{3,10})\.?",
}


@dataclass(frozen=True)
class DateFormat:
    """How a column writes its dates.

    A time behind the date, with or without a zone, is accepted and passed over: the date is the one that is written
    (`clinical-15` in docs/decisions.md).

    Parameters
    ----------
    text : str
        With `%d`, `%m` or `%b` (a month's name), and `%Y` or `%y`; or `days since YYYY-MM-DD`.
    two_digit_years_from : int, optional
        First of the hundred years that `%y` stands for.

    Examples
    --------
    >>> DateFormat("%d-%b-%y", 1930).day("12-Mar-98"), DateFormat("days since 1899-12-30").day("34730")
    (datetime.date(1998, 3, 12), datetime.date(1995, 1, 31))
    """

    text: str
    two_digit_years_from: int | None = None

    def reader(self) -> Callable[[str], date | None]:
        """Return how a cell becomes a date; None when it is none of this format."""
        counted = COUNTED_FROM.fullmatch(self.text)
        if counted:
            return _counted_from(date.fromisoformat(counted[1]))
        separator = self.text[2:3]
        places = self.text.split(separator)
        if sorted(places) != ["%Y", "%d", "%m"]:
            return self._by_pattern
        year, month, day = map(places.index, ("%Y", "%m", "%d"))

        def read(cell: str) -> date | None:
            parts = cell.split(separator)
            if len(parts) == len(places):
                try:
                    return date.fromisoformat(f"{parts[year]}-{parts[month].zfill(2)}-{parts[day].zfill(2)}")
                except ValueError:
                    pass
            return self._by_pattern(cell)

        return read

    @cached_property
    def _by_pattern(self) -> Callable[[str], date | None]:
        """Reads any of the formats, and a time behind it."""
        fits = self._compiled().fullmatch
        first = self.two_digit_years_from if "%y" in self.text else None
        parts = _PART.findall(self.text)
        day_at, year_at = parts.index("d"), next(n for n, part in enumerate(parts) if part in "Yy")
        is_named, groups = "b" in parts or "B" in parts, (1 + year_at, 4 - day_at - year_at, 1 + day_at)

        def read(cell: str) -> date | None:
            found = fits(cell) or (fits(_TIME_BEHIND.sub("", cell)) if ":" in cell or cell[:8].isdecimal() else None)
            if found is None:
                return None
            year, month, day = found.group(*groups)
            number = (month_of(month) or 0) if is_named else int(month)
            whole = int(year) if first is None else first + (int(year) - first) % 100
            try:
                return date(whole, number, int(day))
            except ValueError:
                return None

        return read

    def day(self, cell: str) -> date | None:
        """Return the date of a cell, or None."""
        return self.reader()(cell)

    def _compiled(self) -> re.Pattern[str]:
        parts = _DIRECTIVE.split(self.text.replace("%B", "%b"))
        pattern = "".join(_GROUPS.get(part) or re.escape(part) for part in parts)
        # Without a separator only the number of digits tells where a part ends.
        pattern = pattern.replace("{1,2}", "{2}") if _TOUCHING.search(self.text) else pattern
        return re.compile(pattern)

    @property
    def in_words(self) -> str:
        """The format as people write it."""
        text = self.text.replace("%d", "day").replace("%m", "month").replace("%Y", "year").replace("%y", "year (98)")
        return text.replace("%b", "month's name").replace("%B", "month's name")

    @property
    def example(self) -> str:
        """The last day of January 1994 in this format."""
        counted = COUNTED_FROM.fullmatch(self.text)
        if counted:
            return str((date(1994, 1, 31) - date.fromisoformat(counted[1])).days)
        named = self.text.replace("%b", "Jan").replace("%B", "January")
        return named.replace("%d", "31").replace("%m", "01").replace("%Y", "1994").replace("%y", "94")


def format_of(config: ClinicalConfig, column: Date | DateDifference) -> DateFormat:
    """Return how a column's dates are written."""
    first = column.two_digit_years_from or config.two_digit_years_from
    return DateFormat(column.date_format or config.date_format, first)


def latest_day(config: ClinicalConfig, today: date) -> date:
    """Return the last day that a date may be: that of the upload, unless the calendar was shifted."""
    return date(LAST_SHIFTED_YEAR, 12, 31) if config.shifted_calendar else today


def month_of(name: str) -> int | None:
    """Return the number of a month by its name, or None."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return MONTH.get(plain)


def _counted_from(zero: date) -> Callable[[str], date | None]:
    def read(cell: str) -> date | None:
        if not re.fullmatch(r"-?[0-9]{1,6}(?:[.,][0-9]*)?", cell):
            return None
        try:
            return zero + timedelta(days=int(float(cell.replace(",", ".")) // 1))
        except OverflowError:
            return None

    return read


_SHORT_YEAR = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{2}")
_DAY_COUNT = re.compile(r"[0-9]{5}(\.[0-9]+)?")


def date_reading(form: DateFormat, latest: date, scope: Scope) -> Callable[[str], Day]:
    """Return how dates are read, into proleptic Gregorian ordinals (days); none may be after `latest`."""
    day_of, first, last = form.reader(), date(FIRST_YEAR, 1, 1).toordinal(), latest.toordinal()

    def read(cell: str) -> Day:
        found = day_of(cell)
        if found is None:
            return None, _no_date(cell, form, scope)
        day = found.toordinal()
        if first < day <= last:
            return day, None
        if day == first:
            return None, Fault(RowCode.BAD_DATE, _PLACEHOLDER, scope)
        if day < first:
            return None, Fault(RowCode.BAD_DATE, f"a date before {FIRST_YEAR}; check the year", scope)
        return None, Fault(RowCode.DATE_IN_FUTURE, _IN_FUTURE, scope)

    return read


_PLACEHOLDER = (
    f"the first day of {FIRST_YEAR}, which many systems write for no date; empty the cell, or list it under missing in "
    "the dataset's file"
)
_IN_FUTURE = (
    "a date after the day of the upload; check it (shifted_calendar: true in the dataset's file takes the dates of "
    "calendars that were shifted)"
)


def _no_date(cell: str, form: DateFormat, scope: Scope) -> Fault:
    if is_formula(cell):
        return formula(cell, scope)
    if _SHORT_YEAR.fullmatch(cell) and "%y" not in form.text:
        problem = (
            "a year of two digits may be of two centuries; write four, or say with date_format: and "
            "two_digit_years_from: in the dataset's file how it is read"
        )
    elif _DAY_COUNT.fullmatch(cell):
        problem = (
            "a spreadsheet's count of days; format the column as a date before exporting, or give it date_format: days "
            "since 1899-12-30 (1904-01-01 for workbooks of Excel for Mac that count so) in the dataset's file"
        )
    else:
        problem = f"no date of the form {form.in_words}, such as {form.example}"
    return Fault(RowCode.BAD_DATE, problem, scope, kind_of(cell))


def year_reading(latest: date, scope: Scope) -> Callable[[str], Day]:
    """Return how years of four digits are read."""

    def read(cell: str) -> Day:
        if not (len(cell) == 4 and cell.isascii() and cell.isdigit()):
            if is_formula(cell):
                return None, formula(cell, scope)
            return None, Fault(RowCode.BAD_DATE, "not a year of four digits", scope, kind_of(cell))
        year = int(cell)
        if not FIRST_YEAR <= year <= latest.year:
            return None, Fault(RowCode.BAD_DATE, f"a year before {FIRST_YEAR} or after the upload; check it", scope)
        return year, None

    return read
