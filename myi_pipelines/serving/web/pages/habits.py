"""Habits: when in the day and the week, how long at a time, on what, how much of a track."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Clock, Way, clock, totals, ways
from myi_pipelines.serving.queries.history import sessions
from myi_pipelines.serving.queries.milestones import streaks
from myi_pipelines.serving.queries.music import share_heard
from myi_pipelines.serving.queries.periods import clipped
from myi_pipelines.serving.queries.scope import Days
from myi_pipelines.serving.web.charts.marks import Mark, Tick
from myi_pipelines.serving.web.charts.timeline import shares, timeline
from myi_pipelines.serving.web.links import days_text
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.pages.overview import empty, nothing
from myi_pipelines.serving.web.series import FEW, axes, busiest_hour, day_clock, fullest_hour, plays_href, week_grid
from myi_pipelines.serving.web.views import Figure, RankRow, item_rows
from myi_pipelines.serving.web.words import value_name

MOST = 8
DIMENSIONS = (
    ("PLATFORM", "Devices"),
    ("COUNTRY", "Countries"),
    ("SHARE_HEARD", "How much of a track"),
    ("REASON_START", "How a track began"),
    ("REASON_END", "How it ended"),
    ("SHUFFLE", "Shuffle"),
    ("SKIP", "Skipped"),
    ("OFFLINE", "Offline"),
    ("INCOGNITO", "Private sessions"),
)
SHARES = ("under 25%", "25% to 50%", "50% to 75%", "75% to 95%", "95% or more")
FILTERS = {"PLATFORM": "platform"}


class WayChart(NamedTuple):
    name: str
    note: str
    chart: Markup


def show_habits(page: Page) -> Response:
    """The clock first."""
    if page.listener.ever is None:
        return empty(page)
    formats = page.formats
    now = totals(page.conn, page.scope)
    if not now.play_count:
        return nothing(page, "Habits", now)
    week = clock(page.conn, page.scope)
    hours, days = week.hours, week.weekdays
    hour = busiest_hour(hours, page.by_time)
    whole = sum(one[page.by_time] for one in hours) or 1
    night = sum(hours[at][page.by_time] for at in (22, 23, 0, 1, 2, 3)) / whole
    morning = sum(hours[at][page.by_time] for at in range(5, 11)) / whole
    is_telling = now.play_count >= FEW
    found, notes = ways(page.conn, page.scope)[0] if is_telling else [], {}
    if found and not any(way.dimension == "SHARE_HEARD" for way in found):
        span, shares_heard = share_heard(page.conn, page.scope)
        found += shares_heard
        notes["SHARE_HEARD"] = _span_note(page, span)
    skipped = next((way.play_count for way in found if (way.dimension, way.value) == ("SKIP", "true")), 0)
    numbers = []
    if is_telling:
        numbers = [
            Figure(formats.percent(night), "between 10 at night and 4", plays_href(page, 1, hour="22-3")),
            Figure(formats.percent(morning), "between 5 and 11 in the morning", plays_href(page, 1, hour="5-10")),
        ]
    if found:
        numbers.append(
            Figure(
                formats.percent(skipped / now.play_count), "skipped within 30 seconds", page.links.plays(skipped="yes")
            )
        )
        length = formats.track_length(now.total_ms // now.play_count)
        numbers.append(Figure(length, "an average play", plays_href(page, now.play_count)))
    return page.render(
        "habits.html",
        "Habits",
        sentence=_sentence(page, now.play_count, week, night, morning),
        numbers=numbers,
        clock=day_clock(page, hours, fullest_hour(page, hour)),
        weekdays=_weekdays(page, days),
        week=week_grid(page, week.cells),
        sessions=_sessions(page) if is_telling else None,
        streaks=_streaks(page),
        ways=[chart for key, name in DIMENSIONS if (chart := way_chart(page, key, name, found, notes.get(key, "")))],
    )


def _sentence(page: Page, plays: int, week: Clock, night: float, morning: float) -> str:
    """What kind of listener somebody is, if there are enough plays to tell; the fullest hour and day unless several
    have as much."""
    formats = page.formats
    if plays < FEW:
        return f"{formats.plays(plays)} {'is' if plays == 1 else 'are'} too few to tell a habit."
    kind = (
        "an early bird" if morning > 0.28 and morning > night else "a night owl" if night > 0.28 else "a day listener"
    )
    values = [day[page.by_time] for day in week.weekdays]
    fullest = []
    if (hour := busiest_hour(week.hours, page.by_time)) is not None:
        fullest.append(f"your fullest hour is {formats.hours_between(hour)}")
    if values.count(max(values)) == 1:
        verb = "" if fullest else "is "
        fullest.append(f"your fullest day {verb}{formats.weekday(values.index(max(values)))}")
    return f"You are {kind}{': ' if fullest else ''}{', '.join(fullest)}."


def _weekdays(page: Page, days: Sequence[tuple[int, int]]) -> Markup:
    formats = page.formats
    marks = [
        Mark(
            formats.weekday(day),
            page.value(*days[day]),
            page.value_text(*days[day]),
            plays_href(page, days[day][0], weekday=day),
        )
        for day in formats.weekdays
    ]
    labels = [Tick(index, formats.weekday(day, "abbreviated")) for index, day in enumerate(formats.weekdays)]
    return timeline("Days of the week", marks, axes(page, marks, labels), height=300)


class SessionPart(NamedTuple):
    """What there is to say of sessions."""

    note: str
    figures: list[Figure]
    longest: list[list[str | Markup]]
    first_songs: list[RankRow]


def _sessions(page: Page) -> SessionPart | None:
    formats = page.formats
    found = sessions(page.conn, page.scope)
    if not found.number:
        return None
    is_cut = found.days.first > max(page.range.days.first, page.listener.first_day or found.days.first)
    since = f" Of the days since {formats.day(found.days.first)}." if is_cut else ""
    longest = []
    for one in found.longest:
        day = formats.local(one.started_at).date()
        span = int((one.ended_at - one.started_at) / timedelta(milliseconds=1))
        link = Markup('<a href="{}">{}</a>').format(page.links.day(day), formats.day_and_year(day))
        longest.append([link, formats.time(one.started_at), formats.length(span), formats.number(one.play_count)])
    first = item_rows(
        page,
        [one.track for one in found.first_of_day],
        [formats.counted(one.days, "day") for one in found.first_of_day],
    )
    plays = plays_href(page, found.number, range=days_text(found.days))
    return SessionPart(
        f"A session ends after {found.gap // timedelta(minutes=1)} minutes of silence.{since}",
        [
            Figure(formats.number(found.number), formats.noun(found.number, "session"), plays),
            Figure(formats.length(found.usual_ms), "a usual session", plays),
            Figure(formats.short(found.usual_plays), f"{formats.noun(found.usual_plays, 'play')} in it", plays),
        ],
        longest,
        first,
    )


def _span_note(page: Page, span: Days) -> str:
    """Of which months the shares of tracks are, where it is not the range: whole ones, and twelve at most."""
    days = clipped(page.listener, page.range.days)
    if span.first.replace(day=1) == days.first.replace(day=1) and span.first <= days.first and span.last >= days.last:
        whole = days.first.day == 1 or days.first == page.listener.first_day
        if whole and (days.last == span.last or days.last == page.listener.last_day):
            return ""
    formats = page.formats
    first, last = formats.short_month(span.first), formats.short_month(span.last)
    return f"Of {first}." if first == last else f"Of {first} to {last}."


def _streaks(page: Page) -> list[list[str | Markup]]:
    formats = page.formats
    found = streaks(page.conn, page.scope, page.today)
    return [
        [
            Markup('<a href="{}">{} – {}</a>').format(
                page.links.plays(range=days_text(Days(one.first, one.last))),
                formats.day_and_year(one.first),
                "today" if one == found.current else formats.day_and_year(one.last),
            ),
            formats.counted(one.days, "day"),
            formats.plays(one.play_count),
        ]
        for one in found.longest
        if one.days > 1
    ]


def way_chart(page: Page, dimension: str, name: str, found: Sequence[Way], note: str = "") -> WayChart | None:
    """The known values of a dimension, the largest first, shares of a track from the least on; None where nothing is
    known or it says nothing."""
    formats = page.formats
    rows = [way for way in found if way.dimension == dimension and way.value != "unknown" and way.play_count]
    whole = sum(page.value(way.play_count, way.total_ms) for way in rows)
    if not rows or not whole or (len(rows) == 1 and dimension in ("OFFLINE", "INCOGNITO", "SHUFFLE")):
        return None
    if dimension == "SHARE_HEARD":
        rows.sort(key=lambda way: SHARES.index(way.value))
    else:
        rows.sort(key=lambda way: -page.value(way.play_count, way.total_ms))
    marks = []
    for way in rows[:MOST]:
        value = page.value(way.play_count, way.total_ms)
        text = f"{formats.percent(value / whole)}, {page.value_text(way.play_count, way.total_ms)}"
        href = page.links.plays(**{FILTERS[dimension]: way.value}) if dimension in FILTERS else None
        if dimension == "SKIP":
            href = page.links.plays(skipped="yes" if way.value == "true" else "no")
        marks.append(Mark(value_name(formats, dimension, way.value), value / whole, text, href))
    return WayChart(name, note, shares(marks, whole=1))
