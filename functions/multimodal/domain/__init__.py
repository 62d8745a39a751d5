"""Rules of the pipeline: pure functions and values, no I/O, no AWS, no environment."""
