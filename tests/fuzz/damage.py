"""What can be wrong with a DICOM file: changes of its tree and changes of its bytes.

Every change states what the job must give for a study that has it: `Expected`.
"""

import random
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from tests.fuzz.tree import (
    PREAMBLE,
    TRANSFER_SYNTAX,
    UNDEFINED,
    Element,
    File,
    Item,
    deflated,
    encode_items,
    every_item,
    everything,
    find,
    padded,
)


class Expected(IntEnum):
    """What a study must give; of several changes the highest holds."""

    SAME = 0  # the features of the study without the change: nothing that voxels depend on is touched
    SAME_OR_REFUSED = 1  # a reason, or the voxels of the study without the change: no silent loss
    TYPED = 2  # a reason, or a result that agrees with itself


TreeChange = Callable[[File, random.Random], None]
ByteChange = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Change:
    """One kind of damage with its name and how often it is chosen."""

    name: str
    expected: Expected
    weight: float
    tree: TreeChange | None = None
    bytes: ByteChange | None = None


ROWS, COLUMNS, FRAMES, SAMPLES = 0x00280010, 0x00280011, 0x00280008, 0x00280002
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
PIXELS, PER_FRAME, CONTOUR_DATA = 0x7FE00010, 0x52009230, 0x30060050

IMPORTANT = {
    ROWS, COLUMNS, FRAMES, SAMPLES, BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED, PIXELS, PER_FRAME, CONTOUR_DATA,
    0x00280004, 0x00280006,  # PhotometricInterpretation, PlanarConfiguration
    0x00200032, 0x00200037, 0x00280030, 0x00180088,  # position, orientation, spacings
    0x00281052, 0x00281053, 0x00280120,  # rescale, padding
    0x00620001, 0x00620002, 0x00620004, 0x0062000B, 0x0062000E, 0x52009229,  # segmentation
    0x30060020, 0x30060022, 0x30060026, 0x30060039, 0x30060040, 0x30060042, 0x30060046, 0x30060084,  # structure set
    0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00200052, 0x00080005, 0x00100020,  # identity, character set
}  # fmt: skip
"""Elements that the job reads; half of all changes go to one of them."""

OPTIONAL = {
    0x00100010, 0x00100020, 0x00080020, 0x00080030, 0x00080022, 0x00080032, 0x00080060, 0x0020000D,
    0x00080070, 0x00180060, 0x00180050, 0x00200013, 0x0062000F, 0x00620006, 0x30060046, 0x00080008,
}  # fmt: skip
"""Elements that no voxel depends on: patient, dates, modality, study UID, scanner, thickness, numbers, codes."""

_VRS = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF", b"OL",
    b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN", b"UR", b"US",
    b"UT", b"UV", b"ZZ", b"\0\0", b"??", b"\xff\xff",
]  # fmt: skip

_NUMBERS = [
    "0", "-0", "-1", "1", "2", "0.5", "1e-320", "1e-5", "1e308", "-1e308", "1e309", "NaN", "inf", "-Infinity", "1e16",
    "32767", "65535", "2147483648", "-2147483649", "9" * 40, "1" * 5000, "", " ", "\\", "x", "1,5", "0x10", "1_0",
    "+1", "1e", "\u0661", "1\\2", "1\\2\\3", "1\\0\\0\\0\\1\\0", "0\\0\\0\\0\\0\\0", "1e200\\0\\0\\0\\1e200\\0",
    "0.7071067811865476\\0.7071067811865476\\0\\-0.7071067811865476\\0.7071067811865476\\0", "1\\" * 3000,
]  # fmt: skip

