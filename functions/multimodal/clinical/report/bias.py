"""Pre-training bias: the eight metrics of SageMaker Clarify.

Definitions (facet d is the disadvantaged one, outcome 1 the favourable one, natural logarithms):
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html and the page of each metric there, such
as https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-data-bias-metric-cddl.html
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isinf, log, sqrt
from typing import Any

from multimodal.clinical.config import ClinicalConfig, Facet
from multimodal.clinical.report.cohorts import COHORT, Breakdown
from multimodal.clinical.report.tallies import NORMAL_95

METRICS = ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")

SMALL_FACET = 30
"""Fewer cases than this in a facet, and the page warns: the standard error of a proportion is up to 9 points."""

SMALL_CELL = 5
"""Fewer cases than this of a facet with one outcome, and the page warns."""


@dataclass(frozen=True)
class Outcomes:
    """Cases of a facet by outcome."""

    positive: int
    negative: int

    @property
    def total(self) -> int:
        """All cases."""
        return self.positive + self.negative


@dataclass(frozen=True)
class Table:
    """Cases by facet and outcome, whole and by the column that demographic disparity is conditioned on.

    Parameters
    ----------
    a, d : Outcomes
        All others, and the disadvantaged.
    groups : mapping
        Value of the conditioning column → (a, d); None when there is no such column. Cases without a value are a
        group of their own.
    excluded : int
        Cases whose facet or outcome is not known.
    """

    a: Outcomes
    d: Outcomes
    groups: Mapping[str | None, tuple[Outcomes, Outcomes]] | None = None
    excluded: int = 0


@dataclass(frozen=True)
class Measured:
    """Values of the metrics; a metric that is not defined is None, and `undefined` says why."""

    values: Mapping[str, float | None]
    undefined: Mapping[str, str]
    warnings: tuple[str, ...]


def measure(table: Table) -> Measured:
    """Return the eight metrics of a table of cases.

    Returns
    -------
    Measured
        CI in [−1, 1], DPL in [−1, 1], KL and JS in nats, LP the Euclidean norm, TVD, KS in [0, 1], CDDL in [−1, 1].

    Examples
    --------
    >>> round(measure(Table(Outcomes(68, 51), Outcomes(33, 10))).values["DPL"], 4)
    -0.196
    """
    values: dict[str, float | None] = dict.fromkeys(METRICS)
    undefined = dict.fromkeys(METRICS, "") | dict(_undefined(table))
    n = table.a.total + table.d.total
    if n:
        values["CI"] = (table.a.total - table.d.total) / n
    if table.a.total and table.d.total:
        values |= _distances(table.a, table.d)
    if isinf(values["KL"] or 0.0):
        values["KL"] = None
        undefined["KL"] = "infinite: an outcome that the others have does not occur among the disadvantaged"
    values["CDDL"], note = _cddl(table)
    warnings = (*_small(table), *([note] if note and values["CDDL"] is not None else []))
    if values["CDDL"] is None:
        undefined["CDDL"] = note
    return Measured(values, {name: why for name, why in undefined.items() if values[name] is None}, warnings)


def _undefined(table: Table) -> Iterator[tuple[str, str]]:
    empty = "the disadvantaged facet has no cases" if not table.d.total else "only the disadvantaged facet has cases"
    if not table.a.total and not table.d.total:
        empty = "no cases with a known facet and outcome"
    yield from ((name, empty) for name in METRICS)


def _distances(a: Outcomes, d: Outcomes) -> dict[str, float | None]:
    pa = (a.positive / a.total, a.negative / a.total)
    pd = (d.positive / d.total, d.negative / d.total)
    middle = tuple((x + y) / 2 for x, y in zip(pa, pd, strict=True))
    gaps = [abs(x - y) for x, y in zip(pa, pd, strict=True)]
    return {
        "DPL": pa[0] - pd[0],
        "KL": _kl(pa, pd),
        "JS": (_kl(pa, middle) + _kl(pd, middle)) / 2,
        "LP": sqrt(sum(gap**2 for gap in gaps)),
        "TVD": sum(gaps) / 2,
        "KS": max(gaps),
    }


def _kl(p: tuple[float, ...], q: tuple[float, ...]) -> float:
    """Return the Kullback–Leibler divergence in nats; infinite when q lacks what p has."""
    return sum(x * log(x / y) if y else inf for x, y in zip(p, q, strict=True) if x)


def _cddl(table: Table) -> tuple[float | None, str]:
    """Return conditional demographic disparity and what limits it.

    A group without both outcomes has no disparity (it would be a division by zero): it is left out of the mean.
    Clarify's library counts it as 0, which pulls the metric to "no disparity".
    """
    if table.groups is None:
        return None, "no column to condition on: set bias.group"
    defined = {}
    for name, (a, d) in table.groups.items():
        rejected, accepted = a.negative + d.negative, a.positive + d.positive
        if rejected and accepted:
            defined[name] = (rejected + accepted, d.negative / rejected - d.positive / accepted)
    left_out = sum(a.total + d.total for name, (a, d) in table.groups.items() if name not in defined)
    note = f"CDDL leaves out groups that have only one outcome ({_few(left_out)} cases)" if left_out else ""
    if not defined:
        return None, "no group of the conditioning column has both outcomes"
    return sum(n * dd for n, dd in defined.values()) / sum(n for n, _ in defined.values()), note


def _few(count: int) -> str:
    return f"fewer than {SMALL_CELL}" if count < SMALL_CELL else f"{count:,}"


def _small(table: Table) -> Iterator[str]:
    for name, facet in (("disadvantaged", table.d), ("others", table.a)):
        if facet.total < SMALL_FACET:
            yield f"small facet ({name}): {_few(facet.total)} cases"
    if min(table.a.positive, table.a.negative, table.d.positive, table.d.negative) < SMALL_CELL:
        yield f"fewer than {SMALL_CELL} cases of a facet have one of the outcomes"


def dpl_interval(a: Outcomes, d: Outcomes) -> tuple[float, float] | None:
    """Return the 95 % interval of DPL.

    Method 10 of Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17:873 (1998): it joins the two Wilson intervals.
    """
    if not a.total or not d.total:
        return None
    (qa, la, ua), (qd, ld, ud) = _wilson(a), _wilson(d)
    gap = qa - qd
    return gap - sqrt((qa - la) ** 2 + (ud - qd) ** 2), gap + sqrt((ua - qa) ** 2 + (qd - ld) ** 2)


def _wilson(facet: Outcomes) -> tuple[float, float, float]:
    n, q, z2 = facet.total, facet.positive / facet.total, NORMAL_95**2
    half = NORMAL_95 * sqrt(q * (1 - q) / n + z2 / (4 * n * n))
    return q, (q + z2 / (2 * n) - half) / (1 + z2 / n), (q + z2 / (2 * n) + half) / (1 + z2 / n)


def bias_section(config: ClinicalConfig, breakdown: Breakdown) -> dict[str, Any]:
    """Return the report's part on bias: every facet, overall, per cohort and per stratum."""
    if config.bias is None or config.target is None:
        lacking = "target" if config.target is None else "bias: with facets"
        return {"measured": False, "reason": f"the dataset's file has no {lacking}", "facets": []}
    target = {"column": config.target.column, "positive": list(config.target.positive)}
    facets = [_facet(config, breakdown, facet) for facet in config.bias.facets]
    return {"measured": True, "reason": "", "target": target, "group": config.bias.group, "facets": facets}


