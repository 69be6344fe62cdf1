"""What migrations make of the rows that a warehouse of an earlier version holds."""

from datetime import date
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.warehouse import catalog, partition_maintenance, partitions, user_months, users
from myi_pipelines.warehouse.database.connections import Connection, prepare
from myi_pipelines.warehouse.database.statements import SQL_FOLDER
from myi_pipelines.warehouse.user_months import Slice, Stage
from myi_pipelines_tests.support import killable_import
from myi_pipelines_tests.support.archive_fixtures import open_archiving_warehouse
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

MIGRATIONS = sorted((SQL_FOLDER / "migrations").glob("*.sql"))
ROWS = {
    "imported_plays": "user_id, played_at::text, stopped_at::text, export_track_id, ms_played, context_id",
    "user_track_months": "user_id, month::text, track_id, play_count, total_ms, last_played_at::text",
}


def test_narrowing_rows_keeps_them(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        before, [narrowing, *_] = split_at("0013")
        for migration in before:
            apply(conn, migration)
        for month in (date(2024, 1, 1), date(2024, 2, 1)):
            for table in (partitions.IMPORTED_PLAYS, partitions.USER_TRACK_MONTHS):
                with conn.transaction():
                    partitions.attach_month(conn, table, month)
        conn.execute(
            "INSERT INTO imported_plays VALUES (1, '2024-01-05', '2024-01-06', 7, 200000, NULL),"
            " (1, '2024-02-05', '2024-02-05', 8, 4000, 3)"
        )
        conn.execute(
            "INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, last_played_at)"
            " VALUES (1, '2024-01-01', 5, 2, 400000, '2024-01-05'), (2, '2024-02-01', 6, 1, 4000, '2024-02-05')"
        )
        told = rows(conn)

        apply(conn, narrowing)

        assert rows(conn) == told
        assert partitions.existing_months(conn, partitions.USER_TRACK_MONTHS) == {date(2024, 1, 1), date(2024, 2, 1)}
        assert [table for table in names(conn) if "wide" in table] == []
        with conn.transaction():
            assert partitions.attach_month(conn, partitions.USER_TRACK_MONTHS, date(2024, 3, 1)) == 0
        assert partition_maintenance.drifts(conn) == []


def test_years_are_summed_for_the_plays_that_are_there(database_url: str) -> None:
    with open_warehouse(database_url) as warehouse:
        zones = {"anna": killable_import.TIMEZONE, "ben": "America/New_York", "cleo": "UTC"}
        for name, timezone in zones.items():
            killable_import.prepare(warehouse, name)
            killable_import.import_upload(warehouse, name)
            users.set_timezone(warehouse.conn, name, timezone)
            warehouse.settle([users.user_named(warehouse.conn, name)])
        told = years(warehouse.conn)
        assert all(told.values())

        warehouse.conn.execute("DROP TABLE user_year_top_tracks, user_month_edges")
        _, [summing, *_] = split_at("0014")
        apply(warehouse.conn, summing)

        assert years(warehouse.conn) == told
        assert user_months.stale_slices(warehouse.conn, Stage.STATS) == []


def test_plays_around_new_year_come_back_from_the_archive_for_the_sums_of_its_years(
    database_url: str, tmp_path: Path
) -> None:
    with open_archiving_warehouse(database_url, tmp_path) as warehouse:
        killable_import.prepare(warehouse, "anna")
        killable_import.import_upload(warehouse, "anna")
        user_id = users.user_named(warehouse.conn, "anna")
        told = years(warehouse.conn)
        warehouse.archive()

        warehouse.conn.execute("DROP TABLE user_year_top_tracks, user_month_edges")
        _, [summing, *_] = split_at("0014")
        apply(warehouse.conn, summing)

        assert warehouse.stale(user_id, Stage.STATS) == [Slice(user_id, date(2012, 1, 1))]
        warehouse.settle([user_id])
        assert years(warehouse.conn)["user_year_top_tracks"] == told["user_year_top_tracks"]
        warehouse.bring_back()
        warehouse.refresh(user_id, warehouse.months_of([user_id]))
        assert years(warehouse.conn) == told


def test_names_that_waited_for_the_catalog_still_do(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        before, after = split_at("0015")
        for migration in before:
            apply(conn, migration)
        conn.execute(
            "INSERT INTO export_tracks (spotify_id, track_name, artist_name, last_played_at)"
            " SELECT lpad(n::text, 22, '0'), 'Song ' || n, 'Band', now() FROM generate_series(1, 9) AS n"
        )
        conn.execute("INSERT INTO stale_export_tracks SELECT id FROM export_tracks WHERE id IN (2, 3, 7)")

        for migration in after:
            apply(conn, migration)

        prepare(conn)
        assert catalog.sync_catalog(conn).tracks == 3
        linked = conn.execute("SELECT export_track_id FROM export_track_links ORDER BY 1").fetchall()
        assert linked == [(2,), (3,), (7,)]
        assert catalog.sync_catalog(conn) == catalog.CatalogCounts()


def test_stops_are_kept_where_they_differ(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        before, [dropping, *_] = split_at("0018")
        for migration in before:
            apply(conn, migration)
        with conn.transaction():
            partitions.attach_month(conn, partitions.IMPORTED_PLAYS, date(2024, 1, 1))
        conn.execute(
            "INSERT INTO imported_plays VALUES (1, '2024-01-05', '2024-01-05', 7, 200000, 3),"
            " (1, '2024-01-05', '2024-01-06', 7, 200000, 3), (2, '2024-01-05', '2024-01-05', 7, 200000, NULL)"
        )

        apply(conn, dropping)

        stops = conn.execute("SELECT user_id, stopped_at::date FROM imported_plays ORDER BY 1, 2").fetchall()
        assert stops == [(1, date(2024, 1, 6)), (1, None), (2, None)]
        for again in ("NULL", "'2024-01-06'"):
            with pytest.raises(psycopg.errors.UniqueViolation):
                conn.execute(f"INSERT INTO imported_plays VALUES (1, '2024-01-05', {again}, 7, 200000, 3)".encode())
        assert partition_maintenance.drifts(conn) == []


def test_names_are_never_deleted(database_url: str) -> None:
    with open_warehouse(database_url) as warehouse:
        killable_import.prepare(warehouse, "anna")
        killable_import.import_upload(warehouse, "anna")
        for attempt in ("DELETE FROM export_tracks", "TRUNCATE export_tracks"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="rows of export_tracks are never deleted"):
                warehouse.conn.execute(attempt.encode())


def test_statistics_go_with_their_listener(database_url: str) -> None:
    with open_warehouse(database_url) as warehouse:
        killable_import.prepare(warehouse, "anna")
        killable_import.import_upload(warehouse, "anna")
        warehouse.conn.execute("DELETE FROM users")
        for table in ("imported_plays", "user_track_months", "user_track_stats"):
            assert warehouse.conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table


def split_at(number: str) -> tuple[list[Path], list[Path]]:
    """The migrations before one, and those from it on."""
    [at] = [index for index, path in enumerate(MIGRATIONS) if path.name.startswith(number)]
    return MIGRATIONS[:at], MIGRATIONS[at:]


def apply(conn: Connection, migration: Path) -> None:
    conn.execute(migration.read_bytes())


def rows(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: conn.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2".encode()).fetchall()
        for table, columns in ROWS.items()
    }


def names(conn: Connection) -> list[str]:
    found = conn.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    return [name for (name,) in found]


def years(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: conn.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 5".encode()).fetchall()
        for table in ("user_year_top_tracks", "user_month_edges")
    }
