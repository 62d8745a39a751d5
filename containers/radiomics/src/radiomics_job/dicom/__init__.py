"""Files into CT series: discovery, headers, pixels."""
