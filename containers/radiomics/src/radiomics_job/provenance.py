"""Which software made a result."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from radiomics_job import __version__

_DISTRIBUTIONS = {
    "pyradiomics": "pyradiomics-bhklab",
    "pydicom": "pydicom",
    "dcmstack": "dcmstack",
    "nibabel": "nibabel",
    "numpy": "numpy",
    "SimpleITK": "SimpleITK",
}


@cache
def versions() -> dict[str, str]:
    """Give the version of this package and of every library that a feature value depends on.

    Examples
    --------
    >>> versions()["pydicom"]
    '3.0.2'
    """
    return {"radiomics_job": __version__} | {name: _version(package) for name, package in _DISTRIBUTIONS.items()}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
