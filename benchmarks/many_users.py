"""A warehouse of many users, built month by month as partitions that are filled and then attached.

Set-based statements write the rows that importing and polling would write, but faster. The product's own catalog reads
the landed names and payloads. Nothing is measured here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple

from benchmarks.databases import scripting
from benchmarks.exports import usual_distinct_tracks
from benchmarks.sql_files import own_statement
from myi_pipelines.warehouse import partitions
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_scalar
from myi_pipelines.warehouse.events import SKIP_BELOW_MS
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    POLLED_PLAYS,
    MonthTable,
)
from myi_pipelines.warehouse.stats import choose_year_top_tracks

MONTHS = partitions.months_between(date(2017, 7, 1), date(2025, 10, 1))
POLLED_MONTHS = 12
"""The last months, whose plays come from polls; those of the others come from exports."""
PLAYS_A_USER = 9_000
"""As in a warehouse of 900 million plays of 100,000 users in a hundred months."""
GENRE = "genre 3"

_MIN_PLAY_MS = 5_000
_SHARE_THAT_COUNTS = 0.93
"""The share of the made-up plays that are long enough to be events."""
_USERS_AT_ONCE = 100

OnStep = Callable[[str], object]


class User(NamedTuple):
    """A made-up user."""

    user_id: int
    name: str
    timezone: str


def build(url: str, *, plays: int, on_step: OnStep, months: Sequence[date] = MONTHS) -> None:
    """Fill an empty warehouse with about ``plays`` listening events, their landed plays and their statistics."""
    users = max(8, round(plays / PLAYS_A_USER))
    tracks = max(1_000, usual_distinct_tracks(plays))
    made_up: dict[str, Any] = {
        "users": users,
        "tracks": tracks,
        "artists": tracks // 7,
        "months": len(months),
        "plays_a_month": plays / _SHARE_THAT_COUNTS / users / len(months),
        "ends_at": partitions.starts_at(partitions.next_month(months[-1])),
        "min_play_ms": _MIN_PLAY_MS,
    }
    with scripting(url) as conn:
        conn.execute(own_statement("users"), made_up)
        on_step(f"landing the names of {tracks:,} tracks")
        conn.execute(own_statement("names"), made_up)
        on_step(f"adding {tracks:,} tracks to the catalog")
        sync_catalog(conn)
        conn.execute("VACUUM (ANALYZE) tracks, artists, albums, track_artists, export_tracks, export_track_links")
        made_up["first_context"] = fetch_scalar(conn, "SELECT min(id) FROM play_contexts")
    numbered = [partial(_month, month=month, month_no=number, made_up=made_up) for number, month in enumerate(months)]
    _in_parallel(url, "months", numbered, on_step)
    with scripting(url) as conn:
        partitions.ensure_months(conn, [*months, partitions.next_month(months[-1])])
        on_step("gathering the planner's statistics")
        conn.execute("ANALYZE listening_events")
    batches = [
        {"first": first, "last": min(first + _USERS_AT_ONCE - 1, users)}
        for first in range(1, users + 1, _USERS_AT_ONCE)
    ]
    years = sorted({month.year for month in months})
    work = [partial(_statistics, batch=batch, years=[years[0] - 1, *years, years[-1] + 1]) for batch in batches]
    _in_parallel(url, "statistics", work, on_step)
    with scripting(url) as conn:
        conn.execute("DROP SCHEMA scale CASCADE")
        on_step("vacuuming")
        conn.execute("VACUUM (FREEZE, ANALYZE)")
        conn.execute("CHECKPOINT")


def some_users(conn: Connection, count: int) -> list[User]:
    """``count`` of the made-up users, or all if there are fewer; always the same ones."""
    rows = conn.execute(
        "SELECT id, name, timezone FROM users JOIN user_settings ON user_id = id"
        " WHERE name LIKE 'user-%%' ORDER BY hashint8extended(id, 5) LIMIT %s",
        [count],
    )
    return [User(*row) for row in rows]


def _month(conn: Connection, *, month: date, month_no: int, made_up: dict[str, Any]) -> None:
    """One month of every user: plays and events."""
    ends_at = partitions.starts_at(partitions.next_month(month))
    known = made_up | {
        "month": month,
        "month_no": month_no,
        "skip_below_ms": SKIP_BELOW_MS,
        "starts_at": partitions.starts_at(month),
        "ends_at": ends_at,
        "month_seconds": round((ends_at - partitions.starts_at(month)).total_seconds()),
    }
    landing = POLLED_PLAYS if month_no >= made_up["months"] - POLLED_MONTHS else IMPORTED_PLAYS
    _attach(conn, landing, month, known)
    _attach(conn, LISTENING_EVENTS, month, known)


def _attach(conn: Connection, table: MonthTable, month: date, known: dict[str, Any]) -> None:
    insert = partial(own_statement(f"{table.name}").format, plays=own_statement("plays"))
    partition_load = partitions.PartitionLoad(insert, partitions.index_statements(conn, table))
    with conn.transaction():
        asynchronous_commit(conn)
        partitions.attach_month(conn, table, month, partition_load, known)


def _statistics(conn: Connection, *, batch: dict[str, int], years: Sequence[int]) -> None:
    """``years``: those in which the plays of some user may fall."""
    users = range(batch["first"], batch["last"] + 1)
    with conn.transaction():
        asynchronous_commit(conn)
        # Foreign keys need no check: all ids were read from tables that refer to the same rows.
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute(own_statement("user_track_months"), batch)
        conn.execute("ANALYZE user_track_months")
        conn.execute(own_statement("stats"), batch)
        choose_year_top_tracks(conn, [(user_id, year) for user_id in users for year in years])


def _in_parallel(url: str, what: str, tasks: Sequence[Callable[[Connection], None]], on_step: OnStep) -> None:
    """Do every task once, on as many connections as there are processors."""
    left: SimpleQueue[Callable[[Connection], None] | None] = SimpleQueue()
    for task in tasks:
        left.put(task)
    workers = os.cpu_count() or 1

    def work() -> None:
        with scripting(url) as conn:
            while not left.empty():
                if (task := left.get()) is None:
                    return
                task(conn)
                on_step(f"{what}: {left.qsize()} of {len(tasks)} left")

    for _ in range(workers):
        left.put(None)
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work) for _ in range(workers)]:
            done.result()
