"""NIfTI and NRRD studies and their damage: fields of the header, lines of text, compressed bytes."""

import gzip
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from radiomics_job.roi.rule import RoiPolicy, RoiRule
from tests.builders.dicom import CORONAL, OBLIQUE, Scan, tumour, vessel
from tests.builders.volumes import Nifti, Nrrd, affine_of, image_of, mask_of, nifti, nrrd
from tests.fuzz.damage import Change, Expected
from tests.fuzz.seeds import SCAN, Seed

_FLOATS = (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 0.5, 1000.0)
_SHORTS = (0, 1, -1, 2, 3, 5, 255, 4096, 32767, -32768)

_SHORT_FIELDS = (40, 42, 44, 46, 48, 50, 70, 72, 252, 254)
_FLOAT_FIELDS = (76, 80, 84, 88, 108, 112, 116, *range(256, 328, 4))
"""Offsets in nifti1.h: dim, datatype, bitpix, form codes; pixdim, vox_offset, scale, quaternion, sform."""

_EACH = RoiRule(policy=RoiPolicy.EACH)


def nifti_seeds() -> Iterator[Seed]:
    """Studies of an image and masks as NIfTI."""

    def seed(name: str, scan: Scan, ending: str, how: Nifti | None = None, rule: RoiRule | None = None) -> Seed:
        affine, labels = affine_of(scan), mask_of(scan)
        if rule is not None:
            labels[mask_of(scan, vessel) > labels] = 2
        files = {"ct": nifti(image_of(scan), affine, how), "seg": nifti(labels, affine)}
        stored = {f"{k}{ending}": gzip.compress(v, 1, mtime=0) if "gz" in ending else v for k, v in files.items()}
        return Seed(name, stored, (), rule=rule or RoiRule())

    yield seed("plain", SCAN, ".nii")
    yield seed("packed", SCAN, ".nii.gz")
    yield seed("big_endian", SCAN, ".nii", Nifti(order=">"))
    yield seed("scaled", SCAN, ".nii", Nifti(units=0))
    yield seed("labels", SCAN, ".nii", rule=_EACH)
    yield seed("oblique", Scan(22, 21, 8, (2.1, 1.9), 4.1, OBLIQUE), ".nii")


def nrrd_seeds() -> Iterator[Seed]:
    """Studies of an image and masks as NRRD."""

    def seed(name: str, scan: Scan, image: Nrrd | None = None, mask: Nrrd | None = None) -> Seed:
        affine = affine_of(scan)
        files = {"ct.nrrd": nrrd(image_of(scan), affine, image), "seg.nrrd": nrrd(mask_of(scan), affine, mask)}
        return Seed(name, files, ())

    table = {"Segment0_Name": "Tumour", "Segment0_LabelValue": "1", "Segment0_Layer": "0", "Segment0_Extent": "0 1 0 1"}
    yield seed("plain", SCAN)
    yield seed("packed", SCAN, Nrrd(encoding="gzip"), Nrrd(encoding="gzip"))
    yield seed("coronal", Scan(22, 21, 8, (2.1, 1.9), 4.1, CORONAL), Nrrd(space="right-anterior-superior"))
    yield seed("table", SCAN, mask=Nrrd(fields=table))
    affine = affine_of(SCAN)
    layers = np.stack([mask_of(SCAN, vessel), mask_of(SCAN, tumour)])
    both = {f"Segment{n}_{key}": str(n if key == "Layer" else 1) for n in (0, 1) for key in ("LabelValue", "Layer")}
    names = {"Segment0_Name": "Vessel", "Segment1_Name": "Tumour"}
    files = {"ct.nrrd": nrrd(image_of(SCAN), affine)}
    files["seg.nrrd"] = nrrd(layers, affine, Nrrd(fields=both | names, layers=True))
    yield Seed("layers", files, (), rule=_EACH)
    voxels = image_of(SCAN).tobytes(order="F")
    files = {"ct.nhdr": nrrd(image_of(SCAN), affine, Nrrd(data_file="ct.raw")), "ct.raw": voxels}
    yield Seed("detached", files | {"seg.nrrd": nrrd(mask_of(SCAN), affine)}, ())


# -- damage ----------------------------------------------------------------------------------------------------------

_Bytes = Callable[[bytes, random.Random], bytes]


def _unpacked(change: _Bytes) -> _Bytes:
    """Change what a gzip file holds."""

    def apply(content: bytes, generator: random.Random) -> bytes:
        if content.startswith(b"\x1f\x8b"):
            return gzip.compress(change(gzip.decompress(content), generator), 1, mtime=0)
        return change(content, generator)

    return apply


def _cut(content: bytes, generator: random.Random) -> bytes:
    return content[: generator.randrange(len(content))]


