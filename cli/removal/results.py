"""What the processed bucket holds of a subject: results, runs, the tables' state, builds, models, reports, answers."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.removal.findings import Finding
from cli.removal.objects import Bucket, Version, side_by_side
from cli.removal.text import mentions, without_items, without_lines, without_rows
from cli.removal.uploads import is_of
from multimodal.clinical.report.tallies import case_hash

QUERIES = "queries/"
_TABLE_RESULTS = ("clinical/{}/", "genomics/{}/-expression/")
_BUILT = {"datasets/{}/": 3, "models/{}/": 4, "scores/{}/": 3, "reports/{}/": 2, "plans/{}/": 2}
"""Prefix → folders that name one build, one run of models or of scores, a report (then made anew), or a plan."""


def find_results(processed: Bucket, dataset: str, subject: str) -> Iterator[Finding]:
    """Yield what the processed bucket holds of a subject of one dataset."""
    for modality in ("imaging", "genomics"):
        prefix = f"{modality}/{dataset}/{subject}"
        own = tuple(version for version in processed.versions(prefix) if is_of(version.key, subject))
        if own:
            yield Finding(f"results under {modality}/{dataset}/", own)
    pending: set[str] = set()
    for pattern in _TABLE_RESULTS:
        found = _Reports(processed, pattern.format(dataset), subject)
        pending |= found.pending
        yield from found.findings()
    yield from _runs(processed, dataset, subject, pending)
    for pattern, depth in _BUILT.items():
        yield from _builds(processed, pattern.format(dataset), depth, subject)


class _Reports:
    """Reports on a dataset's tables, and the state of what the feature groups hold of them."""

    def __init__(self, processed: Bucket, prefix: str, subject: str) -> None:
        self._processed, self._prefix, self._subject = processed, prefix, subject
        self._versions = [version for version in processed.versions(prefix) if not version.is_marker]
        state = self._state()
        self._records: str = state.get("records", "")
        self.pending: set[str] = {each["run"] for each in state.get("pending", [])}
        """Runs that broke off: the next run of a table reads what they were to write."""

    def _state(self) -> dict[str, Any]:
        for version in self._versions:
            if version.is_latest and version.key == f"{self._prefix}_state/state.json":
                found: dict[str, Any] = json.loads(self._processed.read(version))
                return found
        return {}

    def findings(self) -> Iterator[Finding]:
        """Yield reports and states that name the subject."""
        texts = side_by_side(self._processed.read, self._versions)
        for version, text in zip(self._versions, texts, strict=True):
            if mentions(text, self._subject) or case_hash(self._subject).encode() in text:
                yield Finding(f"a report or state under {self._prefix}", (version,), *self._anew(version))

    def _anew(self, version: Version) -> tuple[Version | None, Callable[[bytes], bytes] | None]:
        """Return how a document that other patients are in too is written anew; any other is removed."""
        if not version.is_latest:
            return None, None
        if version.key == self._records:
            return version, partial(without_lines, subject=self._subject)
        if version.key.endswith(".csv"):
            return version, partial(without_rows, subject=self._subject)
        if version.key.endswith("/profile.json"):
            return version, lambda text: without_items(text, self._subject, case_hash(self._subject))
        return None, None


def _runs(processed: Bucket, dataset: str, subject: str, pending: Set[str]) -> Iterator[Finding]:
    """Yield runs that were about the subject; of a run only one that broke off is needed once it has ended."""
    for folder, versions in _grouped(processed.versions("runs/"), depth=2).items():
        run, about = folder.split("/")[1], _about(processed, versions)
        if about.datasets and dataset not in about.datasets:
            continue
        named = versions if about.is_build else _naming(processed, versions, subject)
        if run not in pending and named:
            holds_all = ", a dataset build, which holds every case" if about.is_build else ""
            yield Finding(f"files of the run {run}{holds_all}", tuple(versions), is_of_all=about.is_build)
        for version in named if run in pending else ():
            anew = (version, partial(without_lines, subject=subject)) if version.is_latest else (None, None)
            yield Finding(f"records of the run {run}, which broke off", (version,), *anew)


@dataclass(frozen=True)
class _About:
    """What a run is about: its datasets, and whether it builds one from snapshots of whole groups, in Parquet.

    Without any dataset it may be about each: its plan is gone, as after a removal that broke off.
    """

    datasets: Set[str]
    is_build: bool = False


def _about(processed: Bucket, versions: Sequence[Version]) -> _About:
    for version in versions:
        name = version.key.rpartition("/")[2]
        if name == "dataset.json" and not version.is_marker:
            return _About({str(json.loads(processed.read(version))["request"]["dataset"])}, is_build=True)
        if name == "plan.json" and not version.is_marker:
            return _About({str(unit["dataset"]) for unit in json.loads(processed.read(version))["units"]})
    return _About(frozenset())


def _builds(processed: Bucket, prefix: str, depth: int, subject: str) -> Iterator[Finding]:
    """Yield dataset builds, or models, that name the subject in one of their files: the whole of each."""
    for folder, versions in _grouped(processed.versions(prefix), depth).items():
        named = _naming(processed, versions, subject)
        if named:
            whole = versions if folder.count("/") == depth else named
            yield Finding(f"{folder}, which holds the case", tuple(whole))


def trained_with(processed: Bucket, findings: Iterable[Finding]) -> list[str]:
    """Return folders of models that were trained on a build that is removed, and do not name the subject themselves."""
    removed = {version.key for finding in findings for version in finding.remove}
    builds = {"/".join(key.split("/")[1:3]) for key in removed if key.startswith("datasets/") and key.count("/") > 2}
    kept = (v for build in sorted(builds) for v in processed.versions(f"models/{build}/") if v.key not in removed)
    return sorted({"/".join([*version.key.split("/")[:4], ""]) for version in kept})


def _grouped(versions: Iterable[Version], depth: int) -> dict[str, list[Version]]:
    """Return versions by the first folders of their keys; those of objects higher up are under their own folder."""
    found: dict[str, list[Version]] = {}
    for version in versions:
        parts = version.key.split("/")[:-1][:depth]
        found.setdefault("/".join([*parts, ""]), []).append(version)
    return found


def _naming(processed: Bucket, versions: Sequence[Version], subject: str) -> list[Version]:
    texts = side_by_side(processed.read, versions)
    pairs = zip(versions, texts, strict=True)
    return [version for version, text in pairs if is_of(version.key, subject) or mentions(text, subject)]
