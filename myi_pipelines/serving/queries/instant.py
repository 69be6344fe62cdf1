"""One instant of the warehouse, for all that is read of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, keep_attached


@contextmanager
def one_instant(conn: Connection) -> Iterator[None]:
    """A transaction of one of the reader's connections, which sees one instant. Months that are archived or exchanged
    meanwhile stay in the tables until it ends: without their rows, an older snapshot would take them for empty."""
    with conn.transaction():
        keep_attached(conn, (LISTENING_EVENTS,))
        yield
