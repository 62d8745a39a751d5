"""Small valid studies to start from: one per way in which a parser's object can be stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from local.synthetic.dicom import ct_reference, item
from radiomics_job.roi.rule import RoiPolicy, RoiRule
from tests.builders import jpeg_lossless
from tests.builders.dicom import (
    AXIAL,
    CORONAL,
    OBLIQUE,
    Inside,
    Scan,
    SegOptions,
    ct_slice,
    enhanced_ct,
    segmentation,
    structure_set,
    tumour,
    uid,
    vessel,
)
from tests.fuzz import tree

SCAN = Scan(columns=22, rows=19, slices=6, spacing=(2.1, 1.9), step=5.3)
WIDE = Scan(columns=40, rows=36, slices=6, spacing=(1.1, 1.0), step=5.3)
"""JPEG 2000's encoder wants at least 32 pixels."""

FOREIGN = Scan(columns=15, rows=17, slices=9, spacing=(2.3, 2.2), step=3.1)


@dataclass(frozen=True)
class Seed:
    """A study in memory."""

    name: str
    """What is special about it."""
    files: dict[str, bytes]
    """By name, all in explicit VR little endian or encapsulated."""
    victims: tuple[str, ...]
    """The files that mutations change."""
    syntax: str | None = None
    """Transfer syntax that the victims are written in, when it is another native one."""
    rule: RoiRule = field(default_factory=RoiRule)
    """Which regions to measure."""

    def content(self) -> dict[str, bytes]:
        """The study as it is stored, without any damage."""
        return {
            name: tree.write(self.tree_of(name)) if name in self.victims else self.files[name] for name in self.files
        }

    def tree_of(self, name: str) -> tree.File:
        """One victim, to be changed."""
        file = tree.read(self.files[name])
        if self.syntax:
            file.syntax = self.syntax
        return file


