"""What all charts are made of: series, escaped elements, scales that end at round numbers, the table below."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

HATCH = "url(#hatch)"
"""The pattern of a period that has not ended. The page's layout defines it."""


class Mark(NamedTuple):
    """One bar, cell or point."""

    label: str
    """What it is of: "March 2025"."""
    value: float
    text: str
    """The exact value, with its unit: "1,204 plays"."""
    href: str | None = None
    """The plays that make the value."""
    partial: bool = False
    """Its period has not ended."""


class Tick(NamedTuple):
    """A label of the horizontal axis, below the mark of this number, from 0."""

    at: int
    label: str
    fine: bool = False
    """Left out on a narrow screen."""


class Scale(NamedTuple):
    top: float
    lines: tuple[float, ...]


Format = Callable[[float], str]


def percent(part: float, whole: float) -> str:
    """A share as an SVG length, short: "12.5%"."""
    return f"{round(100 * part / whole, 3) if whole else 0:g}%"


def number(value: float) -> str:
    return f"{round(value, 2):g}"


def scale(highest: float, lines: int = 3, steps: Sequence[float] = (1, 2, 2.5, 5, 10)) -> Scale:
    """Grid lines at round numbers that hold `highest`.

    >>> scale(87)
    Scale(top=90.0, lines=(30.0, 60.0, 90.0))
    >>> scale(0)
    Scale(top=1.0, lines=(1.0,))
    """
    if highest <= 0:
        return Scale(1.0, (1.0,))
    rough = highest / lines
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one for size in (*steps, 20) if (one := size * power) >= rough * 0.999)
    if 3 * power >= rough * 0.999 and step > 3 * power and 1 in steps:
        step = 3 * power
    count = max(1, math.ceil(highest / step - 1e-9))
    return Scale(count * step, tuple(step * line for line in range(1, count + 1)))


def count_scale(highest: float) -> Scale:
    """As `scale`, for what is counted: lines at whole numbers.

    >>> count_scale(1), count_scale(7)
    (Scale(top=1.0, lines=(1.0,)), Scale(top=9.0, lines=(3.0, 6.0, 9.0)))
    """
    if highest <= 3:
        lines = max(1, math.ceil(highest))
        return Scale(float(lines), tuple(float(line) for line in range(1, lines + 1)))
    return scale(highest, steps=(1, 2, 5, 10)) if highest < 30 else scale(highest)


def time_scale(highest_ms: float, lines: int = 3) -> Scale:
    """As `scale`, for milliseconds: lines at whole minutes, hours or tens of hours."""
    hour = 3_600_000
    if highest_ms >= hour * 3:
        top, marks = scale(highest_ms / hour, lines)
        return Scale(top * hour, tuple(mark * hour for mark in marks))
    minute = 60_000
    for step in (1, 2, 5, 10, 15, 20, 30, 60):
        if step * minute * lines >= highest_ms:
            count = max(1, math.ceil(highest_ms / (step * minute)))
            return Scale(count * step * minute, tuple(step * minute * line for line in range(1, count + 1)))
    return Scale(3 * hour, (hour, 2 * hour, 3 * hour))


def linked(mark: Mark, shape: str, *, classes: str = "cell", tabbable: bool = False) -> str:
    """A shape with its exact value as a title, inside a link to the plays that make it."""
    if mark.href is None:
        return f'<g class="{classes}">{title(mark)}{shape}</g>'
    index = "" if tabbable else ' tabindex="-1"'
    return f'<a class="{classes}" href="{escape(mark.href)}"{index}>{title(mark)}{shape}</a>'


def title(mark: Mark) -> str:
    """What the mark is of, and its exact value, for whoever points at it or has the page read aloud."""
    return f"<title>{escape(mark.label)}: {escape(mark.text)}</title>"


def fine(is_fine: bool) -> str:
    """The class of what is left out on a narrow screen."""
    return ' class="fine"' if is_fine else ""


def figure(body: str, caption: str | Markup = "", table: str | Markup = "") -> Markup:
    """A chart, what it shows in a line, and its numbers."""
    head = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return Markup(f'<figure class="chart">{head}{body}{table}</figure>')


def table(heads: Sequence[str], rows: Iterable[Sequence[str | Markup]], summary: str = "As a table") -> Markup:
    """The numbers of a chart. The first column is text, the others are numbers."""
    cells = "".join(f'<th scope="col"{_numeric(column)}>{escape(head)}</th>' for column, head in enumerate(heads))
    lines = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{escape(cell)}</th>' if column == 0 else f'<td class="n">{escape(cell)}</td>'
            for column, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return Markup(
        f'<details class="data"><summary>{escape(summary)}</summary>'
        f'<div class="table-scroll" tabindex="0" role="region" aria-label="{escape(summary)}"><table>'
        f"<thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div></details>"
    )


def marks_table(heads: Sequence[str], marks: Iterable[Mark]) -> Markup:
    """The marks as a table, each linked as in the chart."""
    return table(heads, ((link(mark), mark.text) for mark in marks))


def link(mark: Mark) -> str | Markup:
    if mark.href is None:
        return mark.label
    return Markup('<a href="{}">{}</a>').format(mark.href, mark.label)


def _numeric(column: int) -> str:
    return ' class="n"' if column else ""


def heat_level(value: float, highest: float, power: float = 1) -> int:
    """0 for nothing, else 1 to 5. `power` below 1 lifts small values: most days are far below the best one."""
    if value <= 0 or highest <= 0:
        return 0
    return min(5, 1 + int(4.999 * (value / highest) ** power))
