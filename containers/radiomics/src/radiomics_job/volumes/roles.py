"""Which volume file is the image and which are masks: by their names, else by their values, never by a guess."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from radiomics_job.dicom.reading import StudyFiles
from radiomics_job.dicom.sources import FileKind, printable
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits
from radiomics_job.roi.rule import RoiRule
from radiomics_job.volumes.nifti import read_nifti
from radiomics_job.volumes.nrrd import read_nrrd
from radiomics_job.volumes.volume import Volume, unsupported_volume

_MASK_WORDS = frozenset({
    "mask", "masks", "seg", "segs", "segmentation", "segmentations", "dseg", "label", "labels", "labelmap", "labelstr",
    "labelsts", "roi", "rois",
})  # fmt: skip
_IMAGE_WORDS = frozenset({"ct", "image", "images", "img", "volume", "vol", "scan", "imagestr", "imagests"})
_PET_WORDS = frozenset({"pet", "pt", "suv"})
_OTHER_WORDS = _PET_WORDS | {"mr", "mri", "flair", "adc", "dwi", "dose"}
"""Words of a name: BIDS ends in `_ct`, `_mask` or `_dseg`, nnU-Net has the folders imagesTr and labelsTr. The last set
names images that are no CT: beside one they are set aside, alone they are refused, since no header says what their
values mean."""

_REGION_WORDS = frozenset({
    "gtv", "gtvp", "gtvn", "ctv", "ptv", "itv", "tumour", "tumor", "lesion", "nodule", "node", "metastasis", "lung",
    "lungs", "lobe", "liver", "kidney", "spleen", "pancreas", "prostate", "heart", "aorta", "vessel", "oesophagus",
    "esophagus", "cord", "left", "right", "upper", "middle", "lower", "primary", "all",
})  # fmt: skip
"""Words of a name that no patient is called by."""

_LONGEST_NUMBER = 2
"""Digits of a number that is kept behind such a word: GTV-1, lesion_02; a longer one may be a patient's."""

_CT_WORDS = frozenset({"ct", "ctres"})

_NNUNET_CHANNEL = re.compile(r"_0\d{3}$")
"""How nnU-Net numbers the channels of an image; a label has no such ending."""

_WORD = re.compile(r"[a-z]+")
_NAME_PART = re.compile(r"[A-Za-z]+|\d+")
_LISTED = 20


@dataclass(frozen=True)
class Roles:
    """What the volume files of a study are."""

    image: Volume | None = None
    """The CT; None when DICOM has it, or when there is none."""
    masks: tuple[Volume, ...] = ()
    """Files whose values are labels."""
    beside: int = 0
    """Files of images that were set aside beside the CT."""


def read_volumes(files: StudyFiles, limits: Limits) -> Roles:
    """Read the headers of a study's NIfTI and NRRD files and say what each is.

    Raises
    ------
    StudyRejectedError
        `UNREADABLE_VOLUME`, `UNSUPPORTED_VOLUME`, `VOLUMES_AMBIGUOUS`, `INCOMPLETE_STUDY` or `INPUT_TOO_LARGE`.
    """
    volumes = [
        read_nifti(file, limits) if file.kind is FileKind.NIFTI else read_nrrd(file, files.data, limits)
        for file in files.volumes
    ]
    return assign_roles(volumes, has_ct=any(not image.localizer for image in files.ct))


def assign_roles(volumes: Sequence[Volume], *, has_ct: bool) -> Roles:
    """Say which file is the image and which are masks.

    A segment table or a word of the file's name decides, then a word of its folder's; files that no word tells apart
    are masks when they hold few whole numbers with zero among them, else images.

    Parameters
    ----------
    has_ct : bool
        The study has a DICOM CT: it is the image, whatever other files hold.

    Raises
    ------
    StudyRejectedError
        `VOLUMES_AMBIGUOUS` when several files are images; their names are in its details. `UNSUPPORTED_VOLUME` when the
        only image is called a PET or MR.
    """
    masks = [volume for volume in volumes if _is_mask(volume)]
    others = [volume for volume in volumes if volume not in masks and _is_other(volume)]
    images = [volume for volume in volumes if volume not in masks and volume not in others]
    if has_ct:
        return Roles(None, tuple(masks), len(images) + len(others))
    if len(images) > 1:
        raise _ambiguous(images, masks)
    if others and not images:
        raise unsupported_volume(
            others[0].name, "it is called another image than a CT; PET is measured from DICOM only"
        )
    return Roles(images[0] if images else None, tuple(masks), len(others))


def _is_mask(volume: Volume) -> bool:
    if volume.labels:
        return True
    path = PurePosixPath(volume.name)
    for part in (bare_name(volume.name), *reversed(path.parts[:-1])):
        words = set(_WORD.findall(part.lower()))
        if words & _MASK_WORDS:
            return True
        if words & _IMAGE_WORDS or _NNUNET_CHANNEL.search(part):
            return False
    return volume.is_label_map


def _is_other(volume: Volume) -> bool:
    words = set(_WORD.findall(bare_name(volume.name).lower()))
    return bool(words & _OTHER_WORDS) and not words & _CT_WORDS


def is_called_pet(name: str) -> bool:
    """Tell whether a file is called the image of a PET.

    Examples
    --------
    >>> is_called_pet("p1/PT.nii.gz"), is_called_pet("p1/pet_mask.nii.gz")
    (True, False)
    """
    words = set(_WORD.findall(bare_name(name).lower()))
    return bool(words & _PET_WORDS) and not words & (_CT_WORDS | _MASK_WORDS)


def bare_name(name: str) -> str:
    """Give a file's name without folder and endings.

    Examples
    --------
    >>> bare_name("labels/GTV.seg.nrrd")
    'GTV.seg'
    """
    return re.sub(r"(\.nii|\.nrrd|\.nhdr)?(\.gz)?$", "", PurePosixPath(name).name, flags=re.IGNORECASE)


def safe_title(name: str, rule: RoiRule) -> str:
    """Give the words of a mask file's name that may stand in results: of regions, or those the rule's patterns hold.

    Examples
    --------
    >>> safe_title("Doe_Jane_4711_GTV-1_seg", RoiRule())
    'GTV-1'
    """
    wanted = set(_WORD.findall(f"{rule.label or ''} {rule.object or ''}".lower()))
    known = _REGION_WORDS | {word for word in wanted if len(word) > 1}
    kept: list[str] = []
    follows = False
    for word in _NAME_PART.findall(name):
        number = word.isdigit()
        is_kept = follows and len(word) <= _LONGEST_NUMBER if number else word.lower() in known
        if is_kept:
            kept.append(f"{'-' if number else ' '}{word}")
        follows = is_kept and not number
    return "".join(kept).strip()


def _ambiguous(images: Sequence[Volume], masks: Sequence[Volume]) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.VOLUMES_AMBIGUOUS,
        f"{len(images)} NIfTI or NRRD files are images by their names and values (rejection.json names them), and one "
        "study has one. Upload one image with its masks per folder; call masks …_mask or …_seg, or put them into a "
        "folder masks.",
        {
            "images": [printable(volume.name) for volume in images[:_LISTED]],
            "masks": [printable(volume.name) for volume in masks[:_LISTED]],
        },
    )
