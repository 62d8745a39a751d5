"""Which IBSI feature each of the 120 features is, or why it is none.

Every feature is in exactly one of three tables: `BASELINES` (the same definition, so the published value must
come out), `SHIFTED` (a known difference of formula, so the published value must come out after it) and
`WITHOUT_BASELINE` (no published value). Features are matched by name and definition, never by value. Codes are
the permanent identifiers of the IBSI reference manual, which DICOM's CID 218 repeats.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from radiomics_job.feature_names import SHAPE2D

PHANTOM_VOXELS: Final = 74


@dataclass(frozen=True, slots=True)
class Shift:
    """A known difference from the published definition."""

    code: str
    """IBSI code of the feature it differs from."""
    note: str
    """The difference as the documentation writes it."""
    reason: str
    """Why there is one."""
    expected: Callable[[float], float]
    """What ours must be, given the published value."""


def _divided_by_n(published: float) -> float:
    return published * math.sqrt((PHANTOM_VOXELS - 1) / PHANTOM_VOXELS)


_BASELINE_CODES: Final[dict[str, dict[str, str]]] = {
    "firstorder": {
        "10Percentile": "QG58",
        "90Percentile": "8DWT",
        "Energy": "N8CA",
        "Entropy": "TLU2",  # of the histogram, as Uniformity is: both need binned values
        "InterquartileRange": "SALO",
        "Maximum": "84IY",
        "Mean": "Q4LE",
        "MeanAbsoluteDeviation": "4FUA",
        "Median": "Y12H",
        "Minimum": "1GSF",
        "Range": "2OJQ",
        "RobustMeanAbsoluteDeviation": "1128",
        "RootMeanSquared": "5ZWQ",
        "Skewness": "KE2A",
        "Uniformity": "BJ5W",
        "Variance": "ECT3",
    },
    "shape": {
        "Compactness1": "SKGS",
        "Compactness2": "BQWJ",
        "Elongation": "Q3CK",
        "Flatness": "N17B",
        "Maximum3DDiameter": "L0JK",
        "MeshVolume": "RNU0",
        "Sphericity": "QCFX",
        "SurfaceArea": "C0JK",
        "SurfaceVolumeRatio": "2PR5",
        "VoxelVolume": "YEKZ",
    },
    "glcm": {
        "Autocorrelation": "QWB0",
        "ClusterProminence": "AE86",
        "ClusterShade": "7NFM",
        "ClusterTendency": "DG8W",
        "Contrast": "ACUI",
        "Correlation": "NI2N",
        "DifferenceAverage": "TF7R",
        "DifferenceEntropy": "NTRS",
        "DifferenceVariance": "D3YU",
        "Id": "IB1Z",  # inverse difference
        "Idm": "WF0Z",  # inverse difference moment
        "Idmn": "1QCO",
        "Idn": "NDRX",
        "Imc1": "R8DG",  # information correlation
        "Imc2": "JN9H",
        "InverseVariance": "E8JP",
        "JointAverage": "60VM",
        "JointEnergy": "8ZQL",  # angular second moment
        "JointEntropy": "TU9B",
        "MaximumProbability": "GYBY",  # joint maximum
        "SumAverage": "ZGXS",
        "SumEntropy": "P6QZ",
        "SumSquares": "UR99",  # joint variance
    },
    "glrlm": {
        "GrayLevelNonUniformity": "R5YN",
        "GrayLevelNonUniformityNormalized": "OVBL",
        "GrayLevelVariance": "8CE5",
        "HighGrayLevelRunEmphasis": "G3QZ",
        "LongRunEmphasis": "W4KF",
        "LongRunHighGrayLevelEmphasis": "3KUM",
        "LongRunLowGrayLevelEmphasis": "IVPO",
        "LowGrayLevelRunEmphasis": "V3SW",
        "RunEntropy": "HJ9O",
        "RunLengthNonUniformity": "W92Y",
        "RunLengthNonUniformityNormalized": "IC23",
        "RunPercentage": "9ZK5",
        "RunVariance": "SXLW",
        "ShortRunEmphasis": "22OV",
        "ShortRunHighGrayLevelEmphasis": "GD3A",
        "ShortRunLowGrayLevelEmphasis": "HTZT",
    },
    "glszm": {  # IBSI says zone where pyradiomics says area
        "GrayLevelNonUniformity": "JNSA",
        "GrayLevelNonUniformityNormalized": "Y1RO",
        "GrayLevelVariance": "BYLV",
        "HighGrayLevelZoneEmphasis": "5GN9",
        "LargeAreaEmphasis": "48P8",
        "LargeAreaHighGrayLevelEmphasis": "J17V",
        "LargeAreaLowGrayLevelEmphasis": "YH51",
        "LowGrayLevelZoneEmphasis": "XMSY",
        "SizeZoneNonUniformity": "4JP3",
        "SizeZoneNonUniformityNormalized": "VB3A",
        "SmallAreaEmphasis": "5QRC",
        "SmallAreaHighGrayLevelEmphasis": "HW1V",
        "SmallAreaLowGrayLevelEmphasis": "5RAI",
        "ZoneEntropy": "GU8N",
        "ZonePercentage": "P30P",
        "ZoneVariance": "3NSA",
    },
    "ngtdm": {"Busyness": "NQ30", "Coarseness": "QCDE", "Complexity": "HDEZ", "Contrast": "65HE", "Strength": "1X9X"},
    "gldm": {  # IBSI's NGLDM, which says low and high dependence for small and large
        "DependenceEntropy": "FCBV",
        "DependenceNonUniformity": "Z87G",
        "DependenceNonUniformityNormalized": "OKJI",
        "DependenceVariance": "DNX2",
        "GrayLevelNonUniformity": "FP8K",
        "GrayLevelVariance": "1PFV",
        "HighGrayLevelEmphasis": "OAE7",
        "LargeDependenceEmphasis": "IMOQ",
        "LargeDependenceHighGrayLevelEmphasis": "9QMG",
        "LargeDependenceLowGrayLevelEmphasis": "NBZI",
        "LowGrayLevelEmphasis": "TL9H",
        "SmallDependenceEmphasis": "SODN",
        "SmallDependenceHighGrayLevelEmphasis": "JA6D",
        "SmallDependenceLowGrayLevelEmphasis": "EQ3F",
    },
}

BASELINES: Final[dict[str, str]] = {
    f"original_{family}_{feature}": code
    for family, features in _BASELINE_CODES.items()
    for feature, code in features.items()
}
"""Feature to IBSI code, where the definitions are the same."""

_AXIS_NOTE: Final = "√((n − 1)/n) of IBSI's"
_AXIS_REASON: Final = (
    "pyradiomics divides the covariance of the n voxel centres by n; IBSI's published lengths follow from n − 1"
)

SHIFTED: Final[dict[str, Shift]] = {
    "original_firstorder_Kurtosis": Shift(
        "IPH6",
        "IBSI's + 3",
        "IBSI subtracts 3, so that a normal distribution has 0; pyradiomics does not",
        lambda published: published + 3,
    ),
    "original_shape_MajorAxisLength": Shift("TDIC", _AXIS_NOTE, _AXIS_REASON, _divided_by_n),
    "original_shape_MinorAxisLength": Shift("P9VJ", _AXIS_NOTE, _AXIS_REASON, _divided_by_n),
    "original_shape_LeastAxisLength": Shift("7J51", _AXIS_NOTE, _AXIS_REASON, _divided_by_n),
}
"""Features that differ from IBSI's by a known formula."""

