"""From buckets of plays to marks of charts: labels in the reader's language, links to the plays, what has not ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from markupsafe import Markup

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.queries.activity import Bucket, ClockCell, Step
from myi_pipelines.serving.queries.scope import Days
from myi_pipelines.serving.web.charts.calendars import calendar, clock, hour_grid, month_grid
from myi_pipelines.serving.web.charts.marks import Mark, Tick, count_scale, time_scale
from myi_pipelines.serving.web.charts.timeline import Axes, timeline
from myi_pipelines.serving.web.links import days_text
from myi_pipelines.serving.web.page import Page
from myi_pipelines.warehouse.partitions import next_month

NAMES = {Step.DAY: "Day by day", Step.WEEK: "Week by week", Step.MONTH: "Month by month", Step.YEAR: "Year by year"}
FEW = 10
"""Plays that are too few to tell a habit, and new songs that are too few for a share of them."""
LONGEST_CALENDAR = 371
SHORTEST_CALENDAR = 28


def step_for(days: Days) -> Step:
    """The length of a bar: at most about a hundred bars."""
    if days.length <= 45:
        return Step.DAY
    if days.length <= 200:
        return Step.WEEK
    return Step.MONTH if days.length <= 8 * 366 else Step.YEAR


def bucket_name(page: Page, bucket: Bucket, step: Step) -> str:
    """What a bucket is called: by its days where a month or year is only partly in the range."""
    formats = page.formats
    if step is Step.DAY:
        return formats.full_day(bucket.first)
    if step is Step.WEEK or not _is_whole(page, bucket, step):
        return f"{formats.short_day(bucket.first)} – {formats.day_and_year(bucket.last)}"
    return formats.month(bucket.first) if step is Step.MONTH else str(bucket.first.year)


def bucket_range(page: Page, bucket: Bucket, step: Step) -> str:
    """The range of a bucket, as an address names it: what it leads to are the plays that it counts."""
    if step in (Step.MONTH, Step.YEAR) and _is_whole(page, bucket, step):
        return f"{bucket.first:%Y-%m}" if step is Step.MONTH else f"{bucket.first.year}"
    return days_text(Days(bucket.first, bucket.last))


def _is_whole(page: Page, bucket: Bucket, step: Step) -> bool:
    """Whether the days of its month or year that are not in the bucket have no plays, because there are none before the
    listener's first day and after the last."""
    first, last = page.listener.first_day, page.listener.last_day
    if first is None or last is None:
        return False
    months = (bucket.first.month, bucket.first.month) if step is Step.MONTH else (1, 12)
    begins = date(bucket.first.year, months[0], 1)
    ends = next_month(date(bucket.first.year, months[1], 1)) - timedelta(days=1)
    return (bucket.first == begins or bucket.first <= first) and (bucket.last == ends or bucket.last >= last)


def plays_href(page: Page, plays: int, **changes: object) -> str | None:
    """The plays that make a number; None where there are none, or where the viewer may not see single plays."""
    return page.links.plays(**changes) if plays and page.may(Part.HISTORY) else None


def bucket_marks(page: Page, buckets: Sequence[Bucket], step: Step, **changes: object) -> list[Mark]:
    """A mark for each bucket, linked to its plays. `changes`: of the address, such as an artist."""
    return [
        Mark(
            bucket_name(page, one, step),
            page.value(one.play_count, one.total_ms),
            page.value_text(one.play_count, one.total_ms),
            plays_href(page, one.play_count, range=bucket_range(page, one, step), **changes),
            one.first <= page.today <= one.last,
        )
        for one in buckets
    ]


