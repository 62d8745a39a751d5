"""The elements of an ordinary DICOM file in one pass over its bytes, as pydicom would give them.

pydicom looks at each element in eight ways that ordinary files do not need, which was a tenth of a study's CPU time.
Whatever is out of the ordinary here, and all decoding of values, is left to pydicom (`features-24`). Structure of a
file: DICOM PS3.5, 7.1, and PS3.10, 7.1.
"""

from collections.abc import Mapping
from functools import cache
from struct import Struct
from typing import TypeAlias, cast

from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

_META_LENGTH = b"DICM\x02\x00\x00\x00UL\x04\x00"
_META_PLACE, _META_LENGTH_PLACE = 132, 140
_CHARACTER_SET, _SYNTAX, _EXPLICIT = 0x00080005, BaseTag(0x00020010), ExplicitVRLittleEndian.encode()

_SHORT = {str(vr).encode(): str(vr) for vr in EXPLICIT_VR_LENGTH_16}
_LONG = {str(vr).encode(): str(vr) for vr in EXPLICIT_VR_LENGTH_32}
_Elements: TypeAlias = dict[BaseTag, DataElement | RawDataElement]
_HEAD, _LENGTH, _MARK = Struct("<HH2sH").unpack_from, Struct("<L").unpack_from, Struct("<LL").unpack_from
_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000FFFE, 0xE00DFFFE, 0xE0DDFFFE  # as four bytes in little endian
_UNDEFINED_LENGTH = 0xFFFFFFFF


tag_of = cache(Tag)
"""One object for each keyword: pydicom looks keywords up each time, and tags that are not one object compare slowly."""


def ordinary_elements(content: bytes, needed: Mapping[int, BaseTag], large: int) -> Dataset | None:
    """Find the elements of an uncompressed, explicit little-endian file.

    Sequences of undefined length are passed over; where one is needed, the file is pydicom's.

    Parameters
    ----------
    needed : mapping of int to BaseTag
        Tags of the elements that are kept, from `tag_of`; file meta information is kept whole.
    large : int
        Bytes from which the value of an element is left where it is, as pydicom's `defer_size` does.

    Returns
    -------
    pydicom.Dataset or None
        None for any other file, also for a damaged one: pydicom says what it is.
    """
    if content[128:_META_LENGTH_PLACE] != _META_LENGTH or len(content) < _META_LENGTH_PLACE + 4:
        return None
    start = _META_LENGTH_PLACE + 4 + _LENGTH(content, _META_LENGTH_PLACE)[0]
    meta = _elements(content, _META_PLACE, start, None, start) if start <= len(content) else None
    syntax = meta.get(_SYNTAX) if meta else None
    if meta is None or syntax is None or syntax.VR != "UI" or (syntax.value or b"").rstrip(b"\0") != _EXPLICIT:
        return None
    elements = _elements(content, start, len(content), needed, large)
    if elements is None:
        return None
    dataset = Dataset(elements)
    dataset.file_meta = FileMetaDataset(meta)
    dataset.set_original_encoding(False, True, dataset._character_set)
    return dataset


def _elements(content: bytes, at: int, end: int, needed: Mapping[int, BaseTag] | None, large: int) -> _Elements | None:
    """Give the elements between two places; None when they are not that."""
    found: _Elements = {}
    before, meta = 0, needed is None
    while at + 12 <= end:
        tag, name, length, at = _head(content, at)
        key = BaseTag(tag) if needed is None else needed.get(tag)
        behind = at + length if key or length != _UNDEFINED_LENGTH else _after_sequence(content, at, end, name)
        if tag <= before or tag >> 16 < 2 or (tag >> 16 == 2) is not meta or not at <= behind <= end:
            return None
        if key:
            value = content[at:behind] if length <= large or tag == _CHARACTER_SET else None
            if not length:
                value = cast(bytes | None, empty_value_for_VR(name, raw=True))
            found[key] = RawDataElement(key, name, length, value, at, False, True)
        before, at = tag, behind
    return found if at == end else None


def _head(content: bytes, at: int) -> tuple[int, str, int, int]:
    """Give tag, representation, length and place of a value; tag 0 when there is no such element."""
    group, number, vr, length = _HEAD(content, at)
    if vr in _SHORT:
        return group << 16 | number, _SHORT[vr], length, at + 8
    if vr not in _LONG or at + 12 > len(content):
        return 0, "", 0, at
    return group << 16 | number, _LONG[vr], _LENGTH(content, at + 8)[0], at + 12


def _after_sequence(content: bytes, at: int, end: int, name: str) -> int:
    """Give the place behind a sequence of undefined length; -1 when it is not one."""
    while name == "SQ" and 0 <= at <= end - 8:
        mark, length = _MARK(content, at)
        if mark == _SEQUENCE_END:
            return at + 8
        if mark != _ITEM:
            break
        at = _after_item(content, at + 8, end) if length == _UNDEFINED_LENGTH else at + 8 + length
    return -1


def _after_item(content: bytes, at: int, end: int) -> int:
    while 0 <= at <= end - 8:
        if _MARK(content, at)[0] == _ITEM_END:
            return at + 8
        tag, name, length, at = _head(content, at)
        if not tag:
            break
        at = _after_sequence(content, at, end, name) if length == _UNDEFINED_LENGTH else at + length
    return -1
