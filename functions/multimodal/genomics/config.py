"""The genomics section of a dataset's file (`functions/datasets/<name>.yaml`)."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from multimodal.genomics.dates import DatedByColumn, DatedByTimepoint, EventTime, Timepoint
from multimodal.ledger.dataset_file import StrictModel, load_sections, require_section
from multimodal.ledger.errors import ConfigurationError

LibraryType = Literal["A", "IU", "ISR", "ISF", "U", "SR", "SF"]
"""Salmon's and DRAGEN's names; `A` lets the engine detect it."""

Gene = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]

SetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

ExpressionUnit = Literal["TPM", "FPKM", "FPKM-UQ", "RPKM", "CPM", "counts"]
"""What a value of expression counts. Values of different units never share a feature name."""

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Header = Annotated[str, StringConstraints(strip_whitespace=True, max_length=256)]
ENSEMBL_GENE = re.compile(r"^ENS[A-Z]{0,6}G(?:\d{11}|R\d{10})(\.\d+)?(_PAR_Y)?$")


_COPY_ON_Y = re.compile(r"^(ENS[A-Z]*G)R(?=\d{10})|_PAR_Y$")
"""How GENCODE marks the copy on Y of a gene of both sex chromosomes: until release 24, and until 43."""


_NAMES_COPY_ON_Y = re.compile(r"ENS[A-Z]*GR\d{10}|_PAR_Y(?![A-Za-z0-9])")


def is_copy_on_y(label: str) -> bool:
    """Whether a label is of such a copy, with or without other names (`ENSG00000002586.20_PAR_Y_CD99`)."""
    return bool(_NAMES_COPY_ON_Y.search(label))


def gene_on_x(gene: str) -> str:
    """Return the gene's id on X for that of its copy on Y, and other ids as they are.

    Examples
    --------
    >>> gene_on_x("ENSG00000002586.20_PAR_Y"), gene_on_x("ENSGR0000002586.13")
    ('ENSG00000002586.20', 'ENSG00000002586.13')
    """
    return _COPY_ON_Y.sub(lambda mark: f"{mark[1]}0" if mark[1] else "", gene)


_SEVERAL_NAMES = re.compile(r"[|():;, ]|\.\.\d|ENS[A-Z]*G\d|^(?:gene-|hg\d\d_|GRCh\d\d_)")
"""What is in no symbol alone."""
_ID = re.compile(ENSEMBL_GENE.pattern.strip("^$"))
_AROUND = re.compile(r"^(?:gene[-:]|hg\d\d_+|GRCh\d\d_+)|\.\.(?=\d+\.$)")
"""What RefSeq's GFF3 and Cell Ranger write before a symbol, and R makes of the bracket in `VIM (7431)`."""
_SURE, _UNSURE = re.compile(r"[|()]"), re.compile(r"[:;, ]")
"""What stands between a symbol and what else is known of it; and what may stand between several symbols, too."""
_NO_SYMBOL = re.compile(r"\d*|(?:MSTRG|STRG|CUFF|XLOC|HGNC)[._:]\d[\d.]*|gene|\?")
"""Numbers of Entrez and HGNC, and what StringTie and Cufflinks call genes."""


def _named(label: str, *, is_id: bool) -> str:
    """Return the gene id, or the symbol, of a label with several names; the label when it has none such.

    Examples
    --------
    >>> [_named(label, is_id=False) for label in ("VIM_ENSG00000026025.16", "MSTRG.7|VIM", "VIM;TTN")]
    ['VIM', 'VIM', 'VIM;TTN']
    """
    ids = {found[0] for found in _ID.finditer(label)}
    if is_id:
        return ids.pop() if len(ids) == 1 else label
    text = _AROUND.sub(lambda mark: "|" if mark.start() else "", _ID.sub("|", label))
    sure = _SURE.search(text)
    parts = [part.strip(" ._-:;,/") for part in (_SURE if sure else _UNSURE).split(text)]
    fitting = [part for part in parts if not _NO_SYMBOL.fullmatch(part)]
    return fitting[0] if len(fitting) == 1 or (fitting and sure) else label


class MatrixConfig(StrictModel):
    """A ready matrix, cases or genes as rows, or ready quantifications, one file a case."""

    id_column: Header | None = None
    """Header of the column that names the case; without it, the first column."""
    ignore: list[Header] = Field(default=[])
    """Columns that are neither the case nor a gene; where genes are rows, columns that are no case."""
    unit: ExpressionUnit
    scale: Literal["linear", "log2_plus_1"]
    """`linear`, or `log2_plus_1` when the cells are log2(value + 1) already."""
    gene_ids: Literal["symbol", "ensembl"]
    """What the columns are called: `symbol`, or `ensembl` (gene ids)."""
    gene_versions: Literal["exact", "ignore"] = "exact"
    """`exact`, or `ignore`: ENSG00000026025.16 and ENSG00000026025 are the same gene."""
    missing: list[Label] = Field(default=["NA", "N/A"])
    """Cells that mean "no value", beside empty ones."""
    when_missing: Literal["absent", "zero"] = "absent"
    """`absent`, or `zero` when whoever made the matrix left out what was not expressed."""
    decimal: Literal["point", "comma"] = "point"
    """What stands before a number's fraction."""
    case_names: Literal["exact", "undo_r"] | None = None
    """`undo_r` when R wrote the names of cases as columns (`R01.001`, `X17`): points become hyphens, an X before a
    digit goes. `exact` says that cases whose names all begin with X and a digit are called so."""
    strandedness: Literal["unstranded", "forward", "reverse"] = "unstranded"
    """Which of the columns of counts that STAR writes is taken."""
    engine: Label
    engine_version: Label = "unknown"
    genome: Label
    annotation: Label
    """How the values were made: with the unit, the assay's identity. Nobody but the matrix's maker knows."""

    def key_of(self, gene: str) -> str:
        """Return what a gene's name is compared by, in the panel and in the matrix.

        Of a label with several names (`VIM (7431)`, `VIM|7431`, `ENSG00000026025.16_VIM`) it is the one of `gene_ids`.
        The copy on Y of a gene of both sex chromosomes (`…_PAR_Y`) is that gene: their values are summed (genomics-43).
        """
        is_label = _SEVERAL_NAMES.search(gene) and not ENSEMBL_GENE.match(gene)
        name = _named(gene, is_id=self.gene_ids == "ensembl") if is_label else gene
        if self.gene_ids == "symbol":
            return name
        name = gene_on_x(name)
        if self.gene_versions == "exact":
            return name
        return re.sub(r"\.\d+", "", name, count=1)


