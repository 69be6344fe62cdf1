"""Processes that a test starts in order to kill them, and what is left of their sessions. No expectations here."""

import subprocess
import sys
import time
from typing import TypeAlias

from myi_pipelines.warehouse.database import Connection

Victim: TypeAlias = subprocess.Popen[str]
SECONDS_TO_GO = 10


def start_victim(module: str, *arguments: str) -> Victim:
    """A process of a module of this package, which has said that it is connected and about to begin."""
    victim = subprocess.Popen(
        [sys.executable, "-m", f"myi_pipelines_tests.{module}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "ready\n", victim.communicate()[1]
    return victim


def sessions(conn: Connection, application: str) -> list[int]:
    """The server processes that an application has in this database."""
    rows = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()", [application]
    )
    return [pid for (pid,) in rows]


def end_victim(victim: Victim, conn: Connection, application: str, *, by: str) -> None:
    """Kill the process, or end its sessions on the server so that it finds out by itself; return when they are gone."""
    if by == "process":
        victim.kill()
    else:
        for pid in sessions(conn, application):
            conn.execute("SELECT pg_terminate_backend(%s)", [pid])
    victim.communicate(timeout=30)
    wait_until_gone(conn, application)


def wait_until_gone(conn: Connection, application: str) -> None:
    """The server notices a client's death when it next talks to it."""
    deadline = time.monotonic() + SECONDS_TO_GO
    while sessions(conn, application):
        assert time.monotonic() < deadline, "the victim's sessions live on"
        time.sleep(0.01)
