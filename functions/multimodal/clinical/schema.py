"""Feature groups of a clinical table and what their features mean: a pure function of the configuration."""

import json
from collections.abc import Iterator

from multimodal.clinical.config import ClinicalConfig, Column, DateDifference, Flag, Number, OneHot, Ordinal, Survival
from multimodal.features.group import FeatureGroupSpec, check_group

LABELS = "labels"


def group_name(stack: str, dataset: str, content: str, version: int) -> str:
    """Return a group's name; ``content`` is a stage or :data:`LABELS`."""
    part = LABELS if content == LABELS else f"clinical-{content.replace('_', '-')}"
    return f"{stack}-{dataset}-{part}-v{version}"


def clinical_groups(stack: str, dataset: str, config: ClinicalConfig) -> list[FeatureGroupSpec]:
    """Return the groups of a dataset's clinical table: one per stage that has features, and the labels.

    Raises
    ------
    ConfigurationError
        When a name is not one that Feature Store takes.
    """
    specs = group_specs(stack, dataset, config)
    for spec in specs.values():
        check_group(spec)
    return list(specs.values())


def group_specs(stack: str, dataset: str, config: ClinicalConfig) -> dict[str, FeatureGroupSpec]:
    """Return the groups by their content: a stage, or :data:`LABELS`."""
    contents = {stage: config.features_at(stage) for stage in config.feature_stages}
    features = contents | ({LABELS: config.labels.features} if config.labels else {})
    return {
        content: FeatureGroupSpec(group_name(stack, dataset, content, config.group_version), config.framed(own))
        for content, own in features.items()
    }


def definitions(stack: str, dataset: str, config: ClinicalConfig) -> dict[str, dict[str, str]]:
    """Return what the features of each group mean: group → feature → a text that changes with the meaning.

    A level that is added leaves every text that was there as it is; a level that gets another number or another
    feature changes one. So an ordinal feature has a text for each of its levels, under ``<feature>=<level>``.
    """
    meanings: dict[str, dict[str, str]] = {}
    for content, spec in group_specs(stack, dataset, config).items():
        columns = [] if content == LABELS else [c for c in config.columns if c.available_at == content]
        of_labels = _of_labels(config, config.labels) if content == LABELS and config.labels else {}
        meanings[spec.name] = of_labels | {
            name: text for column in columns if config.is_feature(column) for name, text in _of_column(config, column)
        }
    return meanings


def _text(**meaning: object) -> str:
    return json.dumps(meaning, sort_keys=True, ensure_ascii=False)


def _of_column(config: ClinicalConfig, column: Column) -> Iterator[tuple[str, str]]:
    shared = {"when_missing": getattr(column, "when_missing", None), "missing_when": _condition(column.missing_when)}
    if isinstance(column, OneHot):
        for value, name in reversed(column.levels.items()):
            yield name, _text(first_level=value, **shared)  # the last of several texts counts: that of the first level
        yield from ((f"{column.name}={value}", _text(feature=name)) for value, name in column.levels.items())
        if column.unseen == "other":
            yield f"{column.name}_other", _text(other_than=sorted(column.levels), **shared)
    elif isinstance(column, Ordinal):
        yield column.name, _text(ordinal=True, **shared)
        yield from ((f"{column.name}={value}", _text(number=number)) for value, number in column.levels.items())
    elif isinstance(column, Flag):
        yield column.name, _text(flag=True, **shared)
        values = {**dict.fromkeys(column.true, 1), **dict.fromkeys(column.false, 0)}
        yield from ((f"{column.name}={value}", _text(number=number)) for value, number in values.items())
    elif isinstance(column, Number | DateDifference):
        kept = column.model_dump(mode="json", exclude=_WITHOUT_MEANING)
        dates = {} if isinstance(column, Number) else {"date_format": config.date_format}
        yield column.name, _text(**kept, **dates)


_WITHOUT_MEANING = {
    *("source", "aliases", "name", "available_at", "allow", "feature", "missing"),
    *("out_of_range", "age", "min", "max"),
}
"""What decides whether a value is taken, or what it is called; not what it means."""


def _condition(condition: object) -> object:
    return condition.model_dump(mode="json") if hasattr(condition, "model_dump") else None


def _of_labels(config: ClinicalConfig, labels: Survival) -> dict[str, str]:
    origin = config.stages[labels.origin].model_dump(mode="json") if labels.origin else None
    made_of = labels.model_dump(mode="json", exclude={"horizons_days", "cross_check"})
    died = config.by_source[labels.died].model_dump(mode="json", include={"true", "false", "levels"})
    return {name: _text(origin=origin, made_of=made_of, died=died) for name, _ in labels.features}
