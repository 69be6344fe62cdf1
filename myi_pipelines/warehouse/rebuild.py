"""Deriving the events of many slices at once: a whole month is built aside and swapped in where that is the faster way.

Which way is taken is decided here, by what is measured. ``events`` merges row by row, ``shadow_partitions`` exchanges
tables. Both ways give the same rows and keep the id and ``created_at`` of those that stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

import psycopg
from psycopg import errors

from myi_pipelines.warehouse import shadow_partitions
from myi_pipelines.warehouse.archive import archived_around
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
from myi_pipelines.warehouse.database.locks import Lock, TablesInUse, exclusive, holding, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.events import (
    CLEAR_WORKSPACE,
    Conformed,
    conform_user_months,
    match_plays,
    open_workspace,
    user_month_bounds,
)
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    POLLED_PLAYS,
    around,
    next_month,
    partition_name,
    starts_at,
)
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.shadow_partitions import ShadowPartition
from myi_pipelines.warehouse.user_months import UserMonth

USER_MONTHS_AT_LEAST = 4
"""Of fewer listeners a month is merged without a look at its size."""
PLAYS_AT_LEAST = 10_000
"""A smaller month is merged in the time that a swap takes alone."""
SHARE_TO_WRITE = 0.25
"""From this share of a month's rows on, writing the whole month is faster than writing only those that differ."""


class _Rebuilt(NamedTuple):
    """What became of a month's slices, and which are left to the merge."""

    conformed: dict[UserMonth, Conformed]
    left: list[UserMonth]
    is_exchanged: bool = False


class _Share(NamedTuple):
    """The slices of a month that one connection derives."""

    conn: Connection
    slices: list[UserMonth]


class _Derived(NamedTuple):
    """What the slices that are derived here should have, compared with what they have.

    The rows of those that change are written aside.
    """

    outcomes: dict[int, Conformed]
    """By listener."""
    marks: list[tuple[int, str]]
    """Listeners with a mark that was there before their plays were read, and its version."""

    @property
    def changed(self) -> list[int]:
        """The listeners whose events are not as they should be."""
        return sorted(user_id for user_id, outcome in self.outcomes.items() if outcome.written)

    def is_worth_an_exchange(self, rows: int) -> bool:
        """Whether so much differs that the whole month, of so many rows now, is written faster than the differences."""
        written = sum(outcome.written for outcome in self.outcomes.values())
        added = sum(outcome.added for outcome in self.outcomes.values())
        return written >= PLAYS_AT_LEAST // 2 and written >= SHARE_TO_WRITE * (rows + added)


def derive_user_months(
    session: Session, user_months: Sequence[UserMonth], *, on_exchange: Callable[[date], None] | None = None
) -> Iterator[tuple[UserMonth, Conformed]]:
    """Derive the events of user-months from landing, as ``conform_user_months`` does, and yield what changed.

    A month of which much must be written is built as a shadow partition for all of these user-months, on all of the
    session's connections, and exchanged; ``on_exchange`` is called with the month. Meanwhile people read the old
    partition and plays land. In other months only the user-months that differ are merged. Either way, the transaction
    that makes the events of a user-month right clears its invalidation, so the next run does what was cut short.
    """
    merged: list[UserMonth] = []
    by_month = groupby(sorted(user_months, key=lambda one: (one.month, one.user_id)), key=lambda one: one.month)
    for month, group in by_month:
        asked = list(group)
        if not _is_big(session.conn, month, asked):
            merged += asked
            continue
        try:
            rebuilt = _rebuild(session, month, asked)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            merged += asked  # merged one by one, they show which of them the server refuses
            continue
        if rebuilt.is_exchanged and on_exchange is not None:
            on_exchange(month)
        yield from rebuilt.conformed.items()
        merged += rebuilt.left
    if merged:
        yield from conform_user_months(session, merged)


def _is_big(conn: Connection, month: date, asked: Sequence[UserMonth]) -> bool:
    """Whether so much is asked for that a swap may be worth its while."""
    if len(asked) < USER_MONTHS_AT_LEAST:
        return False
    asked_for = _bounds(month) | {
        "user_ids": [one.user_id for one in asked],
        "at_least": PLAYS_AT_LEAST,
        "share": SHARE_TO_WRITE,
        "imported": partition_name(IMPORTED_PLAYS.name, month),
        "polled": partition_name(POLLED_PLAYS.name, month),
    }
    return conn.execute(statement("rebuild/is_big"), asked_for).fetchone() == (True,)


def _rebuild(session: Session, month: date, asked: Sequence[UserMonth]) -> _Rebuilt:
    conn, conns, min_play_ms = session.conn, session.connections, session.min_play_ms
    sync_catalog(conn)
    shadow = ShadowPartition(LISTENING_EVENTS, month)
    with holding(conn, exclusive(Lock.CATALOG), shared(Lock.ARCHIVE), exclusive(Lock.MONTH, month)):
        if not shadow_partitions.drop_orphans(conn):
            return _Rebuilt({}, list(asked))
        shares = [_Share(one, list(asked[number :: len(conns)])) for number, one in enumerate(conns)]
        try:
            shadow_partitions.create(conn, shadow)
            derived = _derive(shares, shadow, min_play_ms)
            is_exchanged = derived.is_worth_an_exchange(_rows(conn, month)) and _build_and_exchange(
                conns, shadow, derived
            )
        finally:
            with suppress(psycopg.Error):
                shadow_partitions.drop_orphans(conn)
        done = sorted(set(derived.outcomes).difference([] if is_exchanged else derived.changed))
        if not is_exchanged:
            with conn.transaction():
                asynchronous_commit(conn)
                _clear_invalidations(conn, month, derived, done)
    return _Rebuilt(
        {UserMonth(user_id, month): derived.outcomes[user_id] for user_id in done},
        [one for one in asked if one.user_id not in set(done)],
        is_exchanged,
    )


