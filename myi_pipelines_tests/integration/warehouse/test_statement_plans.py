"""Statements that once read, or opened, far more than they need; a small warehouse is as fast either way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from benchmarks.plans import executed
from myi_pipelines.sources.exports import Kind, Play, Track
from myi_pipelines.warehouse import events
from myi_pipelines.warehouse.database.connections import fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import ensure_months, months_between
from myi_pipelines.warehouse.shown_plays import SHOWN_FROM_MS
from myi_pipelines.warehouse.stats import NOTED_TRACKS
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support.reference import MIN_PLAY_MS
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse


def test_of_many_names_only_the_spellings_of_an_album_are_read(warehouse: Warehouse) -> None:
    conn = warehouse.conn
    conn.execute(
        "INSERT INTO export_tracks (track_name, artist_name, album_name, last_played_at)"
        " SELECT 'Song ' || no, 'Artist ' || no, 'Album ' || no, now() FROM generate_series(1, 20000) AS no"
    )
    conn.execute("ANALYZE export_tracks")
    with conn.transaction():
        conn.execute(statement("catalog/workspace"))
        conn.execute("INSERT INTO pending_names (export_track_id) SELECT min(id) FROM export_tracks")
        conn.execute("ANALYZE pending_names")
        explain = b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement("catalog/albums").as_bytes(conn)
        [explained] = fetch_scalar(conn, explain)
    assert 1 <= rows_read(explained["Plan"], "export_tracks") <= 10


def test_of_many_names_only_those_that_the_listener_played_are_read(warehouse: Warehouse) -> None:
    conn = warehouse.conn
    conn.execute(
        "INSERT INTO export_tracks (spotify_id, track_name, artist_name, last_played_at)"
        " SELECT lpad(no::text, 22, '0'), 'Song ' || no, 'Artist ' || no, now() FROM generate_series(1, 20000) AS no"
    )
    warehouse.sync()
    began = datetime(2021, 5, 5, tzinfo=UTC)
    plays = [
        Play(
            Track(f"{number % 20 + 1:022}", f"Song {number}", f"Artist {number}", None, kind), CONTEXT, at, at, 100_000
        )
        for number in range(300)
        for kind in [Kind.EPISODE if number % 20 == 7 else Kind.TRACK]
        for at in [began + number * timedelta(minutes=2)]
    ]
    user_id = warehouse.user("anna", "UTC")
    warehouse.land(user_id, plays)
    warehouse.sync()
    conn.execute("ANALYZE")
    with executed(conn) as plans, executed(warehouse.status_conn) as more_plans:
        warehouse.conform(warehouse.stale(user_id, Stage.EVENTS))
    for table in ("export_tracks", "export_track_links"):
        assert 1 <= sum(rows_read(plan, table) for plan in plans + more_plans) <= 2_000


def rows_read(plan: Mapping[str, Any], table: str) -> float:
    """Rows of a table that an executed plan read, also those that it then left out."""
    if "Actual Rows" not in plan:  # only explained
        return 0
    here = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if plan.get("Relation Name") == table else 0
    return float(here * plan["Actual Loops"]) + sum(rows_read(part, table) for part in plan.get("Plans", ()))


def test_a_month_without_account_data_does_not_open_all_months_of_it(warehouse: Warehouse) -> None:
    ensure_months(warehouse.conn, months_between(date(2020, 1, 1), date(2021, 12, 1)))
    bounds = events.user_month_bounds(UserMonth(warehouse.user("anna", "UTC"), date(2021, 5, 1)), MIN_PLAY_MS)
    bounds |= {"typical_ms": events.TYPICAL_MS, "shown_from_ms": SHOWN_FROM_MS, "shown_until": bounds["near_end"]}
    opened = {
        until: opened_months(warehouse, bounds | {"account_data_until": bounds[until]})
        for until in ("near_start", "near_end")
    }
    assert opened["near_start"] <= 1
    assert 1 <= opened["near_end"] <= 3


def opened_months(warehouse: Warehouse, bounds: dict[str, object]) -> int:
    """How many months of account data the statement locks, as everything that it plans to read."""
    with warehouse.conn.transaction():
        warehouse.conn.execute(statement("events/shown"), bounds)
        locked = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text ~ %s"
        return int(fetch_scalar(warehouse.conn, locked, [r"^imported_plays_y\d+m\d+$"]))


def test_the_planner_knows_of_a_listener_whose_history_has_just_come(warehouse: Warehouse) -> None:
    warehouse.conn.execute("ANALYZE user_track_stats")
    ended = datetime(2021, 5, 5, tzinfo=UTC)
    plays = [
        Play(Track(f"{number:022}", f"Song {number}", "Artist", None), CONTEXT, at, at, 100_000)
        for number in range(NOTED_TRACKS)
        for at in [ended + number * timedelta(minutes=2)]
    ]
    user_id = warehouse.user("anna", "UTC")
    warehouse.land(user_id, plays, batch_rows=500)
    warehouse.settle([user_id])
    expected = fetch_scalar(
        warehouse.conn, "EXPLAIN (FORMAT JSON) SELECT FROM user_track_stats WHERE user_id = %s", [user_id]
    )
    assert expected[0]["Plan"]["Plan Rows"] >= NOTED_TRACKS / 2
