"""The matrices of the benchmark hold the same values, whichever way round."""

from pathlib import Path

from benchmarks.matrix import write_both


def test_both_files_are_one_matrix(tmp_path: Path) -> None:
    write_both(tmp_path, genes=30, cases=4)
    genes, cases = (
        [line.split("\t") for line in (tmp_path / f"{n}.tsv").read_text().splitlines()] for n in ("genes", "cases")
    )
    assert [row[1:] for row in genes[1:]] == [
        list(column) for column in zip(*(row[1:] for row in cases[1:]), strict=True)
    ]
    assert (genes[0][1:], cases[0][1:]) == ([row[0] for row in cases[1:]], [row[0] for row in genes[1:]])
