"""What the benchmark against other programs says of its measurements."""

from benchmarks.peers import PEERS, _comparison
from benchmarks.process_tree import Measurement
from benchmarks.runs import Runs


def runs(*cpu_s: float) -> Runs:
    return Runs([Measurement(cpu_s=each, wall_s=each, peak_bytes=10**8, processes=1) for each in cpu_s])


def test_the_fastest_program_is_what_counts() -> None:
    found = _comparison({"dcmqi": runs(8), "mirp": runs(60)}, runs(3), {"dcmqi": 1.0, "mirp": 1.001}, {}, 1)

    assert found.total.label == PEERS["dcmqi"][0]
    assert [row.label for row in found.stages] == [PEERS["mirp"][0]]
    assert found.passed


def test_another_region_or_too_much_time_fails() -> None:
    assert not _comparison({"mirp": runs(60)}, runs(3), {"mirp": 0.8}, {}, 1).passed
    assert not _comparison({"mirp": runs(60)}, runs(40), {"mirp": 1.0}, {}, 1).passed


def test_what_cannot_be_installed_is_named() -> None:
    found = _comparison({"mirp": runs(60)}, runs(3), {"mirp": 1.0}, {"imgtools": "no wheel"}, 1)

    assert "Not installed: med-imagetools + pyradiomics (no wheel)" in found.notes