_TEXTS = [
    b"", b" ", b"\0", b"\0" * 300, b"../../escape", b"/escape", b"C:\\escape", b"a\\b\\c", b"\\" * 2000, b"x" * 70_000,
    b"\xff\xfe\xfd", b"\xed\xa0\x80", b"\xf0\x9f\x92\x80", "e\u0301".encode(), b"\x1b$B%\x1b(B", b"\x1b$)C\xfb\xf3",
    b"=1+1", b"<script>", b"%s%n{0}", b"\r\n", b"1.2.3", b"1.2.", b"1..2", b"." * 64, b"1." * 500, b"None", b"nan",
    b"\xe2\x80\xae\xe2\x80\xa8", b"ISO_IR 192", b"ISO 2022 IR 87\\ISO 2022 IR 149", b"utf_7", b"LOCALIZER",
    b"BINARY", b"FRACTIONAL", b"LABELMAP", b"POINT", b"PALETTE COLOR", b"YBR_FULL_422", b"RGB", b"MONOCHROME1",
]  # fmt: skip

_UIDS = [
    b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.5.1.4.1.1.2.1", b"1.2.840.10008.5.1.4.1.1.4",
    b"1.2.840.10008.5.1.4.1.1.66.4", b"1.2.840.10008.5.1.4.1.1.66.7", b"1.2.840.10008.5.1.4.1.1.481.3", b"1.2", b"",
]  # fmt: skip

_SYNTAXES = [
    b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99",
    b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.51", b"1.2.840.10008.1.2.4.57",
    b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.4.81", b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.100", b"1.2.840.10008.1.2.4.201", b"1.2.840.10008.1.2.4.203",
    b"1.2.840.10008.1.2.8.1", b"1.2.840.10008.1.2.1.98", b"1.2.3.4", b"", b"x",
]  # fmt: skip

_LENGTHS = [0, 1, 2, 3, 7, 0x7FFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, UNDEFINED]

_STREAM_HEADERS = [b"\xff\x51", b"\xff\x52", b"\xff\xf7", b"\xff\xc3", b"\xff\xc4", b"\xff\xda", b"\xff\x5c"]
"""Segments of JPEG 2000 (SIZ, COD, QCD), JPEG-LS (SOF55) and JPEG (SOF3, DHT, SOS) that state sizes."""

_DECIMALS = re.compile(rb"[0-9.e+-]+(\\[0-9.e+-]+)*[ \0]?")

_FORMATS = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d", b"UV": "Q", b"SV": "q"}


def _pick(file: File, generator: random.Random) -> tuple[Item, int]:
    """Choose an element: half of the time one that the job reads."""
    places = everything(file.meta if generator.random() < 0.1 else file.body)
    if not places:  # another change removed them all
        file.body.append(Element(0x00080060, b"CS", b"CT"))
        return file.body, 0
    important = [place for place in places if place[0][place[1]].tag in IMPORTANT]
    return generator.choice(important if important and generator.random() < 0.5 else places)


def _picked(file: File, generator: random.Random) -> Element:
    holder, index = _pick(file, generator)
    return holder[index]


def _sequence(file: File, generator: random.Random) -> Element | None:
    found = [e for item in every_item(file.body) for e in item if e.items]
    return generator.choice(found) if found else None


# -- nothing that voxels depend on ------------------------------------------------------------------------------------


def _drop_optional(file: File, generator: random.Random) -> None:
    present = [tag for tag in sorted(OPTIONAL) if any(find(item, tag) for item in every_item(file.body))]
    gone = set(generator.sample(present, generator.randint(1, len(present)))) if present else set()
    for item in every_item(file.body):
        item[:] = [element for element in item if element.tag not in gone]


def _add_private(file: File, generator: random.Random) -> None:
    inner = [Element(0x00090010, b"LO", b"FUZZ"), Element(0x00091001, b"OB", generator.randbytes(64))]
    nested = Element(0x00091002, b"SQ", items=[[Element(0x00091003, b"SQ", items=[inner, []])], []])
    values: Sequence[Element] = [
        Element(0x00090010, b"LO", b"FUZZ"),
        Element(0x00091001, b"UN", generator.randbytes(generator.choice([0, 2, 5000]))),
        nested,
        Element(0x00091004, b"LT", b"\xff\x1b$B" * 10),
    ]
    file.body[0:0] = list(values)
    file.body.sort(key=lambda element: element.tag)


def _undefined_lengths(file: File, generator: random.Random) -> None:
    file.undefined_lengths = not file.undefined_lengths


def _no_group_length(file: File, generator: random.Random) -> None:
    if file.syntax != DeflatedExplicitVRLittleEndian:
        file.group_lengths = False


