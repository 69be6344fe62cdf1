"""Every lock that the product takes, in the order in which one session may take them.

An advisory lock guards something that is not one row of one table: the catalog, a user, a month. ``acquire`` holds
locks until the transaction ends, ``holding`` for a block, ``trying`` for a block if no other session has it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum, auto
from itertools import chain, repeat
from typing import NamedTuple

from psycopg import errors, sql

from myi_pipelines.errors import BusyError
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

EXCLUSIVE = sql.SQL("ACCESS EXCLUSIVE")
LOCK_MILLISECONDS = (5, 10, 20, 40)
"""How long each attempt waits for a table's lock; the last value repeats. Later readers wait behind the attempt."""
PAUSE_SECONDS = (0.05, 0.25)


class TablesInUse(BusyError):
    """Other sessions held the tables' locks for too long. Nothing has changed."""


class Lock(IntEnum):
    """What a lock guards, in the order in which one session takes locks.

    A session that holds a lock may wait only for locks further down (or for the same kind with a greater key). So two
    sessions never wait for each other.
    """

    RESTORE = auto()
    """One restore of a backup at a time."""
    MIGRATE = auto()
    """One migration of the schema at a time."""
    MIGRATE_DAGSTER = auto()
    """One migration of Dagster's tables at a time."""
    MAINTENANCE = auto()
    """One maintenance of partitions at a time."""
    ARCHIVING = auto()
    """One archiving process at a time."""
    IMPORT_JOB = auto()
    """Key: the job. Held by the process that works on it: while it is held, the job is alive."""
    TOP_LISTS = auto()
    """Key: the user. One refresh of a user's top lists at a time."""
    LINKING = auto()
    """One Spotify account is linked to a user at a time."""
    SPOTIFY_AUTH = auto()
    """Key: the user. One refresh of a token, login or logout of a user at a time."""
    ENCRYPTION_KEY = auto()
    """Shared: the stored tokens can be read with the key. Exclusive: the key changes."""
    CATALOG = auto()
    """Shared: the catalog stays as it is. Exclusive: it takes in names and payloads, or a month is rebuilt."""
    ARCHIVE = auto()
    """Shared: every month stays where it is. Exclusive: a month is archived."""
    MONTH = auto()
    """Key: the UTC month. Shared: its partition of events stays. Exclusive: the partition is rebuilt."""
    USER = auto()
    """Key: the user. Exclusive: the only writer of the user's plays and statistics. Shared: one of several that derive
    user-months."""
    USER_MONTH = auto()
    """Key: user and UTC month. One session derives a user-month at a time."""
    PARTITION = auto()
    """Key: the partition's name. One session creates a partition at a time."""
    CATALOG_LINKS = auto()
    """Shared: the artists of known tracks stay. Exclusive: a known track changes its artists."""


class Request(NamedTuple):
    """One lock that a session asks for."""

    lock: Lock
    key: tuple[object, ...] = ()
    is_shared: bool = False

    @property
    def name(self) -> str:
        """The text whose hash is the advisory lock's number, for example ``myi:user:42``."""
        return ":".join(["myi", self.lock.name.lower().replace("_", "-"), *map(str, self.key)])


def exclusive(lock: Lock, *key: object) -> Request:
    """Ask for a lock that no other session holds at the same time."""
    return Request(lock, key)


def shared(lock: Lock, *key: object) -> Request:
    """Ask for a lock that other sessions may share, and that keeps out those who ask for it exclusively."""
    return Request(lock, key, is_shared=True)


before_waiting: Callable[[Connection, Sequence[Request]], None] | None = None
"""Called before a session waits for locks, with all locks of one call. The tests set it to check the order."""


def acquire(conn: Connection, *requests: Request) -> None:
    """Wait for locks, in the order given and in one round trip, and hold them until the transaction ends."""
    _announce(conn, requests)
    names = [request.name for request in requests]
    conn.execute(statement("locks/acquire"), {"names": names, "shared": [request.is_shared for request in requests]})


@contextmanager
def holding(conn: Connection, *requests: Request) -> Iterator[None]:
    """Hold locks within the block, whatever transactions begin and end in it. A session that dies releases them."""
    if not requests:
        yield
        return
    first, *others = requests
    suffix = "_shared" if first.is_shared else ""
    _announce(conn, [first])
    conn.execute(_call(f"pg_advisory_lock{suffix}"), [first.name])
    try:
        with holding(conn, *others):
            yield
    finally:
        if not conn.closed:
            conn.execute(_call(f"pg_advisory_unlock{suffix}"), [first.name])


@contextmanager
def trying(conn: Connection, request: Request) -> Iterator[bool]:
    """Whether an exclusive lock is free at once; if so, it is held within the block."""
    is_held = bool(fetch_scalar(conn, _call("pg_try_advisory_lock"), [request.name]))
    try:
        yield is_held
    finally:
        if is_held and not conn.closed:
            conn.execute(_call("pg_advisory_unlock"), [request.name])


def try_until_released(conn: Connection, request: Request) -> bool:
    """Whether an exclusive lock is free at once; if so, it is held until ``release`` or the end of the session."""
    return bool(fetch_scalar(conn, _call("pg_try_advisory_lock"), [request.name]))


def release(conn: Connection, request: Request) -> None:
    """Release a lock that ``try_until_released`` took."""
    conn.execute(_call("pg_advisory_unlock"), [request.name])


def lock_tables(
    conn: Connection, tables: Sequence[sql.Identifier], *, within: float, mode: sql.SQL = EXCLUSIVE
) -> None:
    """Take tables' locks until the transaction ends, in attempts too short for any reader to notice.

    A reader may hold one of the tables and wait for another that this session already has. Each attempt ends long
    before PostgreSQL, which looks for deadlocks after a second, would cancel either session. Raises TablesInUse when no
    attempt within ``within`` seconds succeeds.
    """
    lock = sql.SQL("LOCK TABLE {} IN {} MODE").format(
        sql.SQL(", ").join(sql.SQL("ONLY {}").format(table) for table in tables), mode
    )
    deadline = time.monotonic() + within
    for milliseconds in chain(LOCK_MILLISECONDS, repeat(LOCK_MILLISECONDS[-1])):
        try:
            with conn.transaction():
                conn.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(milliseconds))
                conn.execute(lock)
                return
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() > deadline:
                raise TablesInUse("other sessions leave no gap between them") from None
            time.sleep(random.uniform(*PAUSE_SECONDS))


def _announce(conn: Connection, requests: Sequence[Request]) -> None:
    if before_waiting is not None:
        before_waiting(conn, requests)


def _call(function: str) -> sql.Composed:
    return sql.SQL("SELECT {}(hashtextextended(%s, 0))").format(sql.Identifier(function))
