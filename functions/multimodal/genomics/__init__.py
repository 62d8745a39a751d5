"""RNA-seq reads, references and expression matrices: uploads, Batch jobs, records."""
