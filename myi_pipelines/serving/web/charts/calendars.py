"""Days and hours as cells: a calendar of weeks, a grid of months, hour by weekday, the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from markupsafe import Markup, escape

from myi_pipelines.serving.web.charts.marks import (
    Format,
    Mark,
    figure,
    fine,
    heat_level,
    link,
    linked,
    marks_table,
    number,
    percent,
    table,
    title,
)

STACKED_WEEKS = 14
"""In a row on a phone, each as wide as a finger needs; rows stand beside each other where there is room."""
YEAR_OF_WEEKS = 53
RADIUS = 150
HOLE = 62


def calendar(
    name: str, marks: Mapping[date, Mark], days: tuple[date, date], *, week_starts_on: int, months: Sequence[str]
) -> Markup:
    """A column for each week, a cell for each day: 1 to 54 weeks. `months`: the twelve short names.

    Days of `days` without a mark have not come yet and are drawn as outlines.
    """
    first, last = days
    start = first - timedelta(days=(first.weekday() - week_starts_on) % 7)
    weeks = (last - start).days // 7 + 1
    rows = math.ceil(weeks / STACKED_WEEKS)
    highest = max((mark.value for mark in marks.values()), default=0)
    cells: list[list[str]] = [[] for _ in range(rows)]
    labels: list[list[str]] = [[] for _ in range(rows)]
    tabbable = True
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        week, weekday = divmod((day - start).days, 7)
        row, column = divmod(week, STACKED_WEEKS)
        if day.day == 1 or (offset == 0 and day.day <= 15):
            at = percent(column, STACKED_WEEKS)
            labels[row].append(f'<text x="{at}" y="11">{escape(months[day.month - 1])}</text>')
        place = f'x="{column + 0.06:g}" y="{weekday + 0.06:g}" width="0.88" height="0.88"'
        mark = marks.get(day)
        if mark is None:
            cells[row].append(f'<rect class="future" {place}/>')
            continue
        cells[row].append(_cell(mark, heat_level(mark.value, highest, 0.6), place, tabbable=tabbable))
        tabbable = False
    drawn = "".join(
        f'<div><svg width="100%" height="18" aria-hidden="true">{"".join(names)}</svg>'
        f'<svg width="100%" viewBox="0 0 {STACKED_WEEKS} 7">{"".join(shapes)}</svg></div>'
        for names, shapes in zip(labels, cells, strict=True)
    )
    year = " of-a-year" if rows == 4 and weeks <= YEAR_OF_WEEKS else ""
    body = (
        f'<div class="calendar" role="group" aria-label="{escape(name)}">'
        f'<div class="weeks-{max(rows, 2)}{year}">{drawn}</div></div>'
    )
    return figure(body + scale_key(), table=_days_table(marks, months))


def _cell(mark: Mark, level: int, place: str, *, tabbable: bool) -> str:
    """A rectangle with its exact value as a title, inside a link where plays make the value. Pages have hundreds of
    them, so one without a link has no element around it."""
    if mark.href is not None:
        return linked(mark, f'<rect class="heat-{level}" {place}/>', tabbable=tabbable)
    return f'<rect class="cell heat-{level}" {place}>{title(mark)}</rect>'


def _days_table(marks: Mapping[date, Mark], months: Sequence[str]) -> Markup:
    """A row for each day of the month, a column for each month, each value linked as in the chart."""
    shown = sorted({day.replace(day=1) for day in marks})
    of_days = {(day.replace(day=1), day.day): mark for day, mark in marks.items()}
    heads = ["Day", *(f"{months[month.month - 1]} {month.year}" for month in shown)]
    numbers = sorted({day.day for day in marks})
    rows = ([str(day), *(_linked_text(of_days.get((month, day))) for month in shown)] for day in numbers)
    return table(heads, rows)


def _linked_text(mark: Mark | None) -> str | Markup:
    if mark is None:
        return ""
    return link(mark._replace(label=mark.text if mark.value else "0"))


def year_outline() -> Markup:
    """A year of empty days: what will be here."""
    cells = "".join(
        f'<rect class="future" x="{week + 0.06:g}" y="{row + 0.06:g}" width="0.88" height="0.88"/>'
        for week in range(53)
        for row in range(7)
    )
    return Markup(
        f'<figure class="chart" aria-hidden="true"><svg width="100%" viewBox="0 0 53 7">{cells}</svg></figure>'
    )


def month_grid(name: str, marks: Mapping[date, Mark], *, months: Sequence[str]) -> Markup:
    """A row for each year, a cell for each month: for histories of many years. Keys are the first days of months."""
    highest = max((mark.value for mark in marks.values()), default=0)
    years = sorted({day.year for day in marks}) or [date.today().year]  # noqa: DTZ011 (an empty grid)
    tall = 30 if len(years) <= 8 else 24
    cells = []
    tabbable = True
    for row, year in enumerate(years):
        for month in range(1, 13):
            mark = marks.get(date(year, month, 1))
            place = (
                f'x="{percent(month - 1, 12)}" width="{percent(0.965, 12)}" y="{row * tall + 1}" height="{tall - 3}"'
            )
            if mark is None:
                cells.append(f'<rect class="heat-0" fill-opacity="0.4" {place}/>')
                continue
            cells.append(_cell(mark, heat_level(mark.value, highest), place, tabbable=tabbable))
            tabbable = False
    side = "".join(f'<text x="0" y="{row * tall + tall / 2 + 4:g}">{year}</text>' for row, year in enumerate(years))
    heads = "".join(
        f'<text x="{percent(index + 0.4825, 12)}" y="11" text-anchor="middle"'
        f"{fine(index % 3 != 0)}>{escape(month)}</text>"
        for index, month in enumerate(months)
    )
    height = len(years) * tall
    body = (
        f'<div class="framed"><span></span><svg width="100%" height="18" aria-hidden="true">{heads}</svg>'
        f'<svg width="44" height="{height}" aria-hidden="true">{side}</svg>'
        f'<svg width="100%" height="{height}" role="group" aria-label="{escape(name)}">{"".join(cells)}</svg></div>'
    )
    return figure(body + scale_key(), table=marks_table(("Month", "Value"), (marks[day] for day in sorted(marks))))


def hour_grid(name: str, rows: Sequence[tuple[str, Sequence[Mark]]], *, hour: Format) -> Markup:
    """A row for each weekday, in the listener's order, a cell for each of 24 hours."""
    highest = max((mark.value for _, marks in rows for mark in marks), default=0)
    tall = 24
    cells = []
    for row, (_, marks) in enumerate(rows):
        for column, mark in enumerate(marks):
            place = f'x="{percent(column, 24)}" width="{percent(0.93, 24)}" y="{row * tall + 1}" height="{tall - 2}"'
            cells.append(_cell(mark, heat_level(mark.value, highest), place, tabbable=row == 0 and column == 0))
    side = "".join(
        f'<text x="0" y="{row * tall + 16}">{escape(weekday)}</text>' for row, (weekday, _) in enumerate(rows)
    )
    heads = "".join(
        f'<text x="{percent(at, 24)}" y="14"{fine(at % 6 != 0)}>{escape(hour(at))}</text>' for at in range(0, 24, 3)
    )
    height = len(rows) * tall
    body = (
        f'<div class="framed"><svg width="44" height="{height}" aria-hidden="true">{side}</svg>'
        f'<svg width="100%" height="{height}" role="group" aria-label="{escape(name)}">{"".join(cells)}</svg>'
        f'<span></span><svg width="100%" height="20" aria-hidden="true">{heads}</svg></div>'
    )
    lines = ([weekday, *(mark.text for mark in marks)] for weekday, marks in rows)
    return figure(body + scale_key(), table=table(["", *(hour(at) for at in range(24))], lines))


