"""Expression of all genes of a cohort, from the transcripts of its quantified cases: one `expression.parquet`.

Values are tximport's: TPM summed by gene, and counts of which the differences in length between samples are taken out
(`countsFromAbundance = "lengthScaledTPM"`; Soneson, Love & Robinson, F1000Research 2015, 4:1521). Why a row per case
and gene, and why here: docs/decisions.md#dataset-40.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multimodal.dataset.join import connect
from multimodal.dataset.ports import Files
from multimodal.genomics.keys import manifest_key, transcripts_key
from multimodal.ledger.ports import ObjectStore
from multimodal.ledger.unit import case_unit

EXPRESSION = "expression.parquet"

MAX_CASES = 400
"""Quantifications that are read in the time of a function, with room."""

_QUANT = (
    "columns = {'Name': 'VARCHAR', 'Length': 'DOUBLE', 'EffectiveLength': 'DOUBLE', 'TPM': 'DOUBLE', "
    "'NumReads': 'DOUBLE'}, delim = '\t', header = true, auto_detect = false, quote = '', escape = ''"
)
_MAP = (
    "columns = {'transcript_id': 'VARCHAR', 'gene_id': 'VARCHAR', 'gene_name': 'VARCHAR'}, delim = '\t', "
    "header = false, auto_detect = false, quote = '', escape = '', null_padding = true"
)

_TABLES = """
CREATE TABLE genes (case_id VARCHAR, gene_id VARCHAR, tpm DOUBLE, counts DOUBLE, length DOUBLE, plain_length DOUBLE)
"""

_ADD = """
INSERT INTO genes
SELECT '{case}', m.gene_id, sum(q.TPM), sum(q.NumReads),
  sum(q.TPM * q.EffectiveLength) / nullif(sum(q.TPM), 0), avg(q.EffectiveLength)
FROM read_csv('{path}', {quant}) q JOIN transcripts m ON m.transcript_id = q.Name
GROUP BY m.gene_id
"""

_UNKNOWN = (
    "SELECT count(*) FROM read_csv('{path}', {quant}) q WHERE q.Name NOT IN (SELECT transcript_id FROM transcripts)"
)

_SCALED = """
WITH lengths AS (
  -- A sample that has nothing of a gene has no length of it: the others' geometric mean, else that of its transcripts.
  SELECT *, coalesce(
    length, exp(avg(ln(length)) OVER (PARTITION BY gene_id)), avg(plain_length) OVER (PARTITION BY gene_id)
  ) AS filled
  FROM genes
), scaled AS (
  SELECT *, tpm * avg(filled) OVER (PARTITION BY gene_id) AS raw FROM lengths
), sums AS (
  SELECT case_id, sum(counts) / nullif(sum(raw), 0) AS factor FROM scaled GROUP BY case_id
)
SELECT s.case_id, s.gene_id, n.gene_name, s.tpm, s.raw * coalesce(f.factor, 0) AS counts, s.counts AS estimated_reads,
  s.filled AS length
FROM scaled s JOIN sums f USING (case_id) JOIN names n USING (gene_id)
ORDER BY s.case_id, s.gene_id
"""


@dataclass(frozen=True)
class Quantified:
    """A quantified case: keys of its table of transcripts, and of the reference's."""

    case: str
    quant_key: str
    map_key: str


@dataclass(frozen=True)
class CohortExpression:
    """Writes the file; `memory_mb` is what the engine may use."""

    processed: ObjectStore
    files: Files
    memory_mb: int

    def write(self, dataset: str, cases: Sequence[str], folder: Path) -> dict[str, Any]:
        """Write `expression.parquet` into a folder; return what the manifest says of it.

        Parameters
        ----------
        dataset : str
        cases : sequence of str
            Cases that have a record of expression.
        folder : Path

        Returns
        -------
        dict
            `cases` in the file, or `left_out`, why there is no file.
        """
        found = [each for case in cases if (each := self._find(dataset, case)) is not None]
        maps = {each.map_key for each in found}
        if not found or len(maps) > 1 or len(found) > MAX_CASES:
            return {"cases": 0, "left_out": _reason(len(found), len(maps))}
        quants = list(self._downloaded(found, folder))
        unknown = self._make(folder, quants, self._fetch(maps.pop(), folder / "transcripts"))
        if unknown:
            return {"cases": 0, "left_out": f"{unknown} has transcripts that its reference lacks; retry the case"}
        return {"cases": len(found), "without_quantification": len(cases) - len(found), "counts": "lengthScaledTPM"}

    def _find(self, dataset: str, case: str) -> Quantified | None:
        unit = case_unit(dataset, case)
        run = self.processed.read_json(unit.result_key("run.json"))
        if run is None:
            return None
        assay = run["assay"]
        manifest = self.processed.read_json(manifest_key(assay["reference"], assay["engine"])) or {}
        if any(manifest.get(name) != assay[name] for name in ("genome", "annotation")):
            return None
        names = transcripts_key(assay["reference"], manifest)
        return Quantified(case, unit.result_key(run["files"]["transcripts"]), names)

    def _downloaded(self, found: Sequence[Quantified], folder: Path) -> Iterator[tuple[str, Path]]:
        for number, each in enumerate(found):
            yield each.case, self._fetch(each.quant_key, folder / f"quant-{number}")

    def _fetch(self, key: str, path: Path) -> Path:
        path = path.with_suffix(".tsv.gz" if key.endswith(".gz") else ".tsv")
        self.files.fetch(key, path)
        return path

    def _make(self, folder: Path, quants: Sequence[tuple[str, Path]], names: Path) -> str:
        """Write the file; return a case whose transcripts the reference lacks, if there is one."""
        # One thread: sums have one order, so the same cohort is the same file.
        with connect(folder, self.memory_mb, 1) as connection:
            connection.execute(_TABLES)
            connection.execute(
                f"CREATE TABLE transcripts AS SELECT DISTINCT * FROM read_csv('{names}', {_MAP}) "
                "WHERE transcript_id <> 'transcript_id'"
            )
            connection.execute(
                "CREATE TABLE names AS SELECT gene_id, min(gene_name) AS gene_name FROM transcripts GROUP BY gene_id"
            )
            for case, path in quants:
                if connection.execute(_UNKNOWN.format(path=path, quant=_QUANT)).fetchone()[0]:
                    return case
                connection.execute(_ADD.format(case=case, path=path, quant=_QUANT))
            connection.execute(f"COPY ({_SCALED}) TO '{folder / EXPRESSION}' (FORMAT parquet, COMPRESSION zstd)")
        return ""


def _reason(found: int, maps: int) -> str:
    if not found:
        return "no case has been quantified here"
    if maps > 1:
        return "the cases were quantified against several references"
    return f"{found} cases; at most {MAX_CASES} are put into one file"
