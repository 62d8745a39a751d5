"""The source article's imaging pipeline, written plainly from its description: what `make bench` compares with.

Where each step comes from (headings of the article):

- *DICOM processing*: "convert each CT scan imaging series … to a single 3D NIfTI file … using a python package called
  dcmstack, reading in all the DICOM files, sorting according to spatial slice location, and stacking": dcmstack's
  `parse_and_stack` and `to_nifti` with their defaults. The default metadata extraction and the float64 volume are
  dcmstack's own.
- "The 3D volume is then written out in NIfTI format with the NiBabel python package": `nibabel.save`, whose default for
  `.nii.gz` is gzip level 1.
- "use the Pydicom package to read in the 3D array, reorient the volume to match that of the corresponding CT scan":
  `pixel_array`, axes turned to dcmstack's LAS.
- "match the value in the ImagePositionPatient DICOM attribute to align … and pad the segmentation with zeros": the
  slices' positions are read from the files once more, headers only. The article's own scripts read them whole.
- Figure 10, "views of overlaying the tumor mask in yellow with transparency": nilearn's `plot_roi` over the CT, once
  with three orthogonal cuts and once with four axial ones, as the article's repository does; same size and dpi.
- *Radiomic feature extraction*: "providing the converted NIfTI images to the RadiomicsFeatureExtractor": its default
  settings, on the whole volumes, read back from the NIfTI files. The defaults include pyradiomics' diagnostics (hashes
  and statistics of whole volumes), which cost more than the features.

Where it deviates, always to its own advantage or because it would not run today:

- dcmstack 0.9 calls `pydicom.read_file`, which pydicom 3 dropped: it gets that name back.
- The default extractor gives 107 features in 7 classes; the article says 120 in 8. The missing ones are the features
  that pyradiomics marks as redundant, here enabled by name in the same pass, and shape2D, here one pass over a single
  slice instead of the volume.
- NIfTI files are read once for both passes.
- The segmentation is found as the series of a single file rather than through the JSON files of the TCIA downloader.
- Nothing goes to Feature Store: the features end in a JSON file, as this project's do.

It knows one layout of a segmentation only, frames from inferior to superior. Others come out flipped or shifted, which
is why the benchmark's study has this one.
"""

import argparse
import json
from pathlib import Path

import dcmstack
import matplotlib as mpl
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813  # its own documentation's name
from matplotlib.colors import ListedColormap
from nilearn import plotting
from numpy.typing import NDArray
from radiomics import featureextractor, getFeatureClasses

from benchmarks.stage_clock import FEATURES, NIFTI, OVERLAY, READ, SEGMENTATION, StageClock

pydicom.read_file = pydicom.dcmread  # type: ignore[attr-defined]

_YELLOW = ListedColormap(["gold"])


def main() -> None:
    """Process one study."""
    parser = argparse.ArgumentParser(description="The article's imaging pipeline, for comparison.")
    parser.add_argument("--input-dir", type=Path, required=True, help="folder of one study")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder for the results")
    parser.add_argument("--stages", type=Path, help="write time and memory of each stage here")
    options = parser.parse_args()
    clock = StageClock()
    mpl.use("Agg")
    process(options.input_dir, options.output_dir, clock)
    if options.stages:
        clock.write(options.stages)


def process(study: Path, results: Path, clock: StageClock) -> None:
    """Turn one study into NIfTI volumes, pictures and features."""
    results.mkdir(parents=True, exist_ok=True)
    with clock.stage(READ):
        ct_files, seg_file = find_files(study)
        ct = stack_ct(ct_files)
    with clock.stage(SEGMENTATION):
        seg = align_segmentation(seg_file, ct_files, ct)
    with clock.stage(OVERLAY):
        draw(seg, ct, results)
    with clock.stage(NIFTI):
        nib.save(ct, results / "ct.nii.gz")
        nib.save(seg, results / "seg.nii.gz")
    with clock.stage(FEATURES):
        features = compute_features(results / "ct.nii.gz", results / "seg.nii.gz")
    (results / "features.json").write_text(json.dumps(features, indent=1), encoding="utf-8")


def find_files(study: Path) -> tuple[list[str], str]:
    """Separate the CT slices from the segmentation: a series of one file is the segmentation."""
    (seg_file,), ct_files = sorted((sorted(map(str, series.glob("*.dcm"))) for series in study.iterdir()), key=len)
    return ct_files, seg_file


def stack_ct(files: list[str]) -> nib.Nifti1Image:
    """Stack the slices as dcmstack does by default: float64, axes LAS."""
    (stack,) = dcmstack.parse_and_stack(files).values()
    volume: nib.Nifti1Image = stack.to_nifti()
    return volume


def align_segmentation(seg_file: str, ct_files: list[str], ct: nib.Nifti1Image) -> nib.Nifti1Image:
    """Turn the segmentation's frames to LAS and pad them with zeros to the CT's slices."""
    dataset = pydicom.dcmread(seg_file)
    frames = dataset.pixel_array.transpose(2, 1, 0)[:, ::-1, :]
    heights = sorted(float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2]) for path in ct_files)
    first = dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient[2]
    start = heights.index(float(first))
    padded = np.zeros(ct.shape)
    padded[:, :, start : start + frames.shape[2]] = frames
    return nib.Nifti1Image(padded, ct.affine, ct.header)  # type: ignore[no-untyped-call]


def draw(seg: nib.Nifti1Image, ct: nib.Nifti1Image, results: Path) -> None:
    """Draw the mask over the CT, in three planes and in four axial cuts."""
    for name, cuts in (("ortho.png", {}), ("axial.png", {"display_mode": "z", "cut_coords": 4})):
        figure = plt.figure(figsize=(16, 6))
        display = plotting.plot_roi(
            seg, bg_img=ct, figure=figure, cmap=_YELLOW, alpha=0.4, title="Tumour on CT", **cuts
        )
        display.savefig(results / name, dpi=150)
        plt.close(figure)


def compute_features(ct_file: Path, seg_file: Path) -> dict[str, float]:
    """Compute all documented features with pyradiomics' default settings."""
    image, mask = sitk.ReadImage(str(ct_file)), sitk.ReadImage(str(seg_file))
    extractor = featureextractor.RadiomicsFeatureExtractor()
    extractor.enableFeaturesByName(firstorder=all_features("firstorder"), shape=all_features("shape"))
    values = extractor.execute(image, mask)

    voxels: NDArray[np.float64] = sitk.GetArrayViewFromImage(mask)
    largest = int(voxels.sum(axis=(1, 2)).argmax())
    flat = featureextractor.RadiomicsFeatureExtractor(force2D=True)
    flat.disableAllFeatures()
    flat.enableFeaturesByName(shape2D=all_features("shape2D"))
    values |= flat.execute(image[:, :, largest : largest + 1], mask[:, :, largest : largest + 1])
    return {name: float(value) for name, value in values.items() if name.startswith("original_")}


def all_features(feature_class: str) -> list[str]:
    """Names of a class's features, those included that pyradiomics leaves out unless they are named."""
    return list(getFeatureClasses()[feature_class].getFeatureNames())


if __name__ == "__main__":
    main()
