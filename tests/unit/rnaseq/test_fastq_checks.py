"""Every way in which reads can be wrong has its own reason, with the place where it was found."""

import bz2
import gzip
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.reads import stream as fastq_stream
from rnaseq_job.reads.checks import LaneFiles, ReadsReport, check_reads
from rnaseq_job.reads.records import MAX_LINE, PART, PARTS
from rnaseq_job.reads.stream import ReadsFile
from tests.unit.rnaseq.support import Names, illumina, record, slashed, some_reads, sra_plain, sra_with_mates

COUNT = 5_000  # more than one block


def check(folder: Path, first: bytes, second: bytes | None = None) -> ReadsReport:
    """Check one lane given as stored bytes."""
    files = []
    for number, content in enumerate((first, second), start=1):
        if content is not None:
            path = folder / f"R{number}"
            path.write_bytes(content)
            files.append(ReadsFile(path, f"S_R{number}.fastq.gz"))
    return check_reads([LaneFiles(files[0], files[1] if second is not None else None)])


def rejected(folder: Path, first: bytes, second: bytes | None = None) -> InputRejectedError:
    with pytest.raises(InputRejectedError) as caught:
        check(folder, first, second)
    return caught.value


def packed(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


def changed(reads: bytes, number: int, line: int, text: bytes) -> bytes:
    """Replace one line of one record, both counted from 0."""
    lines = reads.split(b"\n")
    lines[4 * number + line] = text
    return b"\n".join(lines)


@pytest.mark.parametrize("names", [illumina, slashed, sra_with_mates, sra_plain])
def test_good_mates_pass_in_every_convention(tmp_path: Path, names: Names) -> None:
    report = check(tmp_path, packed(some_reads(COUNT, 1, names)), packed(some_reads(COUNT, 2, names)))
    assert report.fragments == COUNT


def test_good_files_pass_however_they_are_packed(tmp_path: Path) -> None:
    reads = some_reads(COUNT, 1)
    cut = len(reads) // 3
    members = packed(reads[:cut]) + packed(reads[cut : 2 * cut]) + packed(reads[2 * cut :])
    for content in (reads, packed(reads), members, members + b"\0" * 512, packed(reads[:-1]), packed(reads + b"\n")):
        assert check(tmp_path, content).fragments == COUNT


def test_bgzip_blocks_pass(tmp_path: Path) -> None:
    reads = some_reads(COUNT, 1)
    blocks = [reads[start : start + 60_000] for start in range(0, len(reads), 60_000)]
    assert check(tmp_path, b"".join(map(packed, [*blocks, b""]))).fragments == COUNT


def test_mates_of_other_length_pass(tmp_path: Path) -> None:
    """Blocks of the two files then end at different records."""
    assert check(tmp_path, some_reads(COUNT, 1, length=40), some_reads(COUNT, 2, length=151)).fragments == COUNT


@pytest.mark.parametrize("blank", [1, 3, 4, 5, 8, 1_000, 2 * PART * PARTS])
@pytest.mark.parametrize("ended", [b"\n", b""])
def test_blank_lines_at_the_end_are_nobodys_fault(tmp_path: Path, blank: int, ended: bytes) -> None:
    first, second = (some_reads(COUNT, mate) for mate in (1, 2))
    report = check(tmp_path, packed(first.rstrip(b"\n") + ended + b"\n" * blank), packed(second))
    assert report.fragments == COUNT


@pytest.mark.parametrize("blank", [1, 3, 4, 5, 8, 2 * PART * PARTS + 1, 2 * PART * PARTS + 4])
@pytest.mark.parametrize("after", [some_reads(1, 1), b"x", b"x\n"])
def test_blank_lines_between_reads(tmp_path: Path, blank: int, after: bytes) -> None:
    error = rejected(tmp_path, packed(some_reads(COUNT, 1) + b"\n" * blank + after))
    assert (error.code, error.details["record"]) == (ReasonCode.READS_INVALID, COUNT + 1)


def test_old_files_that_repeat_the_header_pass(tmp_path: Path) -> None:
    assert check(tmp_path, b"".join(b"@r%d\nACGT\n+r%d\nFFFF\n" % (n, n) for n in range(9_000))).fragments == 9_000


def test_the_smallest_sample_passes(tmp_path: Path) -> None:
    assert check(tmp_path, record(b"@a/1", b"A"), record(b"@a/2", b"C")).fragments == 1


def test_the_input_hash_is_that_of_the_stored_files_in_order(tmp_path: Path) -> None:
    one, two = some_reads(20, 1), some_reads(20, 2)
    assert check(tmp_path, one, two).input_hash == check(tmp_path, one, two).input_hash
    assert check(tmp_path, one, two).input_hash != check(tmp_path, packed(one), two).input_hash
    assert check(tmp_path, one).stored_bytes == len(one)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:-9],
        lambda data: data[: len(data) // 2],
        lambda data: data[:12],
        lambda data: data[:-8] + b"\1\2\3\4" + data[-4:],
        lambda data: data[:5_000] + bytes(reversed(data[5_000:5_400])) + data[5_400:],
        lambda data: data + b"trailing bytes that are no gzip member",
        lambda data: data + data[: len(data) // 2],
    ],
    ids=["last byte", "trailer", "half", "header", "checksum", "scrambled", "trailing", "second member cut"],
)
@pytest.mark.parametrize("mate", [1, 2])
def test_damaged_gzip(tmp_path: Path, damage: object, mate: int) -> None:
    files = [packed(some_reads(COUNT, 1)), packed(some_reads(COUNT, 2))]
    files[mate - 1] = damage(files[mate - 1])  # type: ignore[operator]
    error = rejected(tmp_path, *files)
    # A scrambled stream may show as text that is no FASTQ before its checksum fails: it is rejected all the same.
    assert error.code in (ReasonCode.READS_TRUNCATED, ReasonCode.READS_INVALID)
    assert error.details["file"] == f"S_R{mate}.fastq.gz"


