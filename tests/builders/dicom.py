"""Builds small DICOM studies whose truth is known in patient coordinates.

Everything is a function of the patient position in LPS millimetres: the Hounsfield value, and whether a point belongs
to a region. A converter is right when each voxel of its output has the value and the label of the place that its affine
names; how the slices were stored plays no part.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from local.synthetic.dicom import code, ct_reference, item, segment_reference, set_bits, set_pixels, start_file

CT_IMAGE = UID("1.2.840.10008.5.1.4.1.1.2")
ENHANCED_CT = UID("1.2.840.10008.5.1.4.1.1.2.1")
SEGMENTATION = UID("1.2.840.10008.5.1.4.1.1.66.4")
LABEL_MAP = UID("1.2.840.10008.5.1.4.1.1.66.7")
STRUCTURE_SET = UID("1.2.840.10008.5.1.4.1.1.481.3")

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
PRONE = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
MIRRORED = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_C, _S = np.cos(np.radians(20)), np.sin(np.radians(20))
OBLIQUE = (_C, _S, 0.0, -_S * _C, _C * _C, _S)

Points = NDArray[np.float64]
Inside = Callable[[Points], NDArray[np.bool_]]


def uid(*parts: object) -> str:
    """Make a UID that depends on its parts only."""
    digits = int.from_bytes("/".join(str(part) for part in parts).encode(), "big") % 10**30
    return f"1.2.826.0.1.3680043.8.498.{digits + 1}"


def tumour(points: Points) -> NDArray[np.bool_]:
    """A region without any symmetry: a large lobe and a small one beside, in front of and above it."""
    large = ((points - [3.1, -2.3, 1.7]) / [7.3, 5.9, 9.1]) ** 2
    small = ((points - [9.2, -7.1, 8.3]) / [3.3, 4.1, 4.7]) ** 2
    return np.asarray((large.sum(axis=-1) < 1) | (small.sum(axis=-1) < 1), dtype=np.bool_)


def vessel(points: Points) -> NDArray[np.bool_]:
    """A second region that overlaps the tumour."""
    distance = ((points - [0.4, 2.2, -4.1]) / [5.3, 4.7, 6.1]) ** 2
    return np.asarray(distance.sum(axis=-1) < 1, dtype=np.bool_)


def hounsfield(points: Points) -> NDArray[np.int16]:
    """Soft tissue with a different gradient along each axis, in air."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    body = (x / 17.5) ** 2 + (y / 15.5) ** 2 < 1
    return np.where(body, np.rint(40 + 3 * x - 5 * y + 2 * z), -1000).astype(np.int16)


@dataclass(frozen=True)
class Scan:
    """A CT series.

    Parameters
    ----------
    columns, rows, slices : int
        Size of the volume.
    spacing : tuple of float
        Between rows, between columns, in millimetres.
    step : float
        Between slices along the normal, in millimetres.
    orientation : tuple of float
        ImageOrientationPatient.
    shift : tuple of float
        Added to the position per slice, in the plane (row direction, column direction): gantry tilt.
    centre : tuple of float
        Centre of the volume, LPS millimetres.
    name : str
        Makes its UIDs different from another scan's.
    places : tuple of float or None
        Where the slices lie, in steps: uneven, or with holes. As many as `slices`; None for 0, 1, 2, …
    """

    columns: int = 48
    rows: int = 44
    slices: int = 18
    spacing: tuple[float, float] = (0.8, 0.9)
    step: float = 2.2
    orientation: tuple[float, ...] = AXIAL
    shift: tuple[float, float] = (0.0, 0.0)
    centre: tuple[float, float, float] = (1.03, -0.91, 0.77)
    name: str = "a"
    places: tuple[float, ...] | None = None

    @property
    def series_uid(self) -> str:
        return uid("series", self.name)

    def instance_uid(self, k: int) -> str:
        return uid("instance", self.name, k)

    def axes(self) -> tuple[Points, Points, Points]:
        row, column = np.array(self.orientation[:3]), np.array(self.orientation[3:])
        return row, column, np.cross(row, column)

    def position(self, k: float) -> Points:
        """ImagePositionPatient of slice k."""
        row, column, normal = self.axes()
        step = normal * self.step + row * self.shift[0] + column * self.shift[1]
        half = (
            row * self.spacing[1] * (self.columns - 1)
            + column * self.spacing[0] * (self.rows - 1)
            + step * (self.slices - 1)
        ) / 2
        place = self.places[int(k)] if self.places else k
        return np.asarray(np.array(self.centre) - half + place * step, dtype=np.float64)

    def points(self, k: float) -> Points:
        """LPS position of every pixel of slice k, shape (rows, columns, 3)."""
        row, column, _ = self.axes()
        c, r = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        along_row = c[..., None] * row * self.spacing[1]
        along_column = r[..., None] * column * self.spacing[0]
        return np.asarray(self.position(k) + along_row + along_column, dtype=np.float64)

    def mask(self, inside: Inside = tumour) -> NDArray[np.bool_]:
        """Truth, shape (slices, rows, columns)."""
        return np.array([inside(self.points(k)) for k in range(self.slices)])


