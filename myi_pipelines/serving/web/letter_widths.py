"""How wide a text is in the serif that comes with the pages, read from the font file, so that pictures cut no text that
fits. Only what pictures need is here: no kerning, no shaping."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

SERIF_FILE = Path(__file__).parent / "fonts" / "newsreader.ttf"
WIDE, ARABIC, OTHER = 1.0, 0.5, 0.62
"""In font sizes, of letters that the font lacks: of those of East Asia, the Arabic ones, all others."""
UNSEEN = ("Mn", "Me", "Cf")
"""Categories of signs that take no room of their own."""


def text_width(text: str, size: float) -> float:
    """In pixels, at a font size.

    >>> text_width("MM", 100) > text_width("ii", 100), text_width("宇多", 100), text_width("", 100)
    (True, 200.0, 0)
    """
    return size * sum(_letter_width(sign) for sign in text)


def fitted(text: str, size: float, room: float) -> str:
    """As much of a text as there is room for, in pixels; an ellipsis at the end if that is not all of it.

    >>> fitted("Velvet Commute", 40, 400), fitted("Velvet Commute", 40, 150)
    ('Velvet Commute', 'Velvet…')
    """
    if text_width(text, size) <= room:
        return text
    kept = text
    while kept and text_width(f"{kept}…", size) > room:
        kept = kept[:-1]
    while kept and unicodedata.combining(text[len(kept)]):
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _letter_width(sign: str) -> float:
    if (known := _widths().get(ord(sign))) is not None:
        return known
    if unicodedata.category(sign) in UNSEEN:
        return 0
    if unicodedata.east_asian_width(sign) in "WF":
        return WIDE
    return ARABIC if unicodedata.bidirectional(sign) == "AL" else OTHER


@cache
def _widths() -> dict[int, float]:
    """By code point, in font sizes."""
    with TTFont(SERIF_FILE, lazy=True) as font:
        units, advances = font["head"].unitsPerEm, font["hmtx"]
        return {code: advances[glyph][0] / units for code, glyph in font.getBestCmap().items()}
