"""The checker of the order of locks: what it lets pass, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date

import psycopg
import pytest

from myi_pipelines.warehouse.database import locks
from myi_pipelines.warehouse.database.locks import (
    Lock,
    Request,
    acquire,
    exclusive,
    holding,
    shared,
    try_until_released,
    trying,
)
from myi_pipelines_tests.support.lock_order import LockOrder, WrongLockOrder

JUNE, JULY = date(2024, 6, 1), date(2024, 7, 1)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> LockOrder:
    """A checker in place of the one that watches all tests."""
    checker = LockOrder()
    monkeypatch.setattr(locks, "before_waiting", checker)
    return checker


@pytest.fixture
def session(conn: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A session in a transaction."""
    with conn.transaction(force_rollback=True):
        yield conn


def in_one_call(conn: psycopg.Connection, *requests: Request) -> None:
    acquire(conn, *requests)


def one_by_one(conn: psycopg.Connection, *requests: Request) -> None:
    for request in requests:
        acquire(conn, request)


def for_a_block(conn: psycopg.Connection, *requests: Request) -> None:
    with holding(conn, *requests):
        pass


Take = Callable[..., None]


@pytest.mark.parametrize("take", [in_one_call, one_by_one, for_a_block])
@pytest.mark.parametrize(
    "requests",
    [
        (exclusive(Lock.CATALOG), shared(Lock.ARCHIVE), exclusive(Lock.USER, 7)),
        (shared(Lock.MONTH, JUNE), shared(Lock.MONTH, JULY)),
        (exclusive(Lock.USER, 9), exclusive(Lock.USER, 10)),
        (exclusive(Lock.USER, 10), exclusive(Lock.USER, 10)),
        (exclusive(Lock.USER, 10), shared(Lock.USER, 10)),
        (shared(Lock.ARCHIVE), exclusive(Lock.USER, 7), shared(Lock.ARCHIVE)),
    ],
)
def test_locks_in_their_order_and_locks_held_already_pass(
    order: LockOrder, session: psycopg.Connection, take: Take, requests: tuple[Request, ...]
) -> None:
    take(session, *requests)
    assert order.violations == []


@pytest.mark.parametrize("take", [in_one_call, one_by_one, for_a_block])
@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ((exclusive(Lock.USER, 7), shared(Lock.ARCHIVE)), "holds USER 7 waits for ARCHIVE"),
        ((shared(Lock.MONTH, JULY), shared(Lock.MONTH, JUNE)), "holds MONTH 2024-07-01 waits for MONTH 2024-06-01"),
        ((exclusive(Lock.USER, 10), exclusive(Lock.USER, 9)), "holds USER 10 waits for USER 9"),
        ((shared(Lock.CATALOG), exclusive(Lock.CATALOG)), "holds CATALOG waits for CATALOG"),
    ],
)
def test_a_lock_that_comes_before_one_held_is_found(
    order: LockOrder, session: psycopg.Connection, take: Take, requests: tuple[Request, ...], message: str
) -> None:
    with pytest.raises(WrongLockOrder, match=message):
        take(session, *requests)
    assert len(order.violations) == 1


def test_a_lock_that_was_taken_without_waiting_counts_as_held(order: LockOrder, session: psycopg.Connection) -> None:
    with trying(session, exclusive(Lock.MAINTENANCE)):
        acquire(session, exclusive(Lock.CATALOG))
        with pytest.raises(WrongLockOrder, match="holds MAINTENANCE, CATALOG waits for RESTORE"):
            acquire(session, exclusive(Lock.RESTORE))
    assert try_until_released(session, exclusive(Lock.IMPORT_JOB, 3))
    with pytest.raises(WrongLockOrder, match="holds IMPORT_JOB 3, CATALOG waits for MIGRATE"):
        acquire(session, exclusive(Lock.MIGRATE))


def test_trying_for_a_lock_is_never_wrong_because_it_does_not_wait(
    order: LockOrder, session: psycopg.Connection
) -> None:
    acquire(session, exclusive(Lock.USER, 7))
    with trying(session, exclusive(Lock.CATALOG)) as is_held:
        assert is_held
    assert order.violations == []


def test_locks_that_were_released_do_not_count(order: LockOrder, conn: psycopg.Connection) -> None:
    with ExitStack() as held:
        held.enter_context(holding(conn, exclusive(Lock.USER, 7)))
    with conn.transaction():
        acquire(conn, exclusive(Lock.PARTITION, "listening_events_y2024m06"))
    acquire(conn, exclusive(Lock.RESTORE))
    assert order.violations == []