def _new_dataset(sop_class: UID, instance: str, modality: str, series: str, patient: str) -> Dataset:
    dataset = start_file(sop_class, instance)
    dataset.PatientID = patient
    dataset.PatientName = "Built^Phantom"
    dataset.StudyInstanceUID = uid("study")
    dataset.StudyDate, dataset.StudyTime = "20200102", "030405"
    dataset.FrameOfReferenceUID = uid("frame")
    dataset.Modality, dataset.SeriesInstanceUID = modality, series
    return dataset


def ct_slice(scan: Scan, k: int, patient: str = "P1", intercept: float = -1024.0, slope: float = 1.0) -> Dataset:
    """One CT image."""
    dataset = _new_dataset(CT_IMAGE, scan.instance_uid(k), "CT", scan.series_uid, patient)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = (k * 7) % scan.slices + 1  # no order to rely on
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20200103", f"0405{k % 60:02d}.25"
    dataset.Manufacturer, dataset.ConvolutionKernel, dataset.KVP = "Phantoms", "B30f", "120"
    dataset.SliceThickness = "9.9"  # not the spacing: it must not be used
    dataset.ImagePositionPatient = [f"{v:.10g}" for v in scan.position(k)]
    dataset.ImageOrientationPatient = [f"{v:.10g}" for v in scan.orientation]
    dataset.PixelSpacing = [*scan.spacing]
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    stored = np.rint((hounsfield(scan.points(k)) - intercept) / slope)
    set_pixels(dataset, stored.astype(np.int16 if stored.min() < 0 else np.uint16))
    return dataset


def enhanced_ct(scan: Scan, order: Sequence[int]) -> Dataset:
    """A multi-frame CT whose frames are stored in any order."""
    dataset = _new_dataset(ENHANCED_CT, scan.instance_uid(0), "CT", scan.series_uid, "P1")
    dataset.NumberOfFrames = len(order)
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[*scan.orientation])],
        PixelMeasuresSequence=[item(PixelSpacing=[*scan.spacing])],
        PixelValueTransformationSequence=[item(RescaleIntercept=-1024, RescaleSlope=1)],
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_position_group(scan.position(k)) for k in order]
    set_pixels(dataset, np.array([hounsfield(scan.points(k)) + 1024 for k in order]).astype(np.uint16))
    return dataset


def _position_group(position: Points) -> Dataset:
    return item(PlanePositionSequence=[item(ImagePositionPatient=[f"{v:.10g}" for v in position])])


@dataclass(frozen=True)
class SegOptions:
    """How a segmentation is stored.

    Parameters
    ----------
    regions : dict
        Segment label to region.
    kind : str
        `BINARY`, `FRACTIONAL` or `LABELMAP`.
    order : str
        `ascending`, `descending` or `shuffled` frames.
    skip_empty : bool
        Leave empty frames out.
    skip_slices : tuple of int
        Leave these slices out even where the region has voxels.
    crop : tuple of int or None
        First row, last row, first column, last column that are stored.
    shared_segment : bool
        Put the segment identification into the shared groups.
    references : str
        `series`, `instances` (in the frames only) or `none`.
    jitter : float
        Millimetres added to each frame's position along x.
    frame_uid : str
        FrameOfReferenceUID.
    name : str
        Makes its UID different from another segmentation's.
    """

    regions: dict[str, Inside] = field(default_factory=lambda: {"Tumour": tumour})
    kind: str = "BINARY"
    order: str = "ascending"
    skip_empty: bool = True
    skip_slices: tuple[int, ...] = ()
    crop: tuple[int, int, int, int] | None = None
    shared_segment: bool = False
    references: str = "series"
    jitter: float = 0.0
    frame_uid: str = uid("frame")
    name: str = "s"


def segmentation(scan: Scan, options: SegOptions | None = None, on: Scan | None = None, patient: str = "P1") -> Dataset:
    """A DICOM SEG of regions drawn on `scan`; with `on`, stored on that other grid."""
    options, grid = options or SegOptions(), on or scan
    sop_class = LABEL_MAP if options.kind == "LABELMAP" else SEGMENTATION
    dataset = _new_dataset(sop_class, uid("seg", options.name), "SEG", uid("segseries", options.name), patient)
    dataset.FrameOfReferenceUID = options.frame_uid
    dataset.SegmentationType = options.kind
    dataset.SegmentSequence = list(_segments(options))
    frames = _ordered(list(_seg_frames(grid, options)), options.order)
    dataset.NumberOfFrames = len(frames)
    dataset.SharedFunctionalGroupsSequence = [_shared_group(grid, options)]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_group(scan, grid, n, k, options) for n, k, _ in frames]
    _seg_pixels(dataset, np.array([pixels for _, _, pixels in frames]), options.kind)
    if options.references == "series":
        dataset.ReferencedSeriesSequence = [
            item(SeriesInstanceUID=scan.series_uid, ReferencedInstanceSequence=_image_references(scan))
        ]
    return dataset


