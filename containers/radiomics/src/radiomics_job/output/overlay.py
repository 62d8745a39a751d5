"""A picture of a region over its CT in three planes, each turned as a radiologist expects to see it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from radiomics_job.geometry.grid import Canonical, Intensity, canonical_orientation, largest_slice, slice_areas

Image.preinit()  # Pillow imports its formats at the first save, which would be in each study's process anew

PLANE_NAMES: Final = ("Sagittal", "Coronal", "Axial")
"""By the canonical axis (left, posterior, superior) that points out of the plane."""

OBLIQUE_DEGREES: Final = 10.0
"""A plane tilted more than this from the patient's is called oblique."""

SECOND_LETTER_COSINE: Final = 0.35
"""An edge also names the second direction it points to when that cosine is at least this (about 20 degrees).
"""

_LETTERS: Final = (("L", "R"), ("P", "A"), ("S", "I"))

_DISPLAY_AXES: Final = {2: (0, 1), 1: (0, 2), 0: (1, 2)}
"""Out-of-plane axis to the axes shown (rightwards, up-down)."""

PANEL_HEIGHT: Final = 520
"""Most pixels a panel may be high."""

CLOSE_UP_PIXELS: Final = 400
"""Height and width of a close-up."""

CLOSE_UP_LEAST_MM, CLOSE_UP_REACH = 40.0, 1.6
"""A close-up shows at least so many millimetres, and so many times the extent of the region."""

PICTURE_WIDTH: Final = 1600
"""Most pixels the picture may be wide."""

SHELL_MM: Final = 12.0
"""How far around the mask the tissue is looked at to choose the window."""

_GAP, _TITLE, _FOOT = 14, 30, 30
_BACKGROUND, _TEXT, _DIM = (13, 15, 18), (232, 234, 237), (150, 156, 164)
_YELLOW: Final = np.array([255, 214, 10], dtype=np.float64)
_FILL_OPACITY, _OUTLINE_OPACITY = 0.4, 0.95
_MOST_PIXELS_PER_MM = 4.0


@dataclass(frozen=True, slots=True)
class View:
    """One plane, rows from top to bottom and columns from left to right as they are to be drawn."""

    title: str
    """Name of the plane and why this slice."""
    values: NDArray[Intensity]
    """Hounsfield units, or SUV."""
    mask: NDArray[np.bool_]
    """Pixels."""
    pixel_mm: tuple[float, float]
    """Height and width of a pixel."""
    letters: tuple[str, str, str, str]
    """Anatomical direction of the left, right, top and bottom edge."""


def three_views(
    ct: NDArray[Intensity], mask: NDArray[np.bool_], affine: NDArray[np.float64], slice_axis: int = 2
) -> tuple[View, View, View]:
    """Cut the slice of largest mask area in the acquisition plane, and the two planes across it near the
    mask's centroid.

    Patient left is on the viewer's right, anterior is up in axial planes and on the left in sagittal ones,
    superior is up in the others.

    Raises
    ------
    ValueError
        When the mask is empty or does not match the CT.
    """
    if ct.shape != mask.shape or ct.ndim != 3:
        raise ValueError(f"CT {ct.shape} and mask {mask.shape} have to be the same three-dimensional grid")
    orientation = canonical_orientation(affine)
    ct, mask = orientation.apply(ct), orientation.apply(mask)
    acquired = orientation.axis_of(slice_axis)
    first, second = (axis for axis in (2, 1, 0) if axis != acquired)
    return (
        _view(ct, mask, orientation, acquired, largest_slice(mask, acquired), "largest area"),
        _view(ct, mask, orientation, first, _central_slice(mask, first), "through the centre"),
        _view(ct, mask, orientation, second, _central_slice(mask, second), "through the centre"),
    )


def _central_slice(mask: NDArray[np.bool_], axis: int) -> int:
    """Slice nearest to the centroid among those that hold some of the mask (a ring's centroid may not)."""
    first, areas = slice_areas(mask, axis)
    centroid = np.average(np.arange(areas.size), weights=areas)
    covered = np.flatnonzero(areas)
    return first + int(covered[np.argmin(np.abs(covered - centroid))])