def encode(dataset: Dataset) -> bytes:
    """Write a DICOM file into memory."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _ct(scan: Scan = SCAN, edit: Callable[[Dataset], object] = lambda dataset: None) -> dict[str, bytes]:
    files = {}
    for k in range(scan.slices):
        dataset = ct_slice(scan, k)
        edit(dataset)
        files[f"ct/{k * 5 % 97:02d}"] = encode(dataset)
    return files


def _compress(syntax: UID) -> Callable[[Dataset], object]:
    return lambda dataset: dataset.compress(syntax, generate_instance_uid=False)


def _widen(dataset: Dataset) -> None:
    dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype("<u4").tobytes()
    dataset.BitsAllocated = dataset.BitsStored = 32
    dataset.HighBit = 31


def _as_jpeg(dataset: Dataset) -> None:
    stored = np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
    dataset.PixelData = encapsulate([jpeg_lossless.encode(stored)])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1


def segmentation_seeds() -> Iterator[Seed]:
    """Studies whose SEG is to be damaged."""
    plain = _ct()

    def seed(name: str, dataset: Dataset, syntax: str | None = None, rule: RoiRule | None = None) -> Seed:
        return Seed(name, {**plain, "seg": encode(dataset)}, ("seg",), syntax, rule or RoiRule())

    def compressed(syntax: UID, kind: str, scan: Scan = SCAN) -> Dataset:
        dataset = segmentation(scan, SegOptions(kind=kind))
        dataset.compress(syntax, generate_instance_uid=False)
        return dataset

    binary = segmentation(SCAN)
    two: dict[str, Inside] = {"Tumour": tumour, "Vessel": vessel}
    yield seed("binary", binary)
    yield seed("implicit", binary, ImplicitVRLittleEndian)
    yield seed("big_endian", binary, ExplicitVRBigEndian)
    yield seed("deflated", binary, DeflatedExplicitVRLittleEndian)
    yield seed("fractional", segmentation(SCAN, SegOptions(kind="FRACTIONAL", order="descending")))
    yield seed("label_map", segmentation(SCAN, SegOptions(kind="LABELMAP", skip_empty=False)))
    yield seed("two_segments", segmentation(SCAN, SegOptions(two)), rule=RoiRule(policy=RoiPolicy.EACH))
    yield seed("union", segmentation(SCAN, SegOptions(two, order="shuffled")), rule=RoiRule(policy=RoiPolicy.UNION))
    yield seed("cropped", segmentation(SCAN, SegOptions(crop=(3, 17, 4, 20), references="instances")))
    yield seed("no_references", segmentation(SCAN, SegOptions(references="none", frame_uid="")))
    yield seed("foreign_grid", segmentation(SCAN, SegOptions(skip_empty=False), on=FOREIGN))
    yield seed("shared_segment", segmentation(SCAN, SegOptions(shared_segment=True)))
    yield seed("rle", compressed(RLELossless, "FRACTIONAL"))
    wide = {**_ct(WIDE), "seg": encode(compressed(JPEG2000Lossless, "LABELMAP", WIDE))}
    yield Seed("jpeg_2000", wide, ("seg",))
    yield seed("jpeg_ls", compressed(JPEGLSLossless, "LABELMAP"))


def ct_seeds() -> Iterator[Seed]:
    """Studies whose CT slices are to be damaged."""

    def seed(name: str, scan: Scan, ct: dict[str, bytes], syntax: str | None = None) -> Seed:
        return Seed(name, {**ct, "seg": encode(segmentation(scan))}, tuple(ct), syntax)

    yield seed("plain", SCAN, _ct())
    yield seed("implicit", SCAN, _ct(), ImplicitVRLittleEndian)
    yield seed("big_endian", SCAN, _ct(), ExplicitVRBigEndian)
    yield seed("deflated", SCAN, _ct(), DeflatedExplicitVRLittleEndian)
    yield seed("wide", SCAN, _ct(edit=_widen))
    for orientation, name in ((CORONAL, "coronal"), (OBLIQUE, "oblique")):
        scan = Scan(22, 21, 8, (2.1, 1.9), 4.1, orientation)
        yield seed(name, scan, _ct(scan))
    tilted = Scan(24, 21, 6, (2.1, 1.9), 5.3, AXIAL, shift=(0.0, 0.9))
    yield seed("gantry_tilt", tilted, _ct(tilted))
    yield seed("rle", SCAN, _ct(edit=_compress(RLELossless)))
    yield seed("jpeg_2000", WIDE, _ct(WIDE, _compress(JPEG2000Lossless)))
    yield seed("jpeg_ls", SCAN, _ct(edit=_compress(JPEGLSLossless)))
    yield seed("jpeg", SCAN, _ct(edit=_as_jpeg))
    frames = enhanced_ct(SCAN, [3, 1, 5, 0, 2, 4])
    unreferenced = encode(segmentation(SCAN, SegOptions(references="none")))
    yield Seed("enhanced", {"ct": encode(frames), "seg": unreferenced}, ("ct",))
    frames.compress(RLELossless, generate_instance_uid=False)
    yield Seed("enhanced_rle", {"ct": encode(frames), "seg": unreferenced}, ("ct",))
    yield Seed("time_points", _time_points(), ("ct", "seg"))


def _time_points() -> dict[str, bytes]:
    """A multi-frame CT of two time points and a segmentation whose frames name those of the first."""
    frames = enhanced_ct(SCAN, [*range(SCAN.slices)] * 2)
    for n, group in enumerate(frames.PerFrameFunctionalGroupsSequence):
        group.FrameContentSequence = [item(TemporalPositionIndex=n // SCAN.slices + 1, FrameAcquisitionNumber=1)]
        group.CTReconstructionSequence = [item(ConvolutionKernel="B30f")]
    seg = segmentation(SCAN, SegOptions(references="instances", skip_empty=False))
    for n, group in enumerate(seg.PerFrameFunctionalGroupsSequence):
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber = frames.SOPInstanceUID, n + 1
    return {"ct": encode(frames), "seg": encode(seg)}


def _contour(k: int, corners: list[tuple[int, int]]) -> NDArray[np.float64]:
    """A polygon near pixel centres of a slice, and a little off its plane."""
    return np.asarray([SCAN.points(k)[place] + [0.3, 0.2, 0.1] for place in corners], dtype=np.float64)


def structure_set_seeds() -> Iterator[Seed]:
    """Studies whose RTSTRUCT is to be damaged."""
    plain = _ct()
    star = [_contour(k, [(4, 4), (4, 17), (9, 12), (14, 17), (14, 4)]) for k in range(1, 5)]
    hole = [_contour(k, [(6, 6), (6, 9), (8, 9), (8, 6)]) for k in (2, 3)]

    def seed(name: str, dataset: Dataset, syntax: str | None = None, rule: RoiRule | None = None) -> Seed:
        return Seed(name, {**plain, "rt": encode(dataset)}, ("rt",), syntax, rule or RoiRule())

    one = structure_set(SCAN, {"GTV-1": star})
    yield seed("plain", one)
    yield seed("implicit", one, ImplicitVRLittleEndian)
    yield seed("big_endian", one, ExplicitVRBigEndian)
    yield seed("deflated", one, DeflatedExplicitVRLittleEndian)
    yield seed("hole", structure_set(SCAN, {"GTV-1": [*star, *hole]}))
    several = structure_set(SCAN, {"GTV-1": star, "Lung": hole})
    yield seed("two_regions", several, rule=RoiRule(label="GTV"))
    yield seed("each", several, rule=RoiRule(policy=RoiPolicy.EACH))
    unreferenced = structure_set(SCAN, {"GTV-1": star})
    del unreferenced.ReferencedFrameOfReferenceSequence
    yield seed("no_references", unreferenced)
    for roi, frame in zip(several.StructureSetROISequence, (uid("frame"), uid("elsewhere")), strict=True):
        roi.ReferencedFrameOfReferenceUID = frame
    for k, contour in enumerate(several.ROIContourSequence[0].ContourSequence, 1):
        contour.ContourImageSequence = [ct_reference(SCAN.instance_uid(k))]
    yield seed("two_frames_of_reference", several)


def archive_seeds() -> Iterator[Seed]:
    """Studies that are to be put into a damaged archive."""
    files = {**_ct(), "seg": encode(segmentation(SCAN))}
    yield Seed("plain", {f"R01-001/{name}": content for name, content in files.items()}, ())
