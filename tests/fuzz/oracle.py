"""Runs one case through the job and judges what came of it."""

import json
import math
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from radiomics_job import study as job
from radiomics_job.errors import ReasonCode
from radiomics_job.limits import MEBIBYTE, Limits
from radiomics_job.parameters import Params, load_params
from radiomics_job.study import StudyTask
from tests.fuzz.cases import Case, undamaged
from tests.fuzz.damage import Expected
from tests.fuzz.seeds import Seed

LIMITS = Limits(
    files=2_000,
    file_bytes=4 * MEBIBYTE,
    study_bytes=16 * MEBIBYTE,
    frames=500,
    voxels=4_000_000,
    contour_points=20_000,
    items=20_000,
    seconds=15.0,
)
"""Budgets small enough for a case to cross them within milliseconds."""

ACCEPTED = {"ct.nii.gz", "seg.nii.gz", "overlay.png", "qc.json", "features.json"}
REJECTED = {"rejection.json"}

NOT_THE_STUDYS = {ReasonCode.TIME_LIMIT, ReasonCode.MEMORY_LIMIT, ReasonCode.CRASHED}
"""Reasons that only the process around a study may give: here they would hide what is looked for."""

Voxels = dict[int, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Truth:
    """What a study gives without damage: the voxels of its CT and its regions, and the affine."""

    ct: NDArray[np.int16]
    seg: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def regions(self) -> Voxels:
        """List each region's voxels as (x, y, z, HU), whatever the size of the volume around them."""
        return {int(label): self._region(label) for label in np.unique(self.seg[self.seg > 0])}

    def _region(self, label: int) -> NDArray[np.float64]:
        where = np.argwhere(self.seg == label)
        places = np.round(where @ self.affine[:3, :3].T + self.affine[:3, 3], 2)
        rows = np.column_stack([places, self.ct[tuple(where.T)]])
        return np.asarray(rows[np.lexsort(rows.T)], dtype=np.float64)


@dataclass(frozen=True)
class Verdict:
    """How a case ended: the outcome, and what is wrong with it, if anything."""

    outcome: str
    failure: str | None
    seconds: float


class WrongResultError(AssertionError):
    """The job's result breaks a promise."""


def memory_bound(limits: Limits) -> int:
    """Give the memory that a study within these budgets may need, beyond what the process has at its start.

    The bytes of a study are held up to four times (archive member, file, inflated data set, element), a voxel takes up
    to 24 bytes (decoded slice, stacked and reordered volume, masks, and one plane or crop in double precision), and
    feature extraction, decoders and the overlay need 128 MiB for a study of any size.
    """
    return 128 * MEBIBYTE + 4 * limits.study_bytes + 24 * limits.voxels


def judge(case: Case, place: Path, truth: Truth | None) -> Verdict:
    """Run a case in a folder of its own, which is removed again."""
    place.mkdir(parents=True)
    source = case.save(place)
    before = _contents(place)
    start = time.perf_counter()
    try:
        with watched(place / "out", place / "scratch") as writes:
            outcome = job.process_study(task_for(case.study, source, place / "out"))
        _check(case, outcome, place, before, writes, truth)
    except WrongResultError as error:
        return Verdict("wrong result", str(error), time.perf_counter() - start)
    except BaseException as error:  # noqa: BLE001  # whatever escapes is the finding
        return Verdict("escaped", _describe(error), time.perf_counter() - start)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Verdict(outcome, None, time.perf_counter() - start)


def task_for(study: Seed, source: Path, folder: Path) -> StudyTask:
    """Describe a study to the job."""
    return StudyTask("R01-001", source, folder, folder.parent / "scratch", _params(), study.rule, limits=LIMITS)


@cache
def _params() -> Params:
    return load_params("ct")


def truth_of(parser: str, study: Seed, place: Path) -> Truth:
    """Run a study without damage."""
    place.mkdir(parents=True)
    try:
        outcome = job.process_study(task_for(study, undamaged(parser, study).save(place), place / "out"))
        if outcome not in {"accept", "warn"}:
            raise WrongResultError(f"the undamaged study {study.name!r} ends as {outcome}")
        return _volumes(place / "out")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _describe(error: BaseException) -> str:
    """Name an error and the lines that led to it."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    lines = [f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return "\n".join([f"{type(error).__name__}: {str(error)[:200]}", *lines])


# -- what every result must hold --------------------------------------------------------------------------------------


def _check(
    case: Case, outcome: str, place: Path, before: dict[str, int], writes: list[str], truth: Truth | None
) -> None:
    _demand(not writes, f"it touched something outside its output folder: {writes[:3]}")
    after = {name: size for name, size in _contents(place).items() if not name.startswith("out/")}
    _demand(after == before, f"it left or changed files beside its output: {sorted(after.items() ^ before.items())}")
    files = {path.name for path in (place / "out").iterdir()}
    if outcome in {"accept", "warn"}:
        regions = {name for name in files if name.startswith("seg_region_")}  # written where regions overlap
        _demand(files - regions == ACCEPTED, f"{outcome} with the files {sorted(files)}")
        _check_accepted(case, place / "out", truth)
    else:
        _demand(outcome in set(ReasonCode) - NOT_THE_STUDYS, f"the outcome {outcome!r} is no reason")
        _demand(files == REJECTED, f"{outcome} with the files {sorted(files)}")
        document = _read_json(place / "out" / "rejection.json")
        _demand(document["reason_code"] == outcome, f"{outcome}, but rejection.json says {document['reason_code']}")
        _demand(bool(document["message"]), "a rejection without a message")
        _demand(case.expected is not Expected.SAME, f"a harmless change is rejected: {outcome} {document['details']}")


def _check_accepted(case: Case, folder: Path, truth: Truth | None) -> None:
    found = _volumes(folder)
    qc, features = _read_json(folder / "qc.json"), _read_json(folder / "features.json")
    largest = int(np.count_nonzero(found.seg == 1))
    _demand(largest > 0, "accepted without a voxel")
    _demand(qc["voxels"] >= largest, f"qc.json counts {qc['voxels']} voxels, the mask holds {largest}")
    _demand(features["rois"][0]["voxels"] == qc["voxels"], "features.json and qc.json count differently")
    if truth is None:
        return
    if case.expected is Expected.SAME:
        same = np.array_equal(found.ct, truth.ct) and np.array_equal(found.seg, truth.seg)
        _demand(same and np.allclose(found.affine, truth.affine), "a harmless change altered voxels")
    elif case.expected is Expected.SAME_OR_REFUSED:
        _demand(_same_regions(found.regions(), truth.regions()), "a loss was accepted, with other voxels in the region")


def _same_regions(found: Voxels, truth: Voxels) -> bool:
    return found.keys() == truth.keys() and all(
        found[label].shape == truth[label].shape and bool(np.allclose(found[label], truth[label], atol=0.02))
        for label in truth
    )


def _volumes(folder: Path) -> Truth:
    ct_image: Any = nibabel.load(folder / "ct.nii.gz")
    seg_image: Any = nibabel.load(folder / "seg.nii.gz")
    _demand(ct_image.shape == seg_image.shape, f"CT of {ct_image.shape}, mask of {seg_image.shape}")
    _demand(np.array_equal(ct_image.affine, seg_image.affine), "the affines of CT and mask differ")
    _demand(bool(np.isfinite(ct_image.affine).all()), "the affine is not finite")
    _demand(abs(float(np.linalg.det(ct_image.affine))) > 0, "the affine is singular")
    ct, seg = np.asarray(ct_image.dataobj), np.asarray(seg_image.dataobj)
    _demand((str(ct.dtype), str(seg.dtype)) == ("int16", "uint8"), f"stored as {ct.dtype} and {seg.dtype}")
    return Truth(ct, seg, np.asarray(ct_image.affine, dtype=np.float64))


def _read_json(path: Path) -> Any:
    def refuse(name: str) -> None:
        raise WrongResultError(f"{path.name} holds {name}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    _demand(math.isfinite(value), f"a number beyond all bounds: {text}")
    return value


def _demand(fulfilled: bool, otherwise: str) -> None:
    if not fulfilled:
        raise WrongResultError(otherwise)


def _contents(folder: Path) -> dict[str, int]:
    return {p.relative_to(folder).as_posix(): p.lstat().st_size for p in folder.rglob("*") if not p.is_dir()} | {
        f"{p.name}/": 0 for p in folder.iterdir() if p.is_dir() and p.name != "out"
    }


# -- what the process touches -----------------------------------------------------------------------------------------

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir": 1, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "os.chmod": 1}
_FORBIDDEN = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.bind"}

_report: Callable[[str], None] | None = None
_allowed: tuple[str, ...] = ()
_hooked = False


@contextmanager
def watched(*allowed: Path) -> Iterator[list[str]]:
    """Note every file that this process writes, makes, moves or removes outside the allowed folders, every program it
    starts and every connection it opens.

    It sees what goes through Python; an audit hook cannot be removed, so that it is kept and switched on and off.
    """
    global _report, _allowed, _hooked
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    seen: list[str] = []
    _allowed = tuple(str(folder) for folder in allowed)
    _report = seen.append
    try:
        yield seen
    finally:
        _report = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    report = _report
    if report is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and not isinstance(path, int):
            _note(report, event, path)
    elif event in _CHANGES:
        for path in arguments[: _CHANGES[event]]:
            _note(report, event, path)
    elif event in _FORBIDDEN:
        report(event)


def _note(report: Callable[[str], None], event: str, path: object) -> None:
    if isinstance(path, int):  # relative to an open folder, as shutil.rmtree does
        return
    text = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]  # noqa: PTH100  # links stay as they are
    if not any(text == allowed or text.startswith(allowed + "/") for allowed in _allowed) and text != os.devnull:
        report(f"{event} {text}")
