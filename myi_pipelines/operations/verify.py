"""Whether the warehouse is what has landed: everything derived is derived again into temporary tables and compared, row
by row; and the repair of what differs. Whether sums agree is checked by ``invariants``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from psycopg import sql

from myi_pipelines.operations import archiving
from myi_pipelines.operations.parquet_store import ArchiveDamaged, Store
from myi_pipelines.warehouse import archive, catalog, invariants, personal_data, undone_imports
from myi_pipelines.warehouse.archive import ArchivedMonth, with_archived_restored
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.events import open_workspace, sources_of, stage_desired_events, user_month_bounds
from myi_pipelines.warehouse.partitions import (
    MONTH_TABLES,
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
CATALOG = ("tracks", "artists", "albums", "track_artists", "track_aliases")
"""Tables that are right again once everything that has landed is taken in again."""

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

ROUNDS = 5
"""How often a repair compares and derives at most: each round makes right what the next one is computed from."""


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
    archived_folders: int = 0
    """Folders of the archive whose files were compared with their checksums."""


def verify(session: Session, user: str | None = None, store: Store | None = None) -> Verified:
    """Compare everything that is derived with what it is derived from, for one user or all. Writes nothing.

    Each user's data are compared as they are at one instant, so others may go on writing. Archived months are compared
    like the others, with the plays in the files; without a ``store``, or where files are missing or damaged, as far as
    possible. So are invalidated user-months. Raises ArchiveUnreachable.
    """
    conn = session.conn
    users = _users(conn, user)
    for table in MONTH_TABLES:
        ensure_partitions_visible(conn, table)
    differences: list[Difference] = []
    files = _ArchivedFiles(store, {})
    if store is not None:
        session.on_note("verifying the archive")
        files, found = _archive(conn, store, None if user is None else users)
        differences += found
    user_months = 0
    for one in users:
        session.on_note(f"verifying {one.name}")
        compared, found = _user(session, files, one)
        differences += found
        user_months += compared
    session.on_note("verifying the sums" if user else "verifying the sums and the catalog")
    differences += _sums(conn, users)
    if user is None:
        differences += _catalog(conn)
    return Verified(differences, len(users), user_months, len(_invalidated(conn, users)), len(files.parts))


def repair(session: Session, user: str | None = None, store: Store | None = None) -> Verified:
    """Derive again what differs, until nothing does or nothing changes any more; return what still differs.

    What is invalidated is derived first, then events that differ, and statistics only once the events are right, so
    that none is computed from wrong ones. Rows of users who do not exist and links of unknown names are removed, names
    that mean no track are taken into the catalog again, songs that are not what their tracks' keys say are derived
    again, so are lengths, genres and dates that are not what Spotify or MusicBrainz tells, and archived months whose
    folders have moved are found. Archived plays that the work needs are restored.
    What a damaged or missing file stands in the way of stays, and is named. It may be killed at any point and repeated.
    """
    conn = session.conn
    if store is not None:
        archiving.reconcile(conn, store)
    for one in {found.user_id for found in _invalidated(conn, _users(conn, user))}:
        _derive(session, one, ())
    found = verify(session, user, store)
    for _ in range(ROUNDS):
        if not found.differences:
            break
        _repair(session, found.differences)
        before, found = found, verify(session, user, store)
        if found.differences == before.differences:
            break
    return found


def _repair(session: Session, differences: Sequence[Difference]) -> None:
    """Repair what may be repaired next: the catalog, and of each user events before statistics."""
    conn = session.conn
    if any(one.table in ("export_tracks", "export_track_links") for one in differences):
        conn.execute(statement("verify/relink"))
    if any(one.table in ("songs", "tracks", "corrected_song_keys") for one in differences):
        conn.execute(statement("verify/derive_songs"))
    for user_id in {one.user_id for one in differences if one.user is None and one.user_id is not None}:
        personal_data.forget_user(conn, user_id)
    if any(one.table in CATALOG for one in differences):
        conn.execute(statement("verify/repair_metadata"))
        catalog.take_in_again(conn)
    catalog.sync_catalog(conn)
    for user_id, name in sorted({(one.user_id, one.user) for one in differences if one.user and one.user_id}):
        session.on_note(f"repairing {name}")
        of_user = [one for one in differences if one.user_id == user_id]
        if any(one.table == "undone_plays" for one in of_user):
            with_archived_restored(session, partial(_settle_undone_imports, conn, user_id))
        events = [one for one in of_user if one.stage is Stage.EVENTS]
        _repair_user(session, user_id, events or of_user)


def _settle_undone_imports(conn: Connection, user_id: int) -> None:
    with conn.transaction():
        acquire(conn, shared(Lock.CATALOG), shared(Lock.ARCHIVE), exclusive(Lock.USER, user_id))
        undone_imports.settle(conn, user_id)


def _repair_user(session: Session, user_id: int, differences: Sequence[Difference]) -> None:
    """Set all-time rows to the sums of their months, invalidate the user-months that differ, and derive them."""
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
    _derive(session, user_id, months)


def _derive(session: Session, user_id: int, months: Sequence[date]) -> None:
    try:
        derive_user(session, user_id, months)
    except ArchiveDamaged as error:
        session.on_note(str(error))


# Comparing


def _users(conn: Connection, name: str | None) -> list[User]:
    query = (
        "SELECT id, name, coalesce(timezone, 'UTC') FROM users LEFT JOIN user_settings ON user_id = users.id"
        " WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name"
    )
    return [User(*row) for row in conn.execute(query, {"name": name})]


class _ArchivedFiles(NamedTuple):
    """The parts of the archive whose files are as they were written."""

    store: Store | None
    parts: Mapping[tuple[date, int], ArchivedMonth]


def _archive(conn: Connection, store: Store, users: Sequence[User] | None) -> tuple[_ArchivedFiles, list[Difference]]:
    """Compare the folders of the archive with what is recorded of them: all, or those with months of some users."""
    listed = archiving.list_folders(conn, store)
    orphans = set(archive.orphaned_folders(conn))
    parts = [one.part for one in listed if one.part is not None]
    texts = (
        []
        if users is not None
        else [
            f"{one.folder} is in the archive, and no table refers to it"
            for one in listed
            if one.part is None and one.folder not in orphans
        ]
    )
    if users is not None:
        user_ids = {user.id for user in users}
        parts = [part for part in parts if user_ids & archive.archived_users(conn, part).keys()]
    sound = {}
    for part in parts:
        try:
            store.check(part.folder, part.manifest_sha256)
            found = archiving.archived_counts(store, part.folder)
        except ArchiveDamaged as error:
            texts.append(str(error))
            continue
        recorded = archive.archived_users(conn, part)
        differing = [user_id for user_id, counts in recorded.items() if found.get(user_id) != counts]
        if differing:
            texts.append(f"{part.folder} has other rows than recorded of {len(differing)} users")
        else:
            sound[part.month, part.part] = part
    return _ArchivedFiles(store, sound), [Difference("archived_months", text) for text in texts]


def _user(session: Session, files: _ArchivedFiles, user: User) -> tuple[int, list[Difference]]:
    """How many user-months of a user were compared, and what differs, all at one instant."""
    conn = session.conn
    open_workspace(conn, ())
    conn.execute(statement("archive/workspace"))
    differences: list[Difference] = []
    with snapshot(conn, MONTH_TABLES), conn.transaction(force_rollback=True):
        _read_archive(conn, files, user)
        compared = 0
        for found in _events(conn, user, session.min_play_ms):
            differences += found
            compared += 1
        differences += _statistics(conn, user)
        differences += [
            Difference("undone_plays", text, user.name, user.id)
            for _, text in conn.execute(statement("verify/undone_plays"), {"user_id": user.id})
        ]
    return compared, differences


def _read_archive(conn: Connection, files: _ArchivedFiles, user: User) -> None:
    """Let the rest of the transaction see the user's archived months as if they were restored."""
    archived = archive.archived_months_of_user(conn, user.id)
    present = {key: files.parts[key] for key in archived if key in files.parts}
    if not present or files.store is None:
        return
    for table in MONTH_TABLES:
        columns = archive.columns_of(conn, table)
        for part in present.values():
            for rows in files.store.read_table(part.folder, table.name, columns, [user.id]):
                archive.copy_returning(conn, table, columns, rows)
    schema = sql.Identifier(str(fetch_scalar(conn, "SELECT current_schema()")))
    months = sql.Literal([month for month, _ in present])
    views = statement("verify/with_archive").format(schema=schema, user_id=sql.Literal(user.id), months=months)
    conn.execute(views)


