"""Forgets one patient: finds everything that names a subject, and removes it."""
