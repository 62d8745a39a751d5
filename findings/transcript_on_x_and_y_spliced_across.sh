#!/usr/bin/env bash
# pyranges and gffutils: a transcript that stands on X and on Y becomes one sequence of both chromosomes, or loses its Y half.
#
# Expected: two sequences of 200 bases, one per locus, or an error. UCSC's and older RefSeq files (iGenomes) give the genes of
#   the pseudoautosomal regions (CD99, AKAP17A, …) with one transcript_id on both chromosomes; valid GTF, and gffread writes
#   two sequences.
# Seen: `pyranges.get_transcript_sequence(…, group_by="transcript_id")` returns a single transcript of 400 bases: the exons of Y
#   spliced behind those of X. A salmon or kallisto index of it has a junction that no molecule has. gffutils' inferred gene
#   and transcript end at X: of the four exons, two belong to no transcript that can be found by place. No warning from either.
# Versions: pyranges 0.1.7, pyfaidx 0.9.0.4, gffutils 0.14, Python 3.11, 2026-11-28.
# Here: containers/rnaseq cuts transcripts by id and chromosome, and leaves the Y copy of PAR genes out, counted (docs/features.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyranges==0.1.7 pyfaidx==0.9.0.4 gffutils==0.14 'setuptools<81' 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - 2>progress.log <<'PY' || { code=$?; tail -3 "$folder/progress.log"; exit $code; }
import random
import sys
from pathlib import Path

import gffutils
import pyranges

bases = random.Random(7)
genome = {chromosome: "".join(bases.choices("ACGT", k=1000)) for chromosome in ("chrX", "chrY")}
Path("genome.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in genome.items()))
names = 'gene_id "CD99"; transcript_id "NM_002414"; gene_name "CD99";'
exons = [(chromosome, *span) for chromosome in genome for span in ((101, 200), (301, 400))]
lines = [f"{chromosome}\trefGene\texon\t{start}\t{end}\t.\t+\t.\t{names}\n" for chromosome, start, end in exons]
Path("genes.gtf").write_text("".join(lines))

true = [genome[chromosome][100:200] + genome[chromosome][300:400] for chromosome in genome]
read = pyranges.get_transcript_sequence(pyranges.read_gtf("genes.gtf"), group_by="transcript_id", path="genome.fa")
spliced = [str(sequence).upper() for sequence in read.Sequence]
database = gffutils.create_db("genes.gtf", ":memory:")
places = [(feature.seqid, feature.start, feature.end) for feature in database.features_of_type("transcript")]

print("expected: sequences of", [len(sequence) for sequence in true], "bases, one of each chromosome")
print("pyranges: sequences of", [len(sequence) for sequence in spliced], "bases; X and Y in one:", spliced == ["".join(true)])
print("expected: transcripts at", [(chromosome, 101, 400) for chromosome in genome])
print("gffutils: transcripts at", places)
sys.exit(0 if spliced == ["".join(true)] and places == [("chrX", 101, 400)] else 1)
PY
