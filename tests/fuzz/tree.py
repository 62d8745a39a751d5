"""DICOM files as trees of elements that may lie: what is written is what was asked for, valid or not.

Pydicom checks what it writes and repairs much of it. The fuzzer must write wrong lengths, wrong types, repeated and
unsorted elements, so it has an encoder of its own. A tree is read from a valid file in explicit VR little endian.
"""

import copy
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Self, TypeAlias

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

PREAMBLE = bytes(128) + b"DICM"
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
TRANSFER_SYNTAX = 0x00020010

_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Value representations with a 32-bit length in explicit VR."""

_WIDTH = {b"US": 2, b"SS": 2, b"OW": 2, b"UL": 4, b"SL": 4, b"FL": 4, b"OF": 4, b"FD": 8, b"OD": 8, b"AT": 2}
"""Bytes of a number, for those whose order depends on the transfer syntax."""

Item: TypeAlias = "list[Element]"


@dataclass
class Element:
    """One element; `stated` replaces the length that is written."""

    tag: int
    vr: bytes
    value: bytes = b""
    items: list[Item] | None = None
    stated: int | None = None


@dataclass
class File:
    """A DICOM file: its file meta information and its data set."""

    meta: Item
    body: Item
    undefined_lengths: bool = False
    group_lengths: bool = True
    meta_length: int | None = None
    prefix: bytes = PREAMBLE
    zeros: int = 0
    """Bytes of zero that a deflated data set ends with; never held in memory."""

    @property
    def syntax(self) -> str:
        found = find(self.meta, TRANSFER_SYNTAX)
        return found.value.rstrip(b"\0").decode("latin-1") if found else ""

    @syntax.setter
    def syntax(self, value: str) -> None:
        found = find(self.meta, TRANSFER_SYNTAX)
        if found:
            found.value = padded(value.encode())

    def clone(self) -> Self:
        return copy.deepcopy(self)


def padded(value: bytes, by: bytes = b"\0") -> bytes:
    """Make a length even."""
    return value + by * (len(value) % 2)


def find(item: Item, tag: int) -> Element | None:
    """Give the first element of a tag in one item, not in those below it."""
    return next((element for element in item if element.tag == tag), None)


def every_item(item: Item) -> Iterator[Item]:
    """Give an item and all items below it."""
    yield item
    for element in item:
        for below in element.items or []:
            yield from every_item(below)


def everything(item: Item) -> list[tuple[Item, int]]:
    """List every element of a tree by the item that holds it and its place there."""
    return [(holder, index) for holder in every_item(item) for index in range(len(holder))]


def read(content: bytes) -> File:
    """Read a valid file in explicit VR little endian, encapsulated pixel data included."""
    reader = _Reader(content, len(PREAMBLE))
    meta = reader.elements(lambda tag: tag >> 16 != 2)
    return File([element for element in meta if element.tag != 0x00020000], reader.elements())


class _Reader:
    def __init__(self, content: bytes, at: int) -> None:
        self.content, self.at = content, at

    def _tag(self) -> int:
        group, element = struct.unpack_from("<HH", self.content, self.at)
        return int(group << 16 | element)

    def elements(self, stop: object = None, end: int | None = None) -> Item:
        found: Item = []
        end = len(self.content) if end is None else end
        while self.at < end:
            tag = self._tag()
            if tag in (ITEM_END, SEQUENCE_END) or (callable(stop) and stop(tag)):
                break
            found.append(self._element(tag))
        return found

    def _element(self, tag: int) -> Element:
        vr = self.content[self.at + 4 : self.at + 6]
        if vr in _LONG:
            (length,) = struct.unpack_from("<I", self.content, self.at + 8)
            self.at += 12
        else:
            (length,) = struct.unpack_from("<H", self.content, self.at + 6)
            self.at += 8
        if vr == b"SQ":
            return Element(tag, vr, items=self._items(length))
        if length == UNDEFINED:
            return Element(tag, vr, self._fragments(), stated=UNDEFINED)
        value = self.content[self.at : self.at + length]
        self.at += length
        return Element(tag, vr, value)

    def _items(self, length: int) -> list[Item]:
        end = len(self.content) if length == UNDEFINED else self.at + length
        items = []
        while self.at < end:
            tag = self._tag()
            (size,) = struct.unpack_from("<I", self.content, self.at + 4)
            self.at += 8
            if tag == SEQUENCE_END:
                break
            items.append(self.elements(end=None if size == UNDEFINED else self.at + size))
            if size == UNDEFINED:
                self.at += 8
        return items

    def _fragments(self) -> bytes:
        """Give encapsulated pixel data as it is, up to its end mark."""
        start = self.at
        while (tag := self._tag()) == ITEM:
            (size,) = struct.unpack_from("<I", self.content, self.at + 4)
            self.at += 8 + size
        self.at += 8
        assert tag == SEQUENCE_END
        return self.content[start : self.at]


def write(file: File) -> bytes:
    """Encode a file in the transfer syntax that its file meta information names, as far as that is native."""
    meta = _Writer("<", implicit=False).item(file.meta)
    if file.group_lengths:
        length = len(meta) if file.meta_length is None else file.meta_length
        meta = struct.pack("<HH2sHI", 2, 0, b"UL", 4, length & UNDEFINED) + meta
    syntax = file.syntax
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    writer = _Writer(order, implicit=syntax == ImplicitVRLittleEndian, undefined=file.undefined_lengths)
    body = writer.item(file.body)
    return file.prefix + meta + (deflated(body, file.zeros) if syntax == DeflatedExplicitVRLittleEndian else body)


def deflated(body: bytes, zeros: int = 0) -> bytes:
    """Compress a data set, and zeros after it, as the deflated transfer syntax asks for."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return padded(compressor.compress(body) + compressor.flush(zlib.Z_FULL_FLUSH) + _deflated_zeros(zeros))


