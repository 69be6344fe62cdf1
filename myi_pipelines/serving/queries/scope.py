"""What a question is about: whose plays, which local days, by which measure, with which filters; ranges as text."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from myi_pipelines.errors import InputError

ONE_DAY = timedelta(days=1)
EARLIEST, LATEST = date(2002, 1, 1), date(2099, 12, 31)
"""Days between which ranges may lie: Spotify began in 2006."""
LONGEST_ROLLING = 3_660
"""Days of the longest range that is counted back from today."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class InvalidRange(InputError, ValueError):
    """A text that names no range of days."""


class Measure(StrEnum):
    """What lists are ranked by and charts show."""

    PLAYS = "plays"
    TIME = "time"


class Unit(StrEnum):
    """What lists of music rank: songs, or their recordings, which are the warehouse's tracks."""

    SONGS = "songs"
    RECORDINGS = "recordings"


class Days(NamedTuple):
    """Local days in a row, both included. None if ``last`` is before ``first``."""

    first: date
    last: date

    @property
    def length(self) -> int:
        return max(0, (self.last - self.first).days + 1)


class Listener(NamedTuple):
    """One user, as pages need it."""

    id: int
    name: str
    display_name: str | None
    timezone: ZoneInfo
    week_starts_on: int
    """0 is Monday, 6 Sunday."""
    first_day: date | None
    """Local day of the first play of music; None without plays."""
    last_day: date | None
    """Local day of the latest play of music; None without plays."""
    version: int
    """Differs after each commit that can change an answer; never negative. For ETags."""
    deriving: tuple[date, ...] = ()
    """UTC months whose events may be newer than the statistics, in order: see ``periods``."""
    first_other_day: date | None = None
    """Local day of the first play that is not music; None without any."""
    last_other_day: date | None = None

    @property
    def ever(self) -> Days | None:
        """From the first to the latest play of anything; None without plays."""
        found = [day for day in (self.first_day, self.first_other_day, self.last_day, self.last_other_day) if day]
        return Days(min(found), max(found)) if found else None


class Filters(NamedTuple):
    """Which plays count. None: all. Those by an artist are those of the tracks that credit it."""

    artist_id: int | None = None
    album_id: int | None = None
    genre: str | None = None
    platform: str | None = None
    """A family of platforms, as ``platform_family`` names them: ``ios``, ``web``, ``unknown``, …"""
    skipped: bool | None = None
    """Heard for less than 30 seconds, or for longer."""


NO_FILTERS = Filters()


class Scope(NamedTuple):
    """What a question is about."""

    listener: Listener
    days: Days
    measure: Measure = Measure.PLAYS
    filters: Filters = NO_FILTERS


class RangeKind(StrEnum):
    """How a range is named, for labels in other languages."""

    ALL = "all"
    ROLLING = "rolling"
    """The last days, today included."""
    YEAR = "year"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"
    CUSTOM = "custom"


class NamedRange(NamedTuple):
    """A range of local days, as an address names it."""

    text: str
    """As it stands in an address; of "month" or "year" still that, so that a bookmark stays current."""
    kind: RangeKind
    label: str
    """In English: "May 2024", "last 7 days"."""
    days: Days
    before: str | None
    """Text of the period before, of the same kind or length; None where nothing was played so early."""
    after: str | None
    """Text of the period after; None where it has not begun."""
    is_incomplete: bool
    """Today is in it, so it is not over. Never so of all time."""
    days_before: Days | None
    """With what it is compared: the period before, of a calendar period that is not over the same part of it."""
    days_year_before: Days | None
    """The same days of the year before, as far as they have come; None of all time and of more than a year."""


