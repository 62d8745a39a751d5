"""Half-lives of the nuclides that PET is made with, by which a half-life in other units is found out.

Source: DICOM PS3.16, CID 4020 "PET Radionuclide" (codes, with their older SNOMED RT values); half-lives from NuDat 3.0,
National Nuclear Data Center.
"""

from collections.abc import Iterable, Mapping
from typing import Final

_NUCLIDES: Final[Mapping[str, tuple[float, tuple[str, ...]]]] = {
    "C-11": (1221.8, ("C-105A1", "40565003")),
    "N-13": (597.9, ("C-107A1", "21576001")),
    "O-14": (70.6, ("C-1018C", "424875009")),
    "O-15": (122.2, ("C-B1038", "129504001")),
    "F-18": (6586.2, ("C-111A1", "77004003")),
    "Na-22": (8.21e7, ("C-155A1", "71633006")),
    "K-38": (458.2, ("C-135A4", "423764008")),
    "Sc-43": (14008.0, ("126605",)),
    "Sc-44": (14551.0, ("126600",)),
    "Ti-45": (11088.0, ("C-166A2", "75696008")),
    "Mn-51": (2772.0, ("126601",)),
    "Mn-52": (483062.0, ("C-149A1", "37225000")),
    "Mn-52m": (1266.0, ("126607",)),
    "Fe-52": (29790.0, ("C-130A1", "69089000")),
    "Co-55": (63108.0, ()),
    "Cu-60": (1422.0, ("C-127A4", "425364008")),
    "Cu-61": (12020.0, ("C-127A1", "71425003")),
    "Cu-62": (580.4, ("C-127A5", "422934004")),
    "Cu-64": (45724.0, ("C-127A2", "3932008")),
    "Zn-62": (33095.0, ("C-141A1", "65054007")),
    "Ga-66": (34164.0, ("C-131A1", "79477007")),
    "Ga-68": (4062.6, ("C-131A3", "35337001")),
    "Ge-68": (2.341e7, ("C-128A2", "53315004")),
    "As-70": (3156.0, ("126602",)),
    "As-72": (93600.0, ("C-115A2", "2705002")),
    "Se-73": (25740.0, ("C-116A2", "87437000")),
    "Br-75": (5802.0, ("C-113A1", "17910003")),
    "Br-76": (58320.0, ("C-113A2", "79523006")),
    "Br-77": (205344.0, ("C-113A3", "86521004")),
    "Rb-82": (75.5, ("C-159A2", "79197006")),
    "Y-86": (53064.0, ("C-162A3", "10738001")),
    "Y-90": (230580.0, ("C-162A7", "14691008")),
    "Zr-89": (282276.0, ("C-168A4", "63360001")),
    "Nb-90": (52560.0, ("126603",)),
    "Tc-94m": (3120.0, ("C-163AA", "424079002")),
    "I-124": (360806.0, ("C-114A5", "40937006")),
    "Tb-152": (63000.0, ("126606",)),
}
"""Half-life in seconds, and code values."""

_TOLERANCE = 0.03
"""Published half-lives differ by less (Rb-82: 75.5 to 76.4 s); another unit by a factor of 60 or 1000."""


def half_life_fault(seconds: float, codes: Iterable[str]) -> str | None:
    """Say why a half-life cannot be right; None when it can.

    Parameters
    ----------
    seconds : float
        RadionuclideHalfLife.
    codes : iterable of str
        Code values of RadionuclideCodeSequence; without one that is known, any nuclide of PET may be meant.

    Examples
    --------
    >>> half_life_fault(109.8, ["C-111A1"])
    '109.8 s, where F-18 has 6586.2 s (DICOM wants seconds)'
    """
    wanted = set(codes)
    named = {name: life for name, (life, values) in _NUCLIDES.items() if wanted & set(values)}
    lives = named or {name: life for name, (life, _) in _NUCLIDES.items()}
    if any(abs(seconds / life - 1) <= _TOLERANCE for life in lives.values()):
        return None
    where = ", ".join(f"{name} has {life:g} s" for name, life in named.items()) or "no nuclide of PET has that"
    return f"{seconds:g} s, where {where} (DICOM wants seconds)"
