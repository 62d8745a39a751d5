"""Quality checks, their limits, and the verdict."""