def _view(
    ct: NDArray[Intensity], mask: NDArray[np.bool_], orientation: Canonical, out: int, index: int, reason: str
) -> View:
    right, down = _DISPLAY_AXES[out]
    top_is_superior = down == 2
    left_letter, right_letter = _edge_letters(orientation.directions[:, right])
    low_letter, high_letter = _edge_letters(orientation.directions[:, down])
    return View(
        title=f"{_plane_name(orientation, out)}, {reason}",
        values=_drawn(_plane(ct, out, index), flip=top_is_superior),
        mask=_drawn(_plane(mask, out, index), flip=top_is_superior),
        pixel_mm=(orientation.spacing[down], orientation.spacing[right]),
        letters=(
            left_letter,
            right_letter,
            *((high_letter, low_letter) if top_is_superior else (low_letter, high_letter)),
        ),
    )


def _plane(volume: NDArray[Any], axis: int, index: int) -> NDArray[Any]:
    # Not `take`: of a turned volume it copies the whole before it takes one plane.
    return volume[tuple(index if other == axis else slice(None) for other in range(3))]


def _drawn(plane: NDArray[Any], *, flip: bool) -> NDArray[Any]:
    rows_first = plane.T
    return rows_first[::-1] if flip else rows_first


def _edge_letters(direction: NDArray[np.float64]) -> tuple[str, str]:
    """Letters of the edges that a direction comes from and goes to."""
    order = np.argsort(-np.abs(direction), kind="stable")
    named = [int(axis) for rank, axis in enumerate(order) if rank == 0 or abs(direction[axis]) >= SECOND_LETTER_COSINE]
    ahead = "".join(_LETTERS[axis][int(direction[axis] < 0)] for axis in named)
    behind = "".join(_LETTERS[axis][int(direction[axis] >= 0)] for axis in named)
    return behind, ahead


def _plane_name(orientation: Canonical, out: int) -> str:
    right, down = _DISPLAY_AXES[out]
    normal = np.cross(orientation.directions[:, right], orientation.directions[:, down])
    cosine = abs(float(normal[out])) / float(np.linalg.norm(normal))
    tilted = np.degrees(np.arccos(min(1.0, cosine))) > OBLIQUE_DEGREES
    return f"Oblique {PLANE_NAMES[out].lower()}" if tilted else PLANE_NAMES[out]


@dataclass(frozen=True, slots=True)
class Window:
    """The range of values that is drawn from black to white."""

    name: str
    level: float
    width: float
    unit: str = "HU"
    inverted: bool = False
    """From white to black, as PET is read."""


LUNG_WINDOW: Final = Window("Lung", -600, 1500)
SOFT_TISSUE_WINDOW: Final = Window("Soft tissue", 40, 400)
PET_WINDOW: Final = Window("PET", 5, 10, "SUV", inverted=True)


def render_overlay(
    ct: NDArray[Intensity], mask: NDArray[np.bool_], affine: NDArray[np.float64], path: Path, *, slice_axis: int = 2
) -> None:
    """Draw a region over its CT in three planes and write a PNG.

    The first row shows the whole planes with the mask in translucent yellow. The second one is close: a line of one
    pixel runs around the mask, so that every voxel of it can be seen (`page-5`). The mask is drawn voxel by voxel
    without smoothing. The planes of a row share one scale. The picture carries no text from the study, and the same
    input gives the same bytes.

    Parameters
    ----------
    ct
        HU, or SUV of a PET, indexed (i, j, k) = (column, row, slice).
    mask
        The region on the same grid, not empty.
    affine
        4×4, (i, j, k) to RAS mm.
    slice_axis
        Axis of the arrays that counts the acquired slices; its plane comes first.

    Raises
    ------
    ValueError
        When the mask is empty or does not match the CT.

    Examples
    --------
    >>> render_overlay(ct, mask, affine, Path("overlay.png"))  # doctest: +SKIP
    """
    views = three_views(ct, mask, affine, slice_axis)
    planes, close = draw_views(views), draw_close_ups(views)
    picture = Image.new("RGB", (max(planes.width, close.width), planes.height + close.height), _BACKGROUND)
    picture.paste(planes, (0, 0))
    picture.paste(close, (0, planes.height))
    picture.save(path, format="PNG", compress_level=1)


