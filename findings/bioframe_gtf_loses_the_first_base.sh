#!/usr/bin/env bash
# bioframe: exons that it reads from a GTF begin one base late; each is one base short, and a variant on its first base is in no gene.
#
# Expected: read_table(…, schema="gtf") gives intervals for bioframe's own functions, whose intervals count from 0 and leave the end out
#   (its documentation, "Definitions"). A GTF counts from 1 with the end included (GTF2.2), so 1001–1100 is [1000, 1100): pyranges
#   reads it so.
# Seen: start and end stay as they are in the file, [1001, 1100). Of two exons that share a border of 100 bases each, 198 are
#   covered, a gap of one base lies between them, and the first base of an exon, where splice variants are looked for, overlaps nothing.
#   Lengths by exon, and with them TPM, are short by the number of exons. A BED of the same exons is right. No warning.
# Versions: bioframe 0.8.0, pyranges 0.1.7, pandas 2.3.3, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: exons of a GTF are cut out from start − 1 to end (rnaseq_job.reference.sequences).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check bioframe==0.8.0 pyranges==0.1.7 pandas==2.3.3 numpy==2.4.6 setuptools==80.9.0 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import bioframe
import pandas as pd
import pyranges

EXONS = [(1001, 1100), (1101, 1200)]  # counted from 1, the end included: 100 bases each
lines = [f'chr1\tmade up\texon\t{first}\t{last}\t.\t+\t.\tgene_id "G"; transcript_id "T";\n' for first, last in EXONS]
Path("exons.gtf").write_text("".join(lines))
Path("exons.bed").write_text("".join(f"chr1\t{first - 1}\t{last}\n" for first, last in EXONS))

region = pd.DataFrame({"chrom": ["chr1"], "start": [1000], "end": [1200]})
first_base = pd.DataFrame({"chrom": ["chr1"], "start": [1000], "end": [1001]})


def look(exons):
    """Return the bases of the region that exons cover, and how many exons hold its first base."""
    covered = int(bioframe.coverage(region, exons)["coverage"].iloc[0])
    return covered, int(bioframe.count_overlaps(first_base, exons)["count"].iloc[0])


by_bed = look(bioframe.read_table("exons.bed", schema="bed3"))
by_gtf = look(bioframe.read_table("exons.gtf", schema="gtf"))
other = pyranges.read_gtf("exons.gtf").df[["Start", "End"]].to_numpy().tolist()
print("expected: 200 bases covered, 1 exon at the first base; pyranges:", other)
print("bioframe, BED:", by_bed)
print("bioframe, GTF:", by_gtf)
right = by_bed == (200, 1) and other == [[1000, 1100], [1100, 1200]]
sys.exit(0 if right and by_gtf == (198, 0) else 1)
PY
