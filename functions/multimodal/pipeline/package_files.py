"""Dataset configurations and parameter contracts, as they lie in the deployed package."""

import json
from pathlib import Path

import yaml
from pydantic import ValidationError

from multimodal.clinical.config import ClinicalConfig
from multimodal.genomics.config import GenomicsConfig
from multimodal.imaging.records import ParameterContract
from multimodal.ledger.errors import ConfigurationError
from multimodal.pipeline.dataset import DatasetConfig

ROOT = Path(__file__).resolve().parents[2]


DATASETS = ROOT / "datasets"


CONTRACTS = ROOT / "multimodal" / "contracts" / "imaging_features"


def load_dataset(name: str, folder: Path = DATASETS) -> DatasetConfig:
    """Return a dataset's configuration.

    Raises
    ------
    ConfigurationError
        When there is no such file or it is not valid; the message names the key that is wrong.
    """
    path = folder / f"{name}.yaml"
    try:
        config = DatasetConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no dataset file functions/datasets/{path.name}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path.name} is not YAML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path.name}: {_explain(error)}") from error
    if config.name != name:
        raise ConfigurationError(f"{path.name} names its dataset {config.name!r}; file name and name must be equal")
    return config


def _explain(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(p) for p in e['loc']) or 'file'}: {e['msg']}" for e in error.errors())


def load_contract(params: str, folder: Path = CONTRACTS) -> ParameterContract:
    """Return what the radiomics parameter file ``params`` promises.

    Raises
    ------
    ConfigurationError
        When the contract file is missing.
    """
    try:
        document = json.loads((folder / f"{params}.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"there is no contract for the parameter file {params!r}; make it with: make contracts"
        raise ConfigurationError(message) from error
    return ParameterContract(document["params"], document["params_hash"], tuple(document["features"]))


def genomics_datasets(names: list[str]) -> dict[str, GenomicsConfig]:
    """Return the genomics configuration of those deployed datasets that have one."""
    configs = {name: load_dataset(name).genomics for name in names}
    return {name: config for name, config in configs.items() if config is not None}


def matrix_datasets(names: list[str]) -> dict[str, DatasetConfig]:
    """Return those of the deployed datasets that take a ready expression matrix."""
    configs = {name: load_dataset(name) for name in names}
    return {n: config for n, config in configs.items() if config.genomics is not None and config.genomics.matrix}


def imaging_datasets(names: list[str]) -> frozenset[str]:
    """Return those of the deployed datasets that have an imaging configuration."""
    return frozenset(name for name in names if load_dataset(name).imaging is not None)


def clinical_datasets(names: list[str]) -> dict[str, ClinicalConfig]:
    """Return the clinical configuration of those deployed datasets that have one."""
    configs = {name: load_dataset(name).clinical for name in names}
    return {name: config for name, config in configs.items() if config is not None}
