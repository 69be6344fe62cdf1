"""The unit of work: a user-month, which is one user's plays of one UTC month.

The transaction that changes plays invalidates the user-months that it reaches. The transaction that derives a
user-month again clears its invalidation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement

MATCH_WINDOW = timedelta(hours=27)
"""How far around a user-month plays decide what its events are.

An export row reaches back to its start, at most 24 hours before its end, and a stream that is exported twice ends at
most 12 hours later. A polled play may lie 15 seconds from any of these moments, or a minute if the row is account data.
The rest of the window lets plays just outside the month compete for their own matches."""


class Stage(StrEnum):
    """What of a user-month has to be derived again."""

    EVENTS = "EVENTS"
    STATS = "STATS"


class UserMonth(NamedTuple):
    """One user's plays in one UTC month."""

    user_id: int
    month: date


def invalidated_user_months(
    conn: Connection, stage: Stage | str, *, months: Sequence[date] | None = None, user_id: int | None = None
) -> list[UserMonth]:
    """The user-months that are invalidated at a stage, oldest month first: all, or those of some months or one user."""
    rows = conn.execute(
        statement("user_months/invalidated"),
        {"stage": str(stage), "months": list(months) if months is not None else None, "user_id": user_id},
    )
    return [UserMonth(*row) for row in rows]


def all_user_months(conn: Connection, months: Sequence[date]) -> list[UserMonth]:
    """Every user-month of these months that is not empty, oldest month first.

    It has landed plays, events, statistics, archived plays or an invalidation.
    """
    if not months:
        return []
    rows = conn.execute(statement("user_months/all"), {"months": list(months)})
    return [UserMonth(*row) for row in rows]


def group_by_month(user_months: Iterable[UserMonth]) -> Iterator[tuple[date, list[UserMonth]]]:
    """User-months grouped by month, oldest month first; within a month by user id."""
    ordered = sorted(user_months, key=lambda user_month: (user_month.month, user_month.user_id))
    for month, group in groupby(ordered, key=lambda user_month: user_month.month):
        yield month, list(group)


def invalidate(conn: Connection, user_months: Sequence[UserMonth], stage: Stage) -> None:
    """Invalidate user-months at a stage; part of the caller's transaction."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO invalidated_user_months (user_id, month, stage) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(user_id, month, stage) for user_id, month in sorted(set(user_months))],
        )


def clear_invalidation(conn: Connection, user_month: UserMonth, stage: Stage) -> bool:
    """Clear the invalidation of a user-month; part of the caller's transaction. False when there was none."""
    return (
        conn.execute(
            "DELETE FROM invalidated_user_months WHERE user_id = %s AND month = %s AND stage = %s", [*user_month, stage]
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