def _bounds(month: date) -> dict[str, Any]:
    return {"month": month, "starts_at": starts_at(month), "ends_at": starts_at(next_month(month))}


def _rows(conn: Connection, month: date) -> int:
    row = conn.execute(
        "SELECT count(*) FROM listening_events WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s",
        _bounds(month),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _derive(shares: Sequence[_Share], shadow: ShadowPartition, min_play_ms: int) -> _Derived:
    with ThreadPoolExecutor(len(shares), thread_name_prefix="derive") as pool:
        parts = list(pool.map(lambda share: _derive_share(share, shadow, min_play_ms), shares))
    outcomes = {user_id: outcome for part in parts for user_id, outcome in part.outcomes.items()}
    return _Derived(outcomes, [mark for part in parts for mark in part.marks])


def _derive_share(share: _Share, shadow: ShadowPartition, min_play_ms: int) -> _Derived:
    """Write the slices that change aside. Those that wait for something, or of which an event may leave the month, are
    left out."""
    conn = share.conn
    _open_workspace(conn, shadow.month)
    if not share.slices:
        return _Derived({}, [])
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        asynchronous_commit(conn)
        bounds = user_month_bounds(share.slices[0], min_play_ms) | {"month": shadow.month}
        user_ids = [one.user_id for one in share.slices]
        marks = conn.execute(statement("rebuild/seen_invalidations"), bounds | {"user_ids": user_ids}).fetchall()
        archived = {one.user_id for one in archived_around(conn, share.slices, with_neighbours=True)}
        present = [one for one in share.slices if one.user_id not in archived]
        chosen = {"user_ids": [one.user_id for one in present]}
        plain = {user_id for (user_id,) in conn.execute(statement("rebuild/plain_user_months"), bounds | chosen)}
        mixed = {
            one.user_id
            for one in present
            if one.user_id not in plain and _derive_mixed(conn, user_month_bounds(one, min_play_ms))
        }
        conn.execute("SET LOCAL default_statistics_target = 10; ANALYZE derived_user_months, month_events")
        if mixed:
            conn.execute(statement("rebuild/moved_events"), bounds)
        # Plays leave their index almost in the order of the events: to sort them is quicker than to hash them.
        conn.execute("SET LOCAL enable_hashagg = off")
        write = statement("rebuild/write").format(shadow=shadow.identifier, known=statement("rebuild/known_events"))
        outcomes = dict.fromkeys(plain | mixed, Conformed())
        written = conn.execute(write, bounds | {"plain": list(plain)})
        outcomes.update({user_id: Conformed(*counts) for user_id, *counts in written})
    return _Derived(outcomes, [(user_id, version) for user_id, version in marks])


def _open_workspace(conn: Connection, month: date) -> None:
    """Make ready to derive slices of the month."""
    with conn.transaction():
        asynchronous_commit(conn)
        conn.execute(statement("rebuild/workspace"))
        conn.execute("TRUNCATE derived_user_months, month_events, moved_events")
        open_workspace(conn, around(month))


def _derive_mixed(conn: Connection, bounds: dict[str, Any]) -> bool:
    """Derive a slice of which several sources tell. False when it has to be left to the merge."""
    row = conn.execute(statement("events/sources"), bounds).fetchone()
    assert row is not None
    has_account_data, has_polled_plays, is_unlinked, _ = row
    if is_unlinked:
        return False
    match_plays(conn, bounds, has_account_data=has_account_data, has_polled_plays=has_polled_plays)
    is_mine = conn.execute(statement("rebuild/moves_out_of_month"), bounds).fetchone() == (False,)
    if is_mine:
        conn.execute(statement("rebuild/derive_user_month").format(desired=statement("events/desired")), bounds)
        conn.execute("INSERT INTO derived_user_months (user_id) VALUES (%(user_id)s)", bounds)
    conn.execute(CLEAR_WORKSPACE)
    return is_mine


def _build_and_exchange(conns: Sequence[Connection], shadow: ShadowPartition, derived: _Derived) -> bool:
    """Add what stays, put the month in its place and settle the marks. False when that could not be done."""
    conn = conns[0]
    keep = statement("rebuild/keep").format(shadow=shadow.identifier)
    try:
        with conn.transaction():
            asynchronous_commit(conn)
            conn.execute(keep, _bounds(shadow.month) | {"user_ids": derived.changed})
        shadow_partitions.finish(conns, shadow)
        with shadow_partitions.exchange_partition(conn, shadow):
            changed = {"month": shadow.month, "user_ids": derived.changed}
            conn.execute(statement("rebuild/invalidate_changed"), changed)
            _clear_invalidations(conn, shadow.month, derived, list(derived.outcomes))
    except (TablesInUse, errors.ForeignKeyViolation):
        return False
    return True


def _clear_invalidations(conn: Connection, month: date, derived: _Derived, user_ids: Sequence[int]) -> None:
    done = set(user_ids)
    seen = [(user_id, version) for user_id, version in derived.marks if user_id in done]
    marks = {"month": month, "user_ids": [one for one, _ in seen], "versions": [version for _, version in seen]}
    conn.execute(statement("rebuild/clear_invalidations"), marks)
