"""Statistics of a month of many users at once: which users are left out, and how much work the server does."""

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

pytestmark = pytest.mark.slow

MONTH = date(2023, 5, 1)
USERS, PLAYS, TRACKS = 40, 150, 200


def conformed(warehouse: Warehouse, users: int) -> list[UserMonth]:
    """User-months of users with plays in one month, whose statistics are invalidated."""
    for number in range(users):
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


@pytest.mark.parametrize("others", [0, stats.USERS_AT_LEAST], ids=["alone", "among others"])
def test_a_user_who_was_forgotten_in_the_meantime_is_left_out(warehouse: Warehouse, others: int) -> None:
    invalidated = conformed(warehouse, others)
    forgotten = UserMonth(warehouse.user("forgotten", "UTC"), MONTH)
    warehouse.conn.execute("DELETE FROM users WHERE id = %s", [forgotten.user_id])
    refreshed = stats.refresh_user_months(warehouse.session(), [*invalidated, forgotten], recount=True)
    assert sorted(one for each in refreshed for one in each.user_months) == sorted(invalidated)
    assert user_months.invalidated_user_months(warehouse.conn, Stage.STATS) == []
    assert invariants.check(warehouse.conn) == []


def test_no_nested_loop_over_all_rows_when_the_planner_knows_few_of_the_users(warehouse: Warehouse) -> None:
    """The tables were last analyzed when they held two users. So the planner expects almost no rows of the others. If a
    statement allows it, it joins the rows of each user with those of all in a nested loop: 30 seconds for 98 users."""
    for table in set(STATISTICS) - {"user_track_months"}:
        warehouse.conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    invalidated = conformed(warehouse, USERS)
    for one in invalidated[:2]:
        warehouse.refresh(one.user_id, [one.month])
    warehouse.conn.execute("ANALYZE")
    list(stats.refresh_user_months(warehouse.session(), invalidated[2:], recount=True))
    with executed(warehouse.conn) as plans, executed(warehouse.status_conn) as more_plans:
        refreshed = list(stats.refresh_user_months(warehouse.session(), invalidated[2:], recount=True))
    assert [len(one.user_months) for one in refreshed] == [(USERS - 2) / 2] * 2
    ran = [node for plan in plans + more_plans for node in nodes(plan)]
    assert any(node.get("Relation Name") == "user_artist_stats" for node in ran)
    assert max(map(_compared_in_vain, ran)) < USERS * PLAYS


def _compared_in_vain(node: Plan) -> int:
    """Pairs of rows that a join compared and rejected. A plan that was only explained compared none."""
    return int(node.get("Rows Removed by Join Filter", 0) * node.get("Actual Loops", 0))
