"""Draws the pictures of albums and artists: a few shapes in a few colours, the same for the same id."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import resvg_py

SIDE = 100
PALETTES = (
    ("#1d2b3a", "#f2e8d5", "#d9573f", "#e8a33d"),
    ("#f4efe6", "#20324a", "#c8553d", "#7fa99b"),
    ("#2b1d3a", "#f3d9c9", "#e2725b", "#6c8ebf"),
    ("#f7f3ea", "#3b3a36", "#e0b04c", "#5d8a66"),
    ("#0f3d3e", "#e2dcc8", "#f1936b", "#b8d8ba"),
    ("#faf5ef", "#7a2e3a", "#e9b872", "#355070"),
    ("#262730", "#e9e4db", "#8f7ee7", "#f3b664"),
    ("#e8e2d6", "#1f4e5f", "#f08a5d", "#b83b5e"),
    ("#3a2a1a", "#f6e7cb", "#cc7b4a", "#8aa39b"),
    ("#dfe7e3", "#2d3a4f", "#e4584c", "#f2c14e"),
)


def draw(seed: str, pixels: int) -> bytes:
    """A square PNG of ``pixels`` by ``pixels``."""
    rng = Random(seed)
    ground, *inks = rng.choice(PALETTES)
    shapes = rng.choice((_rings, _bars, _arcs, _waves, _sun, _blocks, _dots))(rng, inks)
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{pixels}" height="{pixels}">'
    return resvg_py.svg_to_bytes(
        svg_string=f'{drawn}<rect width="{SIDE}" height="{SIDE}" fill="{ground}"/>{"".join(shapes)}</svg>',
        skip_system_fonts=True,
    )


Drawing = Callable[[Random, Sequence[str]], list[str]]


def _rings(rng: Random, inks: Sequence[str]) -> list[str]:
    x, y, width = rng.uniform(20, 80), rng.uniform(20, 80), rng.uniform(4, 9)
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width * (ring + 0.5):.1f}" fill="none"'
        f' stroke="{inks[ring % len(inks)]}" stroke-width="{width * 0.8:.1f}"/>'
        for ring in range(14, -1, -1)
    ]


def _bars(rng: Random, inks: Sequence[str]) -> list[str]:
    count = rng.randint(5, 11)
    wide = SIDE / count
    return [
        f'<rect x="{bar * wide + wide * 0.12:.1f}" y="{top:.1f}" width="{wide * 0.76:.1f}" height="{SIDE - top:.1f}"'
        f' fill="{rng.choice(inks)}"/>'
        for bar in range(count)
        for top in [50 + 38 * math.sin(bar * rng.uniform(0.5, 1.2)) - rng.uniform(0, 18)]
    ]


def _arcs(rng: Random, inks: Sequence[str]) -> list[str]:
    cells = rng.choice((3, 4))
    side = SIDE / cells
    shapes = []
    for row in range(cells):
        for column in range(cells):
            x, y = column * side, row * side
            corner_x, corner_y = x + side * rng.randint(0, 1), y + side * rng.randint(0, 1)
            shapes.append(
                f'<clipPath id="c{row}{column}"><rect x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}"/>'
                f'</clipPath><circle cx="{corner_x:.1f}" cy="{corner_y:.1f}" r="{side:.1f}" fill="{rng.choice(inks)}"'
                f' clip-path="url(#c{row}{column})"/>'
            )
    return shapes


def _waves(rng: Random, inks: Sequence[str]) -> list[str]:
    shapes = []
    height, length = rng.uniform(3, 9), rng.uniform(25, 60)
    for wave in range(7):
        y, shift = 18 + wave * 13, rng.uniform(0, length)
        points = " ".join(
            f"{x},{y + height * math.sin((x + shift) / length * 2 * math.pi):.1f}" for x in range(0, SIDE + 1, 4)
        )
        shapes.append(f'<polygon points="0,{SIDE} {points} {SIDE},{SIDE}" fill="{inks[wave % len(inks)]}"/>')
    return shapes


def _sun(rng: Random, inks: Sequence[str]) -> list[str]:
    horizon, radius = rng.uniform(55, 75), rng.uniform(16, 30)
    hills = " ".join(f"{x},{horizon + 6 * math.sin(x / rng.uniform(9, 14)):.1f}" for x in range(0, SIDE + 1, 5))
    return [
        f'<circle cx="{rng.uniform(30, 70):.1f}" cy="{horizon - radius * 0.6:.1f}" r="{radius:.1f}" fill="{inks[1]}"/>',
        f'<polygon points="0,{SIDE} {hills} {SIDE},{SIDE}" fill="{inks[0]}"/>',
        f'<rect y="{(horizon + SIDE) / 2:.1f}" width="{SIDE}" height="{SIDE}" fill="{inks[2]}"/>',
    ]


def _blocks(rng: Random, inks: Sequence[str]) -> list[str]:
    return [
        f'<rect x="{rng.uniform(-10, 70):.1f}" y="{rng.uniform(-10, 70):.1f}" width="{rng.uniform(15, 60):.1f}"'
        f' height="{rng.uniform(15, 60):.1f}" fill="{ink}" opacity="0.9"/>'
        for ink in (*inks, *inks[:2])
    ]


def _dots(rng: Random, inks: Sequence[str]) -> list[str]:
    cells = rng.randint(4, 7)
    step = SIDE / cells
    return [
        f'<circle cx="{step * (column + 0.5):.1f}" cy="{step * (row + 0.5):.1f}"'
        f' r="{step * rng.uniform(0.12, 0.46):.1f}" fill="{rng.choice(inks)}"/>'
        for row in range(cells)
        for column in range(cells)
    ]
