"""The numbers of the cohort page as tab-separated files; those named `…_mqc.tsv` are read by MultiQC.

Source: MultiQC's documentation, "Custom content", files with a header of `# key: value` lines.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from multimodal.report.cohort import Cohort, Upload
from multimodal.report.metrics import SAMPLE_METRICS, STUDY_METRICS, Metric, number

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EXACT = 2.0**53
"""Whole numbers below it are written without decimals, as people count."""

Row = Sequence[object]


def table_files(cohort: Cohort) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file: all uploads with their numbers, and what MultiQC reads."""
    yield "studies.tsv", _tsv(_studies(cohort.studies))
    yield "samples.tsv", _tsv(_rows(cohort.samples, SAMPLE_METRICS, ("sample",)))
    yield "subjects.tsv", _tsv(_subjects(cohort))
    measured = [study for study in cohort.studies if study.is_measured]
    yield "imaging_qc_mqc.tsv", multiqc_table("imaging_qc", "Quality of imaging studies", measured, STUDY_METRICS)


def multiqc_table(name: str, title: str, uploads: Sequence[Upload], metrics: Sequence[Metric]) -> str:
    """Return a table of custom content for MultiQC, a row for each upload."""
    header = f"# id: {name}\n# section_name: {title}\n# plot_type: table\n# pconfig:\n#   id: {name}_table\n"
    columns, studies = [metric for metric in metrics if metric.of(uploads)], Counter(u.unit.subject for u in uploads)
    # A sample of MultiQC is the subject, so that its reads and its CT are one row; several studies need more.
    names = (u.unit.subject if studies[u.unit.subject] == 1 else u.name.replace("/", " ") for u in uploads)
    rows = ([name, *(metric.value(u) for metric in columns)] for name, u in zip(names, uploads, strict=True))
    return header + _tsv([["Sample", *(metric.name for metric in columns)], *rows])


def _studies(studies: Sequence[Upload]) -> Iterator[Row]:
    """Yield studies with quality, acquisition and the features of the primary ROI."""
    features = list(dict.fromkeys(name for study in studies for name in study.primary.get("features") or {}))
    acquired = ("manufacturer", "model", "kernel", "kvp", "contrast")
    head, *rows = _rows(studies, STUDY_METRICS, ("subject", "study"))
    yield [*head, *acquired, *features]
    for study, row in zip(studies, rows, strict=True):
        acquisition, values = study.result.get("acquisition") or {}, study.primary.get("features") or {}
        yield [*row, *(acquisition.get(name) for name in acquired), *(number(values.get(name)) for name in features)]


def _rows(uploads: Sequence[Upload], metrics: Sequence[Metric], names: Sequence[str]) -> Iterator[Row]:
    yield [*names, "status", "reason", "warnings", *(metric.name for metric in metrics)]
    for upload in uploads:
        own = (upload.unit.subject, upload.unit.study)[: len(names)]
        told = (str(upload.status), upload.reason, "; ".join(upload.warnings))
        yield [*own, *told, *(metric.value(upload) for metric in metrics)]


def _subjects(cohort: Cohort) -> Iterator[Row]:
    yield ["subject", *cohort.by_modality]
    for subject in cohort.subjects:
        yield [subject, *(int(subject in members) for members in cohort.by_modality.values())]


def _tsv(rows: Iterable[Row]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, delimiter="\t", lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _cell(value: object) -> str:
    """Return a value as text; one that a spreadsheet would take for a formula begins with `'`."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return repr(int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value)