def parse_range(text: str, today: date, listener: Listener) -> NamedRange:
    """The range that a text names. ``today`` is the listener's.

    ``7d`` and ``4w`` end today; ``day``, ``week``, ``month`` and ``year`` are those of today; ``2024``, ``2024-05``,
    ``2024-W07`` and ``2024-05-03`` name one; ``2024-01-03..2024-02-05`` has any first and last day; ``all`` goes from
    the first play to today. A week has the ISO number of its Thursday and begins on the listener's day. Raises
    InvalidRange.

    >>> anna = Listener(1, "anna", None, ZoneInfo("UTC"), 0, date(2015, 3, 1), date(2024, 5, 9), 1)
    >>> parse_range("2024-04", date(2024, 5, 9), anna).days
    Days(first=datetime.date(2024, 4, 1), last=datetime.date(2024, 4, 30))
    >>> found = parse_range("year", date(2024, 5, 9), anna)
    >>> found.label, found.before, found.after, found.is_incomplete
    ('2024', '2023', None, True)
    >>> found.days_before
    Days(first=datetime.date(2023, 1, 1), last=datetime.date(2023, 5, 9))
    """
    kind, days = _days_of(text.strip(), today, listener)
    if kind is RangeKind.ALL:
        return NamedRange(text.strip(), kind, "all time", days, None, None, False, None, None)
    before, after = _neighbour(kind, days, -1), _neighbour(kind, days, 1)
    began, ends = _ever(listener, today)
    return NamedRange(
        text=text.strip(),
        kind=kind,
        label=_label(kind, days, listener),
        days=days,
        before=_text(kind, before, listener) if before.last >= began and before.first >= EARLIEST else None,
        after=_text(kind, after, listener) if after.first <= ends and after.last <= LATEST else None,
        is_incomplete=days.first <= today <= days.last,
        days_before=_so_far(kind, days, before, today),
        days_year_before=_year_before(days, today),
    )


def fairly_compared(named: NamedRange, today: date, listener: Listener) -> NamedRange:
    """The range without what says nothing of a change: nothing is compared with a today that is not over, and nothing
    with days of which more than a tenth had passed before the listener's first music."""

    def fair(days: Days | None) -> Days | None:
        if days is None or listener.first_day is None or named.days == Days(today, today):
            return None
        return days if (listener.first_day - days.first).days <= days.length // 10 else None

    return named._replace(days_before=fair(named.days_before), days_year_before=fair(named.days_year_before))


def same_range(named: NamedRange, other: Listener) -> Days:
    """The days of another listener that a range names: "year" is their year, which may not have begun. Raises
    InvalidRange."""
    return parse_range(named.text, datetime.now(other.timezone).date(), other).days


_ROLLING = re.compile(r"([0-9]{1,4})([dw])")
_YEAR = re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _days_of(text: str, today: date, listener: Listener) -> tuple[RangeKind, Days]:
    first, separator, last = text.partition("..")
    try:
        if text == "all":
            return RangeKind.ALL, _ever(listener, today)
        if named := _of_today(text, today, listener):
            return named
        if separator and _DAY.fullmatch(first) and _DAY.fullmatch(last):
            return RangeKind.CUSTOM, _checked(text, Days(date.fromisoformat(first), date.fromisoformat(last)))
        if found := _ROLLING.fullmatch(text):
            days = int(found[1]) * (7 if found[2] == "w" else 1)
            if 1 <= days <= LONGEST_ROLLING:
                return RangeKind.ROLLING, Days(today - timedelta(days=days - 1), today)
        if _YEAR.fullmatch(text):
            return RangeKind.YEAR, _checked(text, _year(date(int(text), 1, 1)))
        if found := _MONTH.fullmatch(text):
            return RangeKind.MONTH, _checked(text, _month(date(int(found[1]), int(found[2]), 1)))
        if found := _WEEK.fullmatch(text):
            thursday = date.fromisocalendar(int(found[1]), int(found[2]), 4)
            return RangeKind.WEEK, _checked(text, week_of(thursday, listener.week_starts_on))
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return RangeKind.DAY, _checked(text, Days(day, day))
    except (ValueError, OverflowError) as error:
        if isinstance(error, InvalidRange):
            raise
    raise InvalidRange(
        f"{text[:40]!r} is no range: write 7d, 4w, week, month, year, all, 2024, 2024-05, 2024-W07, 2024-05-03 or "
        "2024-01-03..2024-02-05"
    )


def _ever(listener: Listener, today: date) -> Days:
    """From the first play until today, or until a play that a wrong clock set later."""
    first, last = listener.ever or (today, today)
    return Days(first, max(today, last))


