"""The lists of albums and artists of a local month or year are what a listener's plays say, for any history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeAlias
from zoneinfo import ZoneInfo

from hypothesis import given

from myi_pipelines_tests.properties.test_listening_properties import Home, bounded
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import Catalog, Event
from myi_pipelines_tests.support.strategies import Listener, households
from myi_pipelines_tests.support.warehouse_harness import Warehouse

Names: TypeAlias = tuple[str | None, ...]
List: TypeAlias = set[tuple[str | int | None, ...]]


def list_of(events: Iterable[Event], names: Callable[[Event], list[Names]]) -> List:
    """The names with their counts, in no order: of those played as much, surrogate ids decide which is first."""
    return {(*named, *counts) for named, counts in reference.totals(events, names).items()}


def artists(catalog: Catalog, event: Event) -> list[Names]:
    return [(catalog.artist_name(artist),) for artist in catalog.credits(event.track)]


def album(catalog: Catalog, event: Event) -> list[Names]:
    name = catalog.shown(event.track).album
    by = [catalog.artist_name(artist) for artist in catalog.credits(event.track)]
    return [] if name is None else [(name, next(iter(by), None))]


def asked(warehouse: Warehouse, query: str, user_id: int, *parameters: date | int) -> List:
    rows = warehouse.conn.execute(f"SELECT * FROM {query}".encode(), [user_id, *parameters]).fetchall()
    assert [row[-2:] for row in rows] == sorted((row[-2:] for row in rows), reverse=True)
    return set(rows)


@bounded(6)
@given(household=households())
def test_lists_of_months_and_years_are_what_the_plays_say(
    warehouse: Warehouse, household: tuple[Listener, ...]
) -> None:
    home = Home(warehouse, household)
    home.land_all()
    home.poll_all()
    home.settle()
    catalog = reference.catalog_of(play for landing in home.arrived for play in landing.plays)
    for index, user_id in enumerate(home.ids):
        events, zone = home.conformed(index).events, ZoneInfo(home.arrived[index].timezone)

        def in_month(event: Event, zone: ZoneInfo = zone) -> list[date]:
            return [reference.first_of_month(event.played_at, zone)]

        def in_year(event: Event, zone: ZoneInfo = zone) -> list[int]:
            return [event.played_at.astimezone(zone).year]

        for kind, names in {"artists": artists, "albums": album}.items():

            def named(event: Event, names: Callable[[Catalog, Event], list[Names]] = names) -> list[Names]:
                return names(catalog, event)

            assert asked(warehouse, f"top_{kind}(%s)", user_id) == list_of(events, named)
            for month, plays in reference.grouped(events, in_month).items():
                assert asked(warehouse, f"top_{kind}_of_month(%s, %s)", user_id, month) == list_of(plays, named)
            for year, plays in reference.grouped(events, in_year).items():
                assert asked(warehouse, f"top_{kind}_of_year(%s, %s)", user_id, year) == list_of(plays, named)
