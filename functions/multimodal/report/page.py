"""The cohort page and a page for each study and sample, by the templates in `templates/`; prepares what they show."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from multimodal.clinical.report import charts as basic
from multimodal.clinical.report.page import amount, page_templates, percent
from multimodal.imaging.radiomic_features import radiomic_feature
from multimodal.ledger.unit import Modality, Status
from multimodal.report.charts import MOST_NAMED, Z_SCALE, strip, z_box
from multimodal.report.cohort import (
    Cohort,
    Upload,
    funnel,
    has_ct,
    has_pet,
    lost,
    presence,
    shared_reads,
    shared_studies,
)
from multimodal.report.metrics import PRECISION, SAMPLE_METRICS, STUDY_METRICS, Metric, feature_distributions, number
from multimodal.report.quality_checks import MEANINGS, SHARED_READS, SHARED_STUDY, meaning
from multimodal.report.statistics import LEAST_VALUES, OUTLIER, Distribution
from multimodal.report.tables import table_files

TEMPLATES = Path(__file__).parent / "templates"

INDEX = "index.html"
REJECTION = "rejection.json"

_SCANNER = (
    ("manufacturer", "Manufacturer"),
    ("model", "Scanner"),
    ("kernel", "Reconstruction kernel"),
    ("kvp", "Tube voltage, kV"),
    ("contrast", "Contrast agent"),
    ("slice_thickness_mm", "Slice thickness, mm"),
)
_ASSAY = (("reference", "Reference"), ("genome", "Genome"), ("annotation", "Annotation"), ("unit", "Unit"))
_MOST_LEVELS = 8
_MOST_UNUSUAL = 10
_OTHER_PATIENT = "PATIENT_ID_DIFFERS"
_SHORTEST_END = 6
"""Characters of a study's name, of which a UID has 64."""


class Named(NamedTuple):
    """An outlier: whose it is, how far out, and the address of its page (empty: it has none)."""

    name: str
    z: float
    href: str


class Strip(NamedTuple):
    """A metric with its plot; `plot` is empty when all values are the same."""

    title: str
    unit: str
    n: int
    low: str
    middle: str
    high: str
    plot: Markup
    outliers: list[Named]


class FeatureRow(NamedTuple):
    """A radiomic feature over the cohort."""

    name: str
    ibsi: str
    unit: str
    n: int
    middle: str
    quartiles: str
    plot: Markup
    outliers: list[Named]


def report_files(cohort: Cohort, results: str = "../../") -> Iterator[tuple[str, str]]:
    """Yield the path, relative to the report's folder, and the text of each of its files; the cohort page comes last.

    Parameters
    ----------
    results : str
        Where the keys of the processed bucket begin, as seen from the cohort page.
    """
    view = CohortView(cohort, results)
    for study in cohort.studies:
        yield study.page, _render("study.html.j2", view=StudyView(view, study))
    for sample in cohort.samples:
        yield sample.page, _render("sample.html.j2", view=SampleView(view, sample))
    yield from table_files(cohort)
    yield INDEX, _render("index.html.j2", cohort=view)


@lru_cache(maxsize=1)
def page_hash() -> str:
    """Return a hash of what the pages are made with: another one makes them anew."""
    files = sorted([*TEMPLATES.glob("*.*"), *TEMPLATES.parent.glob("*.py"), basic.STYLE_SHEET])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def linked_results(cohort: Cohort) -> list[str]:
    """Return the keys of the processed bucket that the pages show or link to."""
    measured = [study for study in cohort.studies if study.is_measured]
    documents = ("features.json", "qc.json")
    keys = [study.unit.result_key(name) for study in measured for name in (*pictures_of(study), *documents)]
    keys += [sample.unit.result_key(sample.unit.result_name) for sample in cohort.samples if sample.is_measured]
    keys += [upload.unit.result_key(REJECTION) for upload in cohort.uploads if upload.rejection]
    keys += [key for table in cohort.tables if (key := report_key(table))]
    return keys + [model.key for model in cohort.models]


def pictures_of(study: Upload) -> dict[str, str]:
    """Return the names of a measured study's pictures and what image each shows."""
    found = {"overlay.png": "CT"} if has_ct(study) else {}
    return found | ({"pet_overlay.png": "PET"} if has_pet(study) else {})


