"""Hours and days of pages, which Python finds, are those of the statistics, which PostgreSQL finds."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from myi_pipelines.warehouse.users import ABBREVIATIONS
from myi_pipelines.zones import zone, zone_names
from myi_pipelines_tests.support.warehouse_harness import Warehouse

FIRST, LAST = datetime(2008, 10, 1, 12, tzinfo=UTC), datetime(2027, 12, 1, 12, tzinfo=UTC)


def test_python_and_postgresql_know_the_same_clocks(warehouse: Warehouse) -> None:
    """At every tenth day of all years in which there may be plays."""
    rows = warehouse.conn.execute(
        "SELECT name, array_agg((extract(epoch FROM (at AT TIME ZONE name) - (at AT TIME ZONE 'UTC')) / 60)::integer"
        " ORDER BY at)"
        " FROM unnest(%s::text[]) AS name CROSS JOIN generate_series(%s, %s::timestamptz, interval '10 days') AS at"
        " WHERE name IN (SELECT name FROM pg_timezone_names) GROUP BY name",
        [sorted(zone_names() - ABBREVIATIONS.keys()), FIRST, LAST],
    ).fetchall()
    instants = [FIRST + timedelta(days=10 * number) for number in range((LAST - FIRST).days // 10 + 1)]
    assert len(rows) > 400
    different = {
        (name, at.date())
        for name, offsets in rows
        for at, minutes in zip(instants, offsets, strict=True)
        if (at.astimezone(zone(name)).utcoffset() or timedelta()) != timedelta(minutes=minutes)
    }
    assert different == set()


def test_the_zones_of_the_system_are_not_used(tmp_path: Path) -> None:
    tmp_path.joinpath("Europe").mkdir()
    tmp_path.joinpath("Europe", "Vienna").write_bytes((files("tzdata") / "zoneinfo" / "UTC").read_bytes())
    summer = "datetime(2026, 7, 1, tzinfo=zone('Europe/Vienna')).utcoffset() // timedelta(hours=1)"
    program = f"from datetime import datetime, timedelta\nfrom myi_pipelines.zones import zone\nprint({summer})"
    path = {"PYTHONTZPATH": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True)
    assert said.stdout == "2\n"
