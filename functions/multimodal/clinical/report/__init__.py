"""The report of an upload: validation, survival, leakage, bias and drift, as `report.json` and as a page."""