def draw_views(views: tuple[View, ...]) -> Image.Image:
    """Lay the planes out side by side."""
    window = choose_window(views[0])
    scale = _pixels_per_mm(views)
    panels = [_panel(view, window, scale) for view in views]
    height = max(panel.height for panel in panels)
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) + 1)
    picture = Image.new("RGB", (width, _TITLE + height + _FOOT), _BACKGROUND)
    left = _GAP
    for view, panel in zip(views, panels, strict=True):
        top = _TITLE + (height - panel.height) // 2
        picture.paste(panel, (left, top))
        _label(picture, view, (left, top, left + panel.width, top + panel.height))
        left += panel.width + _GAP
    _footer(picture, window, scale, length_mm=50)
    return picture


def draw_close_ups(views: tuple[View, ...]) -> Image.Image:
    """Lay close-ups of the region out side by side, each with a line around the mask."""
    window = choose_window(views[0])
    side_mm = max(CLOSE_UP_LEAST_MM, CLOSE_UP_REACH * max(max(_extent_mm(view)) for view in views))
    width = len(views) * (CLOSE_UP_PIXELS + _GAP) + _GAP
    picture = Image.new("RGB", (width, _TITLE + CLOSE_UP_PIXELS + _FOOT), _BACKGROUND)
    for number, view in enumerate(views):
        left = _GAP + number * (CLOSE_UP_PIXELS + _GAP)
        picture.paste(_close_up(view, window, side_mm), (left, _TITLE))
        named = replace(view, title=f"{view.title.split(',')[0]}, close")
        _label(picture, named, (left, _TITLE, left + CLOSE_UP_PIXELS, _TITLE + CLOSE_UP_PIXELS))
    _footer(picture, window, CLOSE_UP_PIXELS / side_mm, length_mm=10)
    return picture


def _extent_mm(view: View) -> tuple[float, float]:
    rows, columns = np.nonzero(view.mask)
    return (
        float(np.ptp(rows) + 1) * view.pixel_mm[0],
        float(np.ptp(columns) + 1) * view.pixel_mm[1],
    )


