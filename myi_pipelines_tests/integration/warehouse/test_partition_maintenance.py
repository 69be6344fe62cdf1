"""Maintenance makes partitions in advance and corrects them, at any time, from any process and any number of times."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity, DagsterInstance

from myi_pipelines.orchestration.partitions import last_month
from myi_pipelines.warehouse import shadow_partitions
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding, shared
from myi_pipelines.warehouse.partition_maintenance import Maintained, drifts, maintain, partition_report
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, MONTH_TABLES, months_between, partition_name
from myi_pipelines.warehouse.reporting import missing_partitions
from myi_pipelines.warehouse.shadow_partitions import ShadowPartition
from myi_pipelines_tests.support.dagster_harness import Harness, checks, metadata, why
from myi_pipelines_tests.support.exchanging import MONTHS, prepare
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

AHEAD = [date(2030, 11, 1), date(2030, 12, 1), date(2031, 1, 1), date(2031, 2, 1)]
EVERYTHING = sorted(partition_name(table.name, month) for table in MONTH_TABLES for month in AHEAD)


@pytest.fixture
def warehouse_conn(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as opened:
        yield opened


def test_missing_months_are_made_once(warehouse_conn: Connection) -> None:
    first, again = maintain(warehouse_conn, AHEAD), maintain(warehouse_conn, AHEAD)
    assert first is not None
    assert sorted(first.created) == EVERYTHING
    assert again == Maintained([], [], [])
    assert missing_partitions(warehouse_conn, AHEAD) == []


def test_several_processes_at_once_make_each_partition_once_and_none_fails(database_url: str) -> None:
    def run() -> Maintained | None:
        with connect(database_url) as conn:
            return maintain(conn, AHEAD)

    with ThreadPoolExecutor(4) as pool:
        done = [one.result() for one in [pool.submit(run) for _ in range(4)]]
    assert sorted(name for one in done if one is not None for name in one.created) == EVERYTHING


def test_it_does_nothing_while_another_session_maintains_the_partitions(
    warehouse_conn: Connection, database_url: str
) -> None:
    with connect(database_url) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('myi:maintenance', 0))")
        assert maintain(warehouse_conn, AHEAD) is None
        other.execute("SELECT pg_advisory_unlock_all()")
    assert missing_partitions(warehouse_conn, AHEAD) == EVERYTHING
    assert maintain(warehouse_conn, AHEAD) is not None


def test_a_clock_that_jumps_ahead_and_back_costs_no_row(warehouse_conn: Connection, database_url: str) -> None:
    with open_warehouse(database_url) as warehouse:
        prepare(warehouse, 1)
    before = warehouse_conn.execute("SELECT * FROM listening_events ORDER BY id").fetchall()
    for months in (AHEAD, MONTHS, [date(2008, 10, 1)]):
        assert maintain(warehouse_conn, months) is not None
    assert warehouse_conn.execute("SELECT * FROM listening_events ORDER BY id").fetchall() == before != []


def test_settings_that_drifted_are_found_and_set_again(warehouse_conn: Connection) -> None:
    maintain(warehouse_conn, AHEAD)
    warehouse_conn.execute("ALTER TABLE listening_events_y2030m11 SET (fillfactor = 50, autovacuum_enabled = false)")
    warehouse_conn.execute("ALTER TABLE polled_plays_y2030m12 RESET (fillfactor, autovacuum_vacuum_scale_factor)")
    found = [str(drift) for drift in drifts(warehouse_conn)]
    assert found == [
        "polled_plays_y2030m12 has no settings, expected fillfactor=100, autovacuum_vacuum_scale_factor=0.01",
        "listening_events_y2030m11 has autovacuum_vacuum_scale_factor=0.01, fillfactor=50, autovacuum_enabled=false,"
        " expected fillfactor=90, autovacuum_vacuum_scale_factor=0.01",
    ]
    done = maintain(warehouse_conn, AHEAD)
    assert done is not None
    assert done.reset == ["polled_plays_y2030m12", "listening_events_y2030m11"]
    assert drifts(warehouse_conn) == []


def test_an_orphaned_shadow_partition_is_dropped_but_not_one_that_is_being_built(
    warehouse_conn: Connection, database_url: str
) -> None:
    with (
        connect(database_url) as builder,
        holding(builder, exclusive(Lock.CATALOG), shared(Lock.ARCHIVE), exclusive(Lock.MONTH, AHEAD[0])),
    ):
        with builder.transaction():
            shadow_partitions.create(builder, ShadowPartition(LISTENING_EVENTS, AHEAD[0]))
        assert maintain(warehouse_conn, []) == Maintained([], [], [])
    assert maintain(warehouse_conn, []) == Maintained([], [], ["listening_events_y2030m11"])
    assert shadow_partitions.orphans(warehouse_conn) == []


def test_the_report_shows_what_is_in_each_partition(warehouse_conn: Connection, database_url: str) -> None:
    with open_warehouse(database_url) as warehouse:
        prepare(warehouse, 1)
    maintain(warehouse_conn, AHEAD[:1])
    may, june, ahead = (
        next(one for one in partition_report(warehouse_conn) if one.name == partition_name("listening_events", month))
        for month in [*MONTHS, AHEAD[0]]
    )
    assert may.rows + june.rows == warehouse_conn.execute("SELECT count(*) FROM listening_events").fetchall()[0][0]
    assert may.oldest is not None
    assert may.newest is not None
    assert june.oldest is not None
    assert datetime(2021, 5, 1, tzinfo=UTC) <= may.oldest < may.newest < datetime(2021, 6, 1, tzinfo=UTC) <= june.oldest
    assert min(may.bytes, may.index_bytes) > 0
    assert (ahead.rows, ahead.oldest, ahead.newest) == (0, None, None)
    assert ahead.range == "FOR VALUES FROM ('2030-11-01 00:00:00+00') TO ('2030-12-01 00:00:00+00')"


def test_the_asset_makes_the_partitions_that_its_checks_miss(
    database_url: str, tmp_path: Path, warehouse_conn: Connection
) -> None:
    harness = Harness(database_url, tmp_path)
    this_month = datetime.now(UTC).date().replace(day=1)
    with DagsterInstance.ephemeral() as instance:
        before = harness.run("check_warehouse", instance, months=[this_month])
        assert not checks(before)["partitions_are_present"][0]
        result = harness.run("maintain_partitions", instance, months=[this_month])
        assert result.success, why(result)
        [shown] = metadata(result, "listening_events_partitions").values()
        wanted = months_between(this_month, last_month())
        assert shown["run_created"] == len(wanted) * len(MONTH_TABLES)
        table = shown["partition_table"]
        assert len(table.records if hasattr(table, "records") else table) == len(wanted)
        warehouse_conn.execute(
            f"ALTER TABLE {partition_name('listening_events', this_month)} SET (fillfactor = 70)".encode()
        )
        after = harness.run("check_warehouse", instance, months=[this_month])
    assert checks(after)["partitions_are_present"][0]
    assert not checks(after)["partitions_are_set_up"][0]
    severities = {one.check_name: one.severity for one in after.get_asset_check_evaluations()}
    assert severities["partitions_are_set_up"] == AssetCheckSeverity.WARN