@cache
def _deflated_zeros(size: int) -> bytes:
    """Compress zeros piece by piece; the stream can follow any other that was flushed."""
    compressor, piece = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS), bytes(2**20)
    pieces = [compressor.compress(piece[: min(size - at, 2**20)]) for at in range(0, size, 2**20)]
    return b"".join(pieces) + compressor.flush()


def encode_items(item: Item) -> bytes:
    """Encode one item in explicit VR little endian."""
    return _Writer("<", implicit=False).item(item)


class _Writer:
    def __init__(self, order: str, *, implicit: bool, undefined: bool = False) -> None:
        self.order, self.implicit, self.undefined = order, implicit, undefined

    def item(self, item: Item) -> bytes:
        return b"".join(self._element(element) for element in item)

    def _element(self, element: Element) -> bytes:
        value = self._sequence(element.items) if element.items is not None else self._value(element)
        own = UNDEFINED if self.undefined and element.items is not None else len(value)
        if own == UNDEFINED:
            value += self._mark(SEQUENCE_END, 0)
        return self._head(element, own if element.stated is None else element.stated) + value

    def _head(self, element: Element, length: int) -> bytes:
        tag = struct.pack(f"{self.order}HH", element.tag >> 16 & 0xFFFF, element.tag & 0xFFFF)
        if self.implicit:
            return tag + struct.pack(f"{self.order}I", length & UNDEFINED)
        if element.vr in _LONG:
            return tag + element.vr + b"\0\0" + struct.pack(f"{self.order}I", length & UNDEFINED)
        return tag + element.vr + struct.pack(f"{self.order}H", length & 0xFFFF)

    def _value(self, element: Element) -> bytes:
        width = _WIDTH.get(element.vr, 1)
        if self.order == "<" or width == 1 or len(element.value) % width:
            return element.value
        return b"".join(element.value[at : at + width][::-1] for at in range(0, len(element.value), width))

    def _sequence(self, items: list[Item]) -> bytes:
        return b"".join(self._item(self.item(item)) for item in items)

    def _item(self, content: bytes) -> bytes:
        if self.undefined:
            return self._mark(ITEM, UNDEFINED) + content + self._mark(ITEM_END, 0)
        return self._mark(ITEM, len(content)) + content

    def _mark(self, tag: int, length: int) -> bytes:
        return struct.pack(f"{self.order}HHI", tag >> 16, tag & 0xFFFF, length)
