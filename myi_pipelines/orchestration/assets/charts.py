"""Small bar charts as inline SVG images for Dagster's metadata, from numbers alone: no drawing library is loaded."""

import base64
import math
from collections.abc import Iterator, Sequence
from html import escape

import dagster as dg

WIDTH, HEIGHT = 640, 220
MOST_BARS = 180
"""More bars than this are too thin to be distinguished: give fewer, of longer periods."""

_TOP, _BOTTOM, _RIGHT = 36, HEIGHT - 24, WIDTH - 8
_LINES = 4
_DIGIT = 7.5
"""Pixels of a digit of 12-pixel text, rounded up; other signs of numbers are narrower."""

# An image knows nothing of the page's theme: these show on white as on black (text 4.5 to 1, bars 3 to 1 or better).
_BAR, _TEXT, _LINE = "#169c46", "#767676", "#80808059"


def bar_chart(title: str, labels: Sequence[str], values: Sequence[int]) -> dg.MarkdownMetadataValue:
    """A bar chart of at most a few kilobytes. A bar may have an empty label; the values are zero or more."""
    picture = base64.b64encode(svg_bars(title, labels, values).encode()).decode()
    return dg.MetadataValue.md(f"![{_sentence(title, values)}](data:image/svg+xml;base64,{picture})")


def svg_bars(title: str, labels: Sequence[str], values: Sequence[int]) -> str:
    """The same chart as an SVG document."""
    largest = max([1, *values])
    lines = range(0, largest + (step := _step(largest)), step)
    left = 10 + round(_DIGIT * len(f"{lines[-1]:,}"))
    pitch = (_RIGHT - left) / max(1, len(values))

    def y(value: int) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * value / lines[-1]

    texts = [f'<text x="{left - 6}" y="{y(line) + 4:.0f}" text-anchor="end">{line:,}</text>' for line in lines]
    texts += [
        f'<text x="{x:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>'
        for x, label in _fitting(labels, left, pitch)
    ]
    grid = "".join(f"M{left} {y(line):.1f}H{_RIGHT}" for line in lines)
    # One path whose strokes are the bars: an element for each of them would be four times as long.
    bars = "".join(
        f"M{left + pitch * (number + 0.5):.1f} {_BOTTOM}V{min(y(value), _BOTTOM - 1):.0f}"
        for number, value in enumerate(values)
        if value
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" font-family="sans-serif" font-size="12" fill="{_TEXT}">'
        f"<title>{escape(_sentence(title, values))}</title>"
        f'<text x="0" y="16" font-size="14" font-weight="bold">{escape(title)}</text>'
        f'<path d="{grid}" stroke="{_LINE}"/>'
        f'<path d="{bars}" stroke="{_BAR}" stroke-width="{min(48, pitch * 0.8):.1f}"/>{"".join(texts)}</svg>'
    )


def _fitting(labels: Sequence[str], left: float, pitch: float) -> Iterator[tuple[float, str]]:
    """The labels that there is room for, from the left, and where their middles are."""
    free = 0.0
    for number, label in enumerate(labels):
        middle, half = left + pitch * (number + 0.5), _DIGIT * len(label) / 2
        if label and free <= middle - half and middle + half <= WIDTH:
            free = middle + half + _DIGIT
            yield middle, label


def _sentence(title: str, values: Sequence[int]) -> str:
    """What a screen reader says of the picture."""
    return f"{title}: {len(values):,} bars, the highest {max(values, default=0):,}"


def _step(largest: int) -> int:
    """A round distance between the lines: at most four of them above zero reach the largest value."""
    at_least = math.ceil(largest / _LINES)
    magnitude = int(10 ** (len(str(at_least)) - 1))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= at_least)
