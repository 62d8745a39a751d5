"""Feature groups, their records, and how a record is written once."""
