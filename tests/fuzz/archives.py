"""Zip archives that may lie: an encoder of local headers, central directory and end records with any value in them."""

import base64
import bz2
import lzma
import random
import stat
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from tests.fuzz.damage import Change, Expected

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
_UTF8, _ENCRYPTED, _DESCRIPTOR = 0x800, 0x1, 0x8

_BZIP2_BOMB = (
    b"c-nJ{%CIzaj8qGbbc;SC$iTqh(r|!*M~Q)jfkS~IppC&dgx8>}VfuDY718j`##^+Q;vuT}I3L|-jPG+`IKTi>Y0%*7=CnX{C0E1rks;6aGh-`*L3a"
    b"XBo(ZDj46Ej{Ac1I6Mb<~}JeG3_aaQGIGXMbbXJ+&"
)
"""A DICOM preamble and 400 MB of zeros: 351 bytes of bzip2, which would take seconds to make."""

_NAMES = [
    b"../escape", b"../../../../../../tmp/fuzz-escape", b"/tmp/fuzz-escape", b"..\\escape", b"C:\\escape",
    b"\\\\host\\x",
    b"a/../../b", b"./a", b"a//b", b"", b"/", b"//", b".", b"..", b"a\0b", b"\0", b"x" * 65_000, b"d/" * 3000 + b"x",
    b"\xff\xfe", "e\u0301\u202e".encode(), b"\xf0\x9f\x92\x80", b"CON", b"-rf", b"a\nb", b"~/x", b"%2e%2e/x", b"a/",
]  # fmt: skip


@dataclass
class Member:
    """One member; `local` and `central` replace fields in its two headers by name."""

    name: bytes
    packed: bytes
    size: int
    crc: int
    method: int
    flags: int = _UTF8
    attributes: int = 0o100644 << 16
    extra: bytes = b""
    comment: bytes = b""
    offset: int | None = None
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    descriptor: bytes = b""
    content: bytes | None = None
    """What an honest member holds."""


@dataclass
class Archive:
    """A zip archive; `end` replaces fields of its end record by name."""

    members: list[Member]
    prefix: bytes = b""
    comment: bytes = b""
    suffix: bytes = b""
    zip64: bool = False
    end: dict[str, int] = field(default_factory=dict)


def packed(name: bytes, content: bytes, method: int = DEFLATED) -> Member:
    """Make an honest member."""
    return Member(name, _pack(content, method), len(content), zlib.crc32(content), method, content=content)


def _pack(content: bytes, method: int) -> bytes:
    if method == DEFLATED:
        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return compressor.compress(content) + compressor.flush()
    if method == BZIP2:
        return bz2.compress(content)
    if method == LZMA:
        chosen = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}
        properties = struct.pack("<BBHBI", 9, 4, 5, 3 + 9 * (0 + 5 * 2), 1 << 16)
        return properties + lzma.compress(content, lzma.FORMAT_RAW, filters=[chosen])
    return content


def write(archive: Archive) -> bytes:
    """Encode an archive."""
    data, offsets = archive.prefix, []
    for member in archive.members:
        offsets.append(len(data) if member.offset is None else member.offset)
        data += _local(member) + member.packed + member.descriptor
    start = len(data)
    for member, offset in zip(archive.members, offsets, strict=True):
        data += _central(member, offset)
    size = len(data) - start
    if archive.zip64:
        data += _zip64_end(archive, start, size, len(data))
    return data + _end(archive, start, size) + archive.suffix


def _fields(member: Member, changed: dict[str, int]) -> dict[str, int]:
    return {
        "version": 20,
        "flags": member.flags,
        "method": member.method,
        "crc": member.crc,
        "packed": len(member.packed),
        "size": member.size,
        "name": len(member.name),
        "extra": len(member.extra),
        "comment": len(member.comment),
        "attributes": member.attributes,
        "disk": 0,
        **changed,
    }


def _masked(values: Sequence[int], widths: str) -> bytes:
    limits = {"H": 0xFFFF, "I": 0xFFFFFFFF, "Q": 2**64 - 1}
    return struct.pack("<" + widths, *(value & limits[width] for value, width in zip(values, widths, strict=True)))


