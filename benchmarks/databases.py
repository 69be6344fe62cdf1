"""Durable servers, configured like the embedded one, and fresh databases on them, each for one measurement."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.plans import SETTINGS
from myi_pipelines.runtime import embedded
from myi_pipelines.runtime.embedded.postgres import ROLE
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
def cluster(folder: Path, *, keep: bool = False) -> Iterator[embedded.Cluster]:
    """A server, started where it was kept; unless it is to be kept, its folder is removed at the end."""
    server = embedded.Cluster(folder)
    server.start()
    try:
        let_measure(server)
        yield server
    finally:
        server.stop()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def largest(server: embedded.Cluster) -> str:
    """The URL of the largest database of a server."""
    with psycopg.connect(server.superuser_url()) as admin:
        statement = "SELECT datname FROM pg_database ORDER BY pg_database_size(oid) DESC LIMIT 1"
        [(name,)] = admin.execute(statement).fetchall()
    return server.url(name)


def let_measure(server: embedded.Cluster) -> None:
    """Let the owner of a server's databases see the plans of its statements, write rows without checking foreign keys
    that hold, and make checkpoints, as else only a superuser may."""
    owner = sql.Identifier(ROLE)
    with psycopg.connect(server.superuser_url(), autocommit=True) as conn:
        conn.execute("LOAD 'auto_explain'")
        for name in ("session_replication_role", *(name for name in SETTINGS if name.startswith("auto_explain."))):
            conn.execute(sql.SQL("GRANT SET ON PARAMETER {} TO {}").format(sql.SQL(name), owner))
        conn.execute(sql.SQL("GRANT pg_checkpoint TO {}").format(owner))
        conn.execute(sql.SQL("ALTER ROLE {} SET session_preload_libraries = 'auto_explain'").format(owner))


def database(server: embedded.Cluster, name: str) -> str:
    """The URL of a fresh, migrated database, which stays as long as its server."""
    url = empty_database(server, name)
    migrate(url)
    with psycopg.connect(server.superuser_url(), autocommit=True) as admin:
        admin.execute("CHECKPOINT")
    return url


def empty_database(server: embedded.Cluster, name: str) -> str:
    """The URL of a database without any table, which stays as long as its server."""
    name = f"{name}_{next(_numbers)}"
    with psycopg.connect(server.superuser_url(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE)))
    return server.url(name)


@contextmanager
def scripting(url: str) -> Iterator[Connection]:
    """A connection that accepts several statements with parameters in one call."""
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as conn:
        prepare(conn)
        yield conn