def report_key(table: Upload) -> str:
    """Return the key of the report on a table; empty while there is none."""
    if not table.content_version or table.status not in (Status.COMPLETED, Status.QUARANTINED):
        return ""
    name = "report.html" if table.unit.modality == Modality.CLINICAL else "report.json"
    return table.unit.result_key(f"{table.content_version}/{name}")


def _render(template: str, **content: object) -> str:
    return environment().get_template(template).render(content)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the environment of the pages' templates."""
    made = page_templates(TEMPLATES, basic.STYLE_SHEET, TEMPLATES / "cohort.css", trim=True)
    made.globals |= {"bar": basic.bar, "z_axis": basic.axis(Z_SCALE), "OUTLIER": OUTLIER, "LEAST_VALUES": LEAST_VALUES}
    made.globals["PRECISION"] = PRECISION
    made.filters |= {"amount": _amount, "percent": percent, "z": signed, "powers": powers, "meaning": meaning}
    return made


def _amount(value: object) -> str:
    """Return a number of a document as text; a dash for what is none, or not finite."""
    found = number(value)
    return "\u2013" if found is None else amount(found)


def signed(z: float) -> str:
    """Return a robust z-score with its sign."""
    return f"{z:+.1f}".replace("-", "\u2212")


def powers(unit: str) -> str:
    """Return a unit with its powers as they are written.

    Examples
    --------
    >>> powers("1/(level^2 voxel^3)")
    '1/(level² voxel³)'
    """
    return re.sub(r"\^(\d)", lambda power: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(power[1])], unit)


def study_labels(studies: Sequence[Upload]) -> dict[str, str]:
    """Return what each study is called: its subject, and of several the end of its name that tells it from them."""
    of: dict[str, list[str]] = {}
    for study in studies:
        of.setdefault(study.unit.subject, []).append(study.unit.study)
    return {
        study.name: f"{study.unit.subject} {_end(study.unit.study, of[study.unit.subject])}".strip()
        for study in studies
    }


