"""What `make bench` runs: this project against a plain way of doing the same, both measured in one run.

Speed and memory are bars here, as ratios of one run, and never timed tests: a slow machine slows both sides.
"""
