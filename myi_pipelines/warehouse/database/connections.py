"""Connections to the warehouse and their session settings."""

from __future__ import annotations

from typing import Any, TypeAlias

import psycopg

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]


def connect(url: str, *, application_name: str = "myi") -> Connection:
    """An autocommit connection in UTC, prepared for the warehouse's set-based statements.

    Raises ``psycopg.OperationalError`` when the server cannot be reached.
    """
    conn = psycopg.connect(url, autocommit=True, application_name=application_name)
    prepare(conn)
    return conn


def prepare(conn: Connection) -> None:
    """Apply the session settings that the statements rely on.

    UTC, room for staging, no JIT (it costs more than it saves), and no prepared statements: their generic plans would
    open every partition instead of the one or two that a user-month touches. (The functions that answer dashboards
    prepare theirs: they read little, very often.) The server drops a client machine that vanished after two minutes
    instead of two hours, because its sessions hold locks.
    """
    conn.prepare_threshold = None
    conn.execute(
        "SET TIME ZONE 'UTC'; SET jit = off; SET work_mem = '64MB'; SET temp_buffers = '64MB';"
        " SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6"
    )


def asynchronous_commit(conn: Connection) -> None:
    """Let this transaction commit without waiting for the disk.

    For derived tables only. If a server crash loses the last commits, the invalidations that they cleared come back
    together with the rows that they replaced, and the work is done again.
    """
    conn.execute("SET LOCAL synchronous_commit = off")


def came_of_an_interrupt(error: BaseException) -> bool:
    """Whether an error covers an interrupt: one that meets psycopg between two waits leaves the connection in
    the middle of a statement, and then the clean-up fails instead of the interrupt."""
    before = error.__context__
    return before is not None and (isinstance(before, KeyboardInterrupt) or came_of_an_interrupt(before))


def fetch_scalar(conn: Connection, query: Any, parameters: Any = None) -> Any:
    """The first column of the only row that a query returns.

    Raises LookupError when the query returns no row.
    """
    row = conn.execute(query, parameters).fetchone()
    if row is None:
        raise LookupError("the query returned no row")
    return row[0]


def fetch_row(conn: Connection, query: Any, parameters: Any = None) -> tuple[Any, ...]:
    """The only row that a query returns. Raises LookupError when it returns none."""
    row = conn.execute(query, parameters).fetchone()
    if row is None:
        raise LookupError("the query returned no row")
    return row
