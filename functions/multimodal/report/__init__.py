"""The cohort page: what became of every upload of a dataset, and which studies and samples stand out."""
