"""Which headers name the two ends of one fragment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnaseq_job.reads.checks import first_mismatch, mate_of, mates_of, names_match
from rnaseq_job.reads.records import REACH, Block, Records

NAME = st.text("ABC:0123456789_-.#", min_size=1, max_size=12).map(str.encode)
COMMENT = st.text("12:NY/ ACGT\t.", max_size=12).map(str.encode)
HEAD = st.builds(lambda name, comment: b"@" + name + comment, NAME, COMMENT.map(lambda text: text and b" " + text))
SPOTLIKE = st.text("S12.x", max_size=6).map(lambda text: b"@" + text.encode() + b".")
COORDINATES = st.lists(st.sampled_from(["A", "1", "12", "", "7.", "x_1"]), min_size=3, max_size=7)
CLUSTER = COORDINATES.map(lambda fields: b"@" + ":".join(fields).encode())
SUFFIXED = st.builds(lambda name, mate: b"@" + name + mate, NAME, st.sampled_from([b"/1", b"/2", b".1", b".2", b""]))


def records(heads: list[bytes]) -> Records:
    """Records of these headers; each file has bases of its own, which must not matter."""
    text = b"".join(b"%s\n%s\n+\n%s\n" % (head, head[-1:] * 3, b"FFF") for head in heads)
    block = Block(len(text))
    block.fill(text)
    return block.records()


def all_match(firsts: list[bytes], seconds: list[bytes]) -> bool:
    return first_mismatch(records(firsts), records(seconds)) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"@A:1:2 1:N:0:ACGT", b"@A:1:2 2:N:0:ACGT"),
        (b"@A:1:2/1", b"@A:1:2/2"),
        (b"@A:1:2/1 extra", b"@A:1:2/2 extra"),
        (b"@A:1:2", b"@A:1:2"),
        (b"@SRR1.7 7 length=75", b"@SRR1.7 7 length=75"),
        (b"@SRR1.7.1 7 length=75", b"@SRR1.7.2 7 length=75"),
        (b"@ERR1.7 HWI:1/1", b"@ERR1.7 HWI:1/2"),
        (b"@A:1:2\t1:N:0", b"@A:1:2\t2:N:0"),
        (b"@A66666:555:HTK7JDSX2:4:1128:30879:19867.1", b"@A66666:555:HTK7JDSX2:4:1128:30879:19867.2"),
        (b"@HWI-EAS1:4:1:10:20_1 x", b"@HWI-EAS1:4:1:10:20_2 y"),
        (b"@read7", b"@read7/2"),
        (b"@read7/1", b"@read7"),
    ],
)
def test_conventions_are_known(first: bytes, second: bytes) -> None:
    assert names_match(first, second)
    assert all_match([first], [second])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"@A:1:2 1:N:0", b"@A:1:3 2:N:0"),
        (b"@SRR1.1", b"@SRR1.2"),  # two spots, not two mates
        (b"@SRR1.1 1", b"@SRR1.2 2"),
        (b"@A:1", b"@A:2"),
        (b"@a/1", b"@b/2"),
        (b"@a/1", b"@a/3"),
        (b"@a/2", b"@a"),
        (b"@a", b"@a/1"),
        (b"@read_1", b"@read_2"),
        (b"@read.1", b"@read.2"),
        (b"@H:1:2:3_1", b"@H:1:2:3_2"),  # a lane, a tile and what?
        (b"@H:1::2:3:4_1", b"@H:1::2:3:4_2"),
        (b"@H:1:2:3:4:1", b"@H:1:2:3:4:2"),  # coordinates, not mates
        (b"@a1", b"@a2"),
        (b"@a_1", b"@a_2"),
        (b"@a", b"@ab"),
    ],
)
def test_other_fragments_do_not_match(first: bytes, second: bytes) -> None:
    assert not names_match(first, second)
    assert not all_match([first], [second])


@pytest.mark.parametrize(
    ("head", "mate"),
    [
        (b"@A:1 1:N:0:ACGT", 1),
        (b"@A:1 2:Y:0:ACGT", 2),
        (b"@A/2", 2),
        (b"@SRR1.7.2 7", 2),
        (b"@SRR1.2 2 length=75", None),
        (b"@ERR1.7 HWI/2", None),
        (b"@A:2", None),
    ],
)
def test_mates_that_headers_name(head: bytes, mate: int | None) -> None:
    assert mate_of(head) == mate


@pytest.mark.parametrize("length", [1, 7, 8, 9, REACH - 2, REACH - 1, REACH, REACH + 1, 1_000])
@pytest.mark.parametrize("marks", [(b" 1:N", b" 2:N"), (b"/1", b"/2"), (b"", b""), (b"\t1:N", b"\t2:N:0")])
def test_names_of_any_length_are_compared_to_their_end(length: int, marks: tuple[bytes, bytes]) -> None:
    names = [b"@%d" % number + b"x" * length for number in range(30)]
    firsts, seconds = [name + marks[0] for name in names], [name + marks[1] for name in names]
    assert all_match(firsts, seconds)
    seconds[17] = names[17][:-1] + b"y" + marks[1]
    assert first_mismatch(records(firsts), records(seconds)) == 17


@pytest.mark.parametrize("broken", [b"SRR1.x7.", b"SRR1..", b"SRR1.7.7.", b"SRR2.", b".7.", b"7.", b"SRR1."])
def test_spots_are_told_from_what_only_looks_like_them(broken: bytes) -> None:
    """As one of many, where all are compared at once, and alone."""
    good = [b"@SRR1.%d.%%d %d" % (number, number) for number in range(1, 200)]
    for names in ([*good, b"@" + broken + b"%d"], [b"@" + broken + b"%d", *good], [b"@" + broken + b"%d"]):
        firsts, seconds = [name % 1 for name in names], [name % 2 for name in names]
        expected = [names_match(one, two) for one, two in zip(firsts, seconds, strict=True)]
        assert all_match(firsts, seconds) == all(expected)
    assert all_match([name % 1 for name in good], [name % 2 for name in good])


@given(st.lists(st.tuples(SPOTLIKE, SPOTLIKE), min_size=1, max_size=6))
def test_blocks_of_spots_agree_with_records(pairs: list[tuple[bytes, bytes]]) -> None:
    firsts, seconds = [one + b"1" for one, _ in pairs], [two + b"2" for _, two in pairs]
    for others in (seconds, [one + b"2" for one, _ in pairs]):
        assert all_match(firsts, others) == all(map(names_match, firsts, others))


@given(st.lists(st.tuples(CLUSTER, st.sampled_from([b"_", b".", b"/"])), min_size=1, max_size=6), st.booleans())
def test_blocks_of_coordinates_agree_with_records(drawn: list[tuple[bytes, bytes]], one_mark: bool) -> None:
    names = [name + (drawn[0][1] if one_mark else mark) for name, mark in drawn]
    firsts, seconds = [name + b"1" for name in names], [name + b"2" for name in names]
    assert all_match(firsts, seconds) == all(map(names_match, firsts, seconds))


@pytest.mark.parametrize("mark", [b".", b"_"])
def test_coordinates_are_told_from_what_only_looks_like_them(mark: bytes) -> None:
    good = [b"@A:%d:FC:1:%d:%d%s%%d" % (number, number % 7, number * 31, mark) for number in range(1, 300)]
    for names, expected in (
        (good, True),
        ([*good, b"@A:1" + mark + b"%d"], False),
        ([*good, b"@A:1::2:3:4" + mark + b"%d"], False),
    ):
        assert all_match([name % 1 for name in names], [name % 2 for name in names]) is expected
    assert mates_of(good[0] % 2, good[0] % 1) == (2, 1)


@given(st.lists(st.tuples(HEAD | SUFFIXED, HEAD | SUFFIXED), min_size=1, max_size=6))
def test_the_comparison_of_blocks_agrees_with_that_of_records(pairs: list[tuple[bytes, bytes]]) -> None:
    firsts, seconds = [one for one, _ in pairs], [two for _, two in pairs]
    assert all_match(firsts, seconds) == all(names_match(one, two) for one, two in pairs)


@given(
    st.lists(st.tuples(HEAD, st.integers(0, 3)), min_size=1, max_size=6),
    st.sampled_from([(b" 1:N:0", b" 2:N:0"), (b"/1", b"/2"), (b"/1 x", b"/2 x")]),
    st.integers(0, 5),
)
def test_one_other_name_among_mates_is_seen(
    drawn: list[tuple[bytes, int]], marks: tuple[bytes, bytes], broken: int
) -> None:
    names = [b"@f%d:%s" % (number, head[1:].split()[0]) for number, (head, _) in enumerate(drawn)]
    firsts, seconds = [name + marks[0] for name in names], [name + marks[1] for name in names]
    assert all_match(firsts, seconds)
    seconds[broken % len(names)] = b"@other" + marks[1]
    assert not all_match(firsts, seconds)
