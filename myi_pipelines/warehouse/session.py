"""What a step of the warehouse works with: its connections, the rules, and how it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple, TypeAlias

import psycopg

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.user_months import UserMonth

RestoreArchived: TypeAlias = Callable[[Connection, Sequence[UserMonth]], object]
"""Restores archived user-months. Called outside a transaction."""


class Failure(NamedTuple):
    """A user, or one month of a user, that the server refused to derive. It stays invalidated."""

    user_id: int
    month: date | None
    """None: all of the user's statistics."""
    error: psycopg.Error


def _ignore(value: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Session:
    """The connections of one step, with the rules and callbacks that every function of the step shares."""

    conn: Connection
    helpers: Sequence[Connection] = ()
    """Further connections. As many more user-months are derived at the same time."""
    min_play_ms: int = 5_000
    """Milliseconds from which a play counts (MYI_MIN_PLAY_MS)."""
    restore_archived: RestoreArchived | None = None
    """How to restore archived plays that the step needs. None: UserMonthsArchived is raised."""
    on_failure: Callable[[Failure], None] | None = None
    """Called for what the server refused; the rest goes on. None: the error is raised."""
    on_note: Callable[[str], None] = _ignore
    """Called with one line for the log."""

    @property
    def connections(self) -> list[Connection]:
        """All of its connections, its own first."""
        return [self.conn, *self.helpers]

    @property
    def helper(self) -> Connection | None:
        """The first of the further connections, if there is one."""
        return self.helpers[0] if self.helpers else None

    def report_failure(self, failure: Failure) -> None:
        """Pass a failure on, or raise its error when there is no callback."""
        if self.on_failure is None:
            raise failure.error
        self.on_failure(failure)

    def on(self, conn: Connection, *helpers: Connection) -> Session:
        """The same rules and callbacks on other connections."""
        return replace(self, conn=conn, helpers=helpers)
