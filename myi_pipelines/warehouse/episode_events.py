"""Plays that are not music: the landed plays of episodes, chapters, videos and unidentified content become
``episode_events``.

They are derived with the listening events of their user-month, in the same transaction, by the same rules of identity.
In account data and in the extended history of one play, one may say less than the other: the one that says what was
played counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from myi_pipelines.warehouse.database.connections import Connection, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.database.temporary_tables import empty, tables_of

EpisodeRow = tuple[Any, ...]
"""A row of ``desired_episodes``."""


def stage_plain_episodes(conn: Connection, bounds: dict[str, Any]) -> None:
    """Fill ``desired_episodes`` for plain user-months of these bounds, which have only rows of the extended history."""
    _open_workspace(conn)
    conn.execute(statement("episode_events/stage_plain"), {"rows_from": bounds["near_start"]} | bounds)


def stage_mixed_episodes(conn: Connection, bounds: dict[str, Any], keys: Sequence[tuple[bool, bool]]) -> None:
    """Fill ``desired_episodes`` for a user-month with account data, once the workspace of the events has what each
    source tells of music.

    ``keys`` says how extended rows match account-data plays: by names, by length.
    """
    _open_workspace(conn)
    conn.execute(statement("episode_events/stage_extended"), bounds)
    conn.execute(statement("episode_events/name_same_second"), bounds)
    conn.execute(statement("episode_events/stage_account"), bounds)
    for same_names, same_length in keys:
        for by_upload in (True, False):
            key = {"same_names": same_names, "same_length": same_length, "by_upload": by_upload}
            conn.execute(statement("episode_events/match_account"), key)
    conn.execute(statement("episode_events/name_same_minute"))
    conn.execute(statement("episode_events/match_nameless"))
    conn.execute(statement("episode_events/stage_desired"), bounds)


def _open_workspace(conn: Connection) -> None:
    conn.execute(statement("episode_events/workspace"))
    empty(conn, tables_of("episode_events/workspace"))


class Merged(NamedTuple):
    """How the plays of user-months that are not music changed."""

    added: int
    changed: int
    removed: int


def merge_episodes(conn: Connection, bounds: dict[str, Any]) -> Merged:
    """Write the differences between ``desired_episodes`` and the rows that are there."""
    removed = conn.execute(statement("episode_events/remove"), bounds).rowcount
    added, changed = fetch_row(conn, statement("episode_events/write"), bounds)
    return Merged(added, changed, removed)


def has_episodes(conn: Connection, bounds: dict[str, Any]) -> bool:
    """Whether any of some users has plays in the month that are not music, landed or derived."""
    return bool(fetch_scalar(conn, statement("episode_events/any"), bounds))


def desired_episodes(conn: Connection) -> list[EpisodeRow]:
    """What the workspace holds, to take it to another session."""
    return conn.execute("SELECT * FROM desired_episodes").fetchall()


def put_desired_episodes(conn: Connection, rows: Iterable[EpisodeRow]) -> None:
    """Fill the workspace of this session with rows of others."""
    _open_workspace(conn)
    with conn.cursor() as cursor, cursor.copy("COPY desired_episodes FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
