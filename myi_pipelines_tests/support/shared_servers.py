"""The servers that a test session shares: one PostgreSQL cluster and one Redis for all xdist workers, and for each test
a database made from a migrated template. Fixtures are in conftest.py."""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
from filelock import FileLock
from psycopg import sql

from benchmarks.databases import let_measure
from myi_pipelines.runtime import embedded

TEMPLATE = "myi_template"
DAGSTER_TEMPLATE = "myi_dagster_template"
SECONDS_TO_END = 20
MEMORY_NEEDED = 4 * 1024**3
"""Bytes: several times what a session's databases and log take at their most."""


class SessionServers(NamedTuple):
    """The servers of one test session, shared by its workers."""

    folder: Path
    servers: embedded.Throwaway

    @contextmanager
    def database(self, name: str, template: str = TEMPLATE) -> Iterator[str]:
        """A database of its own for one test, and its URL."""
        self._admin("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        try:
            yield self.servers.postgres.url(name)
        finally:
            self._drop(name)

    def template(self, name: str, fill: Callable[[str], object]) -> str:
        """A warehouse that ``fill`` fills, once in a session, from which tests make the databases that they begin with.

        Copying one takes a twentieth of the time of importing its plays.
        """
        with FileLock(self.folder / f"{name}.lock", timeout=300):
            ready = self.folder / f"{name}.ready"
            if not ready.exists():
                self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
                self._admin("CREATE DATABASE {} TEMPLATE {}", name, TEMPLATE)
                fill(self.servers.postgres.url(name))
                ready.touch()
        return name

    def _drop(self, name: str) -> None:
        """Drop a database. Sessions of logins that are not the owner's, which it may not end, have a moment to end."""
        deadline = time.monotonic() + SECONDS_TO_END
        while True:
            try:
                self._admin("DROP DATABASE {} WITH (FORCE)", name)
            except psycopg.errors.InsufficientPrivilege:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Close what this process has open of them."""
        self._administrator.close()

    @property
    def _administrator(self) -> psycopg.Connection:
        return _administrator(self.servers.postgres.url("postgres"))

    def _admin(self, statement: str, *names: str) -> None:
        self._administrator.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def prepare(self) -> None:
        """Start the servers and make the templates, unless another worker has."""
        with FileLock(self.folder / "prepare.lock", timeout=120):
            ready = self.folder / "ready"
            if ready.exists():
                return
            self.servers.postgres.start()
            self.servers.redis.start()
            let_measure(self.servers.postgres)
            for template, make in ((TEMPLATE, migrate), (DAGSTER_TEMPLATE, make_dagster_tables)):
                self._admin("CREATE DATABASE {}", template)
                make(self.servers.postgres.url(template))
            ready.touch()


@cache
def _administrator(url: str) -> psycopg.Connection:
    """A connection of this process, for all its tests."""
    return psycopg.connect(url, autocommit=True)


def migrate(url: str) -> None:
    """Bring a database to the newest schema."""
    try:
        from myi_pipelines.warehouse.schema import migrations
    except ImportError:
        return
    migrations.migrate(url)


def make_dagster_tables(url: str) -> None:
    """Make the tables of Dagster's storages, which takes longer than most tests that need them."""
    from myi_pipelines.orchestration.instance.storages import (
        BatchingEventLog,
        ConnectedRunStorage,
        ConnectedScheduleStorage,
    )
    from myi_pipelines.runtime.database_urls import sqlalchemy_url

    for storage in (ConnectedRunStorage, BatchingEventLog, ConnectedScheduleStorage):
        storage(postgres_url=sqlalchemy_url(url)).dispose()


def sessions_folder() -> Path:
    """The folder above all test sessions of this user: in memory where there is enough of it.

    A thousand databases of 700 files each are made and dropped, which keeps a disk's file system busier than Postgres.
    """
    in_memory = Path("/dev/shm")
    has_room = os.access(in_memory, os.W_OK) and shutil.disk_usage(in_memory).free > MEMORY_NEEDED
    return (in_memory if has_room else Path(tempfile.gettempdir())) / f"myi-tests-{os.getuid()}"


def session_folder() -> Path:
    """A folder for the test session that this process leads; its name says whose it is."""
    me = psutil.Process()
    folder = sessions_folder() / f"{me.pid}-{int(me.create_time())}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def session_servers(folder: Path) -> SessionServers:
    """The servers of the session in ``folder``."""
    return SessionServers(folder, embedded.throwaway_servers(folder))


def end_session(folder: Path) -> None:
    """Stop a session's servers and remove what they wrote."""
    embedded.discard(folder)


def end_dead_sessions() -> None:
    """Stop the servers of sessions that were killed."""
    for folder in sessions_folder().glob("*-*"):
        if not _alive(folder.name):
            end_session(folder)


def _alive(session: str) -> bool:
    pid, _, created = session.partition("-")
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(created)
    except (psutil.NoSuchProcess, ValueError):
        return False


def worker_number(worker: str) -> int:
    """0 for the only process, 1… for ``gw0``…"""
    return int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0


def database_name(node: str, worker: str) -> str:
    """A short, unique database name that still says which test it belongs to."""
    digest = hashlib.sha256(node.encode()).hexdigest()[:10]
    said = re.sub(r"\W+", "_", node.rpartition("::")[2], flags=re.ASCII)
    return f"{worker}_{digest}_{said}"[:63]
