"""Whatever a listener corrects, before, between or after arrivals: the warehouse says what the reference says.

Examples are the same on every run; MYI_HYPOTHESIS_EXAMPLES searches among new ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.warehouse import stats
from myi_pipelines.warehouse.user_merge import merge_users
from myi_pipelines_tests.properties.test_listening_properties import (
    Conform,
    Home,
    Land,
    Poll,
    Refresh,
    SetTimezone,
    Step,
    bounded,
    programs,
    take,
)
from myi_pipelines_tests.support.reference import Landing
from myi_pipelines_tests.support.strategies import Listener, households, narrow_scenes
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

Household: TypeAlias = tuple[Listener, ...]


@pytest.fixture
def warehouse(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    monkeypatch.setattr(stats, "USERS_AT_LEAST", 1)
    monkeypatch.setattr(stats, "MONTHS_AT_MOST", 1_000)
    with open_warehouse(database_url) as opened:
        yield opened


def take_for_one(home: Home, step: Step) -> None:
    """A step after the second user has become part of the first: whatever it does, it does for the one."""
    [user_id], [landing] = home.ids, home.arrived
    match step:
        case Land(listener, file):
            plays = home.listeners[listener].files[file]
            home.warehouse.land(user_id, plays)
            home.arrived = [landing._replace(plays=[*landing.plays, *plays])]
        case Poll(listener, first, last):
            rows = home.listeners[listener].polled[first:last]
            home.warehouse.poll(user_id, rows)
            home.arrived = [landing._replace(polled=[*landing.polled, *rows])]
        case Conform() | Refresh() | SetTimezone():
            take(home, step._replace(listener=0))
        case _:
            take(home, step)


def pairs(household: Household) -> st.SearchStrategy[tuple[Household, list[Step], int]]:
    two = (*household, *household)[:2]
    return st.tuples(st.just(two), programs(two), st.integers(0, 12))


@bounded(12)
@given(drawn=(households() | households(narrow_scenes())).flatmap(pairs))
def test_two_merged_users_are_one_who_had_all_plays(
    warehouse: Warehouse, drawn: tuple[Household, list[Step], int]
) -> None:
    household, steps, merged_after = drawn
    home = Home(warehouse, household)
    for step in steps[:merged_after]:
        take(home, step)
    merged = merge_users(warehouse.conn, home.names[1], home.names[0])
    one, other = home.arrived
    home.arrived = [Landing(one.timezone, [*one.plays, *other.plays], [*one.polled, *other.polled])]
    home.ids, home.names = [merged.user.id], [merged.user.name]
    for step in steps[merged_after:]:
        take_for_one(home, step)
    home.settle()
    home.assert_as_the_reference_says()
