"""Statistics of a month of many listeners at once: who is left out, and how much the server does for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from benchmarks.plans import Plan, executed, nodes
from benchmarks.rebuild import STATISTICS
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import invariants, stats, user_months
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse

MONTH = date(2023, 5, 1)
LISTENERS, PLAYS, TRACKS = 40, 150, 200


def conformed(warehouse: Warehouse, listeners: int) -> list[UserMonth]:
    """Slices of listeners, each with plays in one month, whose statistics are stale."""
    for number in range(listeners):
        chance = Random(number)
        began = datetime(2023, 5, 2, tzinfo=UTC)
        ends = [began + timedelta(seconds=at) for at in sorted(chance.sample(range(26 * 86_400), PLAYS))]
        plays = [Play(_track(chance.randrange(TRACKS)), CONTEXT, ended, ended, 100_000) for ended in ends]
        warehouse.land(warehouse.user(f"listener{number}", "UTC"), plays, batch_rows=PLAYS)
    warehouse.sync()
    warehouse.conform(user_months.invalidated_user_months(warehouse.conn, Stage.EVENTS))
    return user_months.invalidated_user_months(warehouse.conn, Stage.STATS)


def _track(number: int) -> Track:
    return Track(f"{number:022}", f"Song {number}", f"Artist {number}", f"Album {number}")


@pytest.mark.parametrize("others", [0, stats.LISTENERS_AT_LEAST], ids=["alone", "among others"])
def test_somebody_who_was_forgotten_since_is_left_out(warehouse: Warehouse, others: int) -> None:
    stale = conformed(warehouse, others)
    forgotten = UserMonth(warehouse.user("forgotten", "UTC"), MONTH)
    warehouse.conn.execute("DELETE FROM users WHERE id = %s", [forgotten.user_id])
    refreshed = stats.refresh_user_months(warehouse.session(), [*stale, forgotten], recount=True)
    assert sorted(one for each in refreshed for one in each.slices) == sorted(stale)
    assert user_months.invalidated_user_months(warehouse.conn, Stage.STATS) == []
    assert invariants.check(warehouse.conn) == []


def test_no_row_is_compared_with_every_other_when_the_planner_knows_few_of_the_listeners(warehouse: Warehouse) -> None:
    """Tables were last analyzed when two listeners were in them. The planner expects next to no row of the others, and
    where a statement lets it, joins the rows of each with those of all in a loop: half a minute for 98 listeners."""
    for table in set(STATISTICS) - {"user_track_months"}:
        warehouse.conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    stale = conformed(warehouse, LISTENERS)
    for one in stale[:2]:
        warehouse.refresh(one.user_id, [one.month])
    warehouse.conn.execute("ANALYZE")
    list(stats.refresh_user_months(warehouse.session(), stale[2:], recount=True))
    with executed(warehouse.conn) as plans, executed(warehouse.status_conn) as more_plans:
        refreshed = list(stats.refresh_user_months(warehouse.session(), stale[2:], recount=True))
    assert [len(one.slices) for one in refreshed] == [(LISTENERS - 2) / 2] * 2
    ran = [node for plan in plans + more_plans for node in nodes(plan)]
    assert any(node.get("Relation Name") == "user_artist_stats" for node in ran)
    assert max(map(_compared_in_vain, ran)) < LISTENERS * PLAYS


def _compared_in_vain(node: Plan) -> int:
    """Pairs of rows that a join looked at and left out; a plan that was only asked for did nothing."""
    return int(node.get("Rows Removed by Join Filter", 0) * node.get("Actual Loops", 0))
