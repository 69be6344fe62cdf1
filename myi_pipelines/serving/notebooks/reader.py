"""The connection by which a notebook reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from weakref import finalize

import psycopg

from myi_pipelines.errors import UnavailableError
from myi_pipelines.serving.queries.instant import one_instant
from myi_pipelines.warehouse.database.connections import Connection, connect

APPLICATION = "myi notebook"


class ServerUnreachable(UnavailableError):
    """PostgreSQL does not answer."""


class Reader:
    """A connection of the reader, which is opened again where the server has ended it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = RLock()
        self._conn: Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection in one read-only transaction: all that is read in the block is of one instant.

        One question at a time: other threads wait. Raises ServerUnreachable.
        """
        with self._lock:
            conn = self._connected()
            with one_instant(conn):
                yield conn

    def close(self) -> None:
        """End the connection. The next question opens another."""
        with self._lock:
            if self._conn is not None:
                self._conn.close()
                self._conn = None

    def _connected(self) -> Connection:
        if self._conn is not None and not self._conn.closed:
            try:
                self._conn.execute("")
            except psycopg.OperationalError:
                self.close()
            else:
                return self._conn
        self._conn = None
        conn = open_reader(self._url)
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        self._conn = conn
        finalize(self, conn.close)  # a notebook closes nothing
        return conn


def open_reader(url: str) -> Connection:
    """A connection as any of the warehouse's. Raises ServerUnreachable."""
    try:
        return connect(url, application_name=APPLICATION)
    except psycopg.OperationalError as error:
        reason = " ".join((error.diag.message_primary or str(error)).split())
        raise ServerUnreachable(f"PostgreSQL: {reason}; check the address, and `myi doctor`") from None
