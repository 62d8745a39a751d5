"""How a damaged gzip file shows."""

from __future__ import annotations

from gzip import BadGzipFile
from typing import Final, cast
from zlib import error as ZlibError  # noqa: N812  # its name says what it is

from isal import isal_zlib

GZIP_DAMAGE: Final = (EOFError, BadGzipFile, ZlibError, cast("type[Exception]", isal_zlib.error))
"""What reading one raises; isal's own error is no relation of zlib's."""
