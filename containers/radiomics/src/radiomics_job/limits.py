"""Budgets that bound what one study may cost, checked before memory is allocated."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Budgets of one study."""

    files: int = 20_000
    """Files in the folder or the archive."""
    file_bytes: int = 2048 * MEBIBYTE
    study_bytes: int = 4096 * MEBIBYTE
    """Bytes of one file and of all DICOM files of the study (an archive: after decompression)."""
    frames: int = 50_000
    """Frames of one multi-frame object."""
    voxels: int = 1_000_000_000
    """Voxels of the CT volume, of one frame stack and of a resampling grid."""
    contour_points: int = 5_000_000
    """Points of one structure set. The text of any one file may hold as many values as these have coordinates."""
    items: int = 1_000_000
    """Sequence items of one file: eight bytes of file can become a kilobyte of memory."""
    seconds: float = 900.0
    """Wall clock of the study."""
    memory_bytes: int = 8192 * MEBIBYTE
    """Address space of the study's process."""
