"""Encodes 16-bit grey images as lossless JPEG (ITU-T T.81 process 14, selection value 1), which no package here writes.

Only what the tests need: one component, one Huffman table that gives each of the 17 difference categories five bits.
"""

import numpy as np
from numpy.typing import NDArray

_CODE_BITS = 5
_CATEGORIES = 17


def encode(image: NDArray[np.uint16]) -> bytes:
    """Encode one image, shape (rows, columns)."""
    rows, columns = image.shape
    frame = b"\x10" + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    table = b"\x00" + bytes(_CATEGORIES if length == _CODE_BITS else 0 for length in range(1, 17)) + bytes(range(17))
    scan = b"\x01\x01\x00\x01\x00\x00"  # one component, table 0, predictor 1 (the neighbour on the left)
    segments = _segment(0xC3, frame) + _segment(0xC4, table) + _segment(0xDA, scan)
    return b"\xff\xd8" + segments + _entropy(_differences(image)) + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def _differences(image: NDArray[np.uint16]) -> list[int]:
    """Each pixel minus its prediction, modulo 2^16, in raster order."""
    predicted = np.empty(image.shape, np.int64)
    predicted[:, 1:] = image[:, :-1]
    predicted[1:, 0] = image[:-1, 0]
    predicted[0, 0] = 1 << 15
    wrapped = (image.astype(np.int64) - predicted + (1 << 15)) % (1 << 16) - (1 << 15)
    return [int(value) for value in wrapped.ravel()]


def _entropy(differences: list[int]) -> bytes:
    bits = "".join(_code(difference) for difference in differences)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")


def _code(difference: int) -> str:
    """A category (how many bits), then the difference; a negative one is stored less one, without its sign."""
    if difference == -(1 << 15):
        return format(16, f"0{_CODE_BITS}b")  # this category carries no bits
    category = abs(difference).bit_length()
    value = difference if difference > 0 else difference + (1 << category) - 1
    return format(category, f"0{_CODE_BITS}b") + (format(value, f"0{category}b") if category else "")
