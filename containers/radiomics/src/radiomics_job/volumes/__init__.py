"""Studies as NIfTI and NRRD files: what their headers say, which is the image, and masks as regions."""
