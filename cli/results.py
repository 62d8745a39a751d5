"""Copies what the system wrote (features, overlays, reports, reasons) to a local folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cli.deployment import Deployment
from cli.features import describe_group, read_features
from cli.ledger import Unit
from cli.report import Bucket
from cli.rows import write_csv
from multimodal.ledger.unit import Unit as Named

RESULT_NAMES = ("features.json", "qc.json", "overlay.png", "pet_overlay.png", "rejection.json")
TABLE_RESULT_NAMES = ("report.html", "report.json", "rejected.csv", "ingest.json")
RNA_RESULT_NAMES = ("{case}.quant.genes.sf", "{case}.quant.metrics.csv", "run.json", "rejection.json")
_THREADS = 8


def results_prefix(unit: Unit) -> str:
    """Return where a unit's results are in the processed bucket."""
    modality, dataset, subject, *study = unit.unit_id.split("#")
    folder = Named(dataset, subject, "".join(study), modality).result_folder
    return f"{folder}{unit.text('content_version')}/" if unit.is_table else folder


def result_names(unit: Unit) -> list[str]:
    """Return the names of the results of a unit that a person wants to see."""
    if unit.is_table:
        return list(TABLE_RESULT_NAMES) if unit.text("content_version") else []
    if not unit.is_rna:
        return list(RESULT_NAMES)
    return [name.format(case=unit.text("subject")) for name in RNA_RESULT_NAMES]


def save_results(deployment: Deployment, units: Iterable[Unit], folder: Path) -> list[Path]:
    """Copy the results of units to `<folder>/<subject>/`, or `<folder>/<subject>/<study>/` where there are several.

    Those of reads go to `<folder>/<case>/rna/`, those of tables to `<folder>/clinical/<file>/` (without its ending,
    unless that tells two files apart), a matrix's to `<folder>/matrix/`.

    Returns
    -------
    list of Path
        The files that were written; a unit has features or a rejection, not both.
    """
    units = list(units)
    sharing = Counter(_own_place(unit) for unit in units)
    bucket, wanted = Bucket(deployment), [(unit, name) for unit in units for name in result_names(unit)]

    def save(item: tuple[Unit, str]) -> Path | None:
        unit, name = item
        return bucket.save(results_prefix(unit) + name, folder / _place(unit, sharing) / name)

    with ThreadPoolExecutor(_THREADS) as pool:
        return [path for path in pool.map(save, wanted) if path]


def save_dataset(deployment: Deployment, dataset: str, units: Iterable[Unit], folder: Path) -> list[Path]:
    """Save all of a dataset: the results of its units, and the newest records of each feature group as a CSV.

    Returns
    -------
    list of Path
        The files that were written; a group without records has none.
    """
    own = [unit for unit in units if unit.unit_id.split("#")[1] == dataset and not unit.is_note]
    return [*save_tables(deployment, dataset, folder), *save_results(deployment, own, folder)]


def save_tables(deployment: Deployment, dataset: str, folder: Path) -> list[Path]:
    """Save the newest records of each feature group of a dataset as `<folder>/<content>.csv`, such as `imaging.csv`."""
    prefix, saved = f"{deployment.stack}-{dataset}-", []
    for name in deployment.feature_groups:
        if name.startswith(prefix):
            group = describe_group(deployment, name)
            content = name.removeprefix(prefix).rpartition("-v")[0]
            if rows := read_features(deployment, group):
                saved.append(write_csv(rows, group.features, folder / f"{content}.csv"))
    return saved


def _own_place(unit: Unit) -> Path:
    """Return where a unit's results go when no other's would."""
    subject = Path(unit.text("subject"))
    if not unit.is_table:
        return subject / ("rna" if unit.is_rna else "")
    if unit.unit_id.startswith("clinical#"):
        return Path("clinical", subject).with_suffix("")
    return Path("matrix", *subject.parts[1:])


def _place(unit: Unit, sharing: Mapping[Path, int]) -> Path:
    place = _own_place(unit)
    if sharing[place] == 1:
        return place
    return Path("clinical", unit.text("subject")) if unit.is_table else place / unit.text("study")
