"""How far estimated lengths are from what was heard, until an export tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from myi_pipelines.simulator import Simulator
from myi_pipelines.warehouse.database.connections import fetch_scalar
from myi_pipelines_tests.support.reference import MIN_PLAY_MS, Polled
from myi_pipelines_tests.support.warehouse_harness import Warehouse

DAYS = timedelta(days=20)


@pytest.mark.parametrize(("listener", "too_high"), [("dalia", 1.2), ("ada", 0.05)])
def test_hours_of_a_listener_who_skips_are_estimated_well(
    warehouse: Warehouse, simulator: Simulator, listener: str, too_high: float
) -> None:
    """Dalia hears one song of five to its end: the lengths of tracks alone, the plain rule, would be far too much."""
    now = simulator.control.now()
    played = simulator.control.plays(listener, now - DAYS, now)
    shown = [play for play in played if play.counts and play.track_id]
    heard = sum(play.ms_played for play in played if play.track_id and play.ms_played >= MIN_PLAY_MS)
    user_id = warehouse.user(listener, "UTC")
    warehouse.poll(user_id, [Polled(str(play.track_id), play.played_at, play.duration_ms) for play in shown])
    warehouse.settle([user_id])
    assert fetch_scalar(warehouse.conn, "SELECT count(*) FROM listening_events WHERE is_estimated") == len(shown)
    estimated = fetch_scalar(warehouse.conn, "SELECT total_listening_ms FROM users")
    plain = sum(play.duration_ms for play in shown)
    assert plain > (1 + too_high) * heard
    assert abs(estimated - heard) < 0.15 * heard, f"{estimated / heard - 1:.1%}; {plain / heard - 1:.1%} by plain rule"
