"""Triggers stand in for foreign keys that would slow imports down."""

import psycopg
import pytest

from myi_pipelines_tests.support import killable_import
from myi_pipelines_tests.support.warehouse_harness import open_warehouse


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
