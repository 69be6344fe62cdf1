"""What polling costs besides the calls to Spotify, by the number of linked users. Prints nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from benchmarks.databases import scripting
from benchmarks.sql_files import own_statement
from myi_pipelines.warehouse import polls
from myi_pipelines.warehouse.poll_pacing import Quota

QUOTA = Quota(600, timedelta(minutes=5))


class Tick(NamedTuple):
    """Median seconds with ``accounts`` linked users."""

    accounts: int
    due: float
    """To find the users who are due, once a tick."""
    aggregate_demand: float
    """To add up the demand of all users for the quota, once a tick."""
    poll: float
    """To record a poll that found nothing, and plan the next one, once a poll."""


def measure(url: str, *, accounts: int, times: int) -> Tick:
    """Link ``accounts`` users in a warehouse that has none, and measure."""
    now = datetime.now(UTC)
    with scripting(url) as conn:
        conn.execute(own_statement("accounts"), {"accounts": accounts, "now": now})
        due = polls.due_users(conn, now)
        ids = [one.user_id for one in due] or [1]

        total_demand = polls.linked_demand(conn, now, QUOTA)
        empty_page = polls.RecentPage([], {})

        def record_poll(number: int) -> None:
            polls.land_page(conn, ids[number % len(ids)], empty_page, now=now, total_demand=total_demand)

        return Tick(
            accounts,
            due=_median(lambda number: polls.due_users(conn, now), times),
            aggregate_demand=_median(lambda number: polls.linked_demand(conn, now, QUOTA), times),
            poll=_median(record_poll, times),
        )


def _median(call: Callable[[int], object], times: int) -> float:
    took = []
    for number in range(times + 1):
        began = time.perf_counter()
        call(number)
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])
