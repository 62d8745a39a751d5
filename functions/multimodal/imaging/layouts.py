"""How archives name the folders of a download, and which key is one level too high."""

import re

_UID = r"(?:\d+\.){3,}\d+"

STUDY_DATE = re.compile(r"\d{2}-\d{2}-\d{4}-.*")
"""A study's folder by date and description (NBIA Data Retriever, descriptive directory names)."""

STUDY_NAME = re.compile(rf"{_UID}|{STUDY_DATE.pattern}")
"""A study's folder: so, or by its UID (classic directory names; Imaging Data Commons)."""

SERIES_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A series' folder in the buckets of the Imaging Data Commons."""

SERIES_UID = re.compile(rf"(?:[A-Z0-9]{{1,16}}_)?({_UID})")
"""A series' folder by its UID, as `idc download` writes it with the modality before."""

SERIES_NAME = re.compile(rf"{SERIES_UUID.pattern}|{SERIES_UID.pattern}|\d+\.\d{{6}}-.*")
"""A series' folder: so, or by number and description (NBIA Data Retriever)."""

COLLECTION_RULE = (
    "the folder is one level too high: all of its subjects would become one patient; upload the subjects' folders "
    "directly below imaging/<dataset>/"
)


def is_below_collection(folders: list[str]) -> bool:
    """Whether folders below the dataset are `collection/patient/study/series`, named as archives name them.

    Examples
    --------
    >>> is_below_collection(["nsclc", "R01-001", "1.2.3.4.5", "CT_1.2.3.4.5.6"])
    True
    >>> is_below_collection(["R01-001", "1.2.3.4.5", "CT_1.2.3.4.5.6"])
    False
    """
    if len(folders) < 4:
        return False
    _, patient, study, series, *_ = folders
    named = STUDY_NAME.fullmatch(study) and SERIES_NAME.fullmatch(series)
    return bool(named) and not STUDY_NAME.fullmatch(patient)
