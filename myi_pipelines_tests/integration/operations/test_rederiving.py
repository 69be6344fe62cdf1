"""`myi rederive`: another minimum length of a play is followed everywhere, in archived months as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from myi_pipelines.operations import rederiving
from myi_pipelines.operations.rederiving import Rederived
from myi_pipelines.sources.exports import Kind, Play, Track
from myi_pipelines.warehouse.archive import UserMonthsArchived
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Landing, Polled
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse

LENGTHS = (800, 4_999, 5_000, 29_999, 30_000, 200_000)


def landing() -> Landing:
    """Plays of every length in three months: music in both kinds of export, a podcast; and some that were polled."""
    plays, polled = [], []
    for month in (5, 6, 7):
        for number, ms in enumerate(LENGTHS):
            ended = datetime(2023, month, 3 + number, 12, tzinfo=UTC)
            track = Track(spotify_id("abc"[number % 3]), f"Song {number % 3}", "Ada", "Album")
            plays.append(Play(track, CONTEXT, ended, ended, ms))
            episode = Track(spotify_id("e"), "Episode", "Show", None, Kind.EPISODE)
            plays.append(Play(episode, CONTEXT, ended + timedelta(hours=1), ended + timedelta(hours=1), ms))
            named = Track(None, "Only here", "Bela", None)
            plays.append(Play(named, ACCOUNT, ended + timedelta(hours=2), ended + timedelta(hours=2), ms))
        polled.append(Polled(spotify_id("a"), datetime(2023, month, 20, tzinfo=UTC), 180_000))
    return Landing("Europe/Berlin", plays, polled)


def take(warehouse: Warehouse, name: str = "anna") -> int:
    landed = landing()
    user_id = warehouse.user(name, landed.timezone)
    warehouse.land(user_id, landed.plays)
    warehouse.poll(user_id, landed.polled)
    warehouse.settle([user_id])
    return user_id


def rederived(warehouse: Warehouse, min_play_ms: int) -> list[Rederived]:
    return list(rederiving.rederive(warehouse.session(min_play_ms), rederiving.plan(warehouse.conn)))


def test_archived_months_follow_another_minimum_length_and_come_back_to_the_former(
    database_url: str, tmp_path: Path
) -> None:
    with open_archiving_warehouse(database_url, tmp_path) as warehouse:
        user_id = take(warehouse)
        before = warehouse.everything()
        for min_play_ms in (30_000, 1_000, reference.MIN_PLAY_MS):
            assert [one.error for one in warehouse.archive() if one.error] == []
            [planned] = rederiving.plan(warehouse.conn)
            assert (planned.archived, len(planned.months)) == (3, 3)
            [done] = rederived(warehouse, min_play_ms)
            assert_as_the_reference_says(warehouse, user_id, min_play_ms)
            assert done.now.play_count == 3 + 6 * sum(ms >= min_play_ms for ms in LENGTHS)
            assert done.now.other_play_count == 3 * sum(ms >= min_play_ms for ms in LENGTHS)
        assert {table: len(rows) for table, rows in warehouse.everything().items()} == {
            table: len(rows) for table, rows in before.items()
        }


def assert_as_the_reference_says(warehouse: ArchivingWarehouse, user_id: int, min_play_ms: int) -> None:
    expected = reference.derive({"anna": landing()}, min_play_ms)["anna"]
    found = warehouse.tables(user_id)
    for table in reference.Tables._fields:
        assert getattr(found, table) == getattr(expected, table), table


def test_deriving_again_by_the_same_rules_changes_no_row(warehouse: Warehouse) -> None:
    user_id = take(warehouse)
    before = warehouse.rows(user_id)
    [(was, now)] = rederived(warehouse, reference.MIN_PLAY_MS)
    assert was == now
    assert warehouse.rows(user_id) == before


def test_one_users_plays_are_derived_and_nobody_elses(warehouse: Warehouse) -> None:
    anna, bela = take(warehouse), take(warehouse, "bela")
    before = warehouse.rows(bela)
    plans = rederiving.plan(warehouse.conn, anna)
    assert [one.before.name for one in plans] == ["anna"]
    assert len(list(rederiving.rederive(warehouse.session(30_000), plans))) == 1
    assert warehouse.rows(bela) == before


def test_what_is_interrupted_is_marked_and_goes_on(database_url: str, tmp_path: Path) -> None:
    with open_archiving_warehouse(database_url, tmp_path) as warehouse:
        user_id = take(warehouse)
        warehouse.archive()
        without_archive = Warehouse(warehouse.conn, warehouse.status_conn)
        with pytest.raises(UserMonthsArchived):
            rederived(without_archive, 30_000)
        assert len(warehouse.stale(user_id, Stage.EVENTS)) == 3
        rederived(warehouse, 30_000)
        assert_as_the_reference_says(warehouse, user_id, 30_000)