def clock(name: str, marks: Sequence[Mark], *, hour: Format, middle: tuple[str, str]) -> Markup:
    """24 hours around a dial, midnight on top; a sector's AREA is its value. `middle`: two lines in the hole."""
    highest = max((mark.value for mark in marks), default=0) or 1
    sectors = []
    for at, mark in enumerate(marks):
        outer = math.sqrt(HOLE**2 + (RADIUS**2 - HOLE**2) * mark.value / highest)
        shape = f'<path class="hit" fill="transparent" d="{_sector(at, HOLE, RADIUS)}"/>'
        if mark.value:
            shape += f'<path class="bar-shape" d="{_sector(at, HOLE, max(outer, HOLE + 0.75))}"/>'
        sectors.append(linked(mark, shape, tabbable=at == 0))
    rings = "".join(
        f'<circle class="future" r="{number(math.sqrt(HOLE**2 + (RADIUS**2 - HOLE**2) * part))}"/>'
        for part in (0, 0.5, 1)
    )
    labels = "".join(
        f'<text x="{number((RADIUS + 17) * math.sin(turn))}" y="{number(4 - (RADIUS + 17) * math.cos(turn))}"'
        f' text-anchor="middle">{escape(hour(at))}</text>'
        for at in range(0, 24, 3)
        for turn in (math.tau * at / 24,)
    )
    body = (
        f'<svg class="clock" viewBox="-185 -178 370 356" role="group" aria-label="{escape(name)}">{rings}'
        f'{"".join(sectors)}{labels}<text class="big" text-anchor="middle" y="0">{escape(middle[0])}</text>'
        f'<text class="value" text-anchor="middle" y="20">{escape(middle[1])}</text></svg>'
    )
    return figure(body, table=marks_table(("Hour", "Value"), marks))


def _sector(at: int, inner: float, outer: float) -> str:
    gap = 0.012
    a, b = math.tau * at / 24 + gap, math.tau * (at + 1) / 24 - gap

    def point(angle: float, radius: float) -> str:
        return f"{number(radius * math.sin(angle))} {number(-radius * math.cos(angle))}"

    return (
        f"M{point(a, inner)}L{point(a, outer)}A{number(outer)} {number(outer)} 0 0 1 {point(b, outer)}"
        f"L{point(b, inner)}A{number(inner)} {number(inner)} 0 0 0 {point(a, inner)}Z"
    )


def scale_key() -> str:
    """What the shades mean."""
    cells = "".join(
        f'<rect class="heat-{level}" x="{percent(level, 6)}" width="14.5%" height="100%"/>' for level in range(6)
    )
    return f'<p class="scale"><span>less</span><svg aria-hidden="true">{cells}</svg><span>more</span></p>'
