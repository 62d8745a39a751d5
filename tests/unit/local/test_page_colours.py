"""Colours of the pages' style sheets: text can be read on every ground that it stands on (WCAG 2.2, 1.4.3)."""

import re
from pathlib import Path

import pytest

SHEETS = (
    Path("functions/multimodal/clinical/report/templates/report.css"),
    Path("containers/survival/src/survival_job/templates/report.css"),
)
TEXTS = {
    "ink": ("paper", "card", "track", "good-wash", "wait-wash", "bad-wash"),
    "soft": ("paper", "card", "track", "good-wash", "wait-wash", "bad-wash"),
    **{tone: ("paper", "card", f"{tone}-wash") for tone in ("good", "wait", "bad")},
}


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` as WCAG defines it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_black_on_white_is_twenty_one() -> None:
    assert (luminance("#ffffff") + 0.05) / (luminance("#000000") + 0.05) == pytest.approx(21)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.parts[0])
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_people_need(sheet: Path, scheme: int) -> None:
    roots = re.findall(r":root \{(.*?)\}", sheet.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", roots[scheme]))
    for text, grounds in TEXTS.items():
        for ground in grounds:
            darker, lighter = sorted((luminance(colours[text]), luminance(colours[ground])))
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{text} on {ground}"
