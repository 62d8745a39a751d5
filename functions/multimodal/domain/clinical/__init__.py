"""Clinical tables: what a dataset's columns mean, and how rows become features, labels and reports."""
