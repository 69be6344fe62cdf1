"""Checks, before a session waits for locks, that it waits for them in the order of ``Lock``.

PostgreSQL knows which advisory locks a session holds, but only by the hashes of their names. The checker knows the
hashes of the names that it has seen, and of some that sessions take without waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg.rows import tuple_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, Request, exclusive

TAKEN_WITHOUT_WAITING = (Lock.TOP_LISTS, Lock.IMPORT_JOB, Lock.USER)
"""Locks with ids as keys that sessions try for, so that no wait for them shows their names."""
IDS = range(1, 101)

QUERY = """
SELECT NULL, (classid::bigint << 32) | objid::bigint, mode = 'ShareLock'
FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 1
UNION ALL
SELECT name, hashtextextended(name, 0), NULL FROM unnest(%s::text[]) AS name
"""
"""One row per advisory lock of this session, without a name, and one per name, with its hash."""


class WrongLockOrder(AssertionError):
    """A session that holds a lock waits for one that comes before it: two such sessions can wait for each other."""


class Place(NamedTuple):
    """Where a lock is in the order."""

    lock: Lock
    key: tuple[object, ...]

    def __str__(self) -> str:
        return " ".join(map(str, (self.lock.name, *self.key)))


class LockOrder:
    """A value for ``locks.before_waiting``. It raises WrongLockOrder, and keeps the message in ``violations`` too, in
    case the caller catches the error."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._unhashed = {request.name: _place(request) for request in _known_requests()}
        self._names = set(self._unhashed)
        self._places: dict[int, Place] = {}

    def __call__(self, conn: Connection, requests: Sequence[Request]) -> None:
        held = self._held(conn, requests)
        for request in requests:
            place = _place(request)
            if place in held and (request.is_shared or not held[place]):
                continue  # The session has it, so it does not wait.
            if held and max(held) >= place:
                message = f"a session that holds {', '.join(map(str, sorted(held)))} waits for {place}"
                self.violations.append(message)
                raise WrongLockOrder(message)
            held[place] = request.is_shared

    def _held(self, conn: Connection, requests: Sequence[Request]) -> dict[Place, bool]:
        """The locks that the session holds, and whether it only shares them."""
        for request in requests:
            if request.name not in self._names:
                self._unhashed[request.name] = _place(request)
        unhashed = dict(self._unhashed)
        held: dict[int, bool] = {}
        with conn.cursor(row_factory=tuple_row) as cursor:
            for name, number, is_shared in cursor.execute(QUERY, [list(unhashed)]).fetchall():
                if name is None:
                    held[number] = held.get(number, True) and is_shared
                else:
                    self._places[number] = unhashed[name]
                    self._names.add(name)
                    self._unhashed.pop(name, None)
        return {self._places[number]: is_shared for number, is_shared in held.items() if number in self._places}


def _place(request: Request) -> Place:
    return Place(request.lock, request.key)


def _known_requests() -> Iterable[Request]:
    yield from map(exclusive, Lock)
    for lock in TAKEN_WITHOUT_WAITING:
        yield from (exclusive(lock, number) for number in IDS)
