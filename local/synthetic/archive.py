"""A made-up public archive on the laptop cloud: `python -m local.synthetic.archive` fills it and writes its manifest.

The bucket is called as the Imaging Data Commons' own and laid out like it, `<series uuid>/<instance uuid>.dcm`, so that
`multimodal fetch` takes the way that it takes on AWS. Everything in it is synthetic.
"""

import sys
import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom

from cli.deployment import reach
from cli.project import typed
from local.synthetic.phantom import StudySpec, cohort_specs
from local.synthetic.studies import write_study
from multimodal.imaging.series_manifest import ARCHIVE_BUCKETS, Series, manifest_text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = ARCHIVE_BUCKETS[0]
LICENCE, NON_COMMERCIAL = "CC BY 3.0", "CC BY-NC 3.0"
_NAMES = uuid.UUID("5f2d7a0e-9a53-4a53-8f0f-3c1a4e0f9b11")
"""Namespace of the made-up identifiers: the same study has the same addresses."""


def fill_archive(client: "S3Client", folders: Iterable[Path], *, licence: str = LICENCE) -> list[Series]:
    """Put the DICOM files of studies into the archive's bucket, and return the manifest's series.

    Parameters
    ----------
    client : S3Client
        Of the laptop cloud, never of an account: the bucket's name is somebody else's.
    folders : iterable of Path
        Of studies, as `write_cohort` lays them out.
    licence : str
        That all series get.
    """
    client.create_bucket(Bucket=BUCKET)
    found: dict[str, Series] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        series = Series(
            str(header.PatientID),
            str(header.StudyInstanceUID),
            str(header.SeriesInstanceUID),
            str(header.Modality),
            BUCKET,
            str(uuid.uuid5(_NAMES, str(header.SeriesInstanceUID))),
            licence,
        )
        size = found.get(series.series, series).size + path.stat().st_size
        found[series.series] = replace(series, size=size)
        key = f"{series.prefix}/{uuid.uuid5(_NAMES, str(header.SOPInstanceUID))}.dcm"
        client.upload_file(str(path), BUCKET, key)
    return list(found.values())


def archive_specs() -> list[StudySpec]:
    """Describe two studies of patients whom `make cohort` does not have: both may be in one stack.

    UIDs are made of the subject, too.
    """
    return [replace(spec, subject=f"R01-{801 + number}") for number, spec in enumerate(cohort_specs(studies=2))]


def main() -> None:
    """Fill the running laptop cloud's archive with two studies, and write their manifest."""
    manifest = Path(sys.argv[1] if len(sys.argv) > 1 else "archive.csv")
    with tempfile.TemporaryDirectory() as folder:
        studies = [write_study(Path(folder), spec) for spec in archive_specs()]
        series = fill_archive(reach().s3, [study.path for study in studies])
    manifest.write_text(manifest_text(series), encoding="utf-8")
    print(f"multimodal fetch {typed(manifest)} --dataset nsclc_radiogenomics --wait")


if __name__ == "__main__":
    main()
