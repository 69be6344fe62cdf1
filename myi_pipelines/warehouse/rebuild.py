"""Derive the events of many users in a month: build the whole month as a shadow partition where that is faster.

This module compares and decides. ``events`` merges user-month by user-month, ``shadow_partitions`` exchanges tables.
Both ways give the same rows and keep the id and ``created_at`` of rows that stay.

The exchange is kept because it pays (``python -m benchmarks --only-rebuild``: 100,000 plays of 100 users, 2 cores):

    events of the month that differ     times faster than the merge
    all, because none is there          3.9
    all                                 3.7
    every second                        1.5
    none (compared, not exchanged)      2.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

import psycopg
from psycopg import errors

from myi_pipelines.warehouse import shadow_partitions
from myi_pipelines.warehouse.archive import archived_around
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, TablesInUse, exclusive, holding, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.database.temporary_tables import empty, tables_of
from myi_pipelines.warehouse.episode_events import (
    EpisodeRow,
    desired_episodes,
    has_episodes,
    merge_episodes,
    put_desired_episodes,
    stage_plain_episodes,
)
from myi_pipelines.warehouse.events import (
    Conformed,
    conform_user_months,
    open_workspace,
    sources_of,
    stage_desired_events,
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
from myi_pipelines.warehouse.user_months import UserMonth, group_by_month

USER_MONTHS_AT_LEAST = 4
"""With fewer users, a month is merged without a check of its size."""
PLAYS_AT_LEAST = 10_000
"""Merging a smaller month takes no longer than the exchange alone."""
SHARE_TO_WRITE = 0.25
"""If a larger share of a month's rows differs, writing the whole month is faster than writing these rows."""


class _Rebuilt(NamedTuple):
    """How the user-months of a month changed, and which of them have to be merged."""

    conformed: dict[UserMonth, Conformed]
    to_merge: list[UserMonth]
    is_exchanged: bool = False


class _Share(NamedTuple):
    """The user-months of a month that one connection derives."""

    conn: Connection
    user_months: list[UserMonth]


class _Derived(NamedTuple):
    """How the derived events of some users differ from the present ones.

    The shadow partition holds the events of the users for whom they differ.
    """

    outcomes: dict[int, Conformed]
    """By user id."""
    invalidations: list[tuple[int, str]]
    """User ids with an invalidation that existed before the plays were read, and its version."""
    episodes: list[EpisodeRow]
    """The plays that are not music of all of these users."""

    @property
    def changed(self) -> list[int]:
        """The users whose events differ."""
        return sorted(user_id for user_id, outcome in self.outcomes.items() if outcome.written)

    def is_worth_an_exchange(self, rows: int) -> bool:
        """Whether writing the whole month, which has so many rows now, is faster than writing the differences."""
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
    that writes the events of a user-month clears its invalidation, so the next run does what an interrupted run left.
    """
    merged: list[UserMonth] = []
    for month, of_month in group_by_month(user_months):
        if not _is_big(session.conn, month, of_month):
            merged += of_month
            continue
        try:
            rebuilt = _rebuild(session, month, of_month)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            merged += of_month  # merging them one by one shows which of them the server refuses
            continue
        if rebuilt.is_exchanged and on_exchange is not None:
            on_exchange(month)
        yield from rebuilt.conformed.items()
        merged += rebuilt.to_merge
    if merged:
        yield from conform_user_months(session, merged)


def _is_big(conn: Connection, month: date, user_months: Sequence[UserMonth]) -> bool:
    """Whether the user-months are large enough for an exchange to be faster than a merge."""
    if len(user_months) < USER_MONTHS_AT_LEAST:
        return False
    parameters = _bounds(month) | {
        "user_ids": _user_ids(user_months),
        "at_least": PLAYS_AT_LEAST,
        "share": SHARE_TO_WRITE,
        "imported": partition_name(IMPORTED_PLAYS.name, month),
        "polled": partition_name(POLLED_PLAYS.name, month),
    }
    return bool(fetch_scalar(conn, statement("rebuild/is_big"), parameters))


def _rebuild(session: Session, month: date, user_months: Sequence[UserMonth]) -> _Rebuilt:
    """Derive and compare the user-months, and exchange the month's partition if enough of it differs."""
    conn, conns, min_play_ms = session.conn, session.connections, session.min_play_ms
    sync_catalog(conn)
    shadow = ShadowPartition(LISTENING_EVENTS, month)
    with holding(conn, exclusive(Lock.CATALOG), shared(Lock.ARCHIVE), exclusive(Lock.MONTH, month)):
        if not shadow_partitions.drop_orphans(conn):
            return _Rebuilt({}, list(user_months))
        shares = [_Share(each, list(user_months[number :: len(conns)])) for number, each in enumerate(conns)]
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
                _write_episodes(conn, month, derived, done)
                _clear_invalidations(conn, month, derived, done)
    return _Rebuilt(
        {UserMonth(user_id, month): derived.outcomes[user_id] for user_id in done},
        [user_month for user_month in user_months if user_month.user_id not in set(done)],
        is_exchanged,
    )


def _bounds(month: date) -> dict[str, Any]:
    return {"month": month, "starts_at": starts_at(month), "ends_at": starts_at(next_month(month))}


def _user_ids(user_months: Sequence[UserMonth]) -> list[int]:
    return [user_month.user_id for user_month in user_months]


