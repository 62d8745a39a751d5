"""Public series into RawBucket, one study at a time: all of it or nothing, its licence beside it, resumable."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from multimodal.imaging.series_manifest import Series
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.listing import MAX_OBJECTS
from multimodal.ledger.ports import ObjectStore, ParallelMap, StoredObject
from multimodal.ledger.text import csv_text
from multimodal.ledger.unit import Unit
from multimodal.ledger.upload_key import MARKER_NAME, is_safe_segment

LICENCE_NAME = "LICENSE.csv"
"""Beside the study's series; jobs ignore what is no image."""

BATCH = 100
"""Objects between two looks at the clock."""

MAX_ITEM_BYTES = 240_000
"""Of the 262,144 that Step Functions passes on (AWS Step Functions developer guide, "Quotas")."""

LICENCE_COLUMNS = (
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "license_short_name",
    "source_DOI",
    "series_aws_url",
)


class Archive(Protocol):
    """Public buckets that series are copied from."""

    def objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        """Yield the objects whose keys start with `prefix`."""

    def copy(self, bucket: str, key: str, target: str) -> None:
        """Copy an object to a key of RawBucket without reading it."""


@dataclass(frozen=True)
class Copied:
    """How far a study is: done or not yet, objects and bytes that were copied this time."""

    done: bool
    objects: int
    bytes: int


def study_items(dataset: str, series: Sequence[Series]) -> list[dict[str, Any]]:
    """Return one document for each study, with its series: the items of the Map.

    Raises
    ------
    BadInputError
        `MANIFEST_INVALID` when a study has more series than an item can hold.
    """
    studies: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in series:
        studies.setdefault((each.patient, each.study), []).append(asdict(each))
    items: list[dict[str, Any]] = [{"dataset": dataset, "series": found} for found in studies.values()]
    for item in items:
        if len(json.dumps(item, ensure_ascii=False).encode()) > MAX_ITEM_BYTES:
            first = item["series"][0]
            message = (
                f"study {first['study']} has {len(item['series']):,} series, more than one manifest can hold of a study"
            )
            raise BadInputError(Reason.MANIFEST_INVALID, f"{message}; upload its series in several manifests")
    return items


@dataclass(frozen=True)
class StudyCopier:
    """Copies one study from the archive.

    Parameters
    ----------
    archive : Archive
    raw : ObjectStore
        RawBucket.
    parallel_map : ParallelMap
    """

    archive: Archive
    raw: ObjectStore
    parallel_map: ParallelMap = map

    def copy(self, item: Mapping[str, Any], time_is_left: Callable[[], bool]) -> Copied:
        """Copy what is not there yet, licences and marker first; when all is there, write the marker once more.

        A marker that declares more objects than there are holds the study back however long a copy pauses, and also
        one that broke off for good; the last one starts the study at once (decision `fetch-2`).

        Parameters
        ----------
        item : mapping
            One of `study_items`.
        time_is_left : callable
            Asked after every `BATCH` objects.

        Raises
        ------
        BadInputError
            `SERIES_NOT_FOUND` when the archive has no object of a series: nothing of the study is copied.
        """
        series = [Series(**each) for each in item["series"]]
        unit = Unit(item["dataset"], series[0].patient, series[0].study)
        wanted = self._wanted(unit, series)
        there = {o.key: o.size for o in self.raw.objects_under(unit.folder)}
        missing = [
            (each, source, target) for target, (each, source) in wanted.items() if there.get(target) != source.size
        ]
        declared = self._declare(unit, series, wanted, there)
        objects = size = 0
        for start in range(0, len(missing), BATCH):
            if start and not time_is_left():
                return Copied(False, objects, size)
            batch = missing[start : start + BATCH]
            list(self.parallel_map(lambda one: self.archive.copy(one[0].bucket, one[1].key, one[2]), batch))
            objects, size = objects + len(batch), size + sum(source.size for _, source, _ in batch)
        if missing:
            self.raw.write_text(unit.folder + MARKER_NAME, declared, "application/json")
        return Copied(True, objects, size)

    def _wanted(self, unit: Unit, series: Sequence[Series]) -> dict[str, tuple[Series, StoredObject]]:
        """Return the source of each key to be; all series are listed before the first object is copied."""
        wanted: dict[str, tuple[Series, StoredObject]] = {}
        for each in series:
            found = [o for o in self.archive.objects(each.bucket, f"{each.prefix}/") if not o.key.endswith("/")]
            if not found:
                message = f"the archive has no object of series {each.series} at {each.address}; nothing was copied"
                raise BadInputError(
                    Reason.SERIES_NOT_FOUND, f"{message}. Make the manifest anew", {"series": each.series}
                )
            for source in found:
                name = source.key.removeprefix(f"{each.prefix}/")
                if not all(map(is_safe_segment, name.split("/"))):
                    raise BadInputError(
                        Reason.KEY_NOT_ACCEPTED, f"{each.address} has an object with a name that no key may have"
                    )
                wanted[f"{unit.folder}{each.modality}_{each.series}/{name}"] = (each, source)
        if len(wanted) >= MAX_OBJECTS:
            raise BadInputError(Reason.INPUT_TOO_LARGE, f"the study has more than {MAX_OBJECTS} objects")
        return wanted

    def _declare(self, unit: Unit, series: Sequence[Series], wanted: Iterable[str], there: Mapping[str, int]) -> str:
        """Write licences and marker, and return the marker's text; series of an earlier manifest keep their licences.

        The marker is written before the licences, which are an object more: an earlier marker is never met by them.
        """
        licences, marker = unit.folder + LICENCE_NAME, unit.folder + MARKER_NAME
        declared = json.dumps({"objects": len({*wanted, *there, licences} - {marker})})
        if marker not in there or self.raw.read_text(marker) != declared:
            self.raw.write_text(marker, declared, "application/json")
        before = self.raw.read_text(licences) if licences in there else None
        text = csv_text([LICENCE_COLUMNS, *_others(before or "", series), *_licence_rows(series)])
        if text != before:
            self.raw.write_text(licences, text, "text/csv")
        return declared


def _licence_rows(series: Iterable[Series]) -> list[list[str]]:
    return [[s.patient, s.study, s.series, s.modality, s.licence, s.source, s.address] for s in series]


def _others(table: str, series: Iterable[Series]) -> list[list[str]]:
    """Return the rows of a table of licences that are of other series."""
    ours, place = {each.series for each in series}, LICENCE_COLUMNS.index("SeriesInstanceUID")
    rows = list(csv.reader(io.StringIO(table)))[1:]
    return [row for row in rows if len(row) == len(LICENCE_COLUMNS) and row[place] not in ours]


def licences_of(series: Iterable[Series]) -> str:
    """Return the licence of each series as CSV, with where it is from."""
    return csv_text([LICENCE_COLUMNS, *_licence_rows(series)])