def _local(member: Member) -> bytes:
    f = _fields(member, member.local)
    values = [f["version"], f["flags"], f["method"], 0, 33, f["crc"], f["packed"], f["size"], f["name"], f["extra"]]
    return b"PK\x03\x04" + _masked(values, "HHHHHIIIHH") + member.name[:65535] + member.extra[:65535]


def _central(member: Member, offset: int) -> bytes:
    f = _fields(member, {"offset": offset, **member.central})
    values = [f["version"], f["version"], f["flags"], f["method"], 0, 33, f["crc"], f["packed"], f["size"], f["name"]]
    more = [f["extra"], f["comment"], f["disk"], 0, f["attributes"], f["offset"]]
    head = b"PK\x01\x02" + _masked([*values, *more], "HHHHHHIIIHHHHHII")
    return head + member.name[:65535] + member.extra[:65535] + member.comment[:65535]


def _end(archive: Archive, start: int, size: int) -> bytes:
    f = {"count": len(archive.members), "size": size, "start": start, "comment": len(archive.comment), **archive.end}
    if archive.zip64 and "count" not in archive.end:
        f |= {"count": 0xFFFF, "size": 0xFFFFFFFF, "start": 0xFFFFFFFF}
    values = [0, 0, f["count"], f["count"], f["size"], f["start"], f["comment"]]
    return b"PK\x05\x06" + _masked(values, "HHHHIIH") + archive.comment[:65535]


def _zip64_end(archive: Archive, start: int, size: int, at: int) -> bytes:
    f = {"count64": len(archive.members), "size64": size, "start64": start, "at64": at, **archive.end}
    record = b"PK\x06\x06" + _masked([44, 45, 45, 0, 0], "QHHII")
    record += _masked([f["count64"], f["count64"], f["size64"], f["start64"]], "QQQQ")
    return record + b"PK\x06\x07" + _masked([0, f["at64"], 1], "IQI")


# -- changes ----------------------------------------------------------------------------------------------------------

ArchiveChange = Callable[[Archive, random.Random], None]
_HEADER_FIELDS = ["version", "flags", "method", "crc", "packed", "size", "name", "extra", "comment", "offset"]
_LIES = [0, 1, 2, 100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]


def _reorder(archive: Archive, generator: random.Random) -> None:
    generator.shuffle(archive.members)


def _other_files(archive: Archive, generator: random.Random) -> None:
    for name in (b"LICENSE", b"__MACOSX/._a", b"Thumbs.db", "Ünïcode ☃".encode(), b"empty"):
        content = b"" if name == b"empty" else generator.randbytes(generator.choice([1, 131, 5000]))
        archive.members.append(packed(name, content))


def _folders(archive: Archive, generator: random.Random) -> None:
    archive.members[0:0] = [packed(b"R01-001/", b"", STORED), packed(b"R01-001/ct/", b"", STORED)]


def _comments(archive: Archive, generator: random.Random) -> None:
    archive.comment = generator.randbytes(generator.choice([1, 500, 60_000])).replace(b"PK", b"..")
    generator.choice(archive.members).comment = b"\xff" * 40


def _extra_fields(archive: Archive, generator: random.Random) -> None:
    generator.choice(archive.members).extra = struct.pack("<HH", 0x5455, 5) + b"\x01abcd"


def _repacked(archive: Archive, generator: random.Random) -> None:
    for index, member in enumerate(archive.members):
        if member.content is not None and generator.random() < 0.5:
            archive.members[index] = packed(member.name, member.content, STORED)


def _self_extracting(archive: Archive, generator: random.Random) -> None:
    archive.prefix = b"MZ" + bytes(generator.choice([10, 3000]))


def _as_zip64(archive: Archive, generator: random.Random) -> None:
    archive.zip64 = True


def _renamed(archive: Archive, generator: random.Random) -> None:
    for index, member in enumerate(archive.members):
        member.name = f"{generator.randrange(10**6)}/{index}".encode()


def _method(archive: Archive, generator: random.Random) -> None:
    for index, member in enumerate(archive.members):
        if member.content is not None:
            archive.members[index] = packed(member.name, member.content, generator.choice([BZIP2, LZMA]))


