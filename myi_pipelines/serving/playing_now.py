"""What programs say is playing now: kept by the keeper, one thing a listener, until it is over. It is no play yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

SECONDS_AT_MOST = 600
"""Of what tells no length."""


def keep_playing_now(conn: Connection, user_id: int, track_metadata: Mapping[str, Any], seconds: int | None) -> None:
    """Say what a listener plays, for as long as it lasts. ``conn`` is the keeper's."""
    said = {"user_id": user_id, "track_metadata": Jsonb(dict(track_metadata)), "seconds": seconds or SECONDS_AT_MOST}
    conn.execute(statement("playing_now/keep"), said)


def find_playing_now(conn: Connection, user_id: int) -> Mapping[str, Any] | None:
    """What a listener plays, in the words of the program that said so. ``conn`` is the keeper's."""
    row = conn.execute(
        "SELECT track_metadata FROM playing_now WHERE user_id = %s AND ends_at > now()", [user_id]
    ).fetchone()
    return row[0] if row else None
