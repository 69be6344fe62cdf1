"""A warehouse of many listeners, built month by month as partitions that are filled and then attached.

Set-based statements write what importing and polling would have led to, only faster; names and payloads are landed and
taken in by the product's own catalog. Nothing is measured here.
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
from myi_pipelines.warehouse import partitions
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.events import SKIP_BELOW_MS
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    POLLED_PLAYS,
    USER_TRACK_MONTHS,
    MonthTable,
)
from myi_pipelines.warehouse.stats import TOP_TRACKS

MONTHS = partitions.months_between(date(2017, 7, 1), date(2025, 10, 1))
POLLED_MONTHS = 12
"""The last months, which polls told; exports told the others."""
PLAYS_A_LISTENER = 9_000
"""What 900 million plays of 100,000 listeners come to, in a hundred months."""
GENRE = "genre 3"

_MIN_PLAY_MS = 5_000
_SHARE_THAT_COUNTS = 0.93
"""Of the plays that are made up, the others being too short to be events."""
_LISTENERS_AT_ONCE = 100

OnStep = Callable[[str], object]


class Listener(NamedTuple):
    """One of the listeners."""

    user_id: int
    name: str
    timezone: str


def build(url: str, *, plays: int, on_step: OnStep, months: Sequence[date] = MONTHS) -> None:
    """Fill an empty warehouse with about so many listening events, and everything that they come from and lead to."""
    listeners = max(8, round(plays / PLAYS_A_LISTENER))
    tracks = max(1_000, usual_distinct_tracks(plays))
    made_up: dict[str, Any] = {
        "listeners": listeners,
        "tracks": tracks,
        "artists": tracks // 7,
        "months": len(months),
        "plays_a_month": plays / _SHARE_THAT_COUNTS / listeners / len(months),
        "ends_at": partitions.starts_at(partitions.next_month(months[-1])),
        "min_play_ms": _MIN_PLAY_MS,
    }
    with scripting(url) as conn:
        conn.execute(statement("scale/listeners"), made_up)
        on_step(f"landing the names of {tracks:,} tracks")
        conn.execute(statement("scale/names"), made_up)
        on_step(f"taking {tracks:,} tracks into the catalog")
        sync_catalog(conn)
        conn.execute("VACUUM (ANALYZE) tracks, artists, albums, track_artists, export_tracks, export_track_links")
        row = conn.execute("SELECT min(id) FROM play_contexts").fetchone()
        assert row is not None
        made_up["first_context"] = row[0]
    numbered = [partial(_month, month=month, month_no=number, made_up=made_up) for number, month in enumerate(months)]
    _in_parallel(url, "months", numbered, on_step)
    with scripting(url) as conn:
        partitions.ensure_months(conn, [*months, partitions.next_month(months[-1])])
        on_step("gathering the planner's statistics")
        conn.execute("ANALYZE listening_events, user_track_months")
    batches = [
        {"first": first, "last": first + _LISTENERS_AT_ONCE - 1, "each": TOP_TRACKS}
        for first in range(1, listeners + 1, _LISTENERS_AT_ONCE)
    ]
    _in_parallel(url, "statistics", [partial(_statistics, batch=batch) for batch in batches], on_step)
    with scripting(url) as conn:
        conn.execute("DROP SCHEMA scale CASCADE")
        on_step("vacuuming")
        conn.execute("VACUUM (FREEZE, ANALYZE)")
        conn.execute("CHECKPOINT")


def some_listeners(conn: Connection, count: int) -> list[Listener]:
    """So many of those who were made up, or all of them, whoever they are; always the same."""
    rows = conn.execute(
        "SELECT id, name, timezone FROM users JOIN user_settings ON user_id = id"
        " WHERE name LIKE 'listener-%%' ORDER BY hashint8extended(id, 5) LIMIT %s",
        [count],
    )
    return [Listener(*row) for row in rows]


def _month(conn: Connection, *, month: date, month_no: int, made_up: dict[str, Any]) -> None:
    """One month of every listener: plays, events, and the month's part of the statistics."""
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
    _attach(conn, USER_TRACK_MONTHS, month, known)


def _attach(conn: Connection, table: MonthTable, month: date, known: dict[str, Any]) -> None:
    insert = partial(statement(f"scale/{table.name}").format, plays=statement("scale/plays"))
    partition_load = partitions.PartitionLoad(insert, partitions.index_statements(conn, table))
    with conn.transaction():
        asynchronous_commit(conn)
        partitions.attach_month(conn, table, month, partition_load, known)


def _statistics(conn: Connection, *, batch: dict[str, int]) -> None:
    with conn.transaction():
        asynchronous_commit(conn)
        # Whom and what the rows refer to is known to be there: it was read from tables that refer to it.
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute(statement("scale/stats"), batch)


def _in_parallel(url: str, what: str, tasks: Sequence[Callable[[Connection], None]], on_step: OnStep) -> None:
    """Every task once, on as many connections as there are processors."""
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
