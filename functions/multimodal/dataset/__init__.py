"""One row a patient: the newest records of all feature groups of a dataset, joined, split and described."""
