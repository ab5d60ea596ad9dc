"""What the style sheet says of its colours."""

import re
from itertools import pairwise

import pytest

from omni_bulk.page_style import STYLE

LIGHT, DARK = ({**dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part))} for part in STYLE.split("@media", 2)[:2])


def luminance(colour: str) -> float:
    """Relative, of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_letters_and_marks_stand_out_from_their_ground(theme: dict[str, str]) -> None:
    assert set(LIGHT) == set(DARK)
    for name in ("text", "muted", "alert"):
        assert contrast(theme[name], theme["ground"]) >= 4.5 and contrast(theme[name], theme["raised"]) >= 4.5, name
    for name in ("delivered", "relayed", "waiting", "undelivered", "refused", "invalid", "ready", "accent"):
        assert contrast(theme[name], theme["ground"]) >= 3, name
    assert contrast(theme["unknown"], theme["unknown-ground"]) >= 3
    order = ("delivered", "relayed", "waiting", "undelivered", "refused")
    assert all(contrast(theme[one], theme[other]) >= 1.3 for one, other in pairwise(order))


def test_it_names_no_colour_but_its_own_and_nothing_outside() -> None:
    used = set(re.findall(r"var\(--([a-z-]+)\)", STYLE))
    assert used == set(LIGHT)
    assert "http" not in STYLE and "@import" not in STYLE and "<" not in STYLE
