"""A generated lung-cancer cohort: CT and DICOM SEG of chest phantoms whose tumours are known exactly.

For the demo and for tests. Nothing in it comes from a patient.
"""

from local.synthetic.phantom import StudySpec, cohort_specs
from local.synthetic.studies import StudyTruth, write_cohort, write_corrupt_study, write_study

__all__ = ["StudySpec", "StudyTruth", "cohort_specs", "write_cohort", "write_corrupt_study", "write_study"]
