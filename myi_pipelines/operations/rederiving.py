"""Everything derived once more from what has landed, as after a change of `MYI_MIN_PLAY_MS`: `myi rederive`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.warehouse.archive import archived_parts, archived_user_months
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import MONTH_TABLES, existing_months
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_derivation import derive_user
from myi_pipelines.warehouse.user_months import Stage, UserMonth, all_user_months, invalidate


class Counted(NamedTuple):
    """What counts of a user's plays."""

    user_id: int
    name: str
    play_count: int
    other_play_count: int
    """Podcasts and everything else that is not music."""


class Plan(NamedTuple):
    """What is to be derived of a user."""

    before: Counted
    months: tuple[date, ...]
    archived: int
    """How many of the months are in the archive, and are restored first."""


class Rederived(NamedTuple):
    """What counted of a user's plays before, and what counts now."""

    before: Counted
    now: Counted


def plan(conn: Connection, user_id: int | None = None) -> list[Plan]:
    """What ``rederive`` would do for one user, or for all, by name. Writes nothing."""
    archive = sorted({part.month for part in archived_parts(conn)})
    months = set(archive).union(*(existing_months(conn, table) for table in MONTH_TABLES))
    archived = set(archived_user_months(conn, archive))
    mine: dict[int, list[UserMonth]] = {}
    for one in all_user_months(conn, sorted(months)):
        mine.setdefault(one.user_id, []).append(one)
    return [
        Plan(before, tuple(month for _, month in of_user), sum(one in archived for one in of_user))
        for before in _counted(conn, user_id)
        if (of_user := mine.get(before.user_id))
    ]


def rederive(session: Session, plans: Sequence[Plan]) -> Iterator[Rederived]:
    """Derive the events and statistics of every planned user-month again, user by user, by the session's rules.

    All are invalidated first, in one transaction. So an interrupted call leaves marks, and the next call or ``myi up``
    does the rest. Archived plays are restored; events that stay keep their ids. Raises what restoring raises.
    """
    conn = session.conn
    with conn.transaction():
        for stage in Stage:
            invalidate(conn, [UserMonth(one.before.user_id, month) for one in plans for month in one.months], stage)
    for one in plans:
        session.on_note(f"deriving {one.before.name}")
        derive_user(session, one.before.user_id)
        [now] = _counted(conn, one.before.user_id)
        yield Rederived(one.before, now)


def _counted(conn: Connection, user_id: int | None) -> list[Counted]:
    with conn.cursor(row_factory=class_row(Counted)) as cursor:
        return cursor.execute(statement("rederiving/users"), {"user_id": user_id}).fetchall()