def test_the_longest_header_of_a_gzip_member_is_read_and_one_without_end_is_damage(tmp_path: Path) -> None:
    def with_extra(stored: bytes, size: int, more: int = 0) -> bytes:
        flags = bytes([4 + (8 if more else 0)])  # RFC 1952: FEXTRA, and FNAME, which a zero ends
        return stored[:3] + flags + stored[4:10] + size.to_bytes(2, "little") + b"x" * (size + more) + stored[10:]

    stored = packed(some_reads(20, 1))
    assert check(tmp_path, with_extra(stored, 2**16 - 1)).fragments == 20
    assert rejected(tmp_path, with_extra(stored, 2**16 - 1, 10**6)).code == ReasonCode.READS_TRUNCATED


def test_a_gzip_file_cut_short_says_how_far_it_went(tmp_path: Path) -> None:
    whole = packed(some_reads(COUNT, 1))
    error = rejected(tmp_path, whole[: len(whole) // 2])
    assert error.code == ReasonCode.READS_TRUNCATED
    assert 0 < int(str(error.details["reads_before"])) < COUNT


@pytest.mark.parametrize(
    "content", [b"", packed(b""), packed(b"") + packed(b""), b"\n", packed(b"\n\n"), packed(b"\n" * 9)]
)
def test_no_reads(tmp_path: Path, content: bytes) -> None:
    assert rejected(tmp_path, content).code == ReasonCode.READS_EMPTY
    assert rejected(tmp_path, some_reads(10, 1), content).code == ReasonCode.READS_EMPTY


@pytest.mark.parametrize("number", [0, 1, COUNT // 2, COUNT - 1])
@pytest.mark.parametrize(
    ("line", "text"),
    [
        (0, b"A001 1:N:0:ACGT"),
        (0, b""),
        (1, b"ACGT"),
        (1, b""),
        (2, b"-"),
        (2, b""),
        (3, b"FFFF"),
        (3, b""),
        (0, b"@\xff\xfe"),
        (3, b"\0" * 75),
        (1, b"A" * 75 + b"\r"),
    ],
)
def test_a_broken_record_is_found_where_it_is(tmp_path: Path, number: int, line: int, text: bytes) -> None:
    error = rejected(tmp_path, packed(changed(some_reads(COUNT, 1), number, line, text)))
    assert error.code == ReasonCode.READS_INVALID
    assert error.details["record"] == number + 1
    assert error.details["line"] in range(4 * number + 1, 4 * number + 5)
    assert "ACGT" not in error.message, "a person's bases are in the message"


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_file_that_ends_inside_a_record(tmp_path: Path, lines: int) -> None:
    reads = b"\n".join(some_reads(COUNT, 1).split(b"\n")[: 4 * (COUNT - 1) + lines]) + b"\n"
    error = rejected(tmp_path, packed(reads))
    assert (error.code, error.details["record"]) == (ReasonCode.READS_INVALID, COUNT)


@pytest.mark.parametrize(
    "content",
    [
        b">seq\nACGT\n>seq2\nACGT\n",
        b"PK\x03\x04" + bytes(500),
        bz2.compress(some_reads(50, 1)),
        some_reads(50, 1).replace(b"\n", b"\r\n"),
        some_reads(50, 1).decode().encode("utf-16"),
        b"\xef\xbb\xbf" + some_reads(50, 1),
        b"@r\nT0120312\n+\nFFFFFFFF\n",
        b"@r\nMKVLAAGE\n+\nFFFFFFFF\n",
    ],
    ids=["FASTA", "zip", "bzip2", "Windows", "UTF-16", "byte order mark", "colour space", "protein"],
)
def test_other_kinds_of_file(tmp_path: Path, content: bytes) -> None:
    assert rejected(tmp_path, content).code == ReasonCode.READS_INVALID


def test_line_length_cap(tmp_path: Path) -> None:
    assert check(tmp_path, record(b"@" + b"a" * (MAX_LINE - 1), b"A")).fragments == 1
    for content in (record(b"@a", b"A" * (MAX_LINE + 1)), some_reads(COUNT, 1) + record(b"@a", b"C" * 10_000_000)):
        error = rejected(tmp_path, packed(content))
        assert error.code == ReasonCode.READS_TOO_LONG
        assert int(str(error.details["line"])) % 4 == 2
    assert rejected(tmp_path, packed(b"@" + b"x" * 1_000_000)).code == ReasonCode.READS_TOO_LONG


@pytest.mark.parametrize(("length", "passes"), [(1_000, True), (1_001, False)])
def test_long_reads_are_not_quantified(tmp_path: Path, length: int, *, passes: bool) -> None:
    reads = some_reads(20, 1) + record(b"@a", b"A" * length)
    if passes:
        assert check(tmp_path, reads).fragments == 21
    else:
        error = rejected(tmp_path, reads)
        assert (error.code, "1,001 bases" in error.message) == (ReasonCode.READS_TOO_LONG, True)


@pytest.mark.parametrize("fragments", [4, 50, COUNT])
@pytest.mark.parametrize("names", [illumina, slashed, sra_with_mates, sra_plain])
def test_both_mates_in_one_file_are_no_single_end_reads(tmp_path: Path, names: Names, fragments: int) -> None:
    pairs = [[record(names(n, mate), b"ACGT" * 10) for mate in (1, 2)] for n in range(fragments)]
    error = rejected(tmp_path, b"".join(mate for pair in pairs for mate in pair))
    assert (error.code, "(interleaved)" in error.message) == (ReasonCode.READS_INVALID, True)
    assert check(tmp_path, b"".join(first for first, _ in pairs)).fragments == fragments


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>\n<body>404</body>\n", "a web page"),
        (b'{"error": "denied"}\n', "JSON"),
        (packed(b"BAM\1" + bytes(60)), "BAM"),
        (packed(packed(some_reads(50, 1))), "packed by gzip twice"),
        (b"@HD\tVN:1.6\n@SQ\tSN:1\n", "SAM"),
        (b"PK\3\4" + bytes(60), "a zip archive"),
        (b">r\nACGT\n>s\nACGT\n", "FASTA"),
    ],
)
def test_a_file_of_another_format_is_called_by_it(tmp_path: Path, content: bytes, said: str) -> None:
    error = rejected(tmp_path, content)
    assert (error.code, said in error.message, "S_R1.fastq.gz" in error.message) == (
        ReasonCode.READS_INVALID,
        True,
        True,
    )


def test_one_line_of_300_megabytes_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.fastq.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(b"@r\n")
        for _ in range(300):
            file.write(b"A" * 1_000_000)
    program = (
        "import sys; from pathlib import Path\n"
        "from rnaseq_job.errors import InputRejectedError\n"
        "from rnaseq_job.reads.checks import LaneFiles, check_reads\n"
        "from rnaseq_job.reads.stream import ReadsFile\n"
        "try: check_reads([LaneFiles(ReadsFile(Path(sys.argv[1]), 'R1'), None)])\n"
        "except InputRejectedError as error: print(error.code)\n"
        # Not ru_maxrss: that remembers what the test runner held when it started this process.
        "held = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
        "print(int(held[0].split()[1]) // 1024)\n"
    )
    source = Path(fastq_stream.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(source)},
    )
    code, megabytes = ended.stdout.split()
    assert code == ReasonCode.READS_TOO_LONG
    assert int(megabytes) < 150


@pytest.mark.parametrize("missing", [1, 100, COUNT - 1])
def test_unequal_mates(tmp_path: Path, missing: int) -> None:
    whole, part = some_reads(COUNT, 1), some_reads(COUNT - missing, 2)
    error = rejected(tmp_path, packed(whole), packed(part))
    assert error.code == ReasonCode.MATES_UNEQUAL
    assert (error.details["r1_reads"], error.details["r2_reads"]) == (COUNT, COUNT - missing)
    error = rejected(tmp_path, packed(some_reads(COUNT - missing, 1)), packed(some_reads(COUNT, 2)))
    assert (error.details["r1_reads"], error.details["r2_reads"]) == (COUNT - missing, COUNT)


def test_the_longer_mate_is_checked_to_its_end(tmp_path: Path) -> None:
    error = rejected(tmp_path, packed(some_reads(100, 1)), packed(some_reads(COUNT, 2))[:-4])
    assert (error.code, error.details["file"]) == (ReasonCode.READS_TRUNCATED, "S_R2.fastq.gz")


@pytest.mark.parametrize("number", [0, 1, COUNT // 2, COUNT - 1])
@pytest.mark.parametrize("names", [illumina, slashed, sra_with_mates])
def test_mismatched_mates(tmp_path: Path, number: int, names: Names) -> None:
    second = changed(some_reads(COUNT, 2, names), number, 0, names(COUNT + 5, 2))
    error = rejected(tmp_path, packed(some_reads(COUNT, 1, names)), packed(second))
    assert (error.code, error.details["record"]) == (ReasonCode.MATES_MISMATCHED, number + 1)


def test_mates_that_are_shifted_by_one_read(tmp_path: Path) -> None:
    def shifted(number: int, mate: int) -> bytes:
        return sra_plain(number + 1, mate)

    error = rejected(tmp_path, some_reads(COUNT, 1, sra_plain), some_reads(COUNT, 2, shifted))
    assert (error.code, error.details["record"]) == (ReasonCode.MATES_MISMATCHED, 1)


def test_shuffled_mates(tmp_path: Path) -> None:
    records = [record(illumina(number, 2), b"ACGT") for number in range(COUNT)]
    random.Random(4).shuffle(records)
    assert rejected(tmp_path, some_reads(COUNT, 1), b"".join(records)).code == ReasonCode.MATES_MISMATCHED


@pytest.mark.parametrize("names", [illumina, slashed, sra_with_mates, sra_plain])
def test_the_same_reads_twice(tmp_path: Path, names: Names) -> None:
    reads = some_reads(COUNT, 1, names)
    assert rejected(tmp_path, packed(reads), packed(reads)).code == ReasonCode.MATES_IDENTICAL
    assert rejected(tmp_path, packed(reads), reads).code == ReasonCode.MATES_IDENTICAL


def test_the_same_reads_under_the_names_of_second_ones(tmp_path: Path) -> None:
    reads = some_reads(COUNT, 1)
    renamed = reads.replace(b" 1:N:", b" 2:N:")
    assert rejected(tmp_path, packed(reads), packed(renamed)).code == ReasonCode.MATES_IDENTICAL


@pytest.mark.parametrize("names", [illumina, slashed, sra_with_mates])
def test_swapped_mates(tmp_path: Path, names: Names) -> None:
    error = rejected(tmp_path, packed(some_reads(COUNT, 2, names)), packed(some_reads(COUNT, 1, names)))
    assert error.code == ReasonCode.MATES_SWAPPED
    assert (error.details["r1_says"], error.details["r2_says"]) == (2, 1)


@pytest.mark.parametrize("mark", [b".", b"_"])
def test_swapped_mates_that_coordinates_and_a_mark_name(tmp_path: Path, mark: bytes) -> None:
    def names(number: int, mate: int) -> bytes:
        return b"@A001:45:HXXYY:1:1101:%d:%d%s%d" % (number, number, mark, mate)

    assert check(tmp_path, some_reads(COUNT, 1, names), some_reads(COUNT, 2, names)).fragments == COUNT
    assert rejected(tmp_path, some_reads(COUNT, 2, names), some_reads(COUNT, 1, names)).code == ReasonCode.MATES_SWAPPED


def test_first_reads_in_both_files(tmp_path: Path) -> None:
    error = rejected(tmp_path, some_reads(COUNT, 1), some_reads(COUNT, 1, seed=8))
    assert (error.code, error.details["r2_says"]) == (ReasonCode.MATES_SWAPPED, 1)


def check_lanes(folder: Path, *contents: bytes) -> ReadsReport:
    """Check single-end lanes given as stored bytes."""
    for number, content in enumerate(contents, start=1):
        (folder / f"L00{number}").write_bytes(content)
    names = [f"L00{number}" for number in range(1, len(contents) + 1)]
    return check_reads([LaneFiles(ReadsFile(folder / name, name), None) for name in names])


@pytest.mark.parametrize(
    "again", [lambda reads: packed(reads), lambda reads: reads, lambda reads: gzip.compress(reads)]
)
def test_the_reads_of_one_lane_twice(tmp_path: Path, again: Callable[[bytes], bytes]) -> None:
    reads = some_reads(COUNT, 1)
    with pytest.raises(InputRejectedError) as caught:
        check_lanes(tmp_path, packed(reads), again(reads))
    assert caught.value.code == ReasonCode.READS_TWICE
    assert caught.value.details["same_as"] == "L001"


def renamed(reads: bytes) -> bytes:
    """Name reads as an archive does."""
    numbers = count(1)
    return re.sub(rb"(?m)^@\S+", lambda _: b"@SRR7.%d" % next(numbers), reads)


def trimmed(reads: bytes) -> bytes:
    """Cut ten bases off one end of every read and three off the other, and leave each fifth read out."""
    lines = reads.split(b"\n")
    records = [lines[start : start + 4] for start in range(0, len(lines) - 3, 4)]
    kept = [record for number, record in enumerate(records) if number % 5]
    return b"".join(b"%s\n%s\n+\n%s\n" % (head, bases[3:-10], quality[3:-10]) for head, bases, _, quality in kept)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    "other",
    [
        trimmed,
        lambda reads: reads + some_reads(COUNT, 1, seed=5).replace(b":HXXYY:1:", b":HXXYY:2:"),
        lambda reads: reads.replace(b" 1:N:0", b" 1:N:0:ACGT"),
        renamed,
    ],
    ids=["raw beside trimmed", "a lane beside what it was joined to", "other comments", "renamed by an archive"],
)
def test_reads_that_two_lanes_share(tmp_path: Path, other: Callable[[bytes], bytes], order: tuple[int, int]) -> None:
    reads = some_reads(COUNT, 1)
    lanes = (reads, other(reads))
    with pytest.raises(InputRejectedError, match="begin with the same reads") as caught:
        check_lanes(tmp_path, *(lanes[number] for number in order))
    assert caught.value.code == ReasonCode.READS_TWICE


def test_lanes_of_a_library_of_few_sequences_pass(tmp_path: Path) -> None:
    """Of small RNA, most reads of any two lanes are of a few sequences."""
    lanes = [
        b"".join(record(b"@%d:%d" % (lane, n), b"ACGTTGCAAC" * 2 + b"ACGT"[n % 2 :]) for n in range(300))
        for lane in (1, 2)
    ]
    assert check_lanes(tmp_path, *lanes).fragments == 600


def test_raw_pairs_beside_trimmed_pairs(tmp_path: Path) -> None:
    lanes = []
    for folder, change in (("raw", bytes), ("clean", trimmed)):
        names = [f"{folder}_R{mate}" for mate in (1, 2)]
        for mate, name in enumerate(names, start=1):
            (tmp_path / name).write_bytes(change(some_reads(COUNT, mate)))
        first, second = (ReadsFile(tmp_path / name, name) for name in names)
        lanes.append(LaneFiles(first, second))
    with pytest.raises(InputRejectedError, match="raw_R1 and clean_R1") as caught:
        check_reads(lanes)
    assert caught.value.code == ReasonCode.READS_TWICE


def test_runs_that_number_their_reads_alike_pass(tmp_path: Path) -> None:
    runs = [some_reads(COUNT + seed, 1, lambda number, _: b"@read%d" % number, seed=seed) for seed in (1, 2, 3)]
    assert check_lanes(tmp_path, *runs).fragments == 3 * COUNT + 6


def test_lanes_of_the_same_size_pass(tmp_path: Path) -> None:
    second = some_reads(COUNT, 1, seed=4).replace(b":HXXYY:1:", b":HXXYY:2:")
    third = some_reads(COUNT + 1, 1, seed=5).replace(b":HXXYY:1:", b":HXXYY:3:")
    assert check_lanes(tmp_path, some_reads(COUNT, 1), second, third).fragments == 3 * COUNT + 1


@pytest.mark.parametrize("names", [illumina, slashed, sra_with_mates, sra_plain])
def test_mates_that_are_listed_as_two_lanes(tmp_path: Path, names: Names) -> None:
    with pytest.raises(InputRejectedError, match="two ends of the same fragments") as caught:
        check_lanes(tmp_path, some_reads(9, 1, sra_plain, seed=6), *(some_reads(COUNT, mate, names) for mate in (1, 2)))
    assert caught.value.code == ReasonCode.FASTQ_LIST_INVALID
    assert (caught.value.details["file"], caught.value.details["mate"]) == ("L002", "L003")


# --- every byte and bit -----------------------------------------------------------------------------------------------


def test_a_gzip_file_cut_anywhere_is_rejected(tmp_path: Path) -> None:
    """In the header, in a block, in the trailer, in the second member; between two members it is whole but short."""
    reads, mates = some_reads(30, 1), packed(some_reads(30, 2))
    half = len(reads) // 2  # a border between records
    members = [packed(reads[:half]), packed(reads[half:])]
    whole, border = b"".join(members), len(members[0])
    for size in range(2, len(whole)):
        code = rejected(tmp_path, whole[:size], mates).code
        assert code == ReasonCode.READS_TRUNCATED or (size == border and code == ReasonCode.MATES_UNEQUAL), size


def test_no_flipped_bit_of_the_content_passes(tmp_path: Path) -> None:
    """A damaged stream shows in five kinds of error, of which one is isal's own."""
    whole = gzip.compress(some_reads(30, 1), mtime=0)
    flips = random.Random(3).sample(range(10 * 8, (len(whole) - 9) * 8), 300)  # not the header's remarks, not padding
    for bit in [*flips, *range((len(whole) - 8) * 8, len(whole) * 8)]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert rejected(tmp_path, bytes(damaged)).code in (
            ReasonCode.READS_TRUNCATED,
            ReasonCode.READS_INVALID,
            ReasonCode.READS_EMPTY,
        ), bit


def test_ten_gigabytes_of_zeros_end_at_once(tmp_path: Path) -> None:
    """A bomb: packed a thousandfold, rejected at the first bytes."""
    path, zeros = tmp_path / "zeros.gz", gzip.compress(bytes(50_000_000), 9, mtime=0)
    path.write_bytes(zeros * 200)
    started = time.monotonic()
    with pytest.raises(InputRejectedError) as caught:
        check_reads([LaneFiles(ReadsFile(path, "zeros.gz"), None)])
    assert caught.value.code == ReasonCode.READS_TOO_LONG
    assert time.monotonic() - started < 5


def test_a_record_that_straddles_blocks_is_whole(tmp_path: Path) -> None:
    """Reads of every length around the size of a part, so that a block ends at every kind of place."""
    reads = b"".join(record(b"@r%d" % number, b"A" * (1 + number * 37 % 600)) for number in range(16_000))
    assert len(reads) > 3 * PART * PARTS
    assert check(tmp_path, packed(reads)).fragments == 16_000
    assert check(tmp_path, reads[:-1]).fragments == 16_000


def test_a_fault_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    rejected(tmp_path, packed(some_reads(COUNT * 4, 1)), packed(some_reads(COUNT * 4, 1, seed=9)))
    assert threading.active_count() == before
