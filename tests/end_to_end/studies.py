"""The studies that the end-to-end tests upload: small, of every kind, and of subjects never seen before."""

from dataclasses import dataclass, replace
from pathlib import Path

from cli.project import DATASET
from cli.sources.patients import Study
from cli.sources.studies import read_studies
from local.synthetic import StudySpec, cohort_specs, write_corrupt_study, write_study
from tests.end_to_end.canaries import mark_headers

_MATRIX = 96
_SLICES = 30
_TUMOUR_SEMI_AXES_MM = (18.0, 16.0, 17.0)


@dataclass(frozen=True)
class Studies:
    """Studies by what is special about them.

    Parameters
    ----------
    folders : list of Study
        Good studies, uploaded as folders.
    zipped, marked, corrupt, unsegmented : Study
        A good one in a zip; a good one with a `_COMPLETE.json`; one with a truncated slice; one without SEG.
    volumes_ml : dict of str to float
        The volume of each subject's tumour, as it was generated.
    """

    folders: list[Study]
    zipped: Study
    marked: Study
    corrupt: Study
    unsegmented: Study
    volumes_ml: dict[str, float]

    @property
    def good(self) -> list[Study]:
        """Those that must end with features."""
        return [*self.folders, self.zipped, self.marked]

    @property
    def all(self) -> list[Study]:
        """Every study."""
        return [*self.good, self.corrupt, self.unsegmented]

    @property
    def unit_ids(self) -> list[str]:
        """Their units in the ledger."""
        return [unit_id(study) for study in self.all]


def unit_id(study: Study) -> str:
    """Return the ledger's key of a study."""
    return f"imaging#{DATASET}#{study.subject}#{study.study}"


def write_studies(folder: Path, prefix: str) -> Studies:
    """Write the studies; the subjects' names begin with a prefix, so that no test meets another's."""
    volumes: dict[str, float] = {}
    names = ["FOLDER-1", "FOLDER-2", "ZIP", "MARKED", "NOSEG"]
    for name, spec in zip(names, cohort_specs(seed=11, studies=len(names)), strict=True):
        shrunk = small(replace(spec, subject=f"{prefix}-{name}"))
        truth = write_study(folder, shrunk, zipped=name == "ZIP", without_seg=name == "NOSEG")
        volumes[truth.subject] = truth.volume_ml
        mark_headers(truth.path)
    mark_headers(write_corrupt_study(folder, subject=f"{prefix}-CORRUPT").path)
    by_name = {study.subject.removeprefix(f"{prefix}-"): study for study in read_studies(folder).studies}
    return Studies(
        folders=[by_name["FOLDER-1"], by_name["FOLDER-2"]],
        zipped=by_name["ZIP"],
        marked=by_name["MARKED"],
        corrupt=by_name["CORRUPT"],
        unsegmented=by_name["NOSEG"],
        volumes_ml=volumes,
    )


def small(spec: StudySpec) -> StudySpec:
    """Return a study on a coarser grid, quick to measure, with a tumour that fits it."""
    return replace(spec, matrix=_MATRIX, slices=_SLICES, tumour_semi_axes_mm=_TUMOUR_SEMI_AXES_MM)
