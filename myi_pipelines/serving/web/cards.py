"""Pictures to share: a period on one card, as SVG or PNG. They hold what their listener sees, and no link."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import resvg_py
from markupsafe import Markup, escape

from myi_pipelines.serving.web.letter_widths import SERIF_FILE, fitted, text_width
from myi_pipelines.serving.web.words import isolated

FONT_FOLDERS = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts"),
    *("~/.local/share/fonts", "~/Library/Fonts"),
)
"""Where machines keep theirs."""
STYLED = re.compile("bold|black|heavy|light|thin|medium|italic|oblique|condensed|narrow|mono", re.IGNORECASE)
"""In the names of font files that no text of ours is set in."""
WIDTH, HEIGHT = 1080, 1350
EDGE = 84
COLUMN, COLUMN_ROOM = 470, 440
TITLE_SIZE, NAME_SIZE = 58, 38
GROUND, SOFT, INK, BRIGHT = "#3a0e25", "#6b2346", "#fbeef3", "#f08bb4"
SERIF = "Newsreader, 'Noto Serif', Georgia, serif"
SANS = "'Noto Sans', 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
LINES = 5


class Column(NamedTuple):
    """A list on a card."""

    heading: str
    names: Sequence[str]


class Card(NamedTuple):
    """What a card shows."""

    name: str
    """Of its listener."""
    period: str
    number: str
    unit: str
    bars: Sequence[float]
    """Of the period's months or days; none draws nothing."""
    columns: Sequence[Column]
    """One or two."""
    foot: str

    @property
    def title(self) -> str:
        return f"{isolated(self.name)}’s {self.period}"


def card_svg(card: Card) -> Markup:
    """The card as an SVG document."""
    columns = "".join(_column(column, EDGE + index * COLUMN) for index, column in enumerate(card.columns[:2]))
    size = 230 if len(card.number) <= 6 else 170
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{GROUND}"/>'
        f"{_title(card)}"
        f"{_text(EDGE - 8, 420, size, card.number, INK)}{_text(EDGE, 492, 46, card.unit, BRIGHT)}"
        f"{_bars(card.bars)}{columns}"
        f'<rect x="{EDGE}" y="1216" width="{WIDTH - 2 * EDGE}" height="2" fill="{SOFT}"/>'
        f"{_text(EDGE, 1274, 30, clipped(card.foot, 62), INK, SANS)}"
        f"{_text(WIDTH - EDGE, 1276, 40, 'MYI', BRIGHT, anchor='end')}</svg>"
    )


def card_png(card: Card) -> bytes:
    """The card as a PNG of 1080 by 1350 pixels."""
    return png(str(card_svg(card)), WIDTH)


@lru_cache(64)
def png(svg: str, width: int) -> bytes:
    """Any SVG of ours as a PNG. Letters that the fonts of this machine lack stay empty.

    A letter that our font lacks is taken from the first that has it, whatever its weight: so only plain ones are
    offered, those with serifs first. The first picture takes half a second; pictures are kept."""
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, width=width, font_files=_fonts(), serif_family="Newsreader", skip_system_fonts=True
        )
    )


@cache
def _fonts() -> list[str]:
    folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
    found = (path for folder in folders for path in folder.rglob("*.[to]t[fc]") if not STYLED.search(path.stem))
    plain = sorted(found, key=lambda path: (not re.search("serif|naskh", path.stem, re.IGNORECASE), path.name))
    return [str(path) for path in (SERIF_FILE, *plain)]


def _title(card: Card) -> str:
    """One line, or two if it is too long: the period is never cut."""
    room = WIDTH - 2 * EDGE
    if text_width(card.title, TITLE_SIZE) <= room:
        return _text(EDGE, 150, TITLE_SIZE, card.title, INK)
    name = isolated(fitted(card.name, TITLE_SIZE, room - text_width("’s", TITLE_SIZE)))
    return f"{_text(EDGE, 116, TITLE_SIZE, f'{name}’s', INK)}{_text(EDGE, 186, TITLE_SIZE, card.period, INK)}"


def _text(x: float, y: float, size: int, text: str, fill: str, family: str = SERIF, anchor: str = "start") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-family="{family}" fill="{fill}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _bars(values: Sequence[float]) -> str:
    highest = max(values, default=0)
    if highest <= 0:
        return ""
    wide = (WIDTH - 2 * EDGE) / len(values)
    gap = wide * 0.2 if len(values) < 60 else 0
    return "".join(
        f'<rect x="{EDGE + index * wide + gap / 2:.1f}" y="{700 - 150 * value / highest:.1f}" width="{wide - gap:.1f}"'
        f' height="{max(150 * value / highest, 2):.1f}" fill="{BRIGHT if value == highest else SOFT}"/>'
        for index, value in enumerate(values)
    )


def _column(column: Column, x: float) -> str:
    lines = "".join(
        _text(x, 860 + index * 66, NAME_SIZE, isolated(fitted(name, NAME_SIZE, COLUMN_ROOM)), INK)
        for index, name in enumerate(column.names[:LINES])
    )
    return f"{_text(x, 790, 30, column.heading, BRIGHT, SANS)}{lines}"


def clipped(text: str, most: int) -> str:
    """A text of at most so many letters' width, an ellipsis at the end if it is longer. Wide signs count twice.

    >>> clipped("abcdef", 4), clipped("宇多田", 4), clipped("abc", 4)
    ('abc…', '宇…', 'abc')
    """
    width = 0
    for index, sign in enumerate(text):
        width += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        if width > most:
            kept = text[:index]
            while kept and _width(kept) > most - 1:
                kept = kept[:-1]
            return kept.rstrip() + "…"
    return text


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
