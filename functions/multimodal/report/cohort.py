"""What is known of a dataset's uploads: the ledger's items with the documents that their jobs wrote."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from multimodal.ledger.outcome import quality_warnings
from multimodal.ledger.unit import END_STATUSES, Modality, Status, Unit, table_path
from multimodal.report.quality_checks import uid_of

Document = Mapping[str, Any]

_EXPRESSION = "rna"
"""Feature group of expression, whether reads or a ready matrix were uploaded."""

MEASURED = frozenset({Status.PROCESSED, Status.COMPLETED})


@dataclass(frozen=True)
class Upload:
    """A unit, where it stands, and what its job wrote.

    Parameters
    ----------
    unit : Unit
    status : Status
    reason, message : str
        Reason code and what to do about it; empty without one.
    started : bool
        Whether a run has ever taken it.
    content_version : str
        Of what was processed last; of a table the folder of its reports.
    counts : mapping
        Rows and records of a table.
    noted : sequence of str
        What the ledger has as warnings of it.
    result : mapping
        `features.json` or `run.json`; empty while there is none.
    quality : mapping
        `qc.json` of a study.
    rejection : mapping
        `rejection.json` of a study or sample that the job rejected; only that it is there is shown: it names files.
    """

    unit: Unit
    status: Status
    reason: str = ""
    message: str = ""
    started: bool = False
    content_version: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    noted: Sequence[str] = ()
    result: Document = field(default_factory=dict)
    quality: Document = field(default_factory=dict)
    rejection: Document = field(default_factory=dict)

    @property
    def is_measured(self) -> bool:
        """Whether its job has measured it."""
        return self.status in MEASURED

    @property
    def name(self) -> str:
        """Subject, with the study where there is one: unique within its modality. Of a table its path."""
        if self.unit.is_table:
            return table_path(self.unit.subject)
        return f"{self.unit.subject}/{self.unit.study}" if self.unit.study else self.unit.subject

    @property
    def page(self) -> str:
        """Path of a study's or a sample's own page, relative to the cohort page."""
        if self.unit.modality == Modality.IMAGING:
            return f"studies/{self.unit.subject}/{self.unit.study}.html"
        return f"samples/{self.unit.subject}.html"

    @cached_property
    def rois(self) -> list[Document]:
        """The regions of a study."""
        return [roi for roi in self.result.get("rois") or () if isinstance(roi, Mapping)]

    @cached_property
    def primary(self) -> Document:
        """The primary ROI of a study; empty when it was not measured."""
        return next((roi for roi in self.rois if roi.get("primary")), {})

    @property
    def verdict(self) -> str:
        """What quality control says of a study: `accept` or `warn`."""
        return str((self.result.get("qc") or {}).get("status") or "–")

    @property
    def warnings(self) -> list[str]:
        """What its quality control warns of."""
        return list(self.noted) if self.unit.is_table else quality_warnings(self.result)


@dataclass(frozen=True)
class Model:
    """A comparison of survival models: `<build>/<run>`, newest last."""

    name: str
    key: str


@dataclass(frozen=True)
class Cohort:
    """A dataset's uploads.

    Parameters
    ----------
    dataset : str
    studies, samples, tables : sequence of Upload
        By name.
    rows : mapping
        Feature group of a table, such as `clinical-baseline` → ids of the cases that it holds.
    models : sequence of Model
    notes : sequence of mapping
        Ledger items of what no run can take, such as rejected keys.
    ended_at : int
        Epoch second at which the last upload ended; 0 without one.
    """

    dataset: str
    studies: Sequence[Upload] = ()
    samples: Sequence[Upload] = ()
    tables: Sequence[Upload] = ()
    rows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    models: Sequence[Model] = ()
    notes: Sequence[Document] = ()
    ended_at: int = 0

    @cached_property
    def by_modality(self) -> dict[str, frozenset[str]]:
        """Modality, or feature group of a table → subjects that have features of it."""
        quantified = frozenset(sample.unit.subject for sample in self.samples if sample.is_measured)
        found = {
            "CT": frozenset(study.unit.subject for study in self.studies if has_ct(study)),
            "PET": frozenset(study.unit.subject for study in self.studies if has_pet(study)),
            "RNA-seq": quantified.union(self.rows.get(_EXPRESSION, ())),
        }
        found |= {group: cases for group, cases in self.rows.items() if group != _EXPRESSION}
        return {name: subjects for name, subjects in found.items() if subjects}

    @cached_property
    def subjects(self) -> list[str]:
        """Everybody of whom there is anything: also those whose uploads were quarantined."""
        uploaded = {upload.unit.subject for upload in (*self.studies, *self.samples)}
        return sorted(uploaded.union(*self.by_modality.values()))

    @property
    def uploads(self) -> list[Upload]:
        """All uploads."""
        return [*self.studies, *self.samples, *self.tables]

    @property
    def refused(self) -> list[Upload]:
        """What was quarantined or failed."""
        return [upload for upload in self.uploads if upload.status in (Status.QUARANTINED, Status.FAILED)]


def has_ct(study: Upload) -> bool:
    """Whether a study's CT was measured."""
    return study.is_measured and study.result.get("modality") != "PT"


def has_pet(study: Upload) -> bool:
    """Whether a study's PET was measured; one without a CT is a PET as a whole."""
    return bool(study.result.get("pet")) or study.result.get("modality") == "PT"


def shared_studies(studies: Iterable[Upload]) -> list[list[Upload]]:
    """Return the studies of each StudyInstanceUID that lies under several subjects.

    The UID is the one in the files of a study that was measured, else the study's name where that is a UID.
    """
    return _under_several(studies, lambda study: str(study.result.get("study_uid") or uid_of(study.unit.study)))


def shared_reads(samples: Iterable[Upload]) -> list[list[Upload]]:
    """Return the samples of the same reads, by the hash of their files, that lie under several cases."""
    return _under_several(samples, lambda sample: (sample.result.get("provenance") or {}).get("input_hash") or "")


def _under_several(uploads: Iterable[Upload], identity: Callable[[Upload], str]) -> list[list[Upload]]:
    of: dict[str, list[Upload]] = {}
    for upload in uploads:
        if known := identity(upload):
            of.setdefault(known, []).append(upload)
    return [found for found in of.values() if len({upload.unit.subject for upload in found}) > 1]


def funnel(uploads: Sequence[Upload]) -> list[tuple[str, int]]:
    """Return how many uploads came how far: each step holds those of the later ones."""
    return [
        ("uploaded", len(uploads)),
        ("taken by a run", sum(upload.started for upload in uploads)),
        ("measured", sum(upload.is_measured for upload in uploads)),
        ("in Feature Store", sum(upload.status is Status.COMPLETED for upload in uploads)),
    ]


def lost(uploads: Iterable[Upload]) -> list[tuple[str, str, int]]:
    """Return why uploads have no features (status, reason code, number), the most frequent first."""
    missing = [upload for upload in uploads if upload.status is not Status.COMPLETED]
    why = ((str(u.status), u.reason or ("" if u.status in END_STATUSES else "in progress")) for u in missing)
    return [(status, reason, n) for (status, reason), n in Counter(why).most_common()]


def presence(cohort: Cohort) -> list[tuple[Mapping[str, bool], list[str]]]:
    """Return each combination of modalities and the subjects that have it, the most frequent first."""
    members: dict[tuple[bool, ...], list[str]] = {}
    for subject in cohort.subjects:
        members.setdefault(tuple(subject in having for having in cohort.by_modality.values()), []).append(subject)
    ordered = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(dict(zip(cohort.by_modality, there, strict=True)), subjects) for there, subjects in ordered]