def _facet(config: ClinicalConfig, breakdown: Breakdown, facet: Facet) -> dict[str, Any]:
    others = [
        value
        for value in breakdown.marginal(breakdown.kept, facet.column)
        if value is not None and value not in facet.disadvantaged
    ]
    measured = [_stratum(config, breakdown, facet, column, value) for column, value in _strata(config, breakdown)]
    return {
        "column": facet.column,
        "disadvantaged": list(facet.disadvantaged),
        "others": others,
        "strata": [part for part in measured if part["column"] != facet.column],
    }


def _strata(config: ClinicalConfig, breakdown: Breakdown) -> Iterator[tuple[str | None, str | None]]:
    yield None, None
    names = [COHORT] if COHORT in breakdown.columns else []
    for column in [*names, *(config.bias.strata if config.bias else [])]:
        for value in breakdown.marginal(breakdown.kept, column):
            yield column, value


def _stratum(
    config: ClinicalConfig, breakdown: Breakdown, facet: Facet, column: str | None, value: str | None
) -> dict[str, Any]:
    table = _table(config, breakdown, facet, column, value)
    measured = measure(table)
    interval = dpl_interval(table.a, table.d)
    return {
        "column": "cohort" if column == COHORT else column,
        "by_cohort": column == COHORT,
        "value": value,
        "others": {"positive": table.a.positive, "negative": table.a.negative},
        "disadvantaged": {"positive": table.d.positive, "negative": table.d.negative},
        "excluded": table.excluded,
        "metrics": {name: _rounded(v) for name, v in measured.values.items()},
        "dpl_interval": [_rounded(bound) for bound in interval] if interval else None,
        "undefined": dict(measured.undefined),
        "warnings": list(measured.warnings),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0


def _table(config: ClinicalConfig, breakdown: Breakdown, facet: Facet, column: str | None, value: str | None) -> Table:
    """Return the cases of one stratum by facet, outcome and group."""
    place = {name: i for i, name in enumerate(breakdown.columns)}
    target, group = config.target, config.bias.group if config.bias else None
    counts: Counter[tuple[str | None, bool, bool]] = Counter()
    excluded = 0
    for key, n in breakdown.kept.items():
        if column is not None and key[place[column]] != value:
            continue
        of_facet, outcome = key[place[facet.column]], key[place[target.column]] if target else None
        if of_facet is None or outcome is None or target is None:
            excluded += n
            continue
        subgroup = key[place[group]] if group else None
        counts[subgroup, of_facet in facet.disadvantaged, outcome in target.positive] += n
    groups = {name: (_outcomes(counts, name, False), _outcomes(counts, name, True)) for name, _, _ in counts}
    a = Outcomes(sum(a.positive for a, _ in groups.values()), sum(a.negative for a, _ in groups.values()))
    d = Outcomes(sum(d.positive for _, d in groups.values()), sum(d.negative for _, d in groups.values()))
    return Table(a, d, groups if group else None, excluded)


def _outcomes(counts: Mapping[tuple[str | None, bool, bool], int], group: str | None, d: bool) -> Outcomes:
    return Outcomes(counts[group, d, True], counts[group, d, False])
