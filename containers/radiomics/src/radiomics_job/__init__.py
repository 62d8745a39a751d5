"""Turn a CT study with a tumour segmentation into aligned NIfTI volumes and radiomic features.

The package makes no network calls: it reads files from one folder and writes files to another, so that it runs
the same in a network-isolated SageMaker Processing job and on a laptop.
"""

__version__ = "0.1.0"
