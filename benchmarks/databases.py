"""Durable servers, configured like the embedded one, and fresh databases on them, each for one measurement."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from myi_pipelines.runtime import embedded
from myi_pipelines.warehouse.database.connections import Connection, prepare
from myi_pipelines.warehouse.schema.migrations import migrate

_numbers = count()


@contextmanager
def alone(folder: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database on its own server, where no vacuum of earlier measurements runs.

    The server's files stay in the folder: for minutes after files were deleted, ext4 looks at each of them whenever it
    makes a new one, and the next import makes two thousand.
    """
    server = embedded.Cluster(folder / f"server_{next(_numbers)}")
    server.start()
    try:
        yield database(server, "alone")
    finally:
        server.stop()


@contextmanager
def cluster(folder: Path) -> Iterator[embedded.Cluster]:
    """A server whose folder is removed at the end."""
    server = embedded.Cluster(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def database(server: embedded.Cluster, name: str) -> str:
    """The URL of a fresh, migrated database, which stays as long as its server."""
    name = f"{name}_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrate(server.url(name))
        admin.execute("CHECKPOINT")
    return server.url(name)


@contextmanager
def scripting(url: str) -> Iterator[Connection]:
    """A connection that accepts several statements with parameters in one call."""
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as conn:
        prepare(conn)
        yield conn
