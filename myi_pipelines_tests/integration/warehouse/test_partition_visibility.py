"""A session that looks partitions up while another session attaches one keeps an old list, and notices it before work.

The tests create that moment: a session has read which partitions exist and waits to read their details. Then the notice
of the attachment arrives before the session has stored its list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from myi_pipelines.operations import verify
from myi_pipelines.operations.archiving import archive_months
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.runtime.embedded.postgres import SUPERUSER
from myi_pipelines.warehouse import catalog, events, invariants, landing, partitions, personal_data, stats, user_months
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    MONTH_TABLES,
    POLLED_PLAYS,
    MonthTable,
    PartitionsUnknown,
    attachment,
    ensure_partitions_visible,
    partition_name,
    snapshot,
)
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support.reference import MIN_PLAY_MS
from myi_pipelines_tests.support.warehouse_harness import Warehouse

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(settled_database_url: str) -> str:
    return settled_database_url


@pytest.fixture
def reader(warehouse: Warehouse, database_url: str) -> Iterator[Connection]:
    with connect(database_url) as conn:
        yield conn


def attach_while_looked_up(conn: Connection, reader: Connection, table: MonthTable, month: date) -> None:
    """Attach a month again while ``reader``, which has used other tables only, looks up the table's partitions."""
    conn.execute(f"ALTER TABLE {table.name} DETACH PARTITION {partition_name(table.name, month)}".encode())
    for known in (
        *(f"SELECT FROM {other.name}" for other in MONTH_TABLES if other != table),
        f"SELECT FROM ONLY {table.name}",
    ):
        reader.execute(f"EXPLAIN {known}".encode())
    with ThreadPoolExecutor(1) as pool, as_superuser(conn) as admin:
        with admin.transaction():
            admin.execute(attachment(table, month))
            admin.execute("LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE")
            looking = pool.submit(reader.execute, f"EXPLAIN SELECT FROM {table.name}".encode())
            until(lambda: is_waiting(admin, reader))
        looking.result()


def as_superuser(conn: Connection) -> Connection:
    """Another session in the same database: only a superuser may lock the server's own tables."""
    return psycopg.connect(host=conn.info.host, dbname=conn.info.dbname, user=SUPERUSER, autocommit=True)


def is_waiting(conn: Connection, other: Connection) -> bool:
    row = conn.execute("SELECT cardinality(pg_blocking_pids(%s))", [other.info.backend_pid]).fetchone()
    return row is not None and row[0] > 0


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def knows(conn: Connection, table: MonthTable, month: date) -> bool:
    return partition_name(table.name, month) in partitions._known_partitions(conn, table, [month])


def a_month(warehouse: Warehouse) -> UserMonth:
    user_id = 1
    return warehouse.user_months_of(user_id)[3]


@pytest.mark.parametrize("table", MONTH_TABLES, ids=lambda table: table.name)
def test_a_session_with_an_old_list_looks_the_partitions_up_again(
    warehouse: Warehouse, reader: Connection, table: MonthTable
) -> None:
    month = min(partitions.existing_months(warehouse.conn, table))
    attach_while_looked_up(warehouse.conn, reader, table, month)
    assert not knows(reader, table, month), (
        "this PostgreSQL no longer forgets partitions: ensure_partitions_visible can go"
    )
    time.sleep(0.1)
    assert not knows(reader, table, month)

    ensure_partitions_visible(reader, table, [month])
    assert knows(reader, table, month)


def conform(conn: Connection, one: UserMonth) -> None:
    for _ in events.conform_user_months(Session(conn), [one]):
        pass


def refresh(conn: Connection, one: UserMonth) -> None:
    stats.refresh_stats(Session(conn), one.user_id, [one.month])


@pytest.mark.parametrize(
    ("derive", "table"),
    [(conform, IMPORTED_PLAYS), (refresh, LISTENING_EVENTS)],
    ids=["events", "statistics"],
)
def test_no_row_is_missed_when_deriving(
    warehouse: Warehouse, reader: Connection, derive: Callable[[Connection, UserMonth], None], table: MonthTable
) -> None:
    one = a_month(warehouse)
    expected = warehouse.tables(one.user_id)
    attach_while_looked_up(warehouse.conn, reader, table, one.month)
    derive(reader, one)
    assert user_months.invalidated_user_months(warehouse.conn, Stage.STATS) == []
    assert warehouse.tables(one.user_id) == expected


def test_no_row_is_missed_by_the_second_connection_of_statistics(warehouse: Warehouse, reader: Connection) -> None:
    one = a_month(warehouse)
    expected = warehouse.tables(one.user_id)
    attach_while_looked_up(warehouse.conn, reader, LISTENING_EVENTS, one.month)
    stats.refresh_stats(Session(warehouse.conn, [reader]), one.user_id, [one.month])
    assert warehouse.tables(one.user_id) == expected


