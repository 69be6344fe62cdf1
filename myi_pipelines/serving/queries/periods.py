"""Any local days as what the warehouse holds of them: whole months from statistics, the days around them from events.

Local months are the unit of the statistics: a UTC month and its edges make one. What is left of a range are at most 30
days at each end, and their plays lie between instants, which are given as constants so that the planner opens only
their partitions.

Statistics of all months of a user change in one commit, events month by month before it. So an answer is read from
statistics alone, from events alone, or from both where they agree: while a month at an end of a range is being derived,
all of the range is read from events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from psycopg import sql

from myi_pipelines.serving.queries.scope import (
    EARLIEST,
    LATEST,
    NO_FILTERS,
    ONE_DAY,
    Days,
    Filters,
    Listener,
    Measure,
    Scope,
)
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month, starts_at

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = 20_000
"""Local days whose beginnings a process remembers."""
_WINDOWS, _NARROW = 8, timedelta(days=62)
"""How many windows are left of some that may be joined, and the gap between two that always are."""
_beginnings: dict[tuple[str, date], tuple[datetime, datetime]] = {}


class Instants(NamedTuple):
    """The instants between which some local days lie: from the first, before the second."""

    first: datetime
    end: datetime
    are_exact: bool = False
    """Whether all that lies between them is of the days."""


class Counted(NamedTuple):
    """Which tracks a user played, and how often and long: a query with the columns track_id, play_count, total_ms."""

    query: sql.Composable
    parameters: dict[str, Any]
    is_ever: bool
    """It is what the all-time tables say."""
    archived: tuple[date, ...]
    """UTC months with plays that would count and are in the archive: the query cannot see them."""


def clipped(listener: Listener, days: Days) -> Days:
    """The days among these on which something was played at the earliest and the latest; one day at least."""
    if listener.first_day is None or listener.last_day is None:
        return Days(days.first, days.first - ONE_DAY)
    return Days(max(days.first, listener.first_day), min(days.last, listener.last_day))


def heard_days(listener: Listener, days: Days) -> Days:
    """The days among these on which events may lie, also those that statistics do not know yet."""
    if not listener.deriving:
        return clipped(listener, days)
    first, last = listener.deriving[0] - ONE_DAY, next_month(listener.deriving[-1])
    return Days(
        max(days.first, min(first, listener.first_day or first)), min(days.last, max(last, listener.last_day or last))
    )


def is_deriving(conn: Connection, listener: Listener, days: Days) -> bool:
    """Whether events of some local days may be newer than the statistics of their months."""
    return bool(listener.deriving) and _is_newer(listener, [instants_of(conn, listener, days)])


def _is_newer(listener: Listener, instants: Iterable[Instants]) -> bool:
    spans = _months_of(instants)
    return any(first <= month <= last for first, last in spans for month in listener.deriving)


def instants_of(conn: Connection, listener: Listener, days: Days) -> Instants:
    """Instants between which local days lie. Near changes of the clock they are a day wider on either side."""
    if days.last < days.first:
        return Instants(_NEVER, _NEVER)
    begin = _beginnings_of(conn, listener, (days.first, days.last + ONE_DAY))
    (first, first_latest), (end_earliest, end) = begin[days.first], begin[days.last + ONE_DAY]
    return Instants(first, end, first == first_latest and end_earliest == end)


def windows_of(conn: Connection, listener: Listener, spans: Sequence[Days]) -> list[Instants]:
    """``instants_of`` each of some spans of local days, looked up all at once."""
    _beginnings_of(conn, listener, {day for one in spans if one.length for day in (one.first, one.last + ONE_DAY)})
    return [instants_of(conn, listener, one) for one in spans]


def within(windows: Sequence[Instants], *, joining: bool = False) -> sql.Composable:
    """The condition that ``played_at`` lies in one of some windows, of which the planner opens only the partitions.

    ``joining``: it may be true between them as well. The nearest ones are joined until few are left: the planner
    compares each window with every partition of any, so that 70 windows of a month take it longer than twelve years.
    """
    apart: list[Instants] = []
    for one in sorted(windows):
        if apart and one.first <= apart[-1].end:
            apart[-1] = Instants(apart[-1].first, max(apart[-1].end, one.end))
        else:
            apart.append(one)
    if joining:
        apart = _fewer(apart)
    each = [
        sql.SQL("(played_at >= {} AND played_at < {})").format(sql.Literal(one.first), sql.Literal(one.end))
        for one in apart or [Instants(_NEVER, _NEVER)]
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(each))


def _fewer(apart: list[Instants]) -> list[Instants]:
    """Windows in order, joined until only the widest gaps are left between them."""
    gaps = sorted((after.first - before.end for before, after in pairwise(apart)), reverse=True)
    narrow = gaps[_WINDOWS - 1] if len(gaps) >= _WINDOWS else timedelta(0)
    fewer = apart[:1]
    for one in apart[1:]:
        if one.first - fewer[-1].end <= max(narrow, _NARROW):
            fewer[-1] = Instants(fewer[-1].first, one.end)
        else:
            fewer.append(one)
    return fewer


def counted(conn: Connection, scope: Scope) -> Counted:
    """What of the scope was played, by track."""
    listener, filters = scope.listener, scope.filters
    days = clipped(listener, scope.days)
    parameters: dict[str, Any] = {
        "user_id": listener.id,
        "zone": listener.timezone.key,
        "by_time": scope.measure == "time",
        "tracks": _filtered_tracks(conn, listener, filters),
    }
    if filters.platform is not None or filters.skipped is not None:
        return _counted_heard(conn, scope)
    if days.last < days.first or (days.first, days.last) == (listener.first_day, listener.last_day):
        is_empty = days.last < days.first
        parameters["tracks"] = [] if is_empty else parameters["tracks"]
        return Counted(statement("queries/counted_ever"), parameters, filters == NO_FILTERS and not is_empty, ())
    months, head, tail = _parts(listener, days)
    at_head, at_tail = instants_of(conn, listener, head), instants_of(conn, listener, tail)
    if _is_newer(listener, [at_head, at_tail]):
        return _counted_heard(conn, scope)
    parameters |= {"first_month": months.first, "end_month": months.last, "has_months": months.first < months.last}
    parameters |= {"head_first": head.first, "head_last": head.last, "tail_first": tail.first, "tail_last": tail.last}
    parameters |= {"head_from": at_head.first, "head_to": at_head.end}
    parameters |= {"tail_from": at_tail.first, "tail_to": at_tail.end}
    parameters |= {"head_is_exact": at_head.are_exact, "tail_is_exact": at_tail.are_exact}
    earliest, latest = _span(listener)
    parameters |= {"earliest_month": earliest, "latest_month": latest}
    inside, all_months = _months_between(months.first, months.last), _months_between(earliest, latest) + 1
    around = inside > all_months / 2 + 1
    return Counted(
        statement("queries/counted_around" if around else "queries/counted_between"),
        parameters,
        False,
        _archived(conn, listener, [at_head, at_tail]),
    )


def _counted_heard(conn: Connection, scope: Scope) -> Counted:
    parameters, archived = heard(conn, scope)
    return Counted(statement("queries/counted_heard"), parameters, False, archived)


def signed(conn: Connection, listener: Listener, days: Days) -> tuple[dict[str, Any], tuple[date, ...]] | None:
    """The UTC months nearest to some local days, the instants in which the two differ, and archived months there.

    The plays of the days are those of the months, and each play near their ends that is in one of the two only counts
    once more or less. For what statistics hold by UTC month without edges. None while events there may be newer than
    the statistics: then all of the days are to be read from events.
    """
    days = clipped(listener, days)
    at = instants_of(conn, listener, days)
    first, end = _nearest_month(at.first), _nearest_month(at.end)
    if first >= end or days.last < days.first:
        windows = at, Instants(_NEVER, _NEVER)
        first = end = month_of(days.first)
    else:
        windows = _between(conn, listener, days.first, first), _between(conn, listener, days.last + ONE_DAY, end)
    if _is_newer(listener, windows):
        return None
    parameters = {
        "user_id": listener.id,
        "zone": listener.timezone.key,
        "first_day": days.first,
        "last_day": days.last,
        "first_month": first,
        "end_month": end,
        "months_from": starts_at(first),
        "months_to": starts_at(end),
        "begin_from": windows[0].first,
        "begin_to": windows[0].end,
        "end_from": windows[1].first,
        "end_to": windows[1].end,
    }
    return parameters, _archived(conn, listener, windows)


def heard(conn: Connection, scope: Scope) -> tuple[dict[str, Any], tuple[date, ...]]:
    """The parameters of statements that read the events of a scope, and the archived months that they cannot see."""
    listener, filters, days = scope.listener, scope.filters, heard_days(scope.listener, scope.days)
    at = instants_of(conn, listener, days)
    parameters = {
        "user_id": listener.id,
        "zone": listener.timezone.key,
        "by_time": scope.measure == "time",
        "tracks": _filtered_tracks(conn, listener, filters),
        "platform": filters.platform,
        "skipped": filters.skipped,
        "first_day": days.first,
        "last_day": days.last,
        "played_from": at.first,
        "played_to": at.end,
        "is_exact": at.are_exact,
    }
    return parameters, _archived(conn, listener, [at])


def filtered_tracks(conn: Connection, scope: Scope) -> list[int] | None:
    """The tracks that the filters of a scope name by artist, album and genre; None: all."""
    return _filtered_tracks(conn, scope.listener, scope.filters)


def ever(listener: Listener, measure: Measure = Measure.PLAYS) -> Scope:
    """All that a listener ever played."""
    return Scope(listener, Days(EARLIEST, LATEST), measure)


def month_span(listener: Listener) -> dict[str, date]:
    """The UTC months in which plays of a listener may lie."""
    earliest, latest = _span(listener) if listener.first_day else (date(2006, 1, 1), date(2006, 1, 1))
    return {"earliest_month": earliest, "latest_month": latest}


def years_of_life(listener: Listener) -> list[int]:
    """The local years in which the listener may have played something, in order."""
    earliest, latest = month_span(listener).values()
    return list(range(earliest.year, latest.year + 1))


def whole_year(listener: Listener, days: Days) -> int | None:
    """The local year that some days are, as far as the listener played in it; None if statistics may be older."""
    days = clipped(listener, days)
    year = days.first.year
    whole = clipped(listener, Days(date(year, 1, 1), date(year, 12, 31)))
    return year if days == whole and days.length and not listener.deriving else None


def _between(conn: Connection, listener: Listener, day: date, month: date) -> Instants:
    """The instants between the beginning of a local day and of a UTC month, in any order."""
    begins = _beginnings_of(conn, listener, [day])[day]
    return Instants(min(begins[0], starts_at(month)), max(begins[1], starts_at(month)))


def _nearest_month(instant: datetime) -> date:
    """The first day of the UTC month that begins next to an instant."""
    this = month_of(instant.astimezone(UTC).date())
    following = next_month(this)
    return this if instant - starts_at(this) <= starts_at(following) - instant else following


def archived_in(conn: Connection, listener: Listener, spans: Sequence[Days]) -> tuple[date, ...]:
    """The archived UTC months in which some spans of local days lie, those with plays."""
    return _archived(conn, listener, windows_of(conn, listener, [clipped(listener, one) for one in spans]))


def _parts(listener: Listener, days: Days) -> tuple[Days, Days, Days]:
    """The whole local months of a range, from the first to before the second; the days before and after them.

    A month in which the listener's plays begin or end is whole without the days on which nothing was played.
    """
    first = days.first if days.first.day == 1 or days.first == listener.first_day else next_month(month_of(days.first))
    first_month = month_of(first)
    is_last_whole = (days.last + ONE_DAY).day == 1 or days.last == listener.last_day
    end_month = next_month(month_of(days.last)) if is_last_whole else month_of(days.last)
    if first_month >= end_month:
        return Days(days.first, days.first), days, Days(days.first, days.first - ONE_DAY)
    head = (
        Days(days.first, first_month - ONE_DAY) if first_month > days.first else Days(days.first, days.first - ONE_DAY)
    )
    return Days(first_month, end_month), head, Days(end_month, days.last)


def _span(listener: Listener) -> tuple[date, date]:
    """The UTC months in which the first and the last local day with plays may lie."""
    assert listener.first_day is not None
    assert listener.last_day is not None
    return month_of(listener.first_day - ONE_DAY), month_of(listener.last_day + ONE_DAY)


def month_of(day: date) -> date:
    """The first day of the month of a day."""
    return day.replace(day=1)


def _months_between(first: date, end: date) -> int:
    return (end.year - first.year) * 12 + end.month - first.month


def _filtered_tracks(conn: Connection, listener: Listener, filters: Filters) -> list[int] | None:
    """The tracks that filters name; None: all."""
    if filters.artist_id is None and filters.album_id is None and filters.genre is None:
        return None
    newer = Instants(_NEVER, _NEVER)
    if listener.deriving:
        newer = Instants(starts_at(listener.deriving[0]), starts_at(next_month(listener.deriving[-1])))
    asked = {"user_id": listener.id, "newer_from": newer.first, "newer_to": newer.end, **filters._asdict()}
    return list(fetch_scalar(conn, statement("queries/filtered_tracks"), asked))


def _archived(conn: Connection, listener: Listener, instants: Iterable[Instants]) -> tuple[date, ...]:
    spans = _months_of(instants)
    if not spans:
        return ()
    asked = {"user_id": listener.id, "firsts": [first for first, _ in spans], "lasts": [last for _, last in spans]}
    found = conn.execute(statement("queries/archived_months"), asked)
    return tuple(month for (month,) in found)


def _months_of(instants: Iterable[Instants]) -> list[tuple[date, date]]:
    """The first and the last UTC month in which each span of instants lies."""
    just = timedelta(microseconds=1)
    return [
        (month_of(one.first.astimezone(UTC).date()), month_of((one.end - just).astimezone(UTC).date()))
        for one in instants
        if one.first < one.end
    ]


def _beginnings_of(conn: Connection, listener: Listener, days: Iterable[date]) -> dict[date, tuple[datetime, datetime]]:
    """Of each local day the instants between which it begins, as PostgreSQL's time zones say."""
    name = listener.timezone.key
    found = {day: known for day in days if (known := _beginnings.get((name, day)))}
    missing = [day for day in days if day not in found]
    if missing:
        if len(_beginnings) > _KEPT:
            _beginnings.clear()
        for day, earliest, latest in conn.execute(statement("queries/day_beginnings"), {"days": missing, "zone": name}):
            found[day] = _beginnings[name, day] = earliest, latest
    return found
