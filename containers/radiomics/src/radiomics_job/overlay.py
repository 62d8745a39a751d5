"""Draws the picture by which a person checks that the mask lies on the tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radiomics_job.overlay_views import View, three_views

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PANEL_HEIGHT: Final = 520
"""Most pixels a panel may be high."""
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
class Window:
    """The range of HU that is drawn from black to white."""

    name: str
    level: float
    width: float


LUNG_WINDOW: Final = Window("Lung", -600, 1500)
SOFT_TISSUE_WINDOW: Final = Window("Soft tissue", 40, 400)


def render_overlay(
    ct: NDArray[np.int16],
    mask: NDArray[np.bool_],
    affine: NDArray[np.float64],
    path: Path,
    *,
    slice_axis: int = 2,
) -> None:
    """Draw a region over its CT in three planes and write a PNG.

    The mask is translucent yellow with a thin outline, drawn voxel by voxel without smoothing. All planes
    share one scale. The picture carries no text from the study, and the same input gives the same bytes.

    Parameters
    ----------
    ct
        HU, indexed (i, j, k) = (column, row, slice).
    mask
        The region on the same grid, not empty.
    affine
        4×4, (i, j, k) to RAS mm.
    path
        Where to write.
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
    draw_views(three_views(ct, mask, affine, slice_axis)).save(path, format="PNG", compress_level=6)


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
    _footer(picture, window, scale)
    return picture


def choose_window(view: View) -> Window:
    """Lung window when the tissue just around the mask is mostly lung, else soft tissue."""
    rows, columns = np.nonzero(view.mask)
    reach = [int(np.ceil(SHELL_MM / step)) for step in view.pixel_mm]
    around = (
        slice(max(rows.min() - reach[0], 0), rows.max() + reach[0] + 1),
        slice(max(columns.min() - reach[1], 0), columns.max() + reach[1] + 1),
    )
    shell = view.hu[around][~view.mask[around]]
    return LUNG_WINDOW if shell.size and np.mean(shell < -500) > 0.35 else SOFT_TISSUE_WINDOW


def _pixels_per_mm(views: tuple[View, ...]) -> float:
    heights: list[float] = [view.hu.shape[0] * view.pixel_mm[0] for view in views]
    widths: list[float] = [view.hu.shape[1] * view.pixel_mm[1] for view in views]
    room = PICTURE_WIDTH - _GAP * (len(views) + 1) - len(views)  # rounding adds at most a pixel each
    return min(PANEL_HEIGHT / max(heights), room / sum(widths), _MOST_PIXELS_PER_MM)


def _panel(view: View, window: Window, scale: float) -> Image.Image:
    height, width = (
        max(1, round(pixels * step * scale)) for pixels, step in zip(view.hu.shape, view.pixel_mm, strict=True)
    )
    dark = (view.hu.astype(np.float64) - window.level) / window.width + 0.5
    grey = Image.fromarray(np.rint(np.clip(dark, 0, 1) * 255).astype(np.uint8))
    canvas = np.asarray(grey.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    mask = np.asarray(Image.fromarray(view.mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)) > 0
    opacity = np.where(_outline(mask), _OUTLINE_OPACITY, np.where(mask, _FILL_OPACITY, 0.0))[:, :, None]
    return Image.fromarray(np.rint(canvas[:, :, None] * (1 - opacity) + _YELLOW * opacity).astype(np.uint8))


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


def _footer(picture: Image.Image, window: Window, scale: float) -> None:
    draw = ImageDraw.Draw(picture)
    base = picture.height - _FOOT / 2
    length = round(50 * scale)
    draw.line([(_GAP, base), (_GAP + length, base)], fill=_TEXT, width=3)
    draw.text((_GAP + length + 8, base), "50 mm", font=_font(13), fill=_DIM, anchor="lm")
    text = f"{window.name} window, level {window.level:g}, width {window.width:g} HU"
    draw.text((picture.width - _GAP, base), text, font=_font(13), fill=_DIM, anchor="rm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the typeface inside Pillow: the same on every machine
