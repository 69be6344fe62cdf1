"""The unit of work: a slice is one user's UTC month.

Whoever changes plays marks the slices stale in the same transaction; whoever derives them anew takes the marks away in
the transaction that does so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement

MATCH_WINDOW = timedelta(hours=27)
"""How far around a slice plays decide what its events are: an export row reaches back to its start, at most 24 hours
before its end, and a polled play may lie 3 s (of account data: a minute) from either. The rest lets plays beyond the
slice's ends compete for their own matches."""


class Stage(StrEnum):
    """What of a slice is stale."""

    EVENTS = "EVENTS"
    STATS = "STATS"


class UserMonth(NamedTuple):
    """One user's plays in one UTC month."""

    user_id: int
    month: date


def invalidated_user_months(
    conn: Connection, stage: Stage | str, *, months: Sequence[date] | None = None, user_id: int | None = None
) -> list[UserMonth]:
    """Slices marked stale at a stage, oldest month first; all of them, or those of some months or one user."""
    rows = conn.execute(
        statement("user_months/invalidated"),
        {"stage": str(stage), "months": list(months) if months is not None else None, "user_id": user_id},
    )
    return [UserMonth(*row) for row in rows]


def all_user_months(conn: Connection, months: Sequence[date]) -> list[UserMonth]:
    """Every slice of these months that has landed plays, events or statistics, oldest month first."""
    if not months:
        return []
    rows = conn.execute(statement("user_months/all"), {"months": list(months)})
    return [UserMonth(*row) for row in rows]


def invalidate(conn: Connection, slices: Sequence[UserMonth], stage: Stage) -> None:
    """Mark slices stale; part of the caller's transaction."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO invalidated_user_months (user_id, month, stage) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(user_id, month, stage) for user_id, month in sorted(set(slices))],
        )


def clear_invalidation(conn: Connection, stale: UserMonth, stage: Stage) -> bool:
    """Take the mark of a slice away; part of the caller's transaction. False when there was none."""
    return (
        conn.execute(
            "DELETE FROM invalidated_user_months WHERE user_id = %s AND month = %s AND stage = %s", [*stale, stage]
        ).rowcount
        > 0
    )


def lock_user_month(conn: Connection, user_month: UserMonth) -> None:
    """Take the locks under which one session derives a user-month while others derive other months of the user."""
    user_id, month = user_month
    acquire(
        conn,
        shared(Lock.ARCHIVE),
        shared(Lock.MONTH, month),
        shared(Lock.USER, user_id),
        exclusive(Lock.USER_MONTH, user_id, month),
    )
