"""The invariants that hold after every commit, checked set-based over the whole warehouse or some listeners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, USER_TRACK_MONTHS, snapshot


class Violation(NamedTuple):
    """One sum that is not what it must be."""

    user: str
    table: str
    measure: str
    expected: int
    actual: int

    def __str__(self) -> str:
        return f"{self.user}: {self.table}.{self.measure} sums to {self.actual:,}, expected {self.expected:,}"


def check(conn: Connection, user_ids: Sequence[int] | None = None) -> list[Violation]:
    """Sums that disagree; an empty list when all invariants hold.

    The statistics must agree with one another always, and with ``listening_events`` unless a slice of the listener is
    marked stale for statistics, which says that they are about to be recomputed. Not to be called inside a transaction.
    """
    asked_for = {"user_ids": list(user_ids) if user_ids is not None else None}
    with snapshot(conn, (LISTENING_EVENTS, USER_TRACK_MONTHS)):
        return [Violation(*row) for row in conn.execute(statement("invariants/violations"), asked_for)]
