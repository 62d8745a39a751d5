"""Clinical tables: their schema, validation, reports and records."""