def _lost_member(archive: Archive, generator: random.Random) -> None:
    del archive.members[generator.randrange(len(archive.members))]


def _hostile_name(archive: Archive, generator: random.Random) -> None:
    member = generator.choice(archive.members)
    member.name = generator.choice(_NAMES)
    member.flags = generator.choice([0, _UTF8])


def _link(archive: Archive, generator: random.Random) -> None:
    kind = generator.choice([stat.S_IFLNK, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
    member = packed(b"R01-001/link", generator.choice([b"/etc/passwd", b"../../x"]), STORED)
    member.attributes = (kind | 0o777) << 16
    archive.members.append(member)


def _encrypted(archive: Archive, generator: random.Random) -> None:
    member = generator.choice(archive.members)
    where = generator.choice([member.local, member.central])
    where["flags"] = member.flags | generator.choice([_ENCRYPTED, 0x40 | _ENCRYPTED, 0x2000, 0x20, 0xFFFF])


def _header_lie(archive: Archive, generator: random.Random) -> None:
    member = generator.choice(archive.members)
    for where in generator.choice([[member.local], [member.central], [member.local, member.central]]):
        name = generator.choice(_HEADER_FIELDS)
        truth = {"size": member.size, "packed": len(member.packed), "name": len(member.name)}.get(name, 0)
        where[name] = generator.choice([*_LIES, 8, 9, 12, 14, 93, 99, truth + 1, truth - 1, truth // 2, truth * 2])


def _end_lie(archive: Archive, generator: random.Random) -> None:
    archive.zip64 = generator.random() < 0.5
    for name in generator.sample(["count", "size", "start", "comment", "count64", "size64", "start64", "at64"], 2):
        archive.end[name] = generator.choice([*_LIES, 2**63, 2**64 - 1])


def _shared_data(archive: Archive, generator: random.Random) -> None:
    """Many names for the same packed bytes: the archive expands far beyond what a ratio per member shows."""
    first = archive.members[0]
    first.offset = len(archive.prefix)
    for index in range(generator.choice([2, 30, 400])):
        again = Member(first.name + str(index).encode(), b"", first.size, first.crc, first.method)
        again.offset = first.offset
        again.central = {"packed": len(first.packed)}
        archive.members.append(again)


def _repeated_name(archive: Archive, generator: random.Random) -> None:
    archive.members += [generator.choice(archive.members) for _ in range(generator.choice([1, 5]))]


def _many(archive: Archive, generator: random.Random) -> None:
    archive.members += [packed(b"n%d" % index, b"", STORED) for index in range(generator.choice([100, 2500]))]


def _nested_archive(archive: Archive, generator: random.Random) -> None:
    archive.members.append(packed(b"inner.zip", write(Archive(archive.members[:2])), STORED))


def _descriptor(archive: Archive, generator: random.Random) -> None:
    member = generator.choice(archive.members)
    member.flags |= _DESCRIPTOR
    member.local = {"crc": 0, "packed": 0, "size": 0}
    member.descriptor = b"PK\x07\x08" + generator.randbytes(12)


def _bomb(archive: Archive, generator: random.Random) -> None:
    """A member that expands to hundreds of megabytes, and most often does not say so."""
    method, megabytes = generator.choice([(DEFLATED, 2), (DEFLATED, 20), (DEFLATED, 400), (BZIP2, 400), (LZMA, 20)])
    size = megabytes * 2**20
    stated = generator.choice([size, size, 1000, 100_000, 3_000_000])
    member = Member(b"R01-001/bomb", _bomb_stream(method, size), stated, 0, method)
    archive.members.append(member)
    if generator.random() < 0.5:  # makes up for the ratio
        archive.members.append(packed(b"R01-001/noise", generator.randbytes(60_000), STORED))


@cache
def _bomb_stream(method: int, size: int) -> bytes:
    """Pack a DICOM preamble and zeros, piece by piece."""
    head, piece = bytes(128) + b"DICM", bytes(2**20)
    if method == BZIP2:
        return zlib.decompress(base64.b85decode(_BZIP2_BOMB))
    if method == LZMA:
        return _pack(head + bytes(size), LZMA)
    compressor = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    pieces = [compressor.compress(head), *(compressor.compress(piece) for _ in range(size // 2**20))]
    return b"".join(pieces) + compressor.flush()


def _truncate(content: bytes, generator: random.Random) -> bytes:
    return content[: max(1, len(content) - generator.randint(1, generator.choice([4, 60, 900, len(content)])))]


def _flip(content: bytes, generator: random.Random) -> bytes:
    data = bytearray(content)
    marks = [at for mark in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") if (at := content.find(mark)) >= 0] or [0]
    for _ in range(generator.choice([1, 1, 3, 20])):
        near = generator.choice(marks) + generator.randrange(60)
        at = near if near < len(data) and generator.random() < 0.6 else generator.randrange(len(data))
        data[at] = generator.choice([0, 0xFF, generator.randrange(256), data[at] ^ 1 << generator.randrange(8)])
    return bytes(data)


def _cut_out(content: bytes, generator: random.Random) -> bytes:
    at = generator.randrange(len(content))
    return content[:at] + content[at + generator.choice([1, 2, 20, 500]) :]


def _splice(content: bytes, generator: random.Random) -> bytes:
    one, other = generator.randrange(len(content)), generator.randrange(len(content))
    return content[:one] + content[other:]


def _trailing(content: bytes, generator: random.Random) -> bytes:
    return content + generator.choice([b"\0" * 20, b"PK\x05\x06", content[-22:], content, bytes(70_000)])


@dataclass(frozen=True)
class ArchiveDamage:
    """One kind of change of an archive."""

    change: Change
    apply: ArchiveChange


def _change(name: str, expected: Expected, weight: float, apply: ArchiveChange) -> ArchiveDamage:
    return ArchiveDamage(Change(name, expected, weight), apply)


HARMLESS = (
    _change("reorder", Expected.SAME, 1, _reorder),
    _change("other_files", Expected.SAME, 1, _other_files),
    _change("folders", Expected.SAME, 1, _folders),
    _change("comments", Expected.SAME, 1, _comments),
    _change("extra_fields", Expected.SAME, 1, _extra_fields),
    _change("repacked", Expected.SAME, 1, _repacked),
    _change("self_extracting", Expected.SAME, 1, _self_extracting),
    _change("zip64", Expected.SAME, 1, _as_zip64),
    _change("renamed", Expected.SAME, 1, _renamed),
)

DAMAGE = (
    _change("method", Expected.SAME_OR_REFUSED, 2, _method),
    _change("lost_member", Expected.SAME_OR_REFUSED, 1, _lost_member),
    _change("hostile_name", Expected.SAME_OR_REFUSED, 4, _hostile_name),
    _change("link", Expected.SAME_OR_REFUSED, 2, _link),
    _change("encrypted", Expected.SAME_OR_REFUSED, 3, _encrypted),
    _change("header_lie", Expected.SAME_OR_REFUSED, 8, _header_lie),
    _change("end_lie", Expected.SAME_OR_REFUSED, 4, _end_lie),
    _change("shared_data", Expected.SAME_OR_REFUSED, 1, _shared_data),
    _change("repeated_name", Expected.SAME_OR_REFUSED, 1, _repeated_name),
    _change("many", Expected.SAME_OR_REFUSED, 0.3, _many),
    _change("nested_archive", Expected.SAME, 1, _nested_archive),
    _change("descriptor", Expected.SAME_OR_REFUSED, 2, _descriptor),
    _change("bomb", Expected.SAME_OR_REFUSED, 1, _bomb),
)

BYTES = (
    Change("truncate", Expected.SAME_OR_REFUSED, 4, bytes=_truncate),
    Change("flip", Expected.SAME_OR_REFUSED, 6, bytes=_flip),
    Change("cut_out", Expected.SAME_OR_REFUSED, 2, bytes=_cut_out),
    Change("splice", Expected.SAME_OR_REFUSED, 2, bytes=_splice),
    Change("trailing", Expected.SAME_OR_REFUSED, 1, bytes=_trailing),
)
