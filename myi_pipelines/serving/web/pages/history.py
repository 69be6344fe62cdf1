"""History: days as headings, sessions as groups, every play that makes a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Step, activity
from myi_pipelines.serving.queries.history import (
    ANY_TIME,
    Before,
    DayOfPlays,
    History,
    LocalTime,
    Play,
    by_day,
    history,
    history_of,
    total_of_history,
)
from myi_pipelines.serving.queries.items import tracks_of
from myi_pipelines.serving.queries.listeners import listener_settings
from myi_pipelines.serving.queries.scope import Days, RangeKind
from myi_pipelines.serving.queries.tops import Kind, items
from myi_pipelines.serving.web.bar import Choice, range_label
from myi_pipelines.serving.web.page import Page, whole_number
from myi_pipelines.serving.web.pages.overview import empty, nothing_played
from myi_pipelines.serving.web.series import bars, step_for
from myi_pipelines.serving.web.views import by_of, cover_of, find_covers, name_of, playing_line
from myi_pipelines.serving.web.words import value_name

A_MILLISECOND, A_MINUTE, TWO_DAYS = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(days=2)
EACH = 60
FIRST_YEAR, LAST_YEAR = 2000, 2100
NOTHING = "No play is among these days that fits. Take a filter away above, or choose another range."


class PlayRow(NamedTuple):
    """A play as the list shows it."""

    moment: str
    time: str
    name: str
    href: str
    by: str
    by_href: str | None
    album: str
    cover: Markup
    heard: str
    note: str
    is_skipped: bool


class SessionRow(NamedTuple):
    summary: str
    plays: list[PlayRow]


class DayRow(NamedTuple):
    name: str
    href: str
    summary: str
    sessions: list[SessionRow]


def show_history(page: Page) -> Response:
    """The plays of the range, the latest first."""
    ever = page.listener.ever
    if ever is None:
        return empty(page)
    at = _local_time(page)
    tracks = _tracks(page)
    before = read_before(page.query.get("before", ""))
    found = _history(page, tracks, at, before)
    find_covers(page, [play.track for play in found.plays])
    gap = listener_settings(page.conn, page.listener).session_gap
    is_day = page.range.kind is RangeKind.DAY
    is_plain = tracks is None and at == ANY_TIME
    chart: Markup | None = None
    if is_plain and not is_day and before is None:
        step = step_for(page.range.days)
        buckets = activity(page.conn, page.scope, step).buckets
        if any(one.play_count for one in buckets):
            chart = bars(page, buckets, step, height=130)
    shown = by_day(page.listener, found.plays, gap=gap)
    is_cut = (before is not None, found.next is not None)
    sums = _sums_of_days(page, shown) if is_plain else _sums_of_plays(shown, is_cut)
    more = page.links.to("history", **page.extra, before=write_before(found.next)) if found.next else ""
    return page.render(
        "history.html",
        range_label(page.range, page.formats) if is_day else "History",
        playing=playing_line(page),
        heading=page.formats.full_day(page.range.days.first) if is_day else "History",
        summary=_summary(page, found, tracks, at),
        chart=chart,
        jump_action=page.links._replace(kept=()).to("history"),
        jump_day=min(page.range.days.last, page.today).isoformat(),
        jump_first=ever.first.isoformat(),
        jump_last=page.today.isoformat(),
        days=[_day(page, day, sums.get(day.day), is_day) for day in shown],
        nothing=nothing_played(page) if is_plain and before is None else NOTHING,
        more=more,
    )


def _history(page: Page, tracks: Sequence[int] | None, at: LocalTime, before: Before | None) -> History:
    if tracks is not None:
        return history_of(page.conn, page.scope, tracks, at=at, before=before, each=EACH)
    return history(page.conn, page.scope, at=at, before=before, each=EACH)


def _local_time(page: Page) -> LocalTime:
    """The hours that the address names, as ``8`` or ``22-3``, and the weekday."""
    weekday = whole_number(page.query.get("weekday"))
    named = LocalTime(read_hours(page.query.get("hour", "")), weekday if weekday is not None and weekday < 7 else None)
    if named == ANY_TIME:
        return named
    formats, parts = page.formats, []
    if named.weekday is not None:
        page.extra["weekday"] = str(named.weekday)
        parts.append(formats.weekday(named.weekday))
    if named.hours is not None:
        page.extra["hour"] = page.query["hour"]
        parts.append(formats.hours_between(named.hours[0], named.hours[-1]))
    page.chips.append(Choice(", ".join(parts), page.links.to("history", **_without(page, "hour", "weekday"))))
    return named


def read_hours(text: str) -> tuple[int, ...] | None:
    """Hours of the day in a row, also past midnight: "8", "22-3". None for anything else."""
    first, _, last = text.partition("-")
    begin, end = whole_number(first), whole_number(last or first)
    if begin is None or end is None or begin > 23 or end > 23:
        return None
    return tuple((begin + number) % 24 for number in range((end - begin) % 24 + 1))


def _tracks(page: Page) -> list[int] | None:
    """The tracks of the song or recording that the address names; None without one."""
    for kind in (Kind.SONG, Kind.TRACK):
        number = whole_number(page.query.get(kind.value))
        if number is not None:
            named = items(page.conn, page.listener, kind, [number]).get(number)
            page.extra[kind.value] = str(number)
            name = name_of(named) if named else "an unknown song"
            page.chips.append(Choice(name, page.links.to("history", **_without(page, kind.value))))
            return tracks_of(page.conn, page.listener, kind, number) if named else []
    return None


def _without(page: Page, *names: str) -> dict[str, str]:
    kept = ("song", "track", "hour", "weekday")
    return {name: page.query[name] for name in kept if name in page.query and name not in names}


def _summary(page: Page, found: History, tracks: Sequence[int] | None, at: LocalTime) -> str:
    """How much is listed on all pages, and what is missing."""
    parts = []
    whole = total_of_history(page.conn, page.scope, tracks=tracks, at=at)
    if whole.play_count:
        parts.append(f"{page.formats.plays(whole.play_count)}, {page.formats.length(whole.total_ms)}.")
    if found.archived:
        months = page.formats.counted(len(found.archived), "month")
        parts.append(f"The plays of {months} are in the archive and not shown.")
    return " ".join(parts)


def _sums_of_days(page: Page, shown: Sequence[DayOfPlays]) -> dict[date, tuple[int, int]]:
    """Plays and milliseconds of each day, of which the page may show a part."""
    if not shown:
        return {}
    scope = page.scope._replace(days=Days(shown[-1].day, shown[0].day))
    return {one.first: (one.play_count, one.total_ms) for one in activity(page.conn, scope, Step.DAY).buckets}


def _sums_of_plays(shown: Sequence[DayOfPlays], is_cut: tuple[bool, bool]) -> dict[date, tuple[int, int]]:
    """The same of some plays of the days; without the first and the last, where the page cuts them."""
    begins_cut, ends_cut = is_cut
    whole = shown[1 if begins_cut else 0 : len(shown) - 1 if ends_cut else len(shown)]
    plays = {day.day: [play for session in day.sessions for play in session.plays] for day in whole}
    return {day: (len(found), sum(play.ms_played for play in found)) for day, found in plays.items()}


def _day(page: Page, day: DayOfPlays, of_day: tuple[int, int] | None, with_device: bool) -> DayRow:
    formats = page.formats
    return DayRow(
        formats.full_day(day.day) if not with_device else "Plays",
        page.links.day(day.day),
        f"{formats.plays(of_day[0])}, {formats.length(of_day[1])}" if of_day else "",
        [
            SessionRow(
                _session(page, session.plays, session.gap_before),
                [play_row(page, play, with_device=with_device) for play in session.plays],
            )
            for session in day.sessions
        ],
    )


def _session(page: Page, plays: Sequence[Play], gap: timedelta | None) -> str:
    formats = page.formats
    span = f"{formats.time(plays[-1].started_at)} – {formats.time(plays[0].played_at)}"
    if gap is None or gap < A_MINUTE:  # The session began on the day before.
        return span
    silence = formats.counted(gap.days, "day") if gap >= TWO_DAYS else formats.length(gap // A_MILLISECOND)
    return f"{span}, after {silence} of silence"


def play_row(page: Page, play: Play, *, with_device: bool = False, with_day: bool = False) -> PlayRow:
    """A line for a play. `with_device`: on what it was heard, not its album; `with_day`: its day, not its time."""
    formats, track = page.formats, play.track
    device = value_name(formats, "PLATFORM", play.platform_family) if play.platform_family != "unknown" else ""
    details = [play.platform or device, "about" if play.is_estimated else "", "shuffled" if play.shuffle else ""]
    details += ["offline" if play.offline else "", "in a private session" if play.incognito else ""]
    local = formats.local(play.played_at)
    return PlayRow(
        moment=local.isoformat(timespec="seconds"),
        time=formats.day_and_year(local.date()) if with_day else formats.time(play.played_at),
        name=name_of(track),
        href=page.links.item("track", track.id),
        by=by_of(track),
        by_href=page.links.item("artist", track.artist_id) if track.artist_id else None,
        album=device if with_device else track.album or "",
        cover=cover_of(page, track),
        heard=("~" if play.is_estimated else "") + formats.track_length(play.ms_played),
        note=", ".join(filter(None, details)),
        is_skipped=play.is_skip,
    )


def write_before(before: Before) -> str:
    """Where a page of the history begins, for an address."""
    return f"{before.played_at.astimezone(UTC).replace(tzinfo=None).isoformat()},{before.track_id}"


def read_before(text: str) -> Before | None:
    """The opposite of `write_before`; the beginning for anything else."""
    moment, _, track = text.partition(",")
    number = whole_number(track)
    try:
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    except ValueError:
        return None
    is_possible = number is not None and FIRST_YEAR <= at.year <= LAST_YEAR
    return Before(at, number) if is_possible and number is not None else None
