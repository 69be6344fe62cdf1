"""A durable server, configured as the embedded one is, and fresh databases on it, for as long as a measurement."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from myi_pipelines import embedded
from myi_pipelines.warehouse.database import Connection, prepare
from myi_pipelines.warehouse.migrations import migrate


@contextmanager
def cluster(folder: Path) -> Iterator[embedded.Cluster]:
    """A server of its own, which goes with its folder."""
    server = embedded.Cluster(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server: embedded.Cluster, name: str) -> Iterator[str]:
    """A fresh, migrated database; its URL."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            migrate(server.url(name))
            admin.execute("CHECKPOINT")
            yield server.url(name)
        finally:
            admin.execute(drop)


@contextmanager
def scripting(url: str) -> Iterator[Connection]:
    """A connection that takes several statements at once, with parameters."""
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as conn:
        prepare(conn)
        yield conn
