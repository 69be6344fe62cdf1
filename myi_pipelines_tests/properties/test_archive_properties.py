"""Whenever months leave for the archive, and whatever arrives or is told after that: the statistics say what the
reference says, and once all plays are back, so does every table. Examples are the same on every run;
MYI_HYPOTHESIS_EXAMPLES searches among new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.operations import rederiving
from myi_pipelines_tests.properties import test_listening_properties, test_metadata_properties
from myi_pipelines_tests.properties.test_corrections_properties import Made, correct, corrected_programs, counts_again
from myi_pipelines_tests.properties.test_listening_properties import Land, bounded, programs, take
from myi_pipelines_tests.properties.test_metadata_properties import stories
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Tables
from myi_pipelines_tests.support.strategies import Listener, households, narrow_scenes

Home: TypeAlias = test_listening_properties.Home | test_metadata_properties.Home


@pytest.fixture
def warehouse(database_url: str, tmp_path: Path) -> Iterator[ArchivingWarehouse]:
    with open_archiving_warehouse(database_url, tmp_path / "archive") as opened:
        yield opened


def archive_some(warehouse: ArchivingWarehouse, home: Home, dice: int) -> None:
    """Of the months that the household has, some or all leave."""
    home.settle()
    months = warehouse.months_of(home.ids)
    left = warehouse.archive(only=[month for month in months if dice % 3 == 0 or (month.month + dice) % 3])
    assert [one.error for one in left if one.error] == []
    home.check_invariants()


def assert_statistics_as_the_reference_says(
    warehouse: ArchivingWarehouse, home: Home, expected: Sequence[Tables]
) -> None:
    for user_id, said in zip(home.ids, expected, strict=True):
        found = warehouse.tables(user_id)
        for table in Tables._fields[1:]:
            assert getattr(found, table) == getattr(said, table), f"{table} of user {user_id}"
        assert found.events.items() <= said.events.items()


drawn_households = households(narrow_scenes()) | households()
archivings = st.lists(st.sampled_from((None, None, None, None, 0, 1, 2)), min_size=40, max_size=40)


@bounded(3)
@given(drawn=drawn_households.flatmap(lambda one: st.tuples(st.just(one), programs(one), archivings)))
def test_what_arrives_after_months_have_left_is_counted_once(
    warehouse: ArchivingWarehouse,
    drawn: tuple[tuple[Listener, ...], list[test_listening_properties.Step], list[int | None]],
) -> None:
    household, steps, dice = drawn
    home = test_listening_properties.Home(warehouse, household)
    for step, thrown in zip(steps, dice * len(steps), strict=False):
        take(home, step)
        home.check_invariants()
        if thrown is not None:
            archive_some(warehouse, home, thrown)
    archive_some(warehouse, home, 0)
    expected = reference.derive({f"{index}": one for index, one in enumerate(home.arrived)})
    assert_statistics_as_the_reference_says(warehouse, home, list(expected.values()))

    warehouse.restore_archived(home.ids)

    home.settle()
    home.assert_as_the_reference_says()


@bounded(3)
@given(drawn=drawn_households.flatmap(lambda one: st.tuples(st.just(one), stories(one), archivings)))
def test_what_spotify_tells_after_months_have_left_reaches_them(
    warehouse: ArchivingWarehouse,
    drawn: tuple[tuple[Listener, ...], list[test_metadata_properties.Step], list[int | None]],
) -> None:
    household, steps, dice = drawn
    home = test_metadata_properties.Home(warehouse, household)
    for step, thrown in zip(steps, dice * len(steps), strict=False):
        home.take(step)
        if thrown is not None:
            archive_some(warehouse, home, thrown)
    home.settle()
    expected = reference.derive(dict(zip(home.names, home.arrived, strict=True)), metadata=home.metadata)
    assert_statistics_as_the_reference_says(warehouse, home, list(expected.values()))

    warehouse.restore_archived(home.ids)

    home.settle()
    home.assert_as_the_reference_says()


@bounded(3)
@given(drawn=drawn_households.flatmap(lambda one: st.tuples(st.just(one), corrected_programs(one), archivings)))
def test_what_is_corrected_after_months_have_left_is_corrected_in_them(
    warehouse: ArchivingWarehouse,
    drawn: tuple[tuple[Listener, ...], list[test_listening_properties.Step | Made], list[int | None]],
) -> None:
    household, steps, dice = drawn
    home = test_listening_properties.Home(warehouse, household)
    for step, thrown in zip(steps, dice * len(steps), strict=False):
        if isinstance(step, Made):
            correct(home, step)
        else:
            take(home, step)
            if isinstance(step, Land):  # the same plays in another file are the same import
                counts_again(home, step.listener, home.latest_job)
        home.check_invariants()
        if thrown is not None:
            archive_some(warehouse, home, thrown)
    home.settle()
    expected = reference.derive(
        {f"{index}": one for index, one in enumerate(home.arrived)},
        corrections={f"{index}": one for index, one in enumerate(home.corrections)},
    )
    assert_statistics_as_the_reference_says(warehouse, home, list(expected.values()))

    warehouse.restore_archived(home.ids)

    home.settle()
    home.assert_as_the_reference_says()


@bounded(3)
@given(household=drawn_households)
def test_months_come_back_equal_row_for_row(warehouse: ArchivingWarehouse, household: tuple[Listener, ...]) -> None:
    home = test_listening_properties.Home(warehouse, household)
    home.land_all()
    home.poll_all()
    home.settle()
    before = warehouse.everything()
    archive_some(warehouse, home, 0)
    warehouse.restore_archived()
    assert warehouse.everything() == before


@bounded(4)
@given(household=drawn_households, min_play_ms=st.sampled_from((1, 6_000, 30_000)), dice=st.sampled_from((0, 1)))
def test_another_minimum_length_reaches_archived_months(
    warehouse: ArchivingWarehouse, household: tuple[Listener, ...], min_play_ms: int, dice: int
) -> None:
    home = test_listening_properties.Home(warehouse, household)
    home.land_all()
    home.poll_all()
    archive_some(warehouse, home, dice)
    plans = [one for user_id in home.ids for one in rederiving.plan(warehouse.conn, user_id)]
    list(rederiving.rederive(warehouse.session(min_play_ms), plans))
    home.check_invariants()
    home.assert_as_the_reference_says(min_play_ms)