def _add_padding(file: File, generator: random.Random) -> None:
    file.body.append(Element(0xFFFCFFFC, b"OB", bytes(generator.choice([2, 128, 4096]))))


def _preamble(file: File, generator: random.Random) -> None:
    file.prefix = generator.randbytes(128) + b"DICM"


def _harmless_text(file: File, generator: random.Random) -> None:
    """Replace what the job never reads, or reads as words only."""
    for tag, vr in ((0x00100010, b"PN"), (0x00081030, b"LO"), (0x00104000, b"LT"), (0x00080070, b"LO")):
        value = padded(generator.choice(_TEXTS)[:60], b" ")
        found = find(file.body, tag)
        if found:
            found.value = value
        else:
            file.body.append(Element(tag, vr, value))
    file.body.sort(key=lambda element: element.tag)


# -- a loss that must not pass in silence -----------------------------------------------------------------------------


_CONTOURS = 0x30060040
"""Without its ContourSequence a region is one that was not drawn, which is valid: nobody can tell the loss."""


def _delete_element(file: File, generator: random.Random) -> None:
    holder, index = _pick(file, generator)
    if holder[index].tag != _CONTOURS:
        del holder[index]


def _empty_value(file: File, generator: random.Random) -> None:
    element = _picked(file, generator)
    if element.tag == _CONTOURS:
        return
    element.value = b""
    element.items = [] if element.items is not None else None
    element.stated = None


def _shuffle_elements(file: File, generator: random.Random) -> None:
    generator.shuffle(generator.choice(list(every_item(file.body))))


def _hostile_uid(file: File, generator: random.Random) -> None:
    named = [e for item in (*every_item(file.body), file.meta) for e in item if e.vr == b"UI"]
    named = named or [_picked(file, generator)]
    generator.choice(named).value = padded(generator.choice([*_TEXTS, *_UIDS]))


def _hostile_text(file: File, generator: random.Random) -> None:
    text = (b"LO", b"SH", b"PN", b"CS", b"ST", b"DA", b"TM")
    named = [e for item in every_item(file.body) for e in item if e.vr in text]
    named = [e for e in named if e.tag not in {0x00620001, 0x30060042}]  # how contours and frames are stored
    named = named or [_picked(file, generator)]
    generator.choice(named).value = padded(generator.choice(_TEXTS), b" ")


def _truncate(content: bytes, generator: random.Random) -> bytes:
    """Cut a file short, often near its end, where least is missed."""
    near = generator.choice([2, 16, 256, len(content)])
    return content[: max(1, len(content) - generator.randint(1, near))]


# -- anything ---------------------------------------------------------------------------------------------------------


def _duplicate_element(file: File, generator: random.Random) -> None:
    holder, index = _pick(file, generator)
    copy = File([], [holder[index]]).clone().body[0]
    if generator.random() < 0.5:
        _make_absurd(copy, generator)
    holder.insert(generator.randint(0, len(holder)), copy)


def _swap_vr(file: File, generator: random.Random) -> None:
    element = _picked(file, generator)
    element.vr = generator.choice(_VRS)


