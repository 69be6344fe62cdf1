"""Spotify's own top lists in the warehouse: which users are due, the lists of every day, and the latest lists with
catalog keys. ``ingest.spotify.top_lists_fetch`` asks Spotify."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, trying
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.spotify_accounts import LinkedUser

RANKS = 50


class TopLists(NamedTuple):
    """Spotify ids in the order of their ranks, for each term (``SHORT_TERM``, …)."""

    tracks: Mapping[str, Sequence[str]]
    artists: Mapping[str, Sequence[str]]


class Shown(NamedTuple):
    """Rows of the latest lists."""

    tracks: int
    artists: int


def due_users(conn: Connection, now: datetime) -> list[LinkedUser]:
    """The users whose lists are due, the longest overdue first.

    Lists are due every 24 hours for users who were active in the last 48 hours, every 72 hours for users who were
    active in the last 7 days, and once for users without lists. A user is active by playing, logging in, or
    ``mark_active``.
    """
    return [LinkedUser(*row) for row in conn.execute(statement("top_list_history/due"), {"now": now})]


def mark_active(conn: Connection, user_id: int, now: datetime) -> None:
    """Record that a user opened a page or ran a command."""
    conn.execute("UPDATE users SET last_active_at = greatest(last_active_at, %s) WHERE id = %s", [now, user_id])


@contextmanager
def refreshing(conn: Connection, user_id: int) -> Iterator[bool]:
    """Whether the caller may refresh a user's lists in this block. False while another process refreshes them.

    No transaction stays open in the block, and the lock ends with the process.
    """
    with trying(conn, exclusive(Lock.TOP_LISTS, user_id)) as is_claimed:
        yield is_claimed


def replace_top_lists(conn: Connection, user_id: int, lists: TopLists, now: datetime) -> Shown:
    """Replace all lists of a user in one transaction, and keep them as the lists of this day.

    Entries that the catalog does not know are kept too. They are shown once ``show_top_lists`` finds them there.
    """
    day = now.astimezone(UTC).date()
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))
        conn.execute(statement("top_list_history/keep_tracks"), _columns(user_id, day, lists.tracks))
        conn.execute(statement("top_list_history/keep_artists"), _columns(user_id, day, lists.artists))
        conn.execute("UPDATE users SET top_stats_refreshed_at = %s WHERE id = %s", [now, user_id])
        return show_top_lists(conn, user_id)


def listed_users(conn: Connection) -> list[int]:
    """The users with any list in the history."""
    rows = conn.execute("SELECT DISTINCT user_id FROM spotify_top_track_history ORDER BY user_id")
    return [user_id for (user_id,) in rows]


def show_top_lists(conn: Connection, user_id: int) -> Shown:
    """Derive a user's latest lists from the history and the catalog, in one transaction."""
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))
        conn.execute("DELETE FROM spotify_top_tracks WHERE user_id = %s", [user_id])
        conn.execute("DELETE FROM spotify_top_artists WHERE user_id = %s", [user_id])
        return Shown(
            tracks=conn.execute(statement("top_list_history/show_tracks"), {"user_id": user_id}).rowcount,
            artists=conn.execute(statement("top_list_history/show_artists"), {"user_id": user_id}).rowcount,
        )


def _columns(user_id: int, day: date, lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    rows = [
        (term, rank, spotify_id) for term, ids in lists.items() for rank, spotify_id in enumerate(ids[:RANKS], start=1)
    ]
    return {
        "user_id": user_id,
        "listed_on": day,
        "term": [term for term, _, _ in rows],
        "rank": [rank for _, rank, _ in rows],
        "spotify_id": [spotify_id for _, _, spotify_id in rows],
    }
