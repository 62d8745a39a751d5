"""Look-up of public series in the package idc-index-data, where it is installed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.errors import CommandError
from multimodal.imaging.series_manifest import Series

_HINT = (
    "pip install idc-index-data (80 MB) and run the command again, or give a CSV with PatientID, StudyInstanceUID, "
    "SeriesInstanceUID, Modality, series_aws_url and license_short_name."
)

_COLUMNS = (
    "PatientID, StudyInstanceUID, SeriesInstanceUID, Modality, series_aws_url, license_short_name, source_DOI, "
    "series_size_MB"
)


def index_file() -> Path:
    """Return the Parquet file of the installed index; `CommandError` when it is not installed."""
    try:
        import idc_index_data
    except ImportError:
        raise CommandError("Some series are in no manifest that this project ships.", hint=_HINT) from None
    return Path(idc_index_data.IDC_INDEX_PARQUET_FILEPATH)


def look_up_index(names: Sequence[str]) -> Mapping[str, Series]:
    """Return those of some SeriesInstanceUIDs and addresses (`s3://…/`) that the index has."""
    # Not list_contains, which looks through all names for each of a million series.
    condition = "SeriesInstanceUID in (select unnest($names)) or rtrim(series_aws_url, '*') in (select unnest($names))"
    found = find_series(condition, names)
    return {name: series for series in found for name in (series.series, series.address)}


def find_series(condition: str, names: Sequence[str]) -> list[Series]:
    """Return the series of the index that meet an SQL condition, in which `$names` stands for a list of texts."""
    import duckdb

    statement = f"select {_COLUMNS} from read_parquet($index) where {condition} order by 1, 2, 4, 3"  # noqa: S608 - ours
    with duckdb.connect() as connection:
        rows = connection.execute(statement, {"index": str(index_file()), "names": list(names)}).fetchall()
    return [_series(*row) for row in rows]


def _series(
    patient: str, study: str, series: str, modality: str, address: str, licence: str, doi: str | None, megabytes: float
) -> Series:
    bucket, _, prefix = address.removeprefix("s3://").removesuffix("/*").partition("/")
    return Series(patient, study, series, modality, bucket, prefix, licence or "", doi or "", round(megabytes * 1e6))
