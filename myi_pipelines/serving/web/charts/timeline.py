"""Values over time: bars, an area for many periods, sparklines, small multiples, stacked shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from myi_pipelines.serving.web.charts.marks import (
    HATCH,
    Format,
    Mark,
    Scale,
    Tick,
    figure,
    fine,
    linked,
    marks_table,
    number,
    percent,
    scale,
    table,
)

FOOT = 22
"""Pixels below the base line, for the labels."""


class Axes(NamedTuple):
    """How values are written on the vertical axis, and where the labels of the horizontal one stand."""

    ticks: Sequence[Tick]
    value: Format
    scale: Scale | None = None
    """Where its lines are; by default at round numbers."""
    heads: tuple[str, str] = ("Period", "Value")
    """Of the table's columns."""


def timeline(
    name: str, marks: Sequence[Mark], axes: Axes, *, before: Sequence[float] = (), height: int = 220
) -> Markup:
    """A bar for each period, hatched if it has not ended. `before`: the period to compare with, as a dashed line."""
    highest = max((mark.value for mark in marks), default=0)
    lines = axes.scale or scale(max(highest, *before) if before else highest)
    plot = height - FOOT
    count = max(len(marks), 1)
    gap = 0.24 if count <= 40 else 0.16 if count <= 130 else 0.0
    bars = "".join(_column(mark, index, count, gap, plot, lines.top, index == 0) for index, mark in enumerate(marks))
    body = (
        f'<div class="framed">{_side(axes, lines, plot, height)}'
        f'<svg width="100%" height="{height}" role="group" aria-label="{escape(name)}">'
        f"{_grid(lines, plot)}{bars}{_before(before, lines.top, plot)}"
        f'<line class="base-line" x1="0" x2="100%" y1="{plot}" y2="{plot}"/>'
        f"{_ticks(axes.ticks, count, height)}</svg></div>"
    )
    return figure(body, table=marks_table(axes.heads, marks))


def _column(mark: Mark, index: int, count: int, gap: float, plot: int, top: float, tabbable: bool) -> str:
    tall = plot * mark.value / top
    if mark.value > 0:
        tall = max(tall, 1.5)
    left, wide = percent(index + gap / 2, count), percent(1 - gap, count)
    fill = f' fill="{HATCH}"' if mark.partial else ' class="bar-shape"'
    shape = (
        f'<rect class="hit" x="{percent(index, count)}" width="{percent(1, count)}" y="0" height="{plot}"/>'
        f'<rect{fill} x="{left}" width="{wide}" y="{number(plot - tall)}" height="{number(tall)}"/>'
    )
    return linked(mark, shape, classes="column", tabbable=tabbable)


def _side(axes: Axes, lines: Scale, plot: int, height: int) -> str:
    texts = "".join(
        f'<text x="0" y="{number(plot - plot * at / lines.top + 4)}">{escape(axes.value(at))}</text>'
        for at in lines.lines
    )
    return f'<svg width="44" height="{height}" aria-hidden="true">{texts}</svg>'


def _grid(lines: Scale, plot: int) -> str:
    return "".join(
        f'<line class="grid-line" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
        for y in (number(plot - plot * at / lines.top) for at in lines.lines)
    )


def _ticks(ticks: Sequence[Tick], count: int, height: int) -> str:
    return "".join(
        f'<text{fine(tick.fine)} x="{percent(tick.at + 0.5, count)}" y="{height - 4}"'
        f' text-anchor="{_anchor(tick.at, count)}">{escape(tick.label)}</text>'
        for tick in ticks
    )


def _anchor(index: int, count: int) -> str:
    if count > 16 and index < count / 40:
        return "start"
    if count > 16 and index >= count - count / 40:
        return "end"
    return "middle"


def _before(values: Sequence[float], top: float, plot: int) -> str:
    if not any(values):
        return ""
    steps = " ".join(
        f"{'M' if index == 0 else 'L'}{index} {number(plot - plot * value / top)}"
        f"L{index + 1} {number(plot - plot * value / top)}"
        for index, value in enumerate(values)
    )
    return (
        f'<svg width="100%" height="{plot}" viewBox="0 0 {len(values)} {plot}" preserveAspectRatio="none"'
        f' aria-hidden="true"><path class="ghost-casing" d="{steps}"/><path class="ghost" d="{steps}"/></svg>'
    )


def sparkline(values: Sequence[float], *, text: str) -> Markup:
    """The shape of a series, without axes: its row or heading says what it is, `text` what is to be seen."""
    top = max(values, default=0) or 1
    count = max(len(values), 1)
    points = [f"{index + 0.5:g} {number(26 - 24 * value / top)}" for index, value in enumerate(values)] or ["0 26"]
    if len(points) == 1:
        points = [points[0].replace("0.5", "0", 1), points[0].replace("0.5", "1", 1)]
    line = "L".join(points)
    start, end = points[0].split(" ")[0], points[-1].split(" ")[0]
    return Markup(
        f'<svg class="sparkline" viewBox="0 0 {count} 28" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(text)}"><title>{escape(text)}</title>'
        f'<path class="area" d="M{start} 27L{line}L{end} 27Z"/><path class="stroke" d="M{line}"/></svg>'
    )