def _end(name: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return ""
    ends = (name[-length:] for length in range(_SHORTEST_END, len(name)))
    end = next((end for end in ends if sum(other.endswith(end) for other in names) == 1), name)
    return end if end == name else f"…{end}"


class CohortView:
    """What the cohort page shows."""

    def __init__(self, cohort: Cohort, results: str) -> None:
        self.cohort, self.results = cohort, results
        self.with_pages = {upload.name: upload for upload in (*cohort.studies, *cohort.samples)}
        self.measured = [study for study in cohort.studies if study.is_measured]
        self.sequenced = [sample for sample in cohort.samples if sample.is_measured]
        self.features = feature_distributions(self.measured)
        self._labels = study_labels(cohort.studies)
        self.quality = {metric.name: metric.of(self.measured) for metric in STUDY_METRICS}
        self.quality |= {metric.name: metric.of(self.sequenced) for metric in SAMPLE_METRICS}

    @property
    def headline(self) -> str:
        """What a reader wants to know first."""
        if not self.cohort.uploads:
            return "Nothing has been uploaded to this dataset yet"
        done, total = len(self.cohort.uploads) - len(self.unfinished), len(self.cohort.uploads)
        return f"{done:,} of {total:,} {'upload' if total == 1 else 'uploads'} became features"

    @property
    def imaging(self) -> str:
        """What images were measured; CT before any was."""
        return " and ".join(name for name in ("CT", "PET") if name in self.cohort.by_modality) or "CT"

    @property
    def last_result(self) -> str:
        """When the last upload ended; empty where the ledger does not say."""
        at = self.cohort.ended_at
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at else ""

    @property
    def unfinished(self) -> list[Upload]:
        """Uploads without features."""
        return [upload for upload in self.cohort.uploads if upload.status is not Status.COMPLETED]

    @property
    def lossy_tables(self) -> list[Upload]:
        """Tables with features of which some rows were rejected."""
        done = (table for table in self.cohort.tables if table.status is Status.COMPLETED)
        return [table for table in done if table.counts.get("rejected_rows")]

    @property
    def tone(self) -> str:
        """Class of the headline's box."""
        return "held" if self.unfinished or self.misfiled or not self.cohort.uploads else "accepted"

    @cached_property
    def _shared(self) -> list[list[Upload]]:
        return shared_studies(self.cohort.studies)

    def sharing(self, study: Upload) -> list[tuple[str, str]]:
        """Return other subjects' studies with a study's StudyInstanceUID, and the addresses of their pages."""
        others = (other for found in self._shared if study in found for other in found)
        subject = study.unit.subject
        return [(self.label(other.name), self.href(other.name)) for other in others if other.unit.subject != subject]

    @cached_property
    def misfiled(self) -> list[tuple[list[tuple[str, str]], str]]:
        """Uploads that may lie under the wrong subject (names with addresses) and why: features of another."""
        other = [study for study in self.measured if _OTHER_PATIENT in study.warnings]
        groups = [(other, f"{MEANINGS[_OTHER_PATIENT]} ({_OTHER_PATIENT})")] if other else []
        for shared, why in ((self._shared, SHARED_STUDY), (shared_reads(self.cohort.samples), SHARED_READS)):
            groups += [([upload for uploads in shared for upload in uploads], why)] if shared else []
        return [([(self.label(u.name), self.href(u.name)) for u in uploads], why) for uploads, why in groups]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Numbers under the headline."""
        warned = sum(bool(study.warnings) for study in self.measured)
        complete = sum(len(having) for there, having in presence(self.cohort) if there and all(there.values()))
        studies = f"{self.imaging} studies"
        found = {"Subjects": len(self.cohort.subjects), "With every modality": complete}
        if self.cohort.studies:
            found |= {f"{studies} measured": len(self.measured), f"{studies} with warnings": warned}
        if self.cohort.samples:
            found["RNA-seq samples measured"] = len(self.sequenced)
        found["Quarantined or failed"] = len(self.cohort.refused)
        return [(name, f"{count:,}") for name, count in found.items()]

    @property
    def funnels(self) -> list[dict[str, Any]]:
        """How far the uploads of each modality came, and why some have no features."""
        parts = (
            (f"{self.imaging} studies", self.cohort.studies),
            ("RNA-seq samples", self.cohort.samples),
            ("Tables", self.cohort.tables),
        )
        return [
            {"title": title, "steps": funnel(uploads), "lost": lost(uploads), "total": len(uploads)}
            for title, uploads in parts
            if uploads
        ]

    @cached_property
    def study_strips(self) -> list[Strip]:
        """Quality metrics of the studies."""
        return list(self._strips(STUDY_METRICS, self.measured))

    @cached_property
    def sample_strips(self) -> list[Strip]:
        """Quality metrics of the samples."""
        return list(self._strips(SAMPLE_METRICS, self.sequenced))

    def _strips(self, metrics: Sequence[Metric], uploads: Sequence[Upload]) -> Iterator[Strip]:
        for metric in metrics:
            found = metric.of(uploads)
            if found is not None:
                low, high = min(found.values.values()), max(found.values.values())
                label = f"{metric.title}: {len(found.values)} values from {amount(low)} to {amount(high)}"
                label += f", median {amount(found.middle)}, {len(found.outliers)} outliers"
                plot = Markup("") if found.is_constant else strip(found, label)
                ends = (amount(low), amount(found.middle), amount(high))
                unit = ", ".join(filter(None, (metric.unit, "logarithmic" if plot and found.is_logarithmic else "")))
                yield Strip(metric.title, unit, len(found.values), *ends, plot, self.named(found))

    def named(self, found: Distribution) -> list[Named]:
        """Return outliers with the addresses of their pages."""
        return [Named(self.label(name), z, self.href(name)) for name, z in found.outliers]

    def label(self, name: str) -> str:
        """Return what an upload is called."""
        return self._labels.get(name, name)

    def href(self, name: str) -> str:
        """Return the address of a study's or a sample's page; empty for a table."""
        upload = self.with_pages.get(name)
        return quote(upload.page) if upload else ""

    @property
    def most_named(self) -> int:
        """How many outliers a row names."""
        return MOST_NAMED

    @property
    def scanners(self) -> list[dict[str, Any]]:
        """How the scans were made: for each property its values and how many studies have each."""
        return [found for name, title in _SCANNER if (found := self._mix(name, title))]

    def _mix(self, name: str, title: str) -> dict[str, Any] | None:
        values = [(study.result.get("acquisition") or {}).get(name) for study in self.measured]
        counts = Counter("not known" if value is None else _shown(value) for value in values).most_common()
        if not counts or counts == [("not known", len(values))]:
            return None
        rest = sum(n for _, n in counts[_MOST_LEVELS:])
        shown = [*counts[:_MOST_LEVELS], *([(f"{len(counts) - _MOST_LEVELS} further values", rest)] if rest else [])]
        return {"title": title, "levels": [(level, n, n / len(values)) for level, n in shown]}

    @cached_property
    def feature_classes(self) -> list[tuple[str, list[FeatureRow]]]:
        """Radiomic features by image and class."""
        classes: dict[str, list[FeatureRow]] = {}
        for name, found in self.features.items():
            image, group, short = _split(name)
            classes.setdefault(f"{group}, {image} image", []).append(self._feature_row(name, short, found))
        return list(classes.items())

    def _feature_row(self, name: str, short: str, found: Distribution) -> FeatureRow:
        known, (_, first, middle, third, _) = radiomic_feature(name), found.quantiles()
        label = f"{short}: {len(found.outliers)} outliers among {len(found.values)}"
        ends = f"{amount(first)} to {amount(third)}"
        plot, outliers = z_box(found, label), self.named(found)
        return FeatureRow(short, known.ibsi, known.unit, len(found.values), amount(middle), ends, plot, outliers)

    @cached_property
    def unusual(self) -> list[tuple[str, int, str]]:
        """Studies that are outliers in the most features (name, number of features, address)."""
        return [(self.label(name), n, self.href(name)) for name, n in self.outlying.most_common(_MOST_UNUSUAL)]

    @cached_property
    def outlying(self) -> Counter[str]:
        """In how many radiomic features each study is an outlier."""
        return Counter(name for found in self.features.values() for name, _ in found.outliers)

    @property
    def combinations(self) -> list[tuple[Mapping[str, bool], list[str]]]:
        """Which modalities subjects have together, and who."""
        return presence(self.cohort)

    @property
    def table_rows(self) -> list[dict[str, Any]]:
        """Tables, and where the report on each is."""
        pairs = ((table, report_key(table)) for table in self.cohort.tables)
        return [{"upload": table, "href": key and self.results + quote(key)} for table, key in pairs]

    @property
    def models(self) -> list[tuple[str, str]]:
        """Comparisons of survival models and where the report of each is, the newest first."""
        return [(_dated(model.name), self.results + quote(model.key)) for model in reversed(self.cohort.models)]


class UploadView:
    """What the pages of studies and of samples show alike."""

    metrics: ClassVar[Sequence[Metric]]

    def __init__(self, cohort: CohortView, upload: Upload) -> None:
        self.cohort, self.upload = cohort, upload
        self.up = "../" * upload.page.count("/")  # to the cohort page's folder

    @property
    def outliers(self) -> int:
        """In how many of the cohort's radiomic features a study is an outlier."""
        return self.cohort.outlying[self.upload.name]

    @property
    def rejection(self) -> str:
        """Address of what the job says of an upload that it rejected; empty where it has said nothing."""
        return self.result(REJECTION) if self.upload.rejection else ""

    def result(self, name: str) -> str:
        """Return the address of one of the results."""
        return self.up + self.cohort.results + quote(self.upload.unit.result_key(name))

    @property
    def quality(self) -> list[tuple[Metric, float, float | None]]:
        """Quality metrics: the value and its robust z-score in the cohort."""
        rows = []
        for metric in self.metrics:
            value, found = metric.value(self.upload), self.cohort.quality[metric.name]
            if value is not None and found is not None:
                rows.append((metric, value, found.z(value)))
        return rows

    def _origin(self) -> list[tuple[str, object]]:
        run = self.upload.result.get("run") or {}
        return [("content version", run.get("content_version")), ("run", run.get("run_id")), ("job", run.get("job_id"))]


class StudyView(UploadView):
    """What the page of a study shows."""

    metrics = STUDY_METRICS

    @property
    def what(self) -> str:
        """What kind of study it is, as far as it was measured."""
        return f"{' and '.join(pictures_of(self.upload).values()) or 'Imaging'} study"

    @property
    def pictures(self) -> list[tuple[str, str]]:
        """Pictures of the regions: address, and what a reader who does not see it is told."""
        pictures = pictures_of(self.upload) if self.upload.is_measured else {}
        return [(self.result(name), self._told(image)) for name, image in pictures.items()]

    def _told(self, image: str) -> str:
        volume = number(self.upload.primary.get("volume_ml"))
        size = f" of {amount(volume)} mL" if volume is not None else ""
        return f"{image} in three planes through the tumour{size}: whole with the mask, and close with a line around it"

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """Limits of the parameter file that were passed."""
        return list(self.upload.quality.get("findings") or ())

    @property
    def features(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Radiomic features of the primary ROI by image and class."""
        classes: dict[str, list[dict[str, Any]]] = {}
        missing = self.upload.primary.get("missing") or {}
        for name, value in (self.upload.primary.get("features") or {}).items():
            image, group, short = _split(name)
            known, found, given = radiomic_feature(name), self.cohort.features.get(name), number(value)
            row = {"name": short, "ibsi": known.ibsi, "unit": known.unit, "value": given, "why": missing.get(name, "")}
            row["z"] = found.z(given) if found is not None and given is not None else None
            classes.setdefault(f"{group}, {image} image", []).append(row)
        return list(classes.items())

    @property
    def provenance(self) -> list[tuple[str, str]]:
        """From what, by which settings and with which software the features were made."""
        made = self.upload.result.get("provenance") or {}
        rows = [*self._origin(), ("parameter file", made.get("params")), ("its hash", made.get("params_hash"))]
        rows += [("hash of the input", made.get("input_hash"))]
        rows += [(name, version) for name, version in (made.get("versions") or {}).items()]
        return _told(rows)

    @property
    def acquisition(self) -> list[tuple[str, str]]:
        """How the scan was made."""
        found = self.upload.result.get("acquisition") or {}
        return _told((title, found.get(name)) for name, title in _SCANNER)


class SampleView(UploadView):
    """What the page of an RNA-seq sample shows."""

    metrics = SAMPLE_METRICS

    @property
    def assay(self) -> list[tuple[str, str]]:
        """By which program, reference and library type the sample was quantified."""
        found, library = (self.upload.result.get(name) or {} for name in ("assay", "library"))
        reads = self.upload.result.get("reads") or {}
        quantifier = f"{found.get('engine', '')} {found.get('engine_version', '')}"
        rows = ((title, found.get(name)) for name, title in _ASSAY)
        kits = ((f"Library type, {which}", library.get(which)) for which in ("declared", "detected"))
        return _told([("Quantifier", quantifier), *rows, *kits, ("Lanes", reads.get("lanes"))])

    @property
    def provenance(self) -> list[tuple[str, str]]:
        """From what and with which software the values were made."""
        made = self.upload.result.get("provenance") or {}
        version = ("rnaseq_job", made.get("rnaseq_job_version"))
        return _told([*self._origin(), ("hash of the input", made.get("input_hash")), version])


def _told(rows: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    """Return what is known of pairs of title and value."""
    return [(title, text) for title, value in rows if value is not None and (text := _shown(value).strip())]


def _dated(model: str) -> str:
    """Return a comparison's name, `<build>/<run>`, with its run's time in words; one without a time as it is."""
    build, _, run = model.rpartition("/")
    try:
        return f"{datetime.strptime(run[:15], '%Y%m%dT%H%M%S'):%Y-%m-%d %H:%M} UTC, on build {build}"
    except ValueError:
        return model


def _split(name: str) -> tuple[str, str, str]:
    """Return image, class and short name of `<image>_<class>_<Feature>`."""
    image, _, rest = name.partition("_")
    group, _, short = rest.partition("_")
    return image, group or image, short or name


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
