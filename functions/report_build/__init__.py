"""The function report_build."""
