"""Make the shipped manifests of public series anew: `python -m local.cohort_manifests`, with idc-index-data installed.

`nsclc_radiogenomics.csv` is the article's cohort: the studies that have a segmentation of their own, with all CT series
in them. `nsclc_radiogenomics_ai.csv` adds, for patients without one, the studies that BAMF Health segmented by a model
(source: doi.org/10.5281/zenodo.8345959 and its later versions), with their CT and PET.
"""

from cli.idc_index import find_series
from cli.project import DATASET_FILES, shown
from multimodal.imaging.series_manifest import Series, manifest_text

COLLECTION = "nsclc_radiogenomics"

_OF_COLLECTION = "collection_id = 'nsclc_radiogenomics' and len($names) = 0"
_OWN = "collection_id = 'nsclc_radiogenomics' and Modality = 'SEG' and analysis_result_id is null"
_AI = "collection_id = 'nsclc_radiogenomics' and Modality = 'SEG' and starts_with(analysis_result_id, 'bamf_aimi')"


def own_segmentations() -> list[Series]:
    """Return CT and SEG of the studies with a segmentation of the collection itself."""
    studies = f"StudyInstanceUID in (select StudyInstanceUID from read_parquet($index) where {_OWN})"  # noqa: S608 - ours
    return find_series(
        f"{_OF_COLLECTION} and {studies} and Modality in ('CT', 'SEG') and analysis_result_id is null", []
    )


def ai_segmentations() -> list[Series]:
    """Return CT, PET and SEG of the studies that a model segmented, of patients without a segmentation of their own."""
    others = f"PatientID not in (select PatientID from read_parquet($index) where {_OWN})"  # noqa: S608 - ours
    studies = f"StudyInstanceUID in (select StudyInstanceUID from read_parquet($index) where {_AI})"  # noqa: S608 - ours
    return find_series(f"{_OF_COLLECTION} and {others} and {studies}", [])


def main() -> None:
    """Write both manifests."""
    for name, series in ((COLLECTION, own_segmentations()), (f"{COLLECTION}_ai", ai_segmentations())):
        path = DATASET_FILES / "manifests" / f"{name}.csv"
        path.write_text(manifest_text(series), encoding="utf-8")
        patients, size = len({s.patient for s in series}), sum(s.size for s in series) / 1e9
        print(f"{shown(path)}: {patients} patients, {len(series)} series, {size:.1f} GB")


if __name__ == "__main__":
    main()
