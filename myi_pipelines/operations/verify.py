"""Whether the warehouse is what has landed: everything derived is derived again into temporary tables and compared, row
by row; and the repair of what differs. Whether sums agree is checked by ``invariants``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from myi_pipelines.warehouse import invariants, personal_data
from myi_pipelines.warehouse.archive import ARCHIVED_TABLES
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.events import open_workspace, sources_of, stage_desired_events, user_month_bounds
from myi_pipelines.warehouse.partitions import (
    LISTENING_EVENTS,
    MONTH_TABLES,
    USER_TRACK_MONTHS,
    around,
    ensure_partitions_visible,
    snapshot,
)
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.stats import TOP_TRACKS
from myi_pipelines.warehouse.user_derivation import derive_user
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate, invalidated_user_months

FROM_EVENTS = {
    "user_track_months": "track_months",
    "user_hour_months": "hour_months",
    "user_month_contexts": "month_contexts",
    "user_time_bucket_stats": "buckets",
    "user_month_edges": "month_edges",
}
FROM_MONTHS = {
    "user_track_stats": "tracks",
    "user_song_sums": "songs",
    "user_artist_stats": "artists",
    "user_album_stats": "albums",
    "user_year_top_tracks": "year_top_tracks",
    "user_weekday_hour_stats": "weekday_hours",
    "user_hour_stats": "hours",
    "user_context_stats": "context_stats",
    "users": "totals",
}
REWRITTEN = (
    "verify/rewrite_tracks",
    "verify/rewrite_songs",
    "verify/rewrite_artists",
    "verify/rewrite_albums",
    "stats/recount_weekday_hours",
    "stats/hours",
    "stats/recount_contexts",
    "stats/totals",
)
"""Statements that set all-time rows to the sums of their months or tracks."""


class User(NamedTuple):
    """A user whose data are compared."""

    id: int
    name: str
    timezone: str


class Difference(NamedTuple):
    """One row, or sum, that is not what it must be."""

    table: str
    what: str
    user: str | None = None
    user_id: int | None = None
    month: date | None = None
    """The month that is derived again to repair it."""
    stage: Stage | None = None
    """What of that month is."""

    def __str__(self) -> str:
        return f"{self.user}: {self.table}: {self.what}" if self.user else f"{self.table}: {self.what}"


class Verified(NamedTuple):
    """What was compared, and what differs."""

    differences: list[Difference]
    users: int
    user_months: int
    """User-months whose events were derived again and compared."""
    invalidated: int
    """User-months that are about to be derived anyway, and so were not compared in full."""


def verify(session: Session, user: str | None = None) -> Verified:
    """Compare everything that is derived with what it is derived from, for one user or all. Writes nothing.

    Each user's data are compared as they are at one instant, so others may go on writing. Invalidated user-months, and
    those whose plays are in the archive, are compared as far as possible.
    """
    conn = session.conn
    users = _users(conn, user)
    for table in MONTH_TABLES:
        ensure_partitions_visible(conn, table)
    differences: list[Difference] = []
    user_months = 0
    for one in users:
        session.on_note(f"verifying {one.name}")
        for found in _events(conn, one, session.min_play_ms):
            differences += found
            user_months += 1
        differences += _statistics(conn, one)
    session.on_note("verifying the sums" if user else "verifying the sums and the catalog")
    differences += _sums(conn, users)
    if user is None:
        differences += _catalog(conn)
    return Verified(differences, len(users), user_months, len(_invalidated(conn, users)))


def repair(session: Session, found: Verified) -> None:
    """Invalidate the user-months that differ and derive them; set all-time counts to the sums of their months.

    Rows of users who do not exist and links of unknown names are removed, names that mean no track are taken into the
    catalog again, and songs that are not what their tracks' keys say are derived again. It may be interrupted and
    repeated. Archived plays that the work needs are restored; where the session does not say how, UserMonthsArchived is
    raised.
    """
    conn, differences = session.conn, found.differences
    if any(one.table in ("export_tracks", "export_track_links") for one in differences):
        conn.execute(statement("verify/relink"))
    if any(one.table in ("songs", "tracks", "corrected_song_keys") for one in differences):
        conn.execute(statement("verify/derive_songs"))
    for user_id in {one.user_id for one in differences if one.user is None and one.user_id is not None}:
        personal_data.forget_user(conn, user_id)
    sync_catalog(conn)
    for user_id, name in sorted({(one.user_id, one.user) for one in differences if one.user and one.user_id}):
        session.on_note(f"repairing {name}")
        _repair(session.on(conn), user_id, [one for one in differences if one.user_id == user_id])


def _repair(session: Session, user_id: int, differences: Sequence[Difference]) -> None:
    conn = session.conn
    months = sorted({one.month for one in differences if one.month})
    with conn.transaction():
        acquire(conn, shared(Lock.ARCHIVE), *(shared(Lock.MONTH, month) for month in months))
        acquire(conn, exclusive(Lock.USER, user_id), shared(Lock.CATALOG_LINKS))
        for name in REWRITTEN:
            conn.execute(statement(name), {"user_id": user_id, "user_ids": [user_id]})
        for stage in Stage:
            differing = {one.month for one in differences if one.stage is stage and one.month}
            invalidate(conn, [UserMonth(user_id, month) for month in differing], stage)
    derive_user(session, user_id, months)


# Comparing


def _users(conn: Connection, name: str | None) -> list[User]:
    query = (
        "SELECT id, name, coalesce(timezone, 'UTC') FROM users LEFT JOIN user_settings ON user_id = users.id"
        " WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name"
    )
    return [User(*row) for row in conn.execute(query, {"name": name})]


def _events(conn: Connection, user: User, min_play_ms: int) -> Iterator[list[Difference]]:
    """The differences of each user-month that can be compared."""
    open_workspace(conn, ())
    months = [month for (month,) in conn.execute(statement("verify/user_months"), {"user_id": user.id})]
    for month in months:
        with snapshot(conn, ARCHIVED_TABLES, around(month)), conn.transaction(force_rollback=True):
            texts = _differing_events(conn, UserMonth(user.id, month), min_play_ms)
        if texts is not None:
            yield [Difference(table, text, user.name, user.id, month, Stage.EVENTS) for table, text in texts]


def _event_text(kind: str, played_at: datetime, track_id: int, track: str | None) -> str:
    return f"{kind} play of {track or f'track {track_id}'} at {played_at:%Y-%m-%d %H:%M:%S}"


def _episode_text(kind: str, played_at: datetime, export_track_id: int, name: str | None) -> str:
    return f"{kind} play of {name or f'names {export_track_id}'} at {played_at:%Y-%m-%d %H:%M:%S}"


def _differing_events(conn: Connection, one: UserMonth, min_play_ms: int) -> list[tuple[str, str]] | None:
    """The table and text of each event of a user-month that differs from what has landed.

    None where the user-month is about to be derived anyway.

    The derived events are in temporary tables until the caller's transaction is rolled back.
    """
    bounds = user_month_bounds(one, min_play_ms)
    sources = sources_of(conn, bounds)
    invalidated = invalidated_user_months(conn, Stage.EVENTS, months=[one.month], user_id=one.user_id)
    if sources.is_unlinked or one in invalidated:
        return None
    stage_desired_events(conn, bounds, sources)
    texts = [
        ("listening_events", _event_text(*row)) for row in conn.execute(statement("verify/events"), bounds).fetchall()
    ]
    if sources.has_episodes:
        differing = conn.execute(statement("verify/episode_events"), bounds).fetchall()
        texts += [("episode_events", _episode_text(*row)) for row in differing]
    if not sources.has_hidden_plays:
        conn.execute("TRUNCATE hidden_events")
    hidden = conn.execute(statement("verify/hidden_plays"), {"user_id": one.user_id, "month": one.month}).fetchall()
    return texts + [("hidden_track_months", _event_text(*row)) for row in hidden]


def _statistics(conn: Connection, user: User) -> list[Difference]:
    """Rows of a user's statistics that differ from the rows that they are computed from."""
    with snapshot(conn, (LISTENING_EVENTS, USER_TRACK_MONTHS)):
        unknown = [month for (month,) in conn.execute(statement("verify/unknown"), {"user_id": user.id})]
        parameters = {"user_id": user.id, "timezone": user.timezone, "unknown": unknown, "each": TOP_TRACKS}
        return [
            Difference(table, what, user.name, user.id, month, Stage.STATS if table in FROM_EVENTS else None)
            for table, query in {**FROM_EVENTS, **FROM_MONTHS}.items()
            for month, what in conn.execute(statement(f"verify/{query}"), parameters)
        ]


def _sums(conn: Connection, users: Sequence[User]) -> list[Difference]:
    return [
        Difference(one.table, f"{one.measure} sums to {one.actual:,}, expected {one.expected:,}", one.user)
        for one in invariants.check(conn, [user.id for user in users])
    ]


def _catalog(conn: Connection) -> list[Difference]:
    """Links of the catalog that lead nowhere, and rows of users who do not exist."""
    return [
        *(Difference(*row) for row in conn.execute(statement("verify/catalog"))),
        *(Difference(*row) for row in conn.execute(statement("verify/song_groups"))),
        *(
            Difference(table, f"{rows:,} rows of user {user_id}, who does not exist", user_id=user_id)
            for table, user_id, rows in personal_data.rows_without_owner(conn)
        ),
    ]


def _invalidated(conn: Connection, users: Sequence[User]) -> set[UserMonth]:
    return {one for stage in Stage for user in users for one in invalidated_user_months(conn, stage, user_id=user.id)}
