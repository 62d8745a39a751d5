"""From what and with which software a result was made."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from radiomics_job import __version__
from radiomics_job.params import Params
from radiomics_job.sources import SourceCounts

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


def provenance(params: Params, input_hash: str, counts: SourceCounts) -> dict[str, object]:
    """Say from what, by which settings and with which software a result was made."""
    return {
        "input_hash": input_hash,
        "params": params.name,
        "params_hash": params.hash,
        "versions": versions(),
        "files": {"dicom": counts.dicom, "ignored": counts.ignored},
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