def _close_up(view: View, window: Window, side_mm: float) -> Image.Image:
    """Draw a square around the middle of the mask; what lies beyond the image is background."""
    scale, crops, corner = CLOSE_UP_PIXELS / side_mm, [], []
    for places, step, count in zip(np.nonzero(view.mask), view.pixel_mm, view.mask.shape, strict=True):
        start = (int(places.min()) + int(places.max()) + 1) / 2 * step - side_mm / 2
        first, last = max(0, int(start // step)), min(count, int(-((start + side_mm) // -step)))
        crops.append(slice(first, last))
        corner.append(round((first * step - start) * scale))
    values, mask = view.values[crops[0], crops[1]], view.mask[crops[0], crops[1]]
    size = _size(mask, view.pixel_mm, scale)
    grey = Image.new("L", (CLOSE_UP_PIXELS, CLOSE_UP_PIXELS))
    grey.paste(_grey(values, window, size), (corner[1], corner[0]))
    drawn = Image.new("L", grey.size)
    drawn.paste(Image.fromarray(mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST), (corner[1], corner[0]))
    picture = np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)
    picture[_around(np.asarray(drawn) > 0)] = _YELLOW.astype(np.uint8)
    return Image.fromarray(picture)


def choose_window(view: View) -> Window:
    """Lung window when the tissue just around the mask is mostly lung, else soft tissue; SUV 0 to 10 for a PET."""
    if view.values.dtype != np.int16:
        return PET_WINDOW
    rows, columns = np.nonzero(view.mask)
    reach = [int(np.ceil(SHELL_MM / step)) for step in view.pixel_mm]
    around = (
        slice(max(rows.min() - reach[0], 0), rows.max() + reach[0] + 1),
        slice(max(columns.min() - reach[1], 0), columns.max() + reach[1] + 1),
    )
    shell = view.values[around][~view.mask[around]]
    return LUNG_WINDOW if shell.size and np.mean(shell < -500) > 0.35 else SOFT_TISSUE_WINDOW


def _pixels_per_mm(views: tuple[View, ...]) -> float:
    heights: list[float] = [view.values.shape[0] * view.pixel_mm[0] for view in views]
    widths: list[float] = [view.values.shape[1] * view.pixel_mm[1] for view in views]
    room = PICTURE_WIDTH - _GAP * (len(views) + 1) - len(views)  # rounding adds at most a pixel each
    return min(PANEL_HEIGHT / max(heights), room / sum(widths), _MOST_PIXELS_PER_MM)


def _panel(view: View, window: Window, scale: float) -> Image.Image:
    size = _size(view.mask, view.pixel_mm, scale)
    picture = np.repeat(np.asarray(_grey(view.values, window, size))[:, :, None], 3, axis=2)
    mask = np.asarray(Image.fromarray(view.mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)) > 0
    opacity = np.where(_outline(mask), _OUTLINE_OPACITY, _FILL_OPACITY)[mask][:, None]
    picture[mask] = np.rint(picture[mask] * (1 - opacity) + _YELLOW * opacity).astype(np.uint8)
    return Image.fromarray(picture)


def _size(plane: NDArray[Any], pixel_mm: tuple[float, float], scale: float) -> tuple[int, int]:
    """Width and height in pixels of a plane that is drawn at a scale (pixels per mm)."""
    height, width = (max(1, round(pixels * step * scale)) for pixels, step in zip(plane.shape, pixel_mm, strict=True))
    return width, height


def _grey(values: NDArray[Intensity], window: Window, size: tuple[int, int]) -> Image.Image:
    light = np.clip((values.astype(np.float64) - window.level) / window.width + 0.5, 0, 1)
    grey = Image.fromarray(np.rint((1 - light if window.inverted else light) * 255).astype(np.uint8))
    # Not bicubic: it overshoots, and draws a white ring around what is hot on a PET.
    return grey.resize(size, Image.Resampling.BILINEAR)


def _around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels outside of the mask with a neighbour (above, below, left or right) inside it."""
    padded = np.pad(mask, 1)
    near = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return near & ~mask


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask with a neighbour (above, below, left or right) outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _label(picture: Image.Image, view: View, box: tuple[int, int, int, int]) -> None:
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = box
    draw.text((left, top - 8), view.title, font=_font(15), fill=_TEXT, anchor="ls")
    middle, centre = (top + bottom) / 2, (left + right) / 2
    places = (
        ((left + 6, middle), "lm"),
        ((right - 6, middle), "rm"),
        ((centre, top + 6), "mt"),
        ((centre, bottom - 6), "mb"),
    )
    for letter, (place, anchor) in zip(view.letters, places, strict=True):
        draw.text(place, letter, font=_font(17), fill=_TEXT, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))


def _footer(picture: Image.Image, window: Window, scale: float, *, length_mm: int) -> None:
    draw = ImageDraw.Draw(picture)
    base = picture.height - _FOOT / 2
    length = round(length_mm * scale)
    draw.line([(_GAP, base), (_GAP + length, base)], fill=_TEXT, width=3)
    draw.text((_GAP + length + 8, base), f"{length_mm} mm", font=_font(13), fill=_DIM, anchor="lm")
    text = f"{window.name} window, level {window.level:g}, width {window.width:g} {window.unit}"
    draw.text((picture.width - _GAP, base), text, font=_font(13), fill=_DIM, anchor="rm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the typeface inside Pillow: the same on every machine