def test_no_row_is_missed_by_the_check_of_all_sums(warehouse: Warehouse, reader: Connection) -> None:
    attach_while_looked_up(warehouse.conn, reader, LISTENING_EVENTS, a_month(warehouse).month)
    assert invariants.check(reader) == []


def test_a_poll_lands_in_a_month_that_another_session_has_just_made(warehouse: Warehouse, reader: Connection) -> None:
    """As when the first polls of several listeners come at once: PostgreSQL found no partition for the row."""
    one = a_month(warehouse)
    attach_while_looked_up(warehouse.conn, reader, POLLED_PLAYS, one.month)
    play = landing.PolledPlay(datetime(one.month.year, one.month.month, 17, 3, 4, 5, tzinfo=UTC), "p" * 22, 200_000)
    assert landing.land_polled_plays(reader, one.user_id, [play]) == 1


@pytest.mark.parametrize("table", MONTH_TABLES, ids=lambda table: table.name)
def test_no_row_is_missed_by_forgetting(warehouse: Warehouse, reader: Connection, table: MonthTable) -> None:
    one = a_month(warehouse)
    attach_while_looked_up(warehouse.conn, reader, table, one.month)
    personal_data.forget_user(reader, one.user_id)
    assert set(personal_data.count_rows(warehouse.conn, one.user_id).values()) == {0}


def test_while_a_snapshot_is_read_no_month_is_detached_and_others_are_attached(
    warehouse: Warehouse, reader: Connection
) -> None:
    detach = (
        f"ALTER TABLE listening_events DETACH PARTITION {partition_name('listening_events', a_month(warehouse).month)}"
    )
    count = "SELECT count(*) FROM listening_events"
    [before] = warehouse.conn.execute(count)
    warehouse.conn.execute("SET lock_timeout = '50ms'")
    with snapshot(reader):
        with pytest.raises(psycopg.errors.LockNotAvailable):
            warehouse.conn.execute(detach.encode())
        assert len(partitions.ensure_months(warehouse.conn, [date(2008, 10, 1)])) == len(MONTH_TABLES)
        assert reader.execute(count).fetchall() == [before]
    warehouse.conn.execute(detach.encode())
    [after] = reader.execute(count)
    assert after < before


def sync_with_work(conn: Connection, one: UserMonth) -> None:
    conn.execute("INSERT INTO pending_export_tracks SELECT min(id), max(id) FROM export_tracks")
    catalog.sync_catalog(conn)


def archive_all(conn: Connection, one: UserMonth) -> None:
    with TemporaryDirectory() as folder:
        list(archive_months(conn, Store(folder), before=date(2026, 1, 1)))


def export(conn: Connection, one: UserMonth) -> None:
    with TemporaryDirectory() as folder:
        export_user(conn, Store(folder), "anna", Path(folder, "export"), ExportFormat.PARQUET)


DERIVING: dict[str, Callable[[Connection, UserMonth], object]] = {
    "the catalog": sync_with_work,
    "events": conform,
    "statistics": refresh,
    "an archive": archive_all,
    "an export": export,
    "forgetting": lambda conn, one: personal_data.forget_user(conn, one.user_id),
    "the check of all sums": lambda conn, one: invariants.check(conn),
    "a verification": lambda conn, one: verify.verify(Session(conn, min_play_ms=MIN_PLAY_MS)),
}


@pytest.mark.parametrize("what", DERIVING)
def test_a_session_that_never_sees_all_partitions_derives_nothing(
    warehouse: Warehouse, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = a_month(warehouse)
    expected = warehouse.tables(one.user_id)
    monkeypatch.setattr(partitions, "_known_partitions", lambda *asked: set())
    with pytest.raises(PartitionsUnknown, match=r"does not find all partitions of .*; run it again"):
        DERIVING[what](warehouse.conn, one)
    monkeypatch.undo()
    assert warehouse.tables(one.user_id) == expected


def test_partitions_are_found_in_any_plan(warehouse: Warehouse) -> None:
    warehouse.conn.execute(
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"
    )
    [(first, *_)] = warehouse.conn.execute("EXPLAIN SELECT FROM listening_events").fetchmany(1)
    assert first.startswith("Gather")
    ensure_partitions_visible(warehouse.conn, LISTENING_EVENTS)


def test_months_without_a_partition_are_not_missed(warehouse: Warehouse) -> None:
    for months in ([], [date(2008, 10, 1)], [date(2008, 10, 1), date(2009, 2, 1)]):
        ensure_partitions_visible(warehouse.conn, LISTENING_EVENTS, months)
    with pytest.raises(psycopg.errors.UndefinedTable):
        ensure_partitions_visible(warehouse.conn, MonthTable("no_table", LISTENING_EVENTS.storage))
