"""The stages by which both sides of the imaging benchmark are told apart."""

from benchmarks.stage_clock import REST, START_UP

READ = "Read and stack CT"
SEGMENTATION = "Segmentation onto CT"
QUALITY = "Quality control"
NIFTI = "NIfTI files"
OVERLAY = "Overlay"
FEATURES = "120 features"

STAGES = (START_UP, READ, SEGMENTATION, QUALITY, NIFTI, OVERLAY, FEATURES, REST)
"""In the order of the table."""