def _flip(content: bytes, generator: random.Random) -> bytes:
    """Change a few bits, most of them in the header."""
    data = bytearray(content)
    for _ in range(generator.choice([1, 2, 8])):
        place = generator.randrange(min(len(data), generator.choice([400, len(data)])))
        data[place] ^= 1 << generator.randrange(8)
    return bytes(data)


def _nifti_field(content: bytes, generator: random.Random) -> bytes:
    """Put an extreme number into a field: sides, type, spacing, offset, scale, units, codes, forms."""
    data = bytearray(content)
    places, kind, values = generator.choice([(_SHORT_FIELDS, "h", _SHORTS), (_FLOAT_FIELDS, "f", _FLOATS)])
    struct.pack_into(generator.choice("<<<>") + kind, data, generator.choice(places), generator.choice(values))
    return bytes(data)


def _nifti_text(content: bytes, generator: random.Random) -> bytes:
    """Another description, of 80 bytes at 148: nothing depends on it."""
    return content[:148] + bytes(generator.randrange(1, 128) for _ in range(79)) + b"\0" + content[228:]


def _longer(content: bytes, generator: random.Random) -> bytes:
    return content + bytes(generator.randrange(256) for _ in range(generator.choice([1, 7, 300])))


def _head(content: bytes) -> tuple[list[bytes], bytes]:
    head, _, data = content.partition(b"\n\n")
    return head.split(b"\n"), data


def _nrrd_lines(change: Callable[[list[bytes], random.Random], None]) -> _Bytes:
    def apply(content: bytes, generator: random.Random) -> bytes:
        if not content.startswith(b"NRRD"):
            return content
        lines, data = _head(content)
        change(lines, generator)
        return b"\n".join(lines) + b"\n\n" + data

    return apply


_TOKENS = (
    *(b"0", b"-1", b"nan", b"1e999", b"99999999999999999999", b"none", b"(1,2)", b"(nan,0,0)", b"4", b"", b"\xff\xfe"),
    *(b"raw", b"gzip", b"bzip2", b"int", b"block", b"scanner-xyz", b"RAS", b"../ct.raw", b"skip"),
)


def _token(lines: list[bytes], generator: random.Random) -> None:
    """Replace one word of one line."""
    number = generator.randrange(1, len(lines))
    key, mark, value = lines[number].partition(b":")
    words = value.split(b" ")
    words[generator.randrange(len(words))] = generator.choice(_TOKENS)
    lines[number] = key + mark + b" ".join(words)


def _lose_line(lines: list[bytes], generator: random.Random) -> None:
    del lines[generator.randrange(len(lines))]


def _repeat_line(lines: list[bytes], generator: random.Random) -> None:
    lines.insert(generator.randrange(1, len(lines)), generator.choice(lines))


def _comment(lines: list[bytes], generator: random.Random) -> None:
    lines.insert(generator.randrange(1, len(lines)), b"# made on " + bytes([generator.randrange(65, 90)]))


_COMMON_DAMAGE = [
    Change("flip_bits", Expected.TYPED, 2, bytes=_flip),
    Change("flip_bits_inside", Expected.TYPED, 2, bytes=_unpacked(_flip)),
]
_COMMON_LOSSES = [
    Change("cut", Expected.SAME_OR_REFUSED, 2, bytes=_cut),
    Change("cut_inside", Expected.SAME_OR_REFUSED, 1, bytes=_unpacked(_cut)),
]

CHANGES: dict[str, list[Change]] = {
    "nifti": [
        Change("description", Expected.SAME, 2, bytes=_unpacked(_nifti_text)),
        Change("longer", Expected.SAME, 1, bytes=_unpacked(_longer)),
        *_COMMON_LOSSES,
        *_COMMON_DAMAGE,
        Change("field", Expected.TYPED, 6, bytes=_unpacked(_nifti_field)),
    ],
    "nrrd": [
        Change("comment", Expected.SAME, 2, bytes=_nrrd_lines(_comment)),
        *_COMMON_LOSSES,
        *_COMMON_DAMAGE,
        Change("token", Expected.TYPED, 6, bytes=_nrrd_lines(_token)),
        Change("lose_line", Expected.TYPED, 2, bytes=_nrrd_lines(_lose_line)),
        Change("repeat_line", Expected.TYPED, 1, bytes=_nrrd_lines(_repeat_line)),
    ],
}


def damaged(parser: str, study: Seed, generator: random.Random) -> tuple[dict[str, bytes], list[Change]]:
    """Damage one file of a study."""
    pool = CHANGES[parser]
    changes = generator.choices(pool, [change.weight for change in pool], k=generator.choice([1, 1, 1, 2]))
    content = dict(study.files)
    victim = generator.choice(sorted(content))
    for change in changes:
        if change.bytes and content[victim]:
            try:
                content[victim] = change.bytes(content[victim], generator)
            except (OSError, EOFError, ValueError, struct.error, zlib.error):
                break  # damaged so far that it cannot be unpacked for another change
    return content, changes
