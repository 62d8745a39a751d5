"""What a dataset's configuration file says (``functions/datasets/<name>.yaml``)."""

from typing import Annotated, Literal

from pydantic import Field

from multimodal.ledger.dataset_file import Pattern, StrictModel


class RoiChoice(StrictModel):
    """Which region of interest of a study is measured.

    ``label`` and ``property_code`` are regular expressions searched in a segment's label and in its coded property
    (``scheme:value:meaning``). A study with a lone region needs neither.
    """

    label: Pattern = None
    property_code: Pattern = None
    policy: Literal["single", "union", "each", "largest"] = "single"


class ImagingConfig(StrictModel):
    """Imaging part: the radiomics parameter file by name, the ROI choice and the version of the feature group."""

    params: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    group_version: Annotated[int, Field(ge=1)] = 1
    roi: RoiChoice = RoiChoice()