def _events(conn: Connection, user: User, min_play_ms: int) -> Iterator[list[Difference]]:
    """The differences of each user-month that can be compared."""
    months = [month for (month,) in conn.execute(statement("verify/user_months"), {"user_id": user.id})]
    for month in months:
        with conn.transaction(force_rollback=True):
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
    hidden = conn.execute(statement("verify/hidden_plays"), {"user_id": one.user_id, "month": one.month}).fetchall()
    return texts + [("hidden_track_months", _event_text(*row)) for row in hidden]


def _statistics(conn: Connection, user: User) -> list[Difference]:
    """Rows of a user's statistics that differ from the rows that they are computed from."""
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
    """Rows of the catalog that are not what has landed says or lead nowhere, and rows of users who do not exist."""
    return [
        *(Difference(*row) for row in catalog.differences(conn)),
        *(Difference(*row) for row in conn.execute(statement("verify/catalog"))),
        *(Difference(*row) for row in conn.execute(statement("verify/song_groups"))),
        *(
            Difference(table, f"{rows:,} rows of user {user_id}, who does not exist", user_id=user_id)
            for table, user_id, rows in personal_data.rows_without_owner(conn)
        ),
    ]


def _invalidated(conn: Connection, users: Sequence[User]) -> set[UserMonth]:
    return {one for stage in Stage for user in users for one in invalidated_user_months(conn, stage, user_id=user.id)}
