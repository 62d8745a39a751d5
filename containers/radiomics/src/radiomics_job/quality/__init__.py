"""Quality checks and their findings."""
