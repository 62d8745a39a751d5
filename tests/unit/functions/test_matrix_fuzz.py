"""Damaged matrices and quantifications are taken or refused with a reason, and nothing else happens.

`MULTIMODAL_FUZZ_SECONDS=60` runs it longer.
"""

import gzip
import os
import random
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from multimodal.genomics.matrix import MatrixTables
from multimodal.ledger.errors import BadInputError
from multimodal.tables.table import UploadContext
from tests.unit.functions.test_expression_matrix import dataset
from tests.unit.functions.test_matrix_shapes import QUANTIFICATIONS, SHAPES

SECONDS = float(os.environ.get("MULTIMODAL_FUZZ_SECONDS", "2"))

TOKENS = [
    *("\t", ",", ";", "\n", "\r\n", '"', "NA", "NaN", "inf", "-1", "1e309", "1_0", "1,5", "", " ", "\0", "\ufeff"),
    *("VIM", "CD44", "gene", "gene_id", "TPM", "X1", "R01.001", "R01-001", "ENSG00000026025.1_PAR_Y", "VIM|1", "|"),
    *("N_unmapped", "__no_feature", "#1.2\n", "#1.3\n1\t1\t1\t1\n", "!series_matrix_table_begin\n", "9" * 400),
    *("#", "!", "VIM (", "é", "\u2028"),
]


def sources() -> list[tuple[str, str, dict[str, Any]]]:
    """Return names, texts and settings that are right."""
    quantified = [
        (name.replace("{}", "A"), text.replace("{1}", "VIM").replace("{2}", "CD44"), {"unit": unit})
        for name, text, unit in QUANTIFICATIONS.values()
    ]
    return [*SHAPES.values(), *quantified]


def damaged(chance: random.Random, text: str) -> bytes:
    """Return a text with some characters replaced, removed or doubled, perhaps compressed, perhaps cut."""
    for _ in range(chance.randint(0, 6)):
        at = chance.randint(0, len(text))
        end = min(len(text), at + chance.choice((0, 0, 1, 5, 40)))
        text = text[:at] + chance.choice((*TOKENS, text[at:end] * 2)) + text[end:]
    body = text.encode(chance.choice(("utf-8", "utf-8", "utf-16", "latin-1")), errors="replace")
    body = gzip.compress(body) if chance.random() < 0.2 else body
    return body[: chance.randint(0, len(body))] if chance.random() < 0.1 else body


def chunks(chance: random.Random, body: bytes) -> list[bytes]:
    """Return a body in pieces."""
    size = chance.choice((1, 7, 1000))
    return [body[at : at + size] for at in range(0, len(body), size)]


@pytest.mark.timeout(SECONDS + 60)
def test_damaged_matrix_is_taken_or_refused() -> None:
    seed = random.SystemRandom().randrange(10**9)
    chance, until, taken, refused = random.Random(seed), time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until:
        name, text, settings = chance.choice(sources())
        tables = MatrixTables(cast(Any, SimpleNamespace()), "s", {"d": dataset(**settings)})
        upload = UploadContext(f"s3://raw/genomics/d/{name}", "u", "c", "2026-11-25T10:00:00Z")
        body = damaged(chance, text)
        try:
            reader = tables.open("d", chunks(chance, body), upload, None)
            taken += sum(len(list(batch.records)) for batch in reader.batches())
            reader.verdict()
        except BadInputError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {name} {body!r}") from error
    assert taken
    assert refused
