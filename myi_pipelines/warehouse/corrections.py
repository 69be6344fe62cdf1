"""Corrections by the user: what of the landed plays shall not count.

A correction is data, landed like plays. It names what it means by natural keys, and the catalog of the moment says
which tracks these are (the views ``hidden_tracks``, ``hidden_plays`` and ``hidden_periods``). Hidden plays are left out
of the events after the plays of all sources have been matched, so hiding one never brings back another row of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse import undone_imports
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.import_jobs import find_job
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, ensure_partitions_visible
from myi_pipelines.warehouse.user_months import MATCH_WINDOW, UserMonth
from myi_pipelines.warehouse.users import known_user


class UnknownCorrection(InputError, LookupError):
    """There is no correction with the number."""


class Kind(StrEnum):
    """What a correction does: hide plays, undo an import, or say which tracks are one song."""

    HIDE_TRACK = "HIDE_TRACK"
    HIDE_SONG = "HIDE_SONG"
    HIDE_ARTIST = "HIDE_ARTIST"
    HIDE_ALBUM = "HIDE_ALBUM"
    HIDE_SHOW = "HIDE_SHOW"
    HIDE_PLAY = "HIDE_PLAY"
    HIDE_PERIOD = "HIDE_PERIOD"
    UNDO_IMPORT = "UNDO_IMPORT"
    JOIN_SONGS = "JOIN_SONGS"
    SPLIT_SONG = "SPLIT_SONG"


class Correction(NamedTuple):
    """One correction, as ``myi corrections`` lists it."""

    id: int
    user: str
    kind: str
    what: Mapping[str, Any]
    created_at: datetime
    names: str | None
    """Of the track, artist or album; None for a period."""
    timezone: str
    """The user's."""
    play_count: int | None
    """Plays that it hides, of what is derived now; None where it names no tracks."""


class Corrected(NamedTuple):
    """A correction that was made or taken back."""

    id: int
    user_id: int
    is_new: bool
    """False: the user had made it before, and nothing changed."""
    user_months: int
    """User-months that were invalidated."""


def correct(conn: Connection, user_id: int, kind: Kind, what: Mapping[str, Any]) -> Corrected:
    """Make a correction, and invalidate the user-months that it reaches in the same transaction.

    ``what`` holds natural keys: ``spotify_id``, or the names ``track``, ``artist`` and ``album``; of a play also
    ``played_at`` and ``ms_played``; of a period ``from`` and ``until``, of which one may be missing; of an import
    ``job_id``; of songs that are joined ``tracks``, a list of such keys. Raises UserMonthsArchived when an import is
    undone and plays that it may hold are in the archive.
    """
    with conn.transaction():
        _lock(conn, [user_id])
        row = conn.execute(
            statement("corrections/add"), {"user_id": user_id, "kind": kind, "what": Jsonb(dict(what))}
        ).fetchone()
        if row is None:
            same = "SELECT id FROM corrections WHERE user_id = %s AND kind = %s AND what = %s"
            return Corrected(int(fetch_scalar(conn, same, [user_id, kind, Jsonb(dict(what))])), user_id, False, 0)
        if kind is Kind.UNDO_IMPORT:
            undone_imports.settle(conn, user_id)
        return Corrected(row[0], user_id, True, invalidate_corrected(conn, user_id, row[0]))


def undo_import(conn: Connection, job_id: int) -> Corrected:
    """Undo an import: plays that no other import tells do not count. The same file, imported again, takes it back.

    Raises UnknownJob, CannotBeUndone, and UserMonthsArchived when plays that it may hold are in the archive.
    """
    job = find_job(conn, job_id)
    user_id = known_user(conn, job.user).id
    undone_imports.require_undoable(conn, user_id, job)
    return correct(conn, user_id, Kind.UNDO_IMPORT, {"job_id": job_id})


def redo_import(conn: Connection, user_id: int, job_id: int) -> bool:
    """Take the undoing of an import back; False if it is not undone. Raises UserMonthsArchived as ``undo_import``."""
    query = "SELECT correction_id FROM undone_imports WHERE user_id = %s AND job_id = %s"
    found = conn.execute(query, [user_id, job_id]).fetchone()
    if found is None:
        return False
    take_back(conn, found)
    return True


def take_back(conn: Connection, correction_ids: Collection[int]) -> list[Corrected]:
    """Take corrections back, and invalidate the user-months that they reach in the same transaction.

    Raises UnknownCorrection for a number that no correction has; then none is taken back. Raises UserMonthsArchived
    when an undone import is taken back and plays of it go into months that are in the archive.
    """
    with conn.transaction():
        owners: dict[int, int] = dict(_owners(conn, correction_ids))
        _lock(conn, sorted(set(owners.values())))
        owners = dict(_owners(conn, correction_ids))  # as they are now that no other session changes them
        if missing := sorted(set(correction_ids) - set(owners)):
            raise UnknownCorrection(f"no correction has the number {missing[0]}; `myi corrections` lists them")
        taken_back = []
        for correction_id, user_id in sorted(owners.items()):
            user_months = invalidate_corrected(conn, user_id, correction_id)
            kind = fetch_scalar(
                conn,
                "DELETE FROM corrections WHERE user_id = %s AND id = %s RETURNING kind::text",
                [user_id, correction_id],
            )
            if kind == Kind.UNDO_IMPORT:
                undone_imports.settle(conn, user_id)
            taken_back.append(Corrected(correction_id, user_id, True, user_months))
        return taken_back


def list_corrections(conn: Connection, user_id: int | None = None) -> list[Correction]:
    """The corrections of one user or of all, the oldest first."""
    with conn.cursor(row_factory=class_row(Correction)) as cursor:
        return cursor.execute(statement("corrections/list"), {"user_id": user_id}).fetchall()


# ── Deriving ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def hide_events(conn: Connection, bounds: Mapping[str, Any]) -> None:
    """Take hidden events out of ``desired_events``; they are in ``hidden_events`` then."""
    conn.execute(statement("corrections/hide"), bounds)


def record_hidden_plays(conn: Connection, user_month: UserMonth) -> None:
    """Record how many plays of which tracks are hidden in a user-month: taking a correction back finds them by that."""
    conn.execute(statement("corrections/record_hidden"), {"user_id": user_month.user_id, "month": user_month.month})


def _owners(conn: Connection, correction_ids: Collection[int]) -> list[tuple[int, int]]:
    rows = conn.execute("SELECT id, user_id FROM corrections WHERE id = ANY (%s)", [list(correction_ids)])
    return [(correction_id, user_id) for correction_id, user_id in rows]


def _lock(conn: Connection, user_ids: Sequence[int]) -> None:
    """Keep the catalog as it is, which says what a correction means, and other writers of the users away."""
    acquire(
        conn,
        shared(Lock.CATALOG),
        shared(Lock.ARCHIVE),
        *(exclusive(Lock.USER, user_id) for user_id in user_ids),
    )


def invalidate_corrected(conn: Connection, user_id: int, correction_id: int) -> int:
    """Invalidate the user-months that a correction reaches; how many. Part of a transaction with the user's lock."""
    ensure_partitions_visible(conn, IMPORTED_PLAYS)
    return conn.execute(
        statement("corrections/invalidate"),
        {"user_id": user_id, "correction_id": correction_id, "match_window": MATCH_WINDOW},
    ).rowcount