def ticks(page: Page, buckets: Sequence[Bucket], step: Step) -> list[Tick]:
    """Labels at times that people know: Mondays, beginnings of months and years. At most a dozen."""
    formats, count = page.formats, len(buckets)
    if step is Step.DAY and count <= 14:
        return [
            Tick(index, formats.weekday(one.first.weekday(), "abbreviated"), count > 7 and index % 2 == 1)
            for index, one in enumerate(buckets)
        ]
    if step is Step.DAY:
        starts = [index for index, one in enumerate(buckets) if one.first.weekday() == page.listener.week_starts_on]
        return [Tick(index, formats.short_day(buckets[index].first), at % 2 == 1) for at, index in enumerate(starts)]
    if step is Step.WEEK:
        starts = [index for index, one in enumerate(buckets) if index and one.first.day <= 7]
        return [
            Tick(index, formats.months[buckets[index].first.month - 1], at % 2 == 1) for at, index in enumerate(starts)
        ]
    if step is Step.MONTH and count <= 14:
        return [
            Tick(index, formats.months[one.first.month - 1], (index - count + 1) % 3 != 0 if count > 6 else False)
            for index, one in enumerate(buckets)
        ]
    is_year = step is Step.YEAR
    years = [index for index, one in enumerate(buckets) if is_year or one.first.month == 1]
    every = max(1, -(-len(years) // 12))
    return [
        Tick(index, str(buckets[index].first.year), at % 2 == 1 and len(years) > 5)
        for at, index in enumerate(years)
        if at % every == 0
    ]


def axes(page: Page, marks: Sequence[Mark], labels: Sequence[Tick], before: Sequence[float] = ()) -> Axes:
    """Axes by the page's measure."""
    highest = max([mark.value for mark in marks] + list(before), default=0)
    heads = ("Period", "Time" if page.by_time else "Plays")
    lines = time_scale(highest) if page.by_time else count_scale(highest)
    written = page.formats.hours if page.by_time else page.formats.short
    return Axes(labels, partial(written, top=lines.top), lines, heads)


def bars(
    page: Page,
    buckets: Sequence[Bucket],
    step: Step,
    *,
    before: Sequence[Bucket] = (),
    height: int = 220,
    **changes: Any,
) -> Markup:
    """The timeline of some buckets. `before`: those of the period to compare with."""
    marks = bucket_marks(page, buckets, step, **changes)
    ghost = [float(page.value(one.play_count, one.total_ms)) for one in before]
    name = f"{'Time' if page.by_time else 'Plays'} {NAMES[step].lower()}"
    return timeline(name, marks, axes(page, marks, ticks(page, buckets, step), ghost), before=ghost, height=height)


def day_calendar(page: Page, buckets: Sequence[Bucket], **changes: object) -> Markup:
    """A cell for each day of at most a year."""
    marks = {
        one.first: mark
        for one, mark in zip(buckets, bucket_marks(page, buckets, Step.DAY, **changes), strict=True)
        if one.first <= page.today
    }
    days = (buckets[0].first, buckets[-1].last)
    name = f"{'Time' if page.by_time else 'Plays'} on each day"
    return calendar(name, marks, days, week_starts_on=page.listener.week_starts_on, months=page.formats.months)


def month_calendar(page: Page, buckets: Sequence[Bucket], **changes: object) -> Markup:
    """A cell for each month of many years."""
    marks = {
        date(one.first.year, one.first.month, 1): mark
        for one, mark in zip(buckets, bucket_marks(page, buckets, Step.MONTH, **changes), strict=True)
    }
    return month_grid(f"{'Time' if page.by_time else 'Plays'} in each month", marks, months=page.formats.months)


def week_grid(page: Page, cells: Sequence[ClockCell], **changes: object) -> Markup:
    """Hour by weekday."""
    known = {(cell.weekday, cell.hour): cell for cell in cells}
    formats = page.formats
    rows = []
    for weekday in formats.weekdays:
        marks = []
        for hour in range(24):
            cell = known.get((weekday, hour))
            plays, ms = (cell.play_count, cell.total_ms) if cell else (0, 0)
            label = f"{formats.weekday(weekday)}, {formats.hours_between(hour)}"
            href = plays_href(page, plays, weekday=weekday, hour=hour, **changes)
            marks.append(Mark(label, page.value(plays, ms), page.value_text(plays, ms), href))
        rows.append((formats.weekday(weekday, "abbreviated"), marks))
    return hour_grid("Hours of the week", rows, hour=formats.hour)


def day_clock(page: Page, hours: Sequence[tuple[int, int]], middle: tuple[str, str], **changes: object) -> Markup:
    """The 24 hours of the day."""
    marks = [
        Mark(
            page.formats.hours_between(hour),
            page.value(plays, ms),
            page.value_text(plays, ms),
            plays_href(page, plays, hour=hour, **changes),
        )
        for hour, (plays, ms) in enumerate(hours)
    ]
    return clock("Hours of the day", marks, hour=page.formats.hour, middle=middle)


def fullest(page: Page, buckets: Sequence[Bucket]) -> Bucket | None:
    """The bucket with the most; None where several have as much, or where no other has any."""
    values = sorted(page.value(one.play_count, one.total_ms) for one in buckets)
    if len(values) < 2 or not 0 < values[-2] < values[-1]:
        return None
    return max(buckets, key=lambda one: page.value(one.play_count, one.total_ms))


def busiest_hour(hours: Sequence[tuple[int, int]], by_time: bool) -> int | None:
    """The hour with the most; None where several have as much, or where that is one play."""
    values = [hour[by_time] for hour in hours]
    fullest = values.index(max(values))
    return fullest if values.count(max(values)) == 1 and hours[fullest][0] > 1 else None


def fullest_hour(page: Page, hour: int | None) -> tuple[str, str]:
    """What stands in the middle of a clock."""
    return (page.formats.hours_between(hour).split(" to ")[0], "the fullest hour") if hour is not None else ("", "")