class GenomicsConfig(StrictModel):
    """RNA-seq part: where expression values come from and which genes become features.

    A dataset takes either reads (`reference`) or a ready matrix (`matrix`): what comes from both would be values of
    two assays, and a group version holds one.
    """

    group_version: Annotated[int, Field(ge=1)] = 1
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")] = ""
    """Name of a reference under `genomics/_references/`; empty for a dataset that takes a matrix."""
    library_type: LibraryType = "A"
    """Where the sample sheet does not say more."""
    trim: bool = False
    """Whether adapters and bases of low quality are trimmed by fastp before salmon; DRAGEN's image has no fastp."""
    max_samples: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Most samples of one sheet: each is a job, and a sheet of the public archive needs no upload (aws-20)."""
    matrix: MatrixConfig | None = None
    available_at: Timepoint = "surgery"
    """When expression is known: with the operation that the tissue comes from, or with a biopsy before it."""
    event_time: EventTime = "upload"
    """When the tissue was taken: `upload` (nothing says so), `{column: …}` of the sample sheet or matrix, or
    `{timepoint: …}` of the clinical table."""
    panel: Annotated[list[Gene], Field(min_length=1)]
    """Gene symbols, or gene ids exactly as the annotation (or the matrix) writes them."""
    gene_sets: dict[SetName, Annotated[list[Gene], Field(min_length=2)]] = Field(default={})
    """Name → genes of a set, written as the panel's: each is scored in every sample (`score_<name>`)."""

    @property
    def genes(self) -> list[str]:
        """The genes that are looked for: the panel's, and those of the sets."""
        return list(dict.fromkeys([*self.panel, *(gene for genes in self.gene_sets.values() for gene in genes)]))

    @property
    def unit(self) -> ExpressionUnit:
        """Unit of the values before their logarithm; what quantifies reads here gives TPM."""
        return self.matrix.unit if self.matrix else "TPM"

    def require_matrix(self) -> MatrixConfig:
        """Return the section `matrix`; `ConfigurationError` for a dataset that takes reads."""
        if self.matrix is None:
            raise ConfigurationError("the dataset takes reads: its file has no section genomics.matrix")
        return self.matrix

    @property
    def date_column(self) -> DatedByColumn | None:
        """The column that dates samples, if one does."""
        return self.event_time if isinstance(self.event_time, DatedByColumn) else None

    @model_validator(mode="after")
    def _is_known_when_it_was_true(self) -> Self:
        order = get_args(Timepoint)
        dated = self.event_time.timepoint if isinstance(self.event_time, DatedByTimepoint) else order[0]
        if order.index(dated) > order.index(self.available_at):
            raise ValueError(f"event_time is that of {dated}, which is later than available_at: {self.available_at}")
        return self

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if bool(self.reference) == (self.matrix is not None):
            raise ValueError(
                "name one source of expression values: reference: (reads are quantified) or matrix: (a matrix is "
                "taken). Values of two assays are never in one group; give the other a dataset of its own"
            )
        for option in ("library_type", "trim", "max_samples") if self.matrix else ():
            if option in self.model_fields_set:
                raise ValueError(f"{option}: is for reads; remove it, a matrix has been quantified already")
        return self

    @model_validator(mode="after")
    def _panel_is_named_as_the_matrix(self) -> Self:
        repeated = [name for name, genes in self.gene_sets.items() if len(set(genes)) < len(genes)]
        if repeated:
            raise ValueError(f"gene_sets.{repeated[0]} names a gene twice")
        if self.matrix is None:
            return self
        ensembl = self.matrix.gene_ids == "ensembl"
        wrong = [gene for gene in self.genes if bool(ENSEMBL_GENE.match(gene)) != ensembl]
        if wrong:
            raise ValueError(
                f"matrix.gene_ids is {self.matrix.gene_ids}, and the panel names {', '.join(wrong[:3])}; a matrix "
                "brings no annotation to translate by: name the panel's genes as the matrix does"
            )
        return self


_SECTION = TypeAdapter(GenomicsConfig)


def genomics_config(dataset: str) -> GenomicsConfig:
    """Return the genomics section of a dataset's file; `ConfigurationError` when it has none or it is not valid."""
    return require_section(dataset, "genomics", _SECTION)


def genomics_datasets(names: Iterable[str]) -> dict[str, GenomicsConfig]:
    """Return the genomics section of those of the deployed datasets that have one."""
    return load_sections(names, "genomics", _SECTION)


def matrix_datasets(names: Iterable[str]) -> dict[str, GenomicsConfig]:
    """Return the genomics section of those of the deployed datasets that take a ready expression matrix."""
    return {name: section for name, section in genomics_datasets(names).items() if section.matrix}
