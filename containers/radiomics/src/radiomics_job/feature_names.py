"""The names of every feature this job can write, in the order in which it writes them.

The lists are written out rather than asked of pyradiomics, so that an update of that package cannot add, drop
or rename a column of a feature group unnoticed: a test compares both sides.
"""

from itertools import product
from typing import Final

FIRSTORDER: Final = (
    "10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum", "Mean",
    "MeanAbsoluteDeviation", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation", "RootMeanSquared",
    "Skewness", "StandardDeviation", "TotalEnergy", "Uniformity", "Variance",
)  # fmt: skip

SHAPE: Final = (
    "Compactness1", "Compactness2", "Elongation", "Flatness", "LeastAxisLength", "MajorAxisLength",
    "Maximum2DDiameterColumn", "Maximum2DDiameterRow", "Maximum2DDiameterSlice", "Maximum3DDiameter",
    "MeshVolume", "MinorAxisLength", "Sphericity", "SurfaceArea", "SurfaceVolumeRatio", "VoxelVolume",
)  # fmt: skip

SHAPE2D: Final = (
    "Elongation", "MajorAxisLength", "MaximumDiameter", "MeshSurface", "MinorAxisLength", "Perimeter",
    "PerimeterSurfaceRatio", "PixelSurface", "SphericalDisproportion", "Sphericity",
)  # fmt: skip

GLCM: Final = (
    "Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation",
    "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1",
    "Imc2", "InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MCC", "MaximumProbability",
    "SumAverage", "SumEntropy", "SumSquares",
)  # fmt: skip

GLRLM: Final = (
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance",
    "HighGrayLevelRunEmphasis", "LongRunEmphasis", "LongRunHighGrayLevelEmphasis",
    "LongRunLowGrayLevelEmphasis", "LowGrayLevelRunEmphasis", "RunEntropy", "RunLengthNonUniformity",
    "RunLengthNonUniformityNormalized", "RunPercentage", "RunVariance", "ShortRunEmphasis",
    "ShortRunHighGrayLevelEmphasis", "ShortRunLowGrayLevelEmphasis",
)  # fmt: skip

GLSZM: Final = (
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance",
    "HighGrayLevelZoneEmphasis", "LargeAreaEmphasis", "LargeAreaHighGrayLevelEmphasis",
    "LargeAreaLowGrayLevelEmphasis", "LowGrayLevelZoneEmphasis", "SizeZoneNonUniformity",
    "SizeZoneNonUniformityNormalized", "SmallAreaEmphasis", "SmallAreaHighGrayLevelEmphasis",
    "SmallAreaLowGrayLevelEmphasis", "ZoneEntropy", "ZonePercentage", "ZoneVariance",
)  # fmt: skip

NGTDM: Final = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")

GLDM: Final = (
    "DependenceEntropy", "DependenceNonUniformity", "DependenceNonUniformityNormalized", "DependenceVariance",
    "GrayLevelNonUniformity", "GrayLevelVariance", "HighGrayLevelEmphasis", "LargeDependenceEmphasis",
    "LargeDependenceHighGrayLevelEmphasis", "LargeDependenceLowGrayLevelEmphasis", "LowGrayLevelEmphasis",
    "SmallDependenceEmphasis", "SmallDependenceHighGrayLevelEmphasis", "SmallDependenceLowGrayLevelEmphasis",
)  # fmt: skip

FEATURES_BY_CLASS: Final[dict[str, tuple[str, ...]]] = {
    "firstorder": FIRSTORDER,
    "shape": SHAPE,
    "shape2D": SHAPE2D,
    "glcm": GLCM,
    "glrlm": GLRLM,
    "glszm": GLSZM,
    "ngtdm": NGTDM,
    "gldm": GLDM,
}
"""Every class that pyradiomics documents, with its features, in writing order."""

SHAPE_CLASSES: Final = ("shape", "shape2D")
"""Classes that look at the mask only, and so exist once per ROI rather than once per filtered image."""

TEXTURE_CLASSES: Final = ("glcm", "glrlm", "glszm", "ngtdm", "gldm")
"""Classes that describe how the grey levels of touching voxels relate."""

ORIGINAL_FEATURES: Final = tuple(
    f"original_{name}_{feature}" for name, features in FEATURES_BY_CLASS.items() for feature in features
)
"""The 120 documented features of the unfiltered image."""

REDUNDANT_FEATURES: Final = frozenset(
    {
        "original_firstorder_StandardDeviation",  # the root of Variance
        "original_shape_Compactness1",  # a power of Sphericity, up to a constant factor
        "original_shape_Compactness2",  # the cube of Sphericity
        "original_shape2D_SphericalDisproportion",  # the inverse of 2D Sphericity
    }
)
"""Features that carry nothing another one does not. pyradiomics computes them only when named; a model may
drop them.
"""


FILTERS: Final = ("square", "squareroot", "logarithm", "exponential", "gradient", "lbp-2D")
"""Filtered images without settings of their own, as pyradiomics spells them."""


def log_image_name(sigma_mm: float) -> str:
    """Name of the Laplacian-of-Gaussian image of one width, for example `log-sigma-2-0-mm-3D`."""
    return f"log-sigma-{float(sigma_mm)!s}-mm-3D".replace(".", "-")


def wavelet_image_names(levels: int, dimensions: int = 3) -> tuple[str, ...]:
    """Names of the wavelet bands: seven per level (three in slices), and the approximation of the last."""
    low, *bands = map("".join, product("LH", repeat=dimensions))
    prefixes = ["wavelet" if level == 1 else f"wavelet{level}" for level in range(1, levels + 1)]
    names = tuple(f"{prefix}-{band}" for prefix in prefixes for band in bands)
    return (*names, f"{prefixes[-1]}-{low}") if prefixes else ()
