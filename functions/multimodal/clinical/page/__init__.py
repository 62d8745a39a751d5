"""The page of a report: elements, plots, style, and a module for each part."""