def _segments(options: SegOptions) -> Iterable[Dataset]:
    for number, label in enumerate(options.regions, 1):
        kind = code(f"10836900{number}", label)
        yield item(SegmentNumber=number, SegmentLabel=label, SegmentedPropertyTypeCodeSequence=[kind])


def _seg_frames(grid: Scan, options: SegOptions) -> Iterable[tuple[int, int, NDArray[np.uint8]]]:
    r0, r1, c0, c1 = options.crop or (0, grid.rows, 0, grid.columns)
    masks = {n: grid.mask(inside)[:, r0:r1, c0:c1] for n, inside in enumerate(options.regions.values(), 1)}
    if options.kind == "LABELMAP":
        labels = np.zeros(masks[1].shape, np.uint8)
        for number, mask in masks.items():
            labels[mask] = number
        masks = {0: labels}  # type: ignore[dict-item]
    for number, mask in masks.items():
        for k in range(grid.slices):
            if k not in options.skip_slices and (mask[k].any() or not options.skip_empty):
                scale = 200 if options.kind == "FRACTIONAL" else 1
                yield number, k, mask[k].astype(np.uint8) * np.uint8(scale)


def _ordered(frames: list[tuple[int, int, NDArray[np.uint8]]], order: str) -> list[tuple[int, int, NDArray[np.uint8]]]:
    if order == "descending":
        return frames[::-1]
    if order == "shuffled":
        return [frames[i] for i in np.random.default_rng(7).permutation(len(frames))]
    return frames


def _shared_group(grid: Scan, options: SegOptions) -> Dataset:
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[f"{v:.10g}" for v in grid.orientation])],
        PixelMeasuresSequence=[item(PixelSpacing=[*grid.spacing], SpacingBetweenSlices=grid.step)],
    )
    if options.shared_segment:
        shared.SegmentIdentificationSequence = [segment_reference()]
    return shared


def _frame_group(scan: Scan, grid: Scan, number: int, k: int, options: SegOptions) -> Dataset:
    r0, _, c0, _ = options.crop or (0, 0, 0, 0)
    row, column, _ = grid.axes()
    corner = grid.position(k) + row * grid.spacing[1] * c0 + column * grid.spacing[0] * r0
    group = _position_group(corner + np.array([options.jitter * (-1) ** k, 0, 0]))
    if options.kind != "LABELMAP" and not options.shared_segment:
        group.SegmentIdentificationSequence = [segment_reference(number)]
    if options.references == "instances":
        group.DerivationImageSequence = [item(SourceImageSequence=[ct_reference(scan.instance_uid(k))])]
    return group


def _seg_pixels(dataset: Dataset, frames: NDArray[np.uint8], kind: str) -> None:
    if kind == "BINARY":
        set_bits(dataset, frames)
        return
    set_pixels(dataset, frames)
    if kind == "FRACTIONAL":
        dataset.SegmentationFractionalType, dataset.MaximumFractionalValue = "OCCUPANCY", 255


def _image_references(scan: Scan) -> list[Dataset]:
    return [ct_reference(scan.instance_uid(k)) for k in range(scan.slices)]


def structure_set(scan: Scan, contours: dict[str, list[Points]]) -> Dataset:
    """An RTSTRUCT: region name to closed contours, each of shape (n, 3) in LPS millimetres."""
    dataset = _new_dataset(STRUCTURE_SET, uid("rtstruct"), "RTSTRUCT", uid("rtseries"), "P1")
    del dataset.FrameOfReferenceUID
    series = item(SeriesInstanceUID=scan.series_uid, ContourImageSequence=_image_references(scan))
    study = item(RTReferencedSeriesSequence=[series])
    frame = item(FrameOfReferenceUID=uid("frame"), RTReferencedStudySequence=[study])
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    numbered = list(enumerate(contours.items(), 1))
    dataset.StructureSetROISequence = [item(ROINumber=number, ROIName=name) for number, (name, _) in numbered]
    dataset.ROIContourSequence = [
        item(ReferencedROINumber=number, ContourSequence=[_contour(polygon) for polygon in polygons])
        for number, (_, polygons) in numbered
    ]
    return dataset


def _contour(polygon: Points) -> Dataset:
    return item(
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(polygon),
        ContourData=[f"{v:.8g}" for v in polygon.ravel()],
    )


def save(dataset: Dataset, path: Path) -> Path:
    """Write a DICOM file with its preamble."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def save_ct(folder: Path, scan: Scan, skip: Sequence[int] = ()) -> None:
    """Write a CT series, one file per slice, without file name endings and not in the order of the slices."""
    for k in range(scan.slices):
        if k not in skip:
            save(ct_slice(scan, k), folder / f"ct-{scan.name}" / f"{(k * 5) % 97:03d}{k:03d}")


def save_study(folder: Path, scan: Scan | None = None, options: SegOptions | None = None) -> Path:
    """Write a CT series with its segmentation."""
    scan = scan or Scan()
    save_ct(folder, scan)
    save(segmentation(scan, options), folder / "seg" / "1-1.dcm")
    return folder
