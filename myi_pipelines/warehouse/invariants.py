"""The invariants that hold after every commit, checked with one statement for the whole warehouse or for some users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, snapshot


class Violation(NamedTuple):
    """One sum that differs from the sum that it must equal."""

    user: str
    table: str
    measure: str
    expected: int
    actual: int

    def __str__(self) -> str:
        return f"{self.user}: {self.table}.{self.measure} sums to {self.actual:,}, expected {self.expected:,}"


def check(conn: Connection, user_ids: Sequence[int] | None = None) -> list[Violation]:
    """Sums that disagree; an empty list when all invariants hold.

    The statistics must always agree with one another. They must agree with ``listening_events``, too, unless a
    user-month of the user is invalidated for statistics and waits to be recomputed.

    Do not call it inside a transaction.
    """
    asked_for = {"user_ids": list(user_ids) if user_ids is not None else None}
    with snapshot(conn, (LISTENING_EVENTS,)):
        return [
            Violation(*row)
            for checked in ("violations", "episodes")
            for row in conn.execute(statement(f"invariants/{checked}"), asked_for)
        ]