def _lie_about_length(file: File, generator: random.Random) -> None:
    element = _picked(file, generator)
    length = len(element.value)
    near = [length + 1, length - 1, length + 2, length - 2, length * 2, length // 2]
    element.stated = generator.choice([*_LENGTHS, *near])


def _absurd(file: File, generator: random.Random) -> None:
    _make_absurd(_picked(file, generator), generator)


def _make_absurd(element: Element, generator: random.Random) -> None:
    if element.items is not None:
        choices: list[list[Item]] = [[], [[]], [[] for _ in range(50)], element.items * 2, element.items[:1]]
        element.items = generator.choice(choices)
    elif element.vr in _FORMATS:
        element.value = _absurd_binary(element.vr, generator)
    elif element.vr in (b"DS", b"IS"):
        element.value = padded(generator.choice(_NUMBERS).encode(), b" ")
    elif element.vr == b"UI":
        element.value = padded(generator.choice([*_TEXTS, *_UIDS]))
    elif element.vr in (b"OB", b"OW", b"UN"):
        element.value = _absurd_bytes(element.value, generator)
    else:
        element.value = padded(generator.choice(_TEXTS), b" ")


def _absurd_binary(vr: bytes, generator: random.Random) -> bytes:
    width = struct.calcsize(_FORMATS[vr])
    if vr in (b"FL", b"FD"):
        value = generator.choice([0.0, -1.0, float("nan"), float("inf"), 1e30, 1e-300 if vr == b"FD" else 1e-38])
        return struct.pack("<" + _FORMATS[vr], value)
    whole = 1 << 8 * width
    edges = [0, 1, 2, 7, 8, 16, 64, 255, 1000, whole // 2, whole - 1, whole - 2]
    number = generator.choice([*edges, generator.randrange(whole)])
    packed: bytes = (number % whole).to_bytes(width, "little")
    return packed * generator.choice([1, 1, 1, 1, 2, 0, 300])


def _absurd_bytes(value: bytes, generator: random.Random) -> bytes:
    half, size = len(value) // 2 & ~1, len(value)
    choices = [b"", b"\0\0", value[:half], value + value, bytes(size), b"\xff" * size, value[::-1]]
    return generator.choice([*choices, generator.randbytes(size)])


def _change_items(file: File, generator: random.Random) -> None:
    element = _sequence(file, generator)
    if element is None or not element.items:
        return
    items, index = element.items, generator.randrange(len(element.items))
    change = generator.randrange(5)
    if change == 0:
        del items[index]
    elif change == 1:
        items.insert(index, File([], items[index]).clone().body)
    elif change == 2:
        generator.shuffle(items)
    elif change == 3:
        items[index] = []
    else:
        items.extend(items * generator.choice([1, 20]))


def _nest(file: File, generator: random.Random) -> None:
    """Put sequences into sequences, thousands deep; written by hand, because the tree's own encoder recurs."""
    depth = generator.choice([3, 50, 900, 1100, 20_000])
    opened = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + b"\x40\x00\x60\xa7SQ\x00\x00\xff\xff\xff\xff"
    closed = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00" + b"\xfe\xff\x0d\xe0\x00\x00\x00\x00"
    element = _sequence(file, generator) if generator.random() < 0.8 else None
    holder = element or Element(0x0040A730, b"SQ")
    if element is None:
        file.body.append(holder)
    holder.items, holder.stated = None, UNDEFINED
    ends = closed * depth if generator.random() < 0.7 else b""
    holder.vr, holder.value = b"SQ", opened * depth + ends + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"


def _other_syntax(file: File, generator: random.Random) -> None:
    element = find(file.meta, TRANSFER_SYNTAX)
    if element is None:
        return
    if generator.random() < 0.3:  # honest: the data set is written in it
        file.syntax = generator.choice(_SYNTAXES[:4]).decode()
    else:  # a lie: a second element, which the encoder does not heed
        file.meta.append(Element(TRANSFER_SYNTAX, b"UI", padded(generator.choice(_SYNTAXES))))


def _meta_lies(file: File, generator: random.Random) -> None:
    change = generator.randrange(5)
    if change == 0:
        file.meta_length = generator.choice(_LENGTHS)
    elif change == 1:
        file.meta.append(Element(0x00020102, b"OB", bytes(generator.choice([20_000, 200_000]))))
    elif change == 2:
        file.meta.clear()
    elif change == 3:
        file.meta.insert(0, Element(0x00020000, b"UL", generator.randbytes(4)))
    else:
        file.prefix = generator.choice([b"", b"DICM", bytes(132), bytes(128) + b"DICM" * 2])


def _other_class(file: File, generator: random.Random) -> None:
    kind = padded(generator.choice(_UIDS))
    for item, tag in ((file.body, 0x00080016), (file.meta, 0x00020002)):
        found = find(item, tag)
        if found and generator.random() < 0.7:
            found.value = kind


def _graft(file: File, generator: random.Random) -> None:
    """Move a part of the tree to another place."""
    source, target = _picked(file, generator), _pick(file, generator)[0]
    target.insert(generator.randint(0, len(target)), File([], [source]).clone().body[0])


def _flip_in_value(file: File, generator: random.Random) -> None:
    element = _picked(file, generator)
    element.value = _flip(element.value, generator) if element.value else generator.randbytes(2)


def _huge_matrix(file: File, generator: random.Random) -> None:
    """State a size that the pixels do not have, or that no machine has memory for."""
    for tag in generator.sample([ROWS, COLUMNS, SAMPLES, BITS_ALLOCATED], generator.randint(1, 4)):
        found = find(file.body, tag)
        if found:
            found.value = struct.pack("<H", generator.choice([0, 1, 3, 8, 32, 64, 2000, 32768, 65535]))
    frames = find(file.body, FRAMES)
    if frames and generator.random() < 0.5:
        frames.value = padded(generator.choice(["0", "-5", "400", "100000", "2147483647", "9" * 12]).encode(), b" ")


def _flat_frames(file: File, generator: random.Random) -> None:
    """RLE: many frames of one value each, which unpack to sixty times their size."""
    side, count = generator.choice([(100, 20), (1900, 4), (1900, 60)])
    values = generator.choice([0, 1, 255])
    _set(file, {ROWS: side, COLUMNS: side, BITS_ALLOCATED: 8, BITS_STORED: 8, HIGH_BIT: 7, SAMPLES: 1, SIGNED: 0})
    file.syntax = RLELossless
    groups, frames = find(file.body, PER_FRAME), find(file.body, FRAMES)
    if groups and groups.items and frames:
        groups.items = [File([], groups.items[index % len(groups.items)]).clone().body for index in range(count)]
        for index, group in enumerate(groups.items):
            _move(group, index)
        frames.value = padded(str(count).encode(), b" ")
    else:
        count = 1
    run = bytes([0x81, values]) * -(-side * side // 128)
    frame = padded(struct.pack("<16I", 1, 64, *[0] * 14) + run)
    fragment = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(frame)) + frame
    pixels = find(file.body, PIXELS)
    if pixels:
        pixels.vr, pixels.stated = b"OB", UNDEFINED
        pixels.value = b"\xfe\xff\x00\xe0\0\0\0\0" + fragment * count + b"\xfe\xff\xdd\xe0\0\0\0\0"


def _move(group: Item, index: int) -> None:
    for item in every_item(group):
        position = find(item, 0x00200032)
        if position:
            position.value = padded(f"0\\0\\{index * 3}".encode(), b" ")


def _stream_lies(file: File, generator: random.Random) -> None:
    """Overwrite sizes inside compressed frames: of the image, its tiles, its components, its run lengths."""
    pixels = find(file.body, PIXELS)
    if pixels is None or pixels.stated != UNDEFINED:
        return
    data = bytearray(pixels.value)
    places = [at for mark in _STREAM_HEADERS if (at := data.find(mark)) >= 0]
    start = generator.choice(places) if places else 16
    for _ in range(generator.choice([1, 1, 2, 6])):
        at = start + generator.randrange(2, 70)
        number = generator.choice(
            [0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, generator.getrandbits(32)]
        )
        width = generator.choice([1, 2, 4])
        data[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "big")
    pixels.value = bytes(data[: len(pixels.value)])


def _fragments_lie(file: File, generator: random.Random) -> None:
    """Repeat, drop or cut the fragments of encapsulated pixels, or give native ones fragments."""
    pixels = find(file.body, PIXELS)
    if pixels is None:
        return
    inner = pixels.value if pixels.stated != UNDEFINED else pixels.value[8:-8]
    frame = padded(inner[: generator.choice([0, 2, len(inner) // 2, len(inner)])])
    stated = generator.choice([len(frame), len(frame), 0, 2**31, UNDEFINED])
    fragment = b"\xfe\xff\x00\xe0" + struct.pack("<I", stated) + frame
    offsets = generator.choice([b"", struct.pack("<I", 0), struct.pack("<2I", 0, 2**31), b"\xff" * 12])
    table = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(offsets)) + offsets
    end = generator.choice([b"\xfe\xff\xdd\xe0\0\0\0\0", b"", b"\xfe\xff\xdd\xe0\xff\xff\xff\xff"])
    pixels.vr, pixels.stated = b"OB", UNDEFINED
    pixels.value = table + fragment * generator.choice([0, 1, 1, 3, 300]) + end
    if generator.random() < 0.5:
        file.syntax = generator.choice(_SYNTAXES[4:-4]).decode()


def _many_values(file: File, generator: random.Random) -> None:
    """As many values as the budget of bytes allows, each of which becomes an object."""
    element = _picked(file, generator)
    size = generator.choice([20_000, 600_000, 3_900_000])
    if element.items is None and element.tag not in {PIXELS, TRANSFER_SYNTAX}:
        element.value, element.stated = padded((b"1\\" * (size // 2))[:-1], b" "), None
        if len(element.value) > 0xFFFF and element.vr not in (b"OB", b"UT") and file.syntax != ImplicitVRLittleEndian:
            element.vr = b"UN"  # as writers do with what is too long for its own representation


def _many_items(file: File, generator: random.Random) -> None:
    """As many empty items as the budget of bytes allows: eight bytes become a whole data set."""
    element = _sequence(file, generator)
    if element is None:
        return
    count = generator.choice([2_000, 60_000, 480_000])
    element.items, element.stated = None, generator.choice([None, UNDEFINED])
    element.value = b"\xfe\xff\x00\xe0\0\0\0\0" * count + b"\xfe\xff\xdd\xe0\0\0\0\0" * bool(element.stated)


def _set(file: File, values: dict[int, int]) -> None:
    for tag, value in values.items():
        found = find(file.body, tag)
        if found:
            found.value = struct.pack("<H", value)


def _spread_positions(file: File, generator: random.Random) -> None:
    """Frames, slices or contours very far apart or all in one place, all of them valid numbers."""
    factor = generator.choice([0.0, 1e-6, 1e-3, 0.5, 1000.0, 1e9, 1e150, 1e300])
    kind = generator.choice([0x00200032, 0x00280030, 0x00180088, CONTOUR_DATA])
    for item in every_item(file.body):
        found = find(item, kind)
        if found and _DECIMALS.fullmatch(found.value):  # unless another change made something else of it
            numbers = np.array(found.value.rstrip(b" \0").split(b"\\"), dtype=float) * factor
            found.value = padded("\\".join(f"{number:.8g}" for number in numbers).encode(), b" ")


def _deflate_bomb(file: File, generator: random.Random) -> None:
    """A few kilobytes that inflate to far more than a file may have."""
    size = generator.choice([3, 24, 400]) * 2**20
    file.syntax = DeflatedExplicitVRLittleEndian
    if generator.random() < 0.5:
        file.meta.insert(0, Element(0x00020003, b"UI", b"1." * 15_000))  # moves the syntax far into the file
    file.body.append(Element(0x7FE10010, b"OB", stated=size))
    file.zeros = size


def _hidden_bomb(content: bytes, generator: random.Random) -> bytes:
    """A deflated file that lies about the length of its file meta information: a look at the stated place finds a
    harmless stream, a reader goes on to the bomb."""
    syntax = encode_items([Element(TRANSFER_SYNTAX, b"UI", padded(DeflatedExplicitVRLittleEndian.encode()))])
    decoy = encode_items([Element(0x00020102, b"OB", deflated(b""))])
    length = len(syntax) + 12
    return PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, length) + syntax + decoy + deflated(b"", 400 * 2**20)


def _flip(content: bytes, generator: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(generator.choice([1, 1, 4, 32])):
        at = _place(len(data), generator)
        data[at] = generator.choice([0, 0xFF, generator.randrange(256), data[at] ^ 1 << generator.randrange(8)])
    return bytes(data)


def _place(length: int, generator: random.Random) -> int:
    """Choose a place in a file, most often in its header."""
    return generator.randrange(min(length, generator.choice([400, 1200, length])))


def _cut_out(content: bytes, generator: random.Random) -> bytes:
    at = _place(len(content), generator)
    return content[:at] + content[at + generator.choice([1, 2, 4, 8, 50]) :]


def _insert(content: bytes, generator: random.Random) -> bytes:
    at, size = _place(len(content), generator), generator.choice([1, 2, 4, 8, 50])
    return content[:at] + generator.choice([bytes(size), b"\xff" * size, generator.randbytes(size)]) + content[at:]


def _repeat(content: bytes, generator: random.Random) -> bytes:
    at, size = _place(len(content), generator), generator.choice([2, 8, 60, 500])
    return content[:at] + content[at : at + size] * generator.choice([2, 3, 40]) + content[at + size :]


def _splice(content: bytes, generator: random.Random) -> bytes:
    one, other = _place(len(content), generator), _place(len(content), generator)
    return content[:one] + content[other:]


def _overwrite_length(content: bytes, generator: random.Random) -> bytes:
    at = _place(max(1, len(content) - 4), generator)
    return content[:at] + struct.pack("<I", generator.choice(_LENGTHS)) + content[at + 4 :]


HARMLESS = (
    Change("drop_optional", Expected.SAME, 3, _drop_optional),
    Change("add_private", Expected.SAME, 2, _add_private),
    Change("undefined_lengths", Expected.SAME, 2, _undefined_lengths),
    Change("no_group_length", Expected.SAME, 1, _no_group_length),
    Change("add_padding", Expected.SAME, 1, _add_padding),
    Change("preamble", Expected.SAME, 1, _preamble),
    Change("harmless_text", Expected.SAME, 2, _harmless_text),
)

LOSSES = (
    Change("delete_element", Expected.SAME_OR_REFUSED, 4, _delete_element),
    Change("empty_value", Expected.SAME_OR_REFUSED, 3, _empty_value),
    Change("shuffle_elements", Expected.SAME_OR_REFUSED, 1, _shuffle_elements),
    Change("hostile_uid", Expected.SAME_OR_REFUSED, 2, _hostile_uid),
    Change("hostile_text", Expected.SAME_OR_REFUSED, 2, _hostile_text),
    Change("truncate", Expected.SAME_OR_REFUSED, 4, bytes=_truncate),
)

DAMAGE = (
    Change("duplicate_element", Expected.TYPED, 3, _duplicate_element),
    Change("swap_vr", Expected.TYPED, 4, _swap_vr),
    Change("lie_about_length", Expected.TYPED, 4, _lie_about_length),
    Change("absurd", Expected.TYPED, 10, _absurd),
    Change("change_items", Expected.TYPED, 4, _change_items),
    Change("nest", Expected.TYPED, 0.4, _nest),
    Change("other_syntax", Expected.TYPED, 3, _other_syntax),
    Change("meta_lies", Expected.TYPED, 2, _meta_lies),
    Change("other_class", Expected.TYPED, 1, _other_class),
    Change("graft", Expected.TYPED, 2, _graft),
    Change("flip_in_value", Expected.TYPED, 4, _flip_in_value),
    Change("huge_matrix", Expected.TYPED, 3, _huge_matrix),
    Change("flat_frames", Expected.TYPED, 0.5, _flat_frames),
    Change("stream_lies", Expected.TYPED, 4, _stream_lies),
    Change("fragments_lie", Expected.TYPED, 2, _fragments_lie),
    Change("many_values", Expected.TYPED, 0.5, _many_values),
    Change("many_items", Expected.TYPED, 0.5, _many_items),
    Change("spread_positions", Expected.TYPED, 2, _spread_positions),
    Change("deflate_bomb", Expected.TYPED, 0.1, _deflate_bomb),
    Change("hidden_bomb", Expected.TYPED, 0.05, bytes=_hidden_bomb),
    Change("flip", Expected.TYPED, 4, bytes=_flip),
    Change("cut_out", Expected.TYPED, 2, bytes=_cut_out),
    Change("insert", Expected.TYPED, 2, bytes=_insert),
    Change("repeat", Expected.TYPED, 2, bytes=_repeat),
    Change("splice", Expected.TYPED, 2, bytes=_splice),
    Change("overwrite_length", Expected.TYPED, 2, bytes=_overwrite_length),
)
