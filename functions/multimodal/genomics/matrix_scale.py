"""What a matrix's values say against the unit and scale that the dataset names (docs/decisions.md#genomics-43)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from multimodal.genomics.config import MatrixConfig
from multimodal.genomics.matrix_cases import CaseValues
from multimodal.genomics.matrix_format import MILLION, PER_MILLION, Logarithms

_SEVERAL_NEGATIVE = 2
"""Cases with negative values; in one it may be a slip, which costs that case alone."""

_SEVERAL = 3
"""So many cases do not add up to the same by chance."""

_MANY_GENES = 1_000
"""From so many genes on, some gene of some case is expressed strongly."""

_STRONG = 25.0
"""As log2(value + 1) nothing is above it; on the linear scale, the strongest of thousands of genes always is."""

_WEAK = 5.0
"""As log2(value + 1) the strongest of thousands of genes is above it."""

_TOTAL, _ROUNDING, _WHOLE = 1e6, 1e-3, 0.02
"""What TPM of all genes add up to, and the share that rounding and a few genes left out change, or whole numbers."""


@dataclass
class ScaleEvidence:
    """What the accepted cases' values have in common."""

    matrix: MatrixConfig
    cases: int = 0
    negative: int = 0
    """Rejected cases with a negative value."""
    highest: float = 0.0
    are_whole: bool = True
    off_million: float = 0.0
    """Largest distance of a case's sum from a million, as a share."""
    least_total: float = math.inf
    most_total: float = 0.0
    as_logarithms: Logarithms = field(default_factory=Logarithms)

    def add(self, case: CaseValues) -> None:
        """Take an accepted case."""
        self.cases += 1
        self.highest = max(self.highest, case.highest)
        self.are_whole &= case.are_whole
        if case.as_logarithms.binary:
            self.as_logarithms = case.as_logarithms
        self.least_total, self.most_total = min(self.least_total, case.total), max(self.most_total, case.total)
        self.off_million = max(self.off_million, abs(case.total - _TOTAL) / _TOTAL)

    def suspicion(self, genes: int) -> str:
        """Return why the matrix is held, empty when nothing speaks against it; `genes` is how many it has."""
        if not self.cases:
            return ""
        if self.negative >= _SEVERAL_NEGATIVE:
            return (
                f"{self.negative} cases have negative values, so that the others' are z-scores, ratios or other "
                "logarithms, too; upload linear values or log2(value + 1), as genomics.matrix.scale says"
            )
        if genes < _MANY_GENES:
            return ""
        is_linear = self.matrix.scale == "linear"
        return next(self._against_linear(genes) if is_linear else self._against_logarithms(genes), "")

    def _against_linear(self, genes: int) -> Iterator[str]:
        unit = self.matrix.unit
        if self.off_million <= _ROUNDING and unit not in PER_MILLION:
            yield self._of_tpm("the values of every case add up to a million")
        if self._same_total and self.off_million > _WHOLE and unit in {*PER_MILLION, "counts"}:
            yield (
                f"the values of every case add up to {self.least_total:,.6g}, which {unit} do not: they were scaled "
                f"(to 10,000 or 100 %, say) or are ranks; upload {unit}"
            )
        if self.are_whole and self.off_million > _WHOLE and unit != "counts":
            yield (
                f"all values of {genes} genes are whole numbers, as counts of reads are, and the dataset says unit: "
                f"{unit}; set genomics.matrix.unit: counts, raise group_version, deploy, then retry, or upload {unit} "
                "that are not rounded"
            )
        if self.looks_logarithmic:
            yield (
                f"no value of {genes} genes is above {_STRONG:g}, so the cells look like logarithms; set "
                "genomics.matrix.scale: log2_plus_1, raise group_version, deploy, then retry"
            )

    def _against_logarithms(self, genes: int) -> Iterator[str]:
        unit, sums = self.matrix.unit, self.as_logarithms
        base = sums.base_of_a_million(_WHOLE if unit in PER_MILLION else _ROUNDING)
        if base not in {"", "binary"}:
            yield (
                f"taken as {base} logarithms, the values of a case add up to a million, as TPM do, so "
                "they are no log2; write them as log2(value + 1) or on the linear scale, and upload the matrix again"
            )
        if base and unit not in PER_MILLION:
            yield self._of_tpm("taken as log2(value + 1), the values of a case add up to a million")
        if unit in PER_MILLION and sums.binary > MILLION:
            yield (
                f"taken as log2(value + 1), the values of a case add up to {sums.binary / 1e6:,.1f} million, which "
                f"{unit} never do: they are counts, intensities, or transformed (VST, rlog); upload {unit}, or set "
                "genomics.matrix.unit, raise group_version, deploy, then retry"
            )
        if self.highest <= _WEAK:
            yield (
                f"no value of {genes} genes is above {_WEAK:g}, as the strongest log2(value + 1) always is: they were "
                "scaled (from 0 to 1, say) or are decimal logarithms; upload linear values or log2(value + 1)"
            )

    def _of_tpm(self, what: str) -> str:
        return (
            f"{what}, as TPM do, and the dataset says unit: {self.matrix.unit}; set genomics.matrix.unit, raise "
            "group_version, deploy, then retry"
        )

    @property
    def _same_total(self) -> bool:
        """Whether the values of all cases, of which there are several, add up to the same."""
        return self.cases >= _SEVERAL and self.most_total - self.least_total <= _ROUNDING * self.most_total

    @property
    def looks_logarithmic(self) -> bool:
        """Whether values that are declared to be linear are all as low as logarithms are; a few genes may be."""
        return self.matrix.scale == "linear" and self.cases > 0 and self.highest <= _STRONG
