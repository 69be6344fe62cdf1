"""A PostgreSQL of a test's own with a streaming replica, both from the embedded server's programs. No expectations."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from myi_pipelines.runtime.embedded import Cluster
from myi_pipelines_tests.support.killable_processes import durable_server

SECONDS_TO_REPLAY = 30


class Standby(Cluster):
    """A cluster that replays another one's log, and is read only."""

    def copy_from(self, primary: Cluster) -> None:
        """Make it: what the primary has, and where to find more."""
        self.folder.mkdir(mode=0o700)
        self._hand_over(self.folder)
        source = ["--write-recovery-conf", "--dbname", primary.superuser_url()]
        self._run("pg_basebackup", "--checkpoint", "fast", "--wal-method", "stream", *source)

    def _create_roles(self) -> None:
        """They are replayed."""


class Replicated(NamedTuple):
    """The primary and its replica."""

    primary: Cluster
    replica: Standby

    def pause(self) -> None:
        """Replay no more."""
        self._asked("SELECT pg_wal_replay_pause()")
        self._wait("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    def go_on(self) -> None:
        self._asked("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until everything that is committed by now is replayed."""
        with psycopg.connect(self.primary.superuser_url()) as conn:
            [(place,)] = conn.execute("SELECT pg_current_wal_insert_lsn()").fetchall()
        self._wait(f"SELECT pg_last_wal_replay_lsn() >= '{place}'")

    def _wait(self, is_so: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_REPLAY
        while not self._asked(is_so):
            assert time.monotonic() < deadline, is_so
            time.sleep(0.02)

    def _asked(self, question: str) -> object:
        with psycopg.connect(self.replica.superuser_url(), autocommit=True) as conn:
            return conn.execute(question.encode()).fetchall()[0][0]


@contextmanager
def replicated_server(folder: Path) -> Iterator[Replicated]:
    """A server with a migrated database, and its replica, which has caught up.

    The folder is none of pytest's: those above them are closed to the servers' user when another session begins, and a
    replica opens files by their whole path.
    """
    folder.mkdir()
    with durable_server(folder / "primary") as primary:
        with psycopg.connect(primary.superuser_url(), autocommit=True) as conn:
            conn.execute("ALTER SYSTEM SET max_wal_senders = 4")
        primary.stop()
        primary.start()
        standby = Standby(folder / "standby")
        standby.copy_from(primary)
        try:
            standby.start()
            servers = Replicated(primary, standby)
            servers.catch_up()
            yield servers
        finally:
            standby.stop()
            shutil.rmtree(standby.folder)
