"""The demo: a made-up cohort from upload to features."""