def _rows(conn: Connection, month: date) -> int:
    count = "SELECT count(*) FROM listening_events WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s"
    return int(fetch_scalar(conn, count, _bounds(month)))


def _derive(shares: Sequence[_Share], shadow: ShadowPartition, min_play_ms: int) -> _Derived:
    with ThreadPoolExecutor(len(shares), thread_name_prefix="derive") as pool:
        parts = list(pool.map(lambda share: _derive_share(share, shadow, min_play_ms), shares))
    outcomes = {user_id: outcome for part in parts for user_id, outcome in part.outcomes.items()}
    return _Derived(
        outcomes,
        [invalidation for part in parts for invalidation in part.invalidations],
        [row for part in parts for row in part.episodes],
    )


def _derive_share(share: _Share, shadow: ShadowPartition, min_play_ms: int) -> _Derived:
    """Derive and compare the user-months, and write those that change into the shadow partition.

    User-months that cannot be derived yet are left out, and so are those with an event that may move to another month.
    """
    conn = share.conn
    _open_workspace(conn, shadow.month)
    if not share.user_months:
        return _Derived({}, [], [])
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        asynchronous_commit(conn)
        bounds = user_month_bounds(share.user_months[0], min_play_ms) | {"month": shadow.month}
        chosen = {"user_ids": _user_ids(share.user_months)}
        invalidations = conn.execute(statement("rebuild/seen_invalidations"), bounds | chosen).fetchall()
        archived = set(_user_ids(archived_around(conn, share.user_months, with_neighbours=True)))
        present = [user_month for user_month in share.user_months if user_month.user_id not in archived]
        chosen = {"user_ids": _user_ids(present)}
        plain = {user_id for (user_id,) in conn.execute(statement("rebuild/plain_user_months"), bounds | chosen)}
        episodes: list[EpisodeRow] = []
        chosen = {"user_ids": list(plain)}
        if has_episodes(conn, bounds | chosen):
            stage_plain_episodes(conn, bounds | chosen)
            episodes += desired_episodes(conn)
        mixed = set()
        for user_month in present:
            if user_month.user_id not in plain:
                derived = _derive_mixed(conn, user_month_bounds(user_month, min_play_ms))
                if derived is not None:
                    mixed.add(user_month.user_id)
                    episodes += derived
        conn.execute("SET LOCAL default_statistics_target = 10; ANALYZE derived_user_months, month_events")
        # The index returns plays almost in the order of the events, so sorting them is faster than hashing.
        conn.execute("SET LOCAL enable_hashagg = off")
        write = statement("rebuild/write").format(shadow=shadow.identifier)
        outcomes = dict.fromkeys(plain | mixed, Conformed())
        written = conn.execute(write, bounds | chosen)
        outcomes.update({user_id: Conformed(*counts) for user_id, *counts in written})
    return _Derived(outcomes, [(user_id, version) for user_id, version in invalidations], episodes)


def _open_workspace(conn: Connection, month: date) -> None:
    """Prepare the session to derive user-months of the month."""
    with conn.transaction():
        asynchronous_commit(conn)
        conn.execute(statement("rebuild/workspace"))
        empty(conn, tables_of("rebuild/workspace"))
        open_workspace(conn, around(month))


def _derive_mixed(conn: Connection, bounds: dict[str, Any]) -> list[EpisodeRow] | None:
    """Derive a user-month with plays of several sources; return its plays that are not music.

    None when it has to be merged instead.
    """
    sources = sources_of(conn, bounds)
    if sources.is_unlinked or sources.has_hidden_plays:
        return None
    stage_desired_events(conn, bounds, sources)
    episodes = desired_episodes(conn) if sources.has_episodes else []
    stays_in_month = not fetch_scalar(conn, statement("rebuild/moves_out_of_month"), bounds)
    if stays_in_month:
        conn.execute(statement("rebuild/derive_user_month"), bounds)
        if sources.has_shown_plays:
            conn.execute(statement("rebuild/moved_events"), bounds)
        conn.execute("INSERT INTO derived_user_months (user_id) VALUES (%(user_id)s)", bounds)
    return episodes if stays_in_month else None


def _build_and_exchange(conns: Sequence[Connection], shadow: ShadowPartition, derived: _Derived) -> bool:
    """Copy the rows that stay, exchange the partition and clear invalidations. False when no exchange is possible."""
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
            _write_episodes(conn, shadow.month, derived, list(derived.outcomes))
            _clear_invalidations(conn, shadow.month, derived, list(derived.outcomes))
    except (TablesInUse, errors.ForeignKeyViolation):
        return False
    return True


def _write_episodes(conn: Connection, month: date, derived: _Derived, user_ids: Sequence[int]) -> None:
    """Write the users' plays that are not music, where they differ."""
    bounds = _bounds(month) | {"user_ids": list(user_ids)}
    if derived.episodes or has_episodes(conn, bounds):
        done = set(user_ids)
        put_desired_episodes(conn, (row for row in derived.episodes if row[0] in done))
        merge_episodes(conn, bounds)


def _clear_invalidations(conn: Connection, month: date, derived: _Derived, user_ids: Sequence[int]) -> None:
    """Clear the users' invalidations that have not been renewed since their plays were read."""
    done = set(user_ids)
    seen = [(user_id, version) for user_id, version in derived.invalidations if user_id in done]
    conn.execute(
        statement("rebuild/clear_invalidations"),
        {"month": month, "user_ids": [user_id for user_id, _ in seen], "versions": [version for _, version in seen]},
    )
