"""Connections, the named statements under ``sql/`` and the locks that writers take. No table is named here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import cache
from itertools import chain, repeat
from queue import SimpleQueue
from typing import Any, Literal, TypeAlias, TypeVar

import psycopg
from psycopg import errors, sql

from myi_pipelines.package_files import package_path

SQL_FOLDER = package_path("sql")

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
EXCLUSIVE = sql.SQL("ACCESS EXCLUSIVE")
LOCK_MILLISECONDS = (5, 10, 20, 40)
"""How long attempts wait for each table's lock, the last again and again. Readers that come later wait with them."""
PAUSE_SECONDS = (0.05, 0.25)

Item = TypeVar("Item")
Result = TypeVar("Result")


class TablesInUse(Exception):
    """Other sessions left no gap in good time, and nothing has changed."""


@cache
def statement(name: str) -> sql.SQL:
    """The statement of ``sql/<name>.sql``, for example ``statement("events/insert")``."""
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return sql.SQL(text)


def connect(url: str, *, application_name: str = "myi") -> Connection:
    """An autocommit connection in UTC, set up for this warehouse's set-based statements.

    Raises ``psycopg.OperationalError`` when the server cannot be reached.
    """
    conn = psycopg.connect(url, autocommit=True, application_name=application_name)
    prepare(conn)
    return conn


def prepare(conn: Connection) -> None:
    """Session settings that the statements count on.

    UTC, room for staging, no JIT (it costs more than it saves), and no prepared statements: their generic plans would
    open every partition instead of the one or two that a slice touches. (Functions that answer dashboards are worth it:
    they read little, again and again.) Of a machine that vanishes, the server lets go within two minutes, not two
    hours: its sessions hold locks.
    """
    conn.prepare_threshold = None
    conn.execute(
        "SET TIME ZONE 'UTC'; SET jit = off; SET work_mem = '64MB'; SET temp_buffers = '64MB';"
        " SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6"
    )


def spread(
    conns: Sequence[Connection],
    items: Sequence[Item],
    work: Callable[[Connection, Item], Result],
    *,
    on_trouble: Callable[[Item, psycopg.Error], None] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Work on as many items at once as there are connections; each item and what came of it, in order.

    What the server refuses is told to ``on_trouble``, if there is one, and the others go on; a lost server is raised.
    """
    free: SimpleQueue[Connection] = SimpleQueue()
    for conn in conns:
        free.put(conn)

    def with_a_connection(item: Item) -> Result:
        mine = free.get()
        try:
            return work(mine, item)
        finally:
            free.put(mine)

    with ThreadPoolExecutor(len(conns), thread_name_prefix="spread") as pool:
        working = [pool.submit(with_a_connection, item) for item in items]
        try:
            for item, future in zip(items, working, strict=True):
                try:
                    result = future.result()
                except psycopg.Error as error:
                    if on_trouble is None or isinstance(error, psycopg.OperationalError):
                        raise
                    on_trouble(item, error)
                else:
                    yield item, result
        finally:
            pool.shutdown(cancel_futures=True)


def commit_lazily(conn: Connection) -> None:
    """Let this transaction commit without waiting for the disk.

    For derived tables only: should the server lose the last commits in a crash, the marks that they cleared come back
    with the rows that they replaced, and the work is done again.
    """
    conn.execute("SET LOCAL synchronous_commit = off")


def lock_user(conn: Connection, user_id: int) -> None:
    """Wait for, and hold until the transaction ends, the lock that serializes the writers of one user."""
    _lock(conn, _user(user_id))


def lock_users(conn: Connection, user_ids: Sequence[int]) -> None:
    """``lock_user`` for several, one after the other by their ids: two that do so never wait for each other."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name",
        [[_user(user_id) for user_id in sorted(user_ids)]],
    )


def lock_slice(conn: Connection, user_id: int, month: date) -> None:
    """All that deriving one slice among others of its user needs, in one round trip: ``commit_lazily``,
    ``share_archive``, ``share_month``, the user's lock shared, and the slice's own."""
    names = {"month": _month(month), "user": _user(user_id), "slice": f"myi:slice:{user_id}:{month}"}
    conn.execute(statement("slices/lock"), names)


def lock_catalog_links(conn: Connection) -> None:
    """Hold back every statistics transaction while a known track changes its artists."""
    _lock(conn, "myi:catalog-links")


def share_catalog_links(conn: Connection) -> None:
    """Keep the artists of known tracks as they are until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('myi:catalog-links', 0))")


def lock_catalog(conn: Connection) -> None:
    """One catalog synchronization at a time."""
    _lock(conn, "myi:catalog")


def share_catalog(conn: Connection) -> None:
    """Keep the catalog as it is until the transaction ends. To be taken before locks of users."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('myi:catalog', 0))")


def lock_archive(conn: Connection) -> None:
    """Keep out whoever writes plays, or derives anything from them, while a month leaves for the archive."""
    _lock(conn, "myi:archive")


def share_archive(conn: Connection) -> None:
    """Keep every month where it is until the transaction ends. To be taken before locks of users."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('myi:archive', 0))")


def share_month(conn: Connection, month: date) -> None:
    """Keep the month's partition of events from being rebuilt until the transaction ends. To be taken before locks of
    users: whoever waits for a rebuild holds up nobody."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [_month(month)])


@contextmanager
def holding_month(conn: Connection, month: date) -> Iterator[None]:
    """Within the block the month's events belong to the caller, and neither catalog nor archive change.

    Several transactions may follow one another in it. Should the session end, so does the hold.
    """
    with (
        _holding(conn, "myi:catalog"),
        _holding(conn, "myi:archive", "_shared"),
        _holding(conn, _month(month)),
    ):
        yield


@contextmanager
def trying(conn: Connection, name: Literal["catalog", "maintenance"]) -> Iterator[bool]:
    """Whether a lock of the session could be had at once; if so, it is held within the block."""
    row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"myi:{name}"]).fetchone()
    is_held = row == (True,)
    try:
        yield is_held
    finally:
        if is_held and not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"myi:{name}"])


def lock_partition(conn: Connection, name: str) -> None:
    """One creator of a partition at a time."""
    _lock(conn, f"myi:partition:{name}")


def lock_tables(
    conn: Connection, tables: Sequence[sql.Identifier], *, within: float, mode: sql.SQL = EXCLUSIVE
) -> None:
    """Take the locks of some tables, until the transaction ends, in attempts too short for anybody to notice.

    A reader may hold one of them and wait for another that this session has got already: the attempt is given up long
    before PostgreSQL, which looks for that after a second, would end either. Raises TablesInUse when no attempt within
    some seconds succeeds.
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


def _user(user_id: int) -> str:
    return f"myi:user:{user_id}"


def _month(month: date) -> str:
    return f"myi:month:{month}"


@contextmanager
def _holding(conn: Connection, name: str, mode: Literal["", "_shared"] = "") -> Iterator[None]:
    """A lock of the session instead of a transaction."""
    call = sql.SQL("SELECT {}(hashtextextended(%s, 0))")
    conn.execute(call.format(sql.Identifier(f"pg_advisory_lock{mode}")), [name])
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(call.format(sql.Identifier(f"pg_advisory_unlock{mode}")), [name])


def _lock(conn: Connection, name: str) -> None:
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
