"""What each function is told by its environment, checked once."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from multimodal.ledger.errors import ConfigurationError


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1)]
Seconds = Annotated[int, Field(ge=1)]
Names = Annotated[list[str], BeforeValidator(_split)]


class Settings(BaseModel):
    """Settings that every function has."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    STACK_NAME: Name
    METRICS_NAMESPACE: Name

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Raises
        ------
        ConfigurationError
            Naming every variable that is missing or wrong.
        """
        source = os.environ if environment is None else environment
        try:
            return cls.model_validate(dict(source))
        except ValidationError as error:
            wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False))
            raise ConfigurationError(f"environment variables of the function are wrong: {wrong}") from error


class RunSettings(Settings):
    """What `sweep` and `plan_jobs` share: how units are evaluated and claimed."""

    LEDGER_TABLE: Name
    RAW_BUCKET: Name
    PROCESSED_BUCKET: Name
    QUIET_PERIOD_SECONDS: Seconds
    FORCE_AFTER_SECONDS: Seconds
    RADIOMICS_IMAGE_URI: str = ""
    DATASET_NAMES: Names
