"""Processes and servers that a test starts in order to kill them, and what is left of their sessions. No expectations
here."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import psycopg

from myi_pipelines.runtime.embedded import Cluster, discard
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.schema.migrations import migrate

DATABASE = "one"
"""Of a server that is the test's own."""
KillableProcess: TypeAlias = subprocess.Popen[str]
SECONDS_TO_GO = 10


def start_killable(module: str, *arguments: str) -> KillableProcess:
    """A process of a module of this package, which has said that it is connected and about to begin."""
    killable = subprocess.Popen(
        [sys.executable, "-m", f"myi_pipelines_tests.support.{module}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert killable.stdout is not None
    assert killable.stdout.readline() == "ready\n", killable.communicate()[1]
    return killable


def sessions(conn: Connection, application: str) -> list[int]:
    """The server processes that an application has in this database."""
    rows = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()", [application]
    )
    return [pid for (pid,) in rows]


def wait_until_gone(conn: Connection, application: str) -> None:
    """The server notices a client's death when it next talks to it."""
    deadline = time.monotonic() + SECONDS_TO_GO
    while sessions(conn, application):
        assert time.monotonic() < deadline, "the victim's sessions live on"
        time.sleep(0.01)


def wait_until_held(conn: Connection, holder: Connection) -> None:
    """Wait until somebody waits for what the holder has locked."""
    waiting = "SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    deadline = time.monotonic() + 30
    while not conn.execute(waiting, [holder.info.backend_pid]).fetchall():
        assert time.monotonic() < deadline, "nobody came to wait"
        time.sleep(0.01)


@contextmanager
def durable_server(folder: Path) -> Iterator[Cluster]:
    """A server of the test's own with a migrated database, that keeps little of its log. Commits outlast its death; not
    that of the machine, which would have every test wait for the disk."""
    server = Cluster(folder, databases=(DATABASE,))
    try:
        server.start()
        with psycopg.connect(server.superuser_url(), autocommit=True) as conn:
            conn.execute("ALTER SYSTEM SET fsync = off")
            conn.execute("ALTER SYSTEM SET max_wal_size = '256MB'")
            conn.execute("ALTER SYSTEM SET min_wal_size = '32MB'")
            conn.execute("SELECT pg_reload_conf()")
        migrate(server.url(DATABASE))
        yield server
    finally:
        discard(folder)


def kill_server(server: Cluster) -> None:
    """SIGKILL for the server; its sessions end when they notice, or when it is started again."""
    postmaster = server.pid()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
