"""CT studies with a segmentation: uploads, processing jobs, records."""
