"""Reads a settings mapping strictly: every key required, no other key accepted, every message naming its key."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

from radiomics_job.errors import InvalidJobError


class ParamsError(InvalidJobError):
    """A parameter file cannot be used; the message names the key and says what is expected there."""


class SettingsReader:
    """One mapping of a settings file.

    Parameters
    ----------
    value
        What the YAML parser returned at this place.
    path
        Dotted name of this place for messages; empty at the top.

    Examples
    --------
    >>> reader = SettingsReader({"bin_width": 25}, "extraction")
    >>> reader.number("bin_width", above=0)
    25.0
    >>> reader.finish()
    """

    def __init__(self, value: object, path: str = "") -> None:
        self._path = path
        if not isinstance(value, dict):
            raise ParamsError(f"{path or 'the file'}: expected a mapping of keys, found {_shown(value)}")
        self._left: dict[object, object] = dict(value)

    def finish(self) -> None:
        """Refuse keys that nothing has read: a misspelt key must not be a silent default."""
        if self._left:
            names = ", ".join(sorted(self._name(key) for key in self._left))
            raise ParamsError(f"{names}: not a known key here; remove it or correct its spelling")

    def section(self, key: str) -> SettingsReader:
        """Read a nested mapping."""
        return SettingsReader(self._take(key), self._name(key))

    def optional_section(self, key: str) -> SettingsReader | None:
        """Read a nested mapping, or None when the file says null."""
        value = self._take(key)
        return None if value is None else SettingsReader(value, self._name(key))

    def text(self, key: str) -> str:
        """Read a text that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            raise self._error(key, "a text", value)
        return value

    def flag(self, key: str) -> bool:
        """Read true or false."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._error(key, "true or false", value)
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """Read one of some words."""
        value = self._take(key)
        if not isinstance(value, str) or value not in allowed:
            raise self._error(key, f"one of {', '.join(allowed)}", value)
        return value

    def choices(self, key: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """Read a list of one or more different words out of those allowed."""
        value = self._take(key)
        words = tuple(value) if isinstance(value, list) else ()
        if not words or any(word not in allowed for word in words) or len(set(words)) != len(words):
            raise self._error(key, f"a list of one or more different words out of {', '.join(allowed)}", value)
        return words

    def number(self, key: str, *, above: float = -math.inf, up_to: float = math.inf) -> float:
        """Read a finite number greater than `above` and at most `up_to`."""
        value = self._take(key)
        if not _is_number(value) or not above < value <= up_to:
            raise self._error(key, _number_wanted(above, up_to), value)
        return float(value)

    def whole(self, key: str, *, at_least: int, at_most: int) -> int:
        """Read a whole number between two bounds, both included."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
            raise self._error(key, f"a whole number from {at_least} to {at_most}", value)
        return value

    def numbers(self, key: str, *, length: int | None = None, above: float = -math.inf) -> tuple[float, ...]:
        """Read a list of finite numbers, each greater than `above`, of a given length or of any."""
        value = self._take(key)
        wanted = f"a list of {'' if length is None else f'{length} '}numbers" + (
            "" if math.isinf(above) else f" above {above:g}"
        )
        if not isinstance(value, list) or (length is not None and len(value) != length):
            raise self._error(key, wanted, value)
        if not all(_is_number(item) and item > above for item in value):
            raise self._error(key, wanted, value)
        return tuple(float(item) for item in value)

    def optional_number(self, key: str) -> float | None:
        """Read a finite number of zero or more, or None when the file says null."""
        value = self._take(key)
        if value is not None and (not _is_number(value) or value < 0):
            raise self._error(key, "a number of zero or more, or null", value)
        return None if value is None else float(value)

    def error(self, key: str, message: str) -> ParamsError:
        """Make the error for a rule that spans more than one value."""
        return ParamsError(f"{self._name(key)}: {message}")

    # `Any` is honest here: the callers narrow what YAML gave.
    def _take(self, key: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        if key not in self._left:
            raise ParamsError(f"{self._name(key)}: missing; every key has to be stated")
        return self._left.pop(key)

    def _name(self, key: object) -> str:
        return f"{self._path}.{key}" if self._path else str(key)

    def _error(self, key: str, wanted: str, value: object) -> ParamsError:
        return self.error(key, f"expected {wanted}, found {_shown(value)}")


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max  # type: ignore[arg-type]  # a number; an integer may be huge


def _number_wanted(above: float, up_to: float) -> str:
    lower = "" if math.isinf(above) else f" above {above:g}"
    upper = "" if math.isinf(up_to) else f"{' and' if lower else ''} up to {up_to:g}"
    return f"a number{lower}{upper}"


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
