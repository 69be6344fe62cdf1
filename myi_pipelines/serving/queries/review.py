"""A year, a month or a week in review: the facts of the other questions, composed."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from myi_pipelines.serving.queries.activity import (
    Activity,
    Bucket,
    Clock,
    Compared,
    Distinct,
    Step,
    activity,
    clock,
    compared,
    distinct,
)
from myi_pipelines.serving.queries.discoveries import (
    MonthOfDiscoveries,
    Obsession,
    discovered,
    discoveries,
    obsessions,
)
from myi_pipelines.serving.queries.history import Sessions, sessions
from myi_pipelines.serving.queries.milestones import NumberOne, Streak, streaks, weeks_at_number_one
from myi_pipelines.serving.queries.music import Diversity, Releases, diversity, releases
from myi_pipelines.serving.queries.scope import NamedRange, Scope
from myi_pipelines.serving.queries.tops import Item, Kind, TopGenre, TopList, top_genres, tops
from myi_pipelines.warehouse.database.connections import Connection

EACH = 10


class Review(NamedTuple):
    """What there is to say of a period."""

    of: NamedRange
    compared: Compared
    distinct: Distinct
    tops: dict[Kind, TopList]
    genres: list[TopGenre]
    activity: Activity
    """By month of a year, else by day."""
    busiest_day: Bucket | None
    clock: Clock
    longest_streak: Streak | None
    sessions: Sessions
    discoveries: list[MonthOfDiscoveries]
    new_artists: list[Item]
    new_songs: list[Item]
    obsessions: list[Obsession]
    number_ones: list[NumberOne]
    releases: Releases
    diversity: Diversity
    archived: tuple[date, ...]
    """UTC months whose plays are missing in some of this."""


def review(conn: Connection, scope: Scope, of: NamedRange, today: date, *, each: int = EACH) -> Review:
    """A period in review. The scope's days are those of the range; its filters do not count here."""
    scope = Scope(scope.listener, of.days, scope.measure)
    lists = tops(conn, scope, (Kind.SONG, Kind.ARTIST, Kind.ALBUM), each=each, before=of.days_before)
    genres, _ = top_genres(conn, scope)
    days = activity(conn, scope, Step.DAY)
    shown = activity(conn, scope, Step.MONTH) if of.days.length > 31 else days
    ones, missing = weeks_at_number_one(conn, scope)
    hours, heard = clock(conn, scope), sessions(conn, scope)
    different = distinct(conn, scope)
    archived = {
        *different.archived,
        *missing,
        *hours.archived,
        *heard.archived,
        *(month for one in lists.values() for month in one.archived),
    }
    return Review(
        of=of,
        compared=compared(conn, scope, of.days_before, of.days_year_before),
        distinct=different,
        tops=lists,
        genres=genres[:each],
        activity=shown,
        busiest_day=max((one for one in days.buckets if one.play_count), key=_busy, default=None),
        clock=hours,
        longest_streak=next(iter(streaks(conn, scope, today, each=1).longest), None),
        sessions=heard,
        discoveries=discoveries(conn, scope),
        new_artists=discovered(conn, scope, Kind.ARTIST, each=each),
        new_songs=discovered(conn, scope, Kind.SONG, each=each),
        obsessions=obsessions(conn, scope, each=each),
        number_ones=ones,
        releases=releases(conn, scope),
        diversity=diversity(conn, scope),
        archived=tuple(sorted(archived)),
    )


def _busy(day: Bucket) -> tuple[int, int]:
    return day.play_count, day.total_ms
