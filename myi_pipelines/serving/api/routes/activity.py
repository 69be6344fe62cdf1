"""How much was played, and when: totals and what they are compared with, activity, the clock, ways of listening."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.api.answers import answered, listed
from myi_pipelines.serving.api.asking import AboutRange, RowsFormat, SomeRange
from myi_pipelines.serving.api.routing import USER, many, one
from myi_pipelines.serving.api.shapes.activity import (
    BucketShown,
    ClockCellShown,
    ComparedShown,
    DistinctShown,
    NotMusicShown,
    TotalsShown,
    WayShown,
)
from myi_pipelines.serving.queries import activity as queries
from myi_pipelines.serving.queries.activity import Compared, Step, Totals
from myi_pipelines.serving.queries.scope import Days

router = APIRouter(tags=["activity"])

Ask = AboutRange


@one(router, f"{USER}/totals", ComparedShown)
def totals(ask: Ask, against: SomeRange = None) -> Response:
    """Plays and time of a range, of the period before and of the same days of the year before."""
    with ask.about(Part.LISTENING_TIME) as asked:
        before = asked.range_of(against).days if against else asked.days.days_before
        year_before = asked.days.days_year_before
        found = queries.compared(asked.conn, asked.about, before, year_before)
        shown = compared_shown(found, asked.about.days, before, year_before)
        archived = sorted({*found.totals.archived, *(found.before.archived if found.before else ())})
        return answered(asked, ComparedShown, shown, archived=archived)


@one(router, f"{USER}/totals/distinct", DistinctShown)
def distinct(ask: Ask) -> Response:
    """How many different songs, recordings, artists and albums were played in a range."""
    with ask.about(Part.LISTENING_TIME) as asked:
        found = queries.distinct(asked.conn, asked.about)
        return answered(asked, DistinctShown, found, archived=found.archived)


@many(router, f"{USER}/totals/not-music", NotMusicShown)
def not_music(ask: Ask, _: RowsFormat = None) -> Response:
    """Podcasts, audiobooks and videos of a range, which count apart from music; filters do not reach them."""
    with ask.about(Part.LISTENING_TIME) as asked:
        rows = queries.not_music(asked.conn, asked.about)
        return listed(asked, NotMusicShown, rows, items=len(rows))


@many(router, f"{USER}/activity", BucketShown)
def activity(
    ask: Ask,
    step: Annotated[
        Step, Query(description="The length of each row: `day` (for a calendar), `week`, `month`, `year`.")
    ] = Step.MONTH,
    _: RowsFormat = None,
) -> Response:
    """Plays and time of each day, week, month or year of a range, those without plays too."""
    with ask.about(Part.LISTENING_TIME) as asked:
        found = queries.activity(asked.conn, asked.about, step)
        return listed(asked, BucketShown, found.buckets, items=len(found.buckets), archived=found.archived)


@many(router, f"{USER}/clock", ClockCellShown)
def clock(ask: Ask, _: RowsFormat = None) -> Response:
    """Plays and time by hour of the local week. Hours without plays are left out."""
    with ask.about(Part.STATS) as asked:
        found = queries.clock(asked.conn, asked.about)
        return listed(asked, ClockCellShown, found.cells, items=len(found.cells), archived=found.archived)


@many(router, f"{USER}/ways-of-listening", WayShown)
def ways_of_listening(ask: Ask, _: RowsFormat = None) -> Response:
    """How the plays of a range were heard: devices, countries, shuffle, skips, reasons."""
    with ask.about(Part.STATS) as asked:
        rows, archived = queries.ways(asked.conn, asked.about)
        return listed(asked, WayShown, rows, items=len(rows), archived=archived)


def compared_shown(
    found: Compared, days: Days, before: Days | None, year_before: Days | None
) -> dict[str, TotalsShown | None]:
    """Totals beside those that they are compared with."""
    return {
        "current": totals_shown(found.totals, days),
        "before": totals_shown(found.before, before),
        "year_before": totals_shown(found.year_before, year_before),
    }


def totals_shown(totals: Totals | None, days: Days | None) -> TotalsShown | None:
    """The totals of some days; None where there are none."""
    if totals is None or days is None:
        return None
    return TotalsShown(
        first_day=days.first,
        last_day=days.last,
        play_count=totals.play_count,
        total_ms=totals.total_ms,
        days_with_plays=totals.days_with_plays,
    )