class Multiple(NamedTuple):
    """One small chart of many: its title, its values, and what stands below the title."""

    name: str
    note: str
    values: Sequence[float]
    href: str


def multiples(name: str, series: Sequence[Multiple], first: str, last: str, *, table: Markup) -> Markup:
    """Small charts on one vertical scale, so that they compare."""
    highest = max((value for one in series for value in one.values), default=0) or 1
    cells = "".join(
        f'<li><a class="multiple" href="{escape(one.href)}"><b dir="auto">{escape(one.name)}</b>'
        f"<small>{escape(one.note)}</small>{_small_bars(one.values, highest)}"
        f'<svg width="100%" height="16" aria-hidden="true"><text x="0" y="12">{escape(first)}</text>'
        f'<text x="100%" y="12" text-anchor="end">{escape(last)}</text></svg></a></li>'
        for one in series
    )
    return figure(f'<ul class="multiples" aria-label="{escape(name)}">{cells}</ul>', table=table)


def _small_bars(values: Sequence[float], highest: float) -> str:
    count = max(len(values), 1)
    gap = 0.2 if count < 40 else 0
    bars = "".join(
        f'<rect class="bar-shape" x="{number(index + gap / 2)}" width="{number(1 - gap)}"'
        f' y="{number(56 - 56 * value / highest)}" height="{number(56 * value / highest)}"/>'
        for index, value in enumerate(values)
        if value > 0
    )
    return (
        f'<svg width="100%" height="56" viewBox="0 0 {count} 56" preserveAspectRatio="none" aria-hidden="true">{bars}'
        f'<line class="base-line" x1="0" x2="{count}" y1="56" y2="56" vector-effect="non-scaling-stroke"/></svg>'
    )


def bar_line(value: float, highest: float) -> Markup:
    """The bar in a row of a list. The row says the value."""
    return Markup(
        f'<svg class="bar-line" aria-hidden="true"><rect width="{percent(value, highest or 1)}" height="100%"/></svg>'
    )


class Part(NamedTuple):
    name: str
    values: Sequence[float]
    """One for each column."""
    href: str | None = None


def stacked(name: str, parts: Sequence[Part], axes: Axes, columns: Sequence[Mark], *, height: int = 260) -> Markup:
    """Shares of a whole over time, a column each. Names stand beside the last column, where it has room for them.

    `columns` name the periods and link them; their values are not drawn. At most six parts.
    """
    count = max(len(columns), 1)
    plot = height - FOOT
    sums = [sum(part.values[index] for part in parts) or 1 for index in range(count)]
    heights = [0.0] * count
    shapes: list[list[str]] = [[] for _ in range(count)]
    labels = []
    taken = plot + 100.0
    for kind, part in enumerate(parts, 1):
        for index in range(count):
            tall = plot * part.values[index] / sums[index]
            heights[index] += tall
            if tall > 0:
                text = f"{part.name}, {columns[index].label}: {axes.value(part.values[index] / sums[index])}"
                mark = Mark(part.name, part.values[index], text, columns[index].href)
                rect = (
                    f'<rect class="part-{kind}" x="{percent(index + 0.06, count)}" width="{percent(0.88, count)}"'
                    f' y="{number(plot - heights[index] + 0.5)}" height="{number(max(tall - 1, 0.5))}"/>'
                )
                shapes[index].append(_part(mark, text, rect))
        middle = plot - heights[-1] + plot * part.values[-1] / sums[-1] / 2 + 4
        at = min(middle, taken - 15)
        taken = at
        labels.append(f'<text class="strong" x="12" y="{number(at)}">{escape(part.name)}</text>')
    body = (
        f'<div class="framed wide-right"><svg width="100%" height="{height}" role="group" aria-label="{escape(name)}">'
        f"{''.join(shape for column in shapes for shape in column)}{_ticks(axes.ticks, count, height)}</svg>"
        f'<svg width="100%" height="{height}" aria-hidden="true">{"".join(labels)}</svg></div>'
    )
    rows = (
        [columns[index].label, *(axes.value(part.values[index] / sums[index]) for part in parts)]
        for index in range(count)
    )
    return figure(body, table=table([axes.heads[0], *(part.name for part in parts)], rows))


def _part(mark: Mark, text: str, rect: str) -> str:
    title = f"<title>{escape(text)}</title>"
    if mark.href is None:
        return f'<g class="cell">{title}{rect}</g>'
    return f'<a class="cell" href="{escape(mark.href)}" tabindex="-1">{title}{rect}</a>'


def shares(rows: Sequence[Mark], *, whole: float | None = None) -> Markup:
    """Parts of a whole as a list with bars: a name, a bar, the exact value."""
    highest = whole or max((row.value for row in rows), default=0) or 1
    lines = "".join(
        f'<li>{_label(row)}{bar_line(row.value, highest)}<span class="share-value">{escape(row.text)}</span></li>'
        for row in rows
    )
    return Markup(f'<ul class="shares">{lines}</ul>')


def _label(row: Mark) -> Markup:
    if row.href is None:
        return Markup('<span class="shares-label" dir="auto">{}</span>').format(row.label)
    return Markup('<a class="shares-label" dir="auto" href="{}">{}</a>').format(row.href, row.label)
