"""Every uploaded unit of work: where it stands, what is due, who holds it and how it ended."""
