"""One study through another program, in that program's own environment: nothing of this project is imported.

`python benchmarks/peer_tools.py TOOL STUDY CT SEG OUTPUT` prints the number of features and the region's mesh volume.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Study = tuple[Path, Path, Path, Path]
"""Folder of the study, folder of its CT, SEG object, folder for output."""


def dcmqi(study: Study) -> tuple[int, float]:
    """CT by dcm2niix, SEG by dcmqi, features by pyradiomics."""
    _, ct, seg, output = study
    programs = Path(sys.executable).parent
    _run(programs / "dcm2niix", "-z", "y", "-f", "ct", "-o", output, ct)
    _run(
        programs / "segimage2itkimage",
        *("--inputDICOM", seg, "--outputDirectory", output, "--outputType", "nii", "--prefix", "seg"),
    )
    return _pyradiomics(output / "ct.nii.gz", next(output.glob("seg*.nii.gz")))


def imgtools(study: Study) -> tuple[int, float]:
    """CT and SEG by med-imagetools, features by pyradiomics."""
    folder, _, _, output = study
    program = Path(sys.executable).parent / "imgtools"
    _run(program, "autopipeline", folder, output, "-m", "CT,SEG", "-j", "1")
    return _pyradiomics(next(output.glob("*/CT_*/*.nii.gz")), next(output.glob("*/SEG_*/*.nii.gz")))


def mirp(study: Study) -> tuple[int, float]:
    """Everything by MIRP."""
    from mirp import extract_features

    _, ct, seg, _ = study
    settings = {"base_discretisation_method": "fixed_bin_size", "base_discretisation_bin_width": 25.0}
    (table,) = extract_features(image=str(ct), mask=str(seg), image_modality="ct", **settings)
    columns = [name for name in table.columns if name.startswith("morph_volume")]
    return table.shape[1], float(table[columns[0]].iloc[0])


TOOLS: Mapping[str, Callable[[Study], tuple[int, float]]] = {"dcmqi": dcmqi, "imgtools": imgtools, "mirp": mirp}


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


def _pyradiomics(image_file: Path, mask_file: Path) -> tuple[int, float]:
    import SimpleITK as sitk  # noqa: N813
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    image: Any = sitk.ReadImage(image_file)
    # Some tools write the region's own slices only.
    mask = sitk.Resample(sitk.ReadImage(mask_file), image, sitk.Transform(), sitk.sitkNearestNeighbor)  # type: ignore[no-untyped-call]
    features = RadiomicsFeatureExtractor(additionalInfo=False).execute(image, mask)
    return len(features), float(features["original_shape_MeshVolume"])


if __name__ == "__main__":
    tool, *paths = sys.argv[1:]
    folder, ct, seg, output = map(Path, paths)
    output.mkdir(parents=True, exist_ok=True)
    print(*TOOLS[tool]((folder, ct, seg, output)))