WITHOUT_BASELINE: Final[dict[str, str]] = {
    "original_firstorder_StandardDeviation": "not in IBSI: the root of Variance",
    "original_firstorder_TotalEnergy": "not in IBSI: Energy times the volume of a voxel",
    "original_shape_Maximum2DDiameterColumn": "not in IBSI: it depends on the axes",
    "original_shape_Maximum2DDiameterRow": "not in IBSI: it depends on the axes",
    "original_shape_Maximum2DDiameterSlice": "not in IBSI: it depends on the axes",
    "original_glcm_MCC": "not in IBSI",
    **{f"original_shape2D_{feature}": "IBSI has no 2D shape" for feature in SHAPE2D},
}
"""Features that IBSI does not define, with the reason as the documentation writes it."""


def unaccounted(names: tuple[str, ...]) -> list[str]:
    """Say what is wrong with the tables, given the features that exist."""
    tables = (BASELINES, SHIFTED, WITHOUT_BASELINE)
    counts = {
        name: sum(name in table for table in tables) for name in {*names, *BASELINES, *SHIFTED, *WITHOUT_BASELINE}
    }
    neither = [f"{name}: neither a baseline nor a listed deviation" for name, count in counts.items() if count == 0]
    both = [f"{name}: in {count} tables" for name, count in counts.items() if count > 1]
    unknown = [f"{name}: there is no such feature" for name in counts if name not in names]
    return sorted(neither + both + unknown)
