"""Plain months of which a user has no events yet: derived several at a time, and committed one by one.

In and around a plain month there are only rows of the extended history, so nothing has to be compared with other
sources. A first import has more than a hundred of them. One statement derives those of a year, which takes little
longer than those of a month.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from psycopg import sql

from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.database.temporary_tables import empty, tables_of
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, PartitionLoad, attach_month
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate, lock_user_month

MONTHS_AT_ONCE = 12
"""Of a user, from the first to the last."""

BATCHES_A_SESSION = 4
"""At least, if there are so many user-months: so all sessions have work until the end."""


class PlainMonth(NamedTuple):
    """A month that ``stage_plain_months`` has derived."""

    version: str
    """Of its invalidation when its plays were read."""
    has_episodes: bool


class Written(NamedTuple):
    """How many plays of a month were written."""

    events: int
    episodes: int


def in_batches(user_months: Sequence[UserMonth], sessions: int) -> list[list[UserMonth]]:
    """User-months, each user's in order of time, in batches that one of so many sessions derives."""
    most = min(MONTHS_AT_ONCE, -(-len(user_months) // (BATCHES_A_SESSION * sessions)))
    batches: list[list[UserMonth]] = []
    for user_month in sorted(user_months):
        if batches and _fits(batches[-1][0], user_month, most):
            batches[-1].append(user_month)
        else:
            batches.append([user_month])
    return batches


def _fits(first: UserMonth, user_month: UserMonth, most: int) -> bool:
    (user_id, begin), (other_id, month) = first, user_month
    return user_id == other_id and (month.year - begin.year) * 12 + month.month - begin.month < most


def stage_plain_months(conn: Connection, months: Sequence[date], bounds: dict[str, Any]) -> dict[date, PlainMonth]:
    """Derive those of a user's months that are plain and new into temporary tables of the session.

    ``bounds`` reach from the first to the last of the months. Nothing is written yet: see ``write_plain_month``.
    """
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        asynchronous_commit(conn)
        found = conn.execute(statement("plain_months/new"), bounds | {"months": list(months)})
        plain = {month: PlainMonth(version, has_episodes) for month, version, has_episodes in found}
        if plain:
            conn.execute(statement("plain_months/workspace"))
            empty(conn, tables_of("plain_months/workspace"))
            conn.execute(statement("plain_months/stage_events"), bounds)
        if any(month.has_episodes for month in plain.values()):
            rows_from = {"rows_from": bounds["near_start"]}
            conn.execute(statement("plain_months/stage_episodes"), bounds | rows_from)
    return plain


def write_plain_month(
    conn: Connection, user_month: UserMonth, plain: PlainMonth, bounds: dict[str, Any], indexes: Sequence[sql.SQL]
) -> Written | None:
    """Write what ``stage_plain_months`` derived of a month, in one transaction; return how many plays there are.

    None if the month was invalidated once more in the meantime, by whatever may have changed what it should have: then
    nothing is written. ``indexes`` are those of a new partition.
    """
    with conn.transaction():
        asynchronous_commit(conn)
        lock_user_month(conn, user_month)
        version = {"month": user_month.month, "version": plain.version}
        if not conn.execute(statement("plain_months/clear_invalidation"), bounds | version).rowcount:
            return None
        episodes = 0
        if plain.has_episodes:  # first: attaching a partition locks the catalog's tracks against other sessions
            episodes = conn.execute(statement("plain_months/insert_episodes"), bounds).rowcount
        fill = statement("plain_months/fill")
        events = attach_month(conn, LISTENING_EVENTS, user_month.month, PartitionLoad(fill.format, indexes), bounds)
        if events is None:
            partition = LISTENING_EVENTS.partition(user_month.month)
            events = conn.execute(fill.format(partition=partition), bounds).rowcount
        if events:
            invalidate(conn, [user_month], Stage.STATS)
    return Written(events, episodes)