def _of_today(text: str, today: date, listener: Listener) -> tuple[RangeKind, Days] | None:
    match text:
        case "day":
            return RangeKind.DAY, Days(today, today)
        case "week":
            return RangeKind.WEEK, week_of(today, listener.week_starts_on)
        case "month":
            return RangeKind.MONTH, _month(today)
        case "year":
            return RangeKind.YEAR, _year(today)
    return None


def _checked(text: str, days: Days) -> Days:
    if days.last < days.first:
        raise InvalidRange(f"{text!r} ends before it begins")
    if days.first < EARLIEST or days.last > LATEST:
        raise InvalidRange(f"{text!r} is not between {EARLIEST} and {LATEST}")
    return days


def _year(day: date) -> Days:
    return Days(date(day.year, 1, 1), date(day.year, 12, 31))


def _month(day: date) -> Days:
    return Days(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def week_of(day: date, starts_on: int) -> Days:
    """The week of a day. 0 is Monday."""
    first = day - timedelta(days=(day.weekday() - starts_on) % 7)
    return Days(first, first + 6 * ONE_DAY)


def _neighbour(kind: RangeKind, days: Days, step: int) -> Days:
    """The period before (-1) or after (1)."""
    if kind in (RangeKind.YEAR, RangeKind.MONTH):
        next_to_it = days.first - ONE_DAY if step < 0 else days.last + ONE_DAY
        return _year(next_to_it) if kind is RangeKind.YEAR else _month(next_to_it)
    moved = step * days.length * ONE_DAY
    return Days(days.first + moved, days.last + moved)


def _so_far(kind: RangeKind, days: Days, before: Days, today: date) -> Days | None:
    """The period before, cut to as many days as have come of a calendar period that is not over."""
    if before.first < EARLIEST:
        return None
    if kind is RangeKind.ROLLING or not days.first <= today < days.last:
        return before
    if kind is RangeKind.YEAR:
        return Days(before.first, _in_year(today, today.year - 1))
    return Days(before.first, min(before.last, before.first + (today - days.first)))


def _year_before(days: Days, today: date) -> Days | None:
    last = min(days.last, today) if days.first <= today else days.last
    if days.length > 366 or days.first.year - 1 < EARLIEST.year:
        return None
    return Days(_in_year(days.first, days.first.year - 1), _in_year(last, last.year - 1))


def _in_year(day: date, year: int) -> date:
    """The day of another year; 28 February for a 29th that the year lacks."""
    return date(year, day.month, min(day.day, calendar.monthrange(year, day.month)[1]))


def _text(kind: RangeKind, days: Days, listener: Listener) -> str:
    match kind:
        case RangeKind.YEAR:
            return f"{days.first.year:04}"
        case RangeKind.MONTH:
            return f"{days.first:%Y-%m}"
        case RangeKind.WEEK:
            year, week = week_number(days)
            return f"{year:04}-W{week:02}"
        case RangeKind.DAY:
            return days.first.isoformat()
    return f"{days.first.isoformat()}..{days.last.isoformat()}"


def _label(kind: RangeKind, days: Days, listener: Listener) -> str:
    match kind:
        case RangeKind.YEAR:
            return str(days.first.year)
        case RangeKind.MONTH:
            return f"{MONTHS[days.first.month - 1]} {days.first.year}"
        case RangeKind.WEEK:
            year, week = week_number(days)
            return f"week {week} of {year}"
        case RangeKind.DAY:
            return _long(days.first)
        case RangeKind.ROLLING if days.length % 7 == 0 and days.length > 7:
            return f"last {days.length // 7} weeks"
        case RangeKind.ROLLING:
            return f"last {days.length} days" if days.length > 1 else "today"
    if days.first.year != days.last.year:
        return f"{_long(days.first)} – {_long(days.last)}"
    return f"{days.first.day} {MONTHS[days.first.month - 1]} – {_long(days.last)}"


def week_number(week: Days) -> tuple[int, int]:
    """The year and number of a week: those of its Thursday, on whatever day it begins."""
    thursday = week.first + (3 - week.first.weekday()) % 7 * ONE_DAY
    year, number, _ = thursday.isocalendar()
    return year, number


def _long(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
