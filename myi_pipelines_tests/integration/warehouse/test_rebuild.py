"""Exchanged months have the same rows as merged ones, at every moment and whatever goes wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.warehouse import catalog, invariants, partitions, rebuild, shadow_partitions
from myi_pipelines.warehouse.database.connections import connect, fetch_scalar
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, partition_name
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.properties.test_listening_properties import Arrival, Home, arrivals, bounded, take_and_check
from myi_pipelines_tests.support import exchanging, reference
from myi_pipelines_tests.support.exchanging import (
    MONTHS,
    ExchangingWarehouse,
    exchanges,
    invalidate_all,
    landing,
    open_exchanging_warehouse,
    prepare,
)
from myi_pipelines_tests.support.killable_processes import (
    DATABASE,
    durable_server,
    kill_server,
    start_killable,
)
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.strategies import Listener, households, narrow_scenes
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

MAY = MONTHS[0]
USERS = 5


@pytest.fixture(autouse=True)
def _every_month_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in exchanging.always_exchange().items():
        monkeypatch.setattr(rebuild, name, value)
    exchanges.clear()


@pytest.fixture
def warehouse(database_url: str) -> Iterator[ExchangingWarehouse]:
    with open_exchanging_warehouse(database_url) as opened:
        yield opened


def rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.conn.execute("SELECT * FROM listening_events ORDER BY id").fetchall()


def expected(users: int = USERS) -> dict[str, reference.Tables]:
    return reference.derive({f"listener{number}": landing(number) for number in range(users)})


def assert_whole(warehouse: Warehouse, user_ids: dict[str, int]) -> None:
    warehouse.settle(user_ids.values())
    assert invariants.check(warehouse.conn) == []
    wanted = expected(len(user_ids))
    for name, user_id in user_ids.items():
        assert warehouse.tables(user_id) == wanted[name]


# ── The same rows ────────────────────────────────────────────────────────────────────────────────────────────────────


@bounded(3)
@given(
    drawn=(households(at_most=3) | households(narrow_scenes(), at_most=3)).flatmap(
        lambda household: st.tuples(st.just(household), arrivals(household))
    )
)
def test_exchanged_months_have_the_rows_of_the_merge_and_keep_ids(
    warehouse: ExchangingWarehouse, drawn: tuple[tuple[Listener, ...], list[Arrival]]
) -> None:
    household, order = drawn
    home = Home(warehouse, household)
    take_and_check(home, order)
    found = {user_id: warehouse.rows(user_id) for user_id in home.ids}
    chosen = [one for user_id in home.ids for one in warehouse.user_months_of(user_id)]
    merged = Warehouse.conform(warehouse, chosen)
    assert merged.total() == merged["unchanged"]
    assert {user_id: warehouse.rows(user_id) for user_id in home.ids} == found


def test_rows_that_are_wrong_or_missing_or_too_many_are_corrected_and_the_others_keep_their_ids(
    warehouse: ExchangingWarehouse,
) -> None:
    user_ids = prepare(warehouse, USERS)
    before = rows(warehouse)
    warehouse.conn.execute("UPDATE listening_events SET ms_played = 7 WHERE id % 3 = 0")
    warehouse.conn.execute("DELETE FROM listening_events WHERE id % 5 = 0")
    warehouse.conn.execute(
        "INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)"
        " SELECT user_id, track_id, played_at + interval '1 second', 9000, 'API', true, true"
        " FROM listening_events WHERE id % 7 = 0 AND played_at < '2021-06-30'"
    )
    exchanges.clear()
    counts = warehouse.conform(invalidate_all(warehouse))
    missing = {row for row in before if row[0] % 5 == 0}
    assert counts["added"] == len(missing) > 0
    assert min(counts[name] for name in ("updated", "removed", "unchanged")) > 0
    assert set(exchanges) == set(MONTHS)
    assert {row for row in rows(warehouse) if row in before} == set(before) - missing
    assert_whole(warehouse, user_ids)


def test_the_events_of_users_who_are_not_rebuilt_stay_as_they_are(warehouse: ExchangingWarehouse) -> None:
    user_ids = prepare(warehouse, 2)
    warehouse.conn.execute("UPDATE listening_events SET ms_played = 7")
    before = rows(warehouse)
    first, second = user_ids.values()
    warehouse.conform([UserMonth(first, MAY)])
    after = rows(warehouse)
    assert [row for row in after if row[1] == second] == [row for row in before if row[1] == second]
    assert not [row for row in after if row[1] == first and row[3] < datetime(2021, 6, 1, tzinfo=UTC) and row[5] == 7]


def test_an_exchanged_partition_looks_like_any_other(warehouse: ExchangingWarehouse) -> None:
    prepare(warehouse, 2)
    exchanges.clear()
    warehouse.conform(invalidate_all(warehouse))
    assert set(exchanges) == set(MONTHS)
    partitions.ensure_months(warehouse.conn, [date(2021, 7, 1)])
    assert looks_of(warehouse, MAY) == looks_of(warehouse, date(2021, 7, 1))
    assert shadow_partitions.orphans(warehouse.conn) == []
    [triggers] = warehouse.conn.execute(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('users'::regclass, 'tracks'::regclass)"
    )
    warehouse.conform(invalidate_all(warehouse))
    assert [triggers] == warehouse.conn.execute(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('users'::regclass, 'tracks'::regclass)"
    ).fetchall()


def looks_of(warehouse: Warehouse, month: date) -> list[tuple[Any, ...]]:
    """Columns, indexes, constraints, settings and place of a partition; not its month, nor how full its pages are."""
    name = partition_name(LISTENING_EVENTS.name, month)
    found = warehouse.conn.execute(
        "SELECT 'index', replace(pg_get_indexdef(indexrelid), ' WITH (fillfactor=''100'')', ''),"
        " i.indisvalid::text || (SELECT count(*) FROM pg_inherits WHERE"
        " inhrelid = indexrelid) FROM pg_index AS i WHERE indrelid = %(name)s::regclass"
        " UNION ALL SELECT contype::text, conname, pg_get_constraintdef(oid) || convalidated || conislocal"
        " || coninhcount || (conparentid <> 0) FROM pg_constraint WHERE conrelid = %(name)s::regclass"
        " UNION ALL SELECT 'table', nspname, reloptions::text || relispartition FROM pg_class JOIN pg_namespace AS n ON"
        " n.oid = relnamespace WHERE pg_class.oid = %(name)s::regclass"
        " UNION ALL SELECT attname, attidentity::text || attnotnull || attnum || atthasdef || attislocal"
        " || attinhcount, col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = %(name)s::regclass AND attnum > 0",
        {"name": name},
    )
    return sorted(tuple(str(text).replace(name, "…") for text in row) for row in found)


# ── People read, plays land ──────────────────────────────────────────────────────────────────────────────────────────


def test_readers_always_see_every_row_and_wait_for_milliseconds(
    warehouse: ExchangingWarehouse, database_url: str
) -> None:
    prepare(warehouse, USERS)
    count = len(rows(warehouse))
    ended = Signal()
    waits: list[float] = []

    def read(isolation: psycopg.IsolationLevel) -> None:
        with connect(database_url) as conn:
            conn.isolation_level = isolation
            conn.autocommit = False
            while not ended.is_set():
                conn.execute("SELECT count(*) FROM invalidated_user_months")  # takes the snapshot, if it is to be kept
                time.sleep(0.002)
                began = time.monotonic()
                [(seen,)] = conn.execute("SELECT count(*) FROM listening_events JOIN users ON users.id = user_id")
                waits.append(time.monotonic() - began)
                conn.rollback()
                assert seen == count
                time.sleep(0.005)

    with ThreadPoolExecutor(2) as pool:
        levels = (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ)
        readers = [pool.submit(read, level) for level in levels]
        try:
            for _ in range(6):
                warehouse.conform(invalidate_all(warehouse))
        finally:
            ended.set()
        for reader in readers:
            reader.result()
    assert sum(exchanges.values()) >= 10
    assert sorted(waits)[-len(waits) // 50] < 0.25
    assert len(waits) > 50


@pytest.mark.few(1)
@pytest.mark.parametrize("moment", ["finish", "exchange_partition"])
def test_plays_that_land_during_a_rebuild_stay_invalidated_and_are_derived_next(
    warehouse: ExchangingWarehouse, database_url: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    user_ids = prepare(warehouse, USERS)
    user_id = user_ids["listener1"]
    new = Polled("1".rjust(22, "0"), datetime(2021, 5, 20, 12, 0, 7, tzinfo=UTC), 200_000)
    landed: list[int] = []

    def land_first(*arguments: Any) -> Any:
        if not landed:
            with open_warehouse(database_url) as other:
                landed.append(other.poll(user_id, [new]))
        return real(*arguments)

    real: Callable[..., Any] = getattr(shadow_partitions, moment)
    monkeypatch.setattr(shadow_partitions, moment, land_first)
    exchanges.clear()
    warehouse.conform(invalidate_all(warehouse))
    assert landed == [1]
    assert set(exchanges) == set(MONTHS)
    assert warehouse.stale(user_id, Stage.EVENTS) == [UserMonth(user_id, MAY)]

    warehouse.settle(user_ids.values())

    wanted = reference.derive(
        {
            f"listener{number}": (one := landing(number))._replace(
                polled=[*one.polled, new] if number == 1 else one.polled
            )
            for number in range(USERS)
        }
    )
    assert {name: warehouse.tables(user_id) for name, user_id in user_ids.items()} == wanted


def wait_until_a_lock_is_waited_for(database_url: str) -> None:
    """Wait until a session of this database waits for another's lock."""
    deadline = time.monotonic() + 30
    with connect(database_url) as conn:
        while not fetch_scalar(
            conn,
            "SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
            " WHERE NOT l.granted AND d.datname = current_database())",
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_user_month_is_not_merged_while_its_month_is_being_rebuilt(
    warehouse: ExchangingWarehouse, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the merge wrote into the old partition would be dropped with it."""
    user_ids = prepare(warehouse, 2)
    new = Polled("1".rjust(22, "0"), datetime(2021, 5, 20, 12, 0, 7, tzinfo=UTC), 200_000)
    real = shadow_partitions.finish
    merging: list[Future[None]] = []

    def merge(user_id: int) -> None:
        with open_warehouse(database_url) as other:
            other.poll(user_id, [new])
            other.settle([user_id])

    def finish(*arguments: Any) -> None:
        if not merging:
            merging.append(pool.submit(merge, user_ids["listener1"]))
            wait_until_a_lock_is_waited_for(database_url)
            assert not merging[0].done()
        real(*arguments)

    monkeypatch.setattr(shadow_partitions, "finish", finish)
    exchanges.clear()
    with ThreadPoolExecutor(1) as pool:
        warehouse.conform(invalidate_all(warehouse))
        merging[0].result(timeout=30)
    assert set(exchanges) == set(MONTHS), "a session that waits for the month does not prevent the exchange"
    warehouse.settle(user_ids.values())
    assert invariants.check(warehouse.conn) == []
    assert [row for row in rows(warehouse) if row[3] == new.played_at]


# ── When no exchange is possible ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.few(1)
@pytest.mark.parametrize("isolation", list(psycopg.IsolationLevel)[1:3])
def test_a_month_is_merged_when_a_long_reader_prevents_its_exchange(
    warehouse: ExchangingWarehouse,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    isolation: psycopg.IsolationLevel,
) -> None:
    user_ids = prepare(warehouse, 2)
    before = rows(warehouse)
    monkeypatch.setattr(shadow_partitions, "SECONDS_TO_EXCHANGE", 0.2)
    monkeypatch.setattr(shadow_partitions, "SECONDS_FOR_OLD_READERS", 0.2)
    warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1")
    exchanges.clear()
    with psycopg.connect(database_url) as reader:
        reader.isolation_level = isolation
        [seen] = reader.execute("SELECT sum(ms_played) FROM listening_events")
        warehouse.conform(invalidate_all(warehouse))
        if isolation is psycopg.IsolationLevel.REPEATABLE_READ:
            assert reader.execute("SELECT sum(ms_played) FROM listening_events").fetchall() == [seen]
    assert not exchanges
    assert rows(warehouse) == before
    assert shadow_partitions.orphans(warehouse.conn) == []
    assert_whole(warehouse, user_ids)


def test_a_user_who_is_deleted_during_a_rebuild_stays_deleted(
    warehouse: ExchangingWarehouse, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_ids = prepare(warehouse, 3)
    gone = user_ids.pop("listener2")
    real = shadow_partitions.exchange_partition

    def delete_first(*arguments: Any) -> Any:
        with psycopg.connect(database_url) as other:
            other.execute("DELETE FROM users WHERE id = %s", [gone])
        return real(*arguments)

    monkeypatch.setattr(shadow_partitions, "exchange_partition", delete_first)
    warehouse.conform(invalidate_all(warehouse))
    assert shadow_partitions.orphans(warehouse.conn) == []
    assert not [row for row in rows(warehouse) if row[1] == gone]
    assert_whole(warehouse, user_ids)


def test_a_user_month_that_cannot_be_derived_does_not_block_others(warehouse: ExchangingWarehouse) -> None:
    user_ids = prepare(warehouse, USERS)
    bad = UserMonth(user_ids["listener2"], MAY)
    warehouse.conn.execute("DELETE FROM listening_events")
    warehouse.conn.execute(
        f"ALTER TABLE listening_events ADD CONSTRAINT bad CHECK (user_id <> {bad.user_id} OR played_at >= '2021-06-01')"
    )
    failures: list[Failure] = []
    session = Session(warehouse.conn, min_play_ms=reference.MIN_PLAY_MS, on_failure=failures.append)
    done = {one for one, _ in rebuild.derive_user_months(session, invalidate_all(warehouse))}
    assert [(one.user_id, one.month) for one in failures] == [bad]
    assert isinstance(failures[0].error, psycopg.errors.CheckViolation)
    assert done == {UserMonth(user_id, month) for user_id in user_ids.values() for month in MONTHS} - {bad}
    assert [one for user_id in user_ids.values() for one in warehouse.stale(user_id, Stage.EVENTS)] == [bad]
    warehouse.conn.execute("ALTER TABLE listening_events DROP CONSTRAINT bad")
    assert_whole(warehouse, user_ids)


def test_an_orphaned_shadow_partition_is_dropped_with_the_next_rebuild_or_merged_track(
    warehouse: ExchangingWarehouse,
) -> None:
    prepare(warehouse, 2)
    for use in (lambda: warehouse.conform(invalidate_all(warehouse)), lambda: catalog.sync_catalog(warehouse.conn)):
        shadow = shadow_partitions.ShadowPartition(LISTENING_EVENTS, MAY)
        shadow_partitions.create(warehouse.conn, shadow)
        shadow_partitions.finish([warehouse.conn], shadow)
        assert shadow_partitions.orphans(warehouse.conn) == ["listening_events_y2021m05"]
        warehouse.conn.execute("INSERT INTO tracks (spotify_id, merged_into) SELECT NULL, min(id) FROM tracks")
        use()
        assert shadow_partitions.orphans(warehouse.conn) == []


def test_a_full_disk_leaves_the_old_month_and_no_shadow_partition(warehouse: ExchangingWarehouse) -> None:
    user_ids = prepare(warehouse, 2)
    invalidate_all(warehouse)
    before = rows(warehouse)
    warehouse.conn.execute(
        "CREATE FUNCTION fill_up() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END $$;"
        " ALTER TABLE listening_events ADD CONSTRAINT is_full CHECK (fill_up()) NOT VALID"
    )
    with pytest.raises(psycopg.errors.DiskFull):
        warehouse.conform(invalidate_all(warehouse))
    assert shadow_partitions.orphans(warehouse.conn) == []
    assert rows(warehouse) == before
    assert all(warehouse.stale(user_id, Stage.EVENTS) for user_id in user_ids.values())
    warehouse.conn.execute("ALTER TABLE listening_events DROP CONSTRAINT is_full")
    assert_whole(warehouse, user_ids)


@pytest.mark.thorough
def test_a_server_that_is_killed_during_a_rebuild_has_the_old_month_or_the_new_one(tmp_path: Path) -> None:
    with durable_server(tmp_path / "server") as server:
        url = server.url(DATABASE)
        with open_exchanging_warehouse(url) as warehouse:
            user_ids = prepare(warehouse, USERS)
            before = rows(warehouse)
        chance = random.Random(5)
        for _ in range(2):
            killable = start_killable("exchanging", url)
            time.sleep(chance.uniform(0.1, 0.9))
            kill_server(server)
            killable.communicate(timeout=30)
            server.start()
            with open_exchanging_warehouse(url) as warehouse:
                assert [row[:5] for row in rows(warehouse)] == [row[:5] for row in before]
                warehouse.conform(invalidate_all(warehouse))
                assert rows(warehouse) == before
                assert shadow_partitions.orphans(warehouse.conn) == []
                assert_whole(warehouse, user_ids)


# ── Which way ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.few(1)
@pytest.mark.parametrize(("share", "is_exchanged"), [(5, True), (100, False)])
def test_a_month_is_exchanged_only_if_much_of_it_differs(
    warehouse: ExchangingWarehouse, monkeypatch: pytest.MonkeyPatch, share: int, is_exchanged: bool
) -> None:
    user_ids = prepare(warehouse, USERS)
    monkeypatch.setattr(rebuild, "SHARE_TO_WRITE", 0.1)
    before = rows(warehouse)
    warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1 WHERE id %% %s = 0", [share])
    exchanges.clear()
    counts = warehouse.conform(invalidate_all(warehouse))
    assert bool(exchanges) == is_exchanged
    assert counts["updated"] == len([row for row in before if row[0] % share == 0]) > 0
    assert counts["unchanged"] == len(before) - counts["updated"]
    assert rows(warehouse) == before
    assert_whole(warehouse, user_ids)


def test_the_months_of_few_users_are_merged(warehouse: ExchangingWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(warehouse, 2)
    monkeypatch.setattr(rebuild, "USER_MONTHS_AT_LEAST", 3)
    exchanges.clear()
    warehouse.conform(invalidate_all(warehouse))
    assert not exchanges


@pytest.mark.few(1)
@pytest.mark.parametrize(("share", "is_exchanged"), [(0.3, True), (0.9, False)])
def test_a_month_is_not_compared_for_a_small_part_of_it(
    warehouse: ExchangingWarehouse, monkeypatch: pytest.MonkeyPatch, share: float, is_exchanged: bool
) -> None:
    user_ids = prepare(warehouse, USERS)
    compared: list[date] = []
    real = shadow_partitions.create

    def create(conn: psycopg.Connection, shadow: shadow_partitions.ShadowPartition) -> None:
        compared.append(shadow.month)
        real(conn, shadow)

    monkeypatch.setattr(shadow_partitions, "create", create)
    warehouse.conn.execute("ANALYZE imported_plays, polled_plays")
    warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1")
    some = invalidate_all(warehouse)[::2]
    monkeypatch.setattr(rebuild, "SHARE_TO_WRITE", share)
    exchanges.clear()
    warehouse.conform(some)
    assert bool(exchanges) == bool(compared) == is_exchanged
    assert_whole(warehouse, user_ids)
