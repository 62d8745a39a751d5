"""Uploads as ledger items: events name keys, and the objects themselves are listed when a unit is evaluated."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from multimodal.clinical.keys import REFUSED_SUBJECT, parse_clinical_key
from multimodal.genomics.keys import IGNORED_CASE, IGNORED_RULE, REFUSED_CASE, is_sheet, parse_genomics_key
from multimodal.genomics.matrix_names import TX2GENE
from multimodal.imaging.uploads import COHORT_NAME, NO_NAME, parse_imaging_key, record_subject_without_study, studies_of
from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason, RetryableError
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Modality, Unit, case_unit
from multimodal.ledger.upload_key import KeyKind, UploadKey, is_safe_segment, parse_segments, shown_key
from multimodal.observability import Metric, logger


class Upload(NamedTuple):
    """One ObjectCreated event: its message, key and time (epoch seconds)."""

    message_id: str
    key: str
    event_time: int


@dataclass
class _Folded:
    """Everything one batch says about one unit."""

    unit: Unit
    messages: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    at_once: bool = False
    is_new: bool = False


_METRICS = {KeyKind.IGNORED: Metric.OBJECTS_IGNORED, KeyKind.REJECTED: Metric.OBJECTS_REFUSED}
"""What kinds count as that are not received; a cohort file and a marker count as nothing."""


@dataclass(frozen=True)
class ArrivalRegistrar:
    """Folds a batch of uploads per unit, then writes once per unit; `quiet_period` is in seconds."""

    ports: Ports
    quiet_period: int

    def register(self, uploads: Sequence[Upload]) -> set[str]:
        """Register uploads; return ids of the messages that must be delivered again.

        The number of ledger writes is at most the number of distinct studies named in the batch (a cohort file
        names as many studies as its subjects have).
        """
        parsed = [(upload, parse_key(upload.key)) for upload in uploads]
        self._count(key for _, key in parsed)
        failed: set[str] = set()
        units = self._fold(parsed)
        failed.update(*self.ports.parallel_map(self._try_record, units))
        self._count_new(units)
        logger().info("arrivals", units=len(units), objects=sum(len(folded.keys) for folded in units))
        for unit, rejected in self._rejected(parsed).items():
            failed |= _or_again(partial(self._record_rejected, unit, rejected), [upload for upload, _ in rejected])
        for dataset, ignored in _ignored(parsed).items():
            failed |= _or_again(partial(self._record_ignored, dataset, ignored), ignored)
        for upload, parsed_key in parsed:
            if parsed_key.kind is KeyKind.COHORT:
                failed |= self._try_cohort(upload, parsed_key.dataset)
        return failed

    def _count(self, keys: Iterable[UploadKey]) -> None:
        totals = Counter[tuple[Metric, str]]()
        for (kind, modality), number in Counter((key.kind, key.modality) for key in keys).items():
            if kind not in {KeyKind.COHORT, KeyKind.MARKER}:
                totals[_METRICS.get(kind, Metric.OBJECTS_RECEIVED), modality] += number
        for (metric, modality), number in totals.items():
            self.ports.metrics.count(metric, number, modality)

    def _fold(self, parsed: Sequence[tuple[Upload, UploadKey]]) -> list[_Folded]:
        folds: dict[str, _Folded] = {}
        for upload, key in parsed:
            if key.unit is None:
                continue
            folded = folds.setdefault(key.unit.unit_id, _Folded(key.unit))
            folded.messages.add(upload.message_id)
            folded.keys.add(upload.key)
            folded.at_once |= key.kind in {KeyKind.ARCHIVE, KeyKind.MARKER, KeyKind.TABLE}
        return list(folds.values())

    def _try_record(self, folded: _Folded) -> set[str]:
        now = self.ports.clock()
        due_at = now if folded.at_once else now + self.quiet_period
        try:
            folded.is_new = self.ports.ledger.record_arrival(folded.unit, now, due_at, at_once=folded.at_once)
        except RetryableError as error:
            logger().warning("arrival not registered, will be delivered again", reason=str(error))
            return folded.messages
        if folded.is_new or folded.at_once:
            # A line for each of some hundred thousand objects would say nothing more, and cost more than the rest.
            logger().info("arrival", correlation_id=folded.unit.correlation_id, at_once=folded.at_once)
        return set()

    def _count_new(self, units: Sequence[_Folded]) -> None:
        news = Counter(folded.unit.modality for folded in units if folded.is_new and not is_sheet(folded.unit))
        for modality, count in news.items():
            self.ports.metrics.count(Metric.UNITS_RECEIVED, count, modality)

    def _rejected(self, parsed: Sequence[tuple[Upload, UploadKey]]) -> dict[Unit, list[tuple[Upload, str]]]:
        rejected: dict[Unit, list[tuple[Upload, str]]] = {}
        for upload, key in parsed:
            if key.kind is KeyKind.REJECTED:
                rejected.setdefault(_unit_of_rejected(key), []).append((upload, key.problem))
        return rejected

    def _record_rejected(self, unit: Unit, rejected: Sequence[tuple[Upload, str]]) -> None:
        example, problem = rejected[0]
        logger().warning("keys rejected", dataset=unit.dataset, objects=len(rejected), reason=problem)
        details = {"example_key": shown_key(example.key), "objects_in_batch": len(rejected)}
        self.ports.ledger.record_invalid_upload(unit, Reason.KEY_NOT_ACCEPTED.value, problem, details)

    def _record_ignored(self, dataset: str, ignored: Sequence[Upload]) -> None:
        details = {"example_key": shown_key(ignored[-1].key), "objects_in_batch": len(ignored)}
        self.ports.ledger.record_ignored_upload(case_unit(dataset, IGNORED_CASE), IGNORED_RULE, details)

    def _try_cohort(self, upload: Upload, dataset: str) -> set[str]:
        try:
            self._request_cohort(upload, dataset)
        except (RetryableError, ConfigurationError) as error:
            logger().warning("cohort not registered, will be delivered again", dataset=dataset, reason=str(error))
            return {upload.message_id}
        return set()

    def _request_cohort(self, upload: Upload, dataset: str) -> None:
        try:
            subjects = self._read_cohort(upload.key)
            list(self.ports.parallel_map(lambda s: self._request_subject(dataset, s, upload.event_time), subjects))
        except BadInputError as error:
            logger().warning("cohort file rejected", dataset=dataset, reason=error.message)
            unit = Unit(dataset, NO_NAME, "cohort-file")
            self.ports.ledger.record_invalid_upload(unit, error.reason_code, error.message)

    def _read_cohort(self, key: str) -> list[str]:
        text = self.ports.raw.read_text(key)
        try:
            subjects = json.loads(text or "")["subjects"]
        except (ValueError, KeyError, TypeError, RecursionError):
            subjects = None
        named = isinstance(subjects, list) and all(isinstance(s, str) and is_safe_segment(s) for s in subjects)
        if not subjects or not named:
            raise BadInputError(Reason.COHORT_INVALID, f'{COHORT_NAME} must be {{"subjects": ["R01-001", …]}}')
        return list(dict.fromkeys(subjects))

    def _request_subject(self, dataset: str, subject: str, requested_at: int) -> None:
        studies = studies_of(self.ports.raw, dataset, subject)
        if not studies:
            record_subject_without_study(self.ports.ledger, dataset, subject)
        for unit in studies:
            self.ports.ledger.request_rerun(unit, requested_at, self.ports.clock())


def _or_again(record: Callable[[], None], uploads: Sequence[Upload]) -> set[str]:
    """Record something of some uploads; return their messages if the ledger is too busy for it."""
    try:
        record()
    except RetryableError as error:
        logger().warning("not recorded, will be delivered again", reason=str(error))
        return {upload.message_id for upload in uploads}
    return set()


def _ignored(parsed: Sequence[tuple[Upload, UploadKey]]) -> dict[str, list[Upload]]:
    """Return what is ignored of RNA-seq, by dataset: what is taken for a companion may have been meant as a matrix."""
    ignored: dict[str, list[Upload]] = {}
    for upload, key in parsed:
        is_reads = key.modality == Modality.GENOMICS and not upload.key.endswith(f"/{TX2GENE}")  # that one is used
        if key.kind is KeyKind.IGNORED and is_reads:
            ignored.setdefault(key.dataset, []).append(upload)
    return ignored


def _unit_of_rejected(key: UploadKey) -> Unit:
    """Return the unit that stands for the rejected keys of a dataset."""
    dataset = key.dataset or NO_NAME
    if key.modality == Modality.GENOMICS:
        return case_unit(dataset, REFUSED_CASE)
    if key.modality == Modality.CLINICAL:
        return Unit(dataset, REFUSED_SUBJECT, "", Modality.CLINICAL.value)
    return Unit(dataset, NO_NAME, "refused-keys")


def parse_key(key: str) -> UploadKey:
    """Say what an uploaded key is.

    Parameters
    ----------
    key : str
        The raw (not URL-encoded) object key, as EventBridge carries it.

    Returns
    -------
    UploadKey
        `REJECTED` carries the problem; `IGNORED` is a folder marker or a companion file that downloads
        bring along (a licence, a metadata table).

    Examples
    --------
    >>> parse_key("imaging/nsclc/R01-001/1.2.3/series/1-01.dcm").unit.study
    '1.2.3'
    """
    return parse_segments(key, _parse_by_modality)


def _parse_by_modality(segments: list[str]) -> UploadKey:
    match segments[0]:
        case Modality.IMAGING:
            return parse_imaging_key(segments)
        case Modality.GENOMICS:
            return parse_genomics_key(segments)
        case Modality.CLINICAL:
            return parse_clinical_key(segments)
    return UploadKey(KeyKind.REJECTED, problem="the key starts with none of imaging/, genomics/ and clinical/")
