"""Removes what was uploaded, and what came of it: a patient (`forget`), or a table (`retract`)."""
