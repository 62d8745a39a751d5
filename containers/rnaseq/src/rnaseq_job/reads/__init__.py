"""FASTQ and SRA reads: listing, streaming, validation."""
