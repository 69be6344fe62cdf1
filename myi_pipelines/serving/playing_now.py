"""What programs say is playing now: kept by the keeper, one thing a listener, until it is over. It is no play yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

SECONDS_AT_MOST = 600
"""Of what tells no length."""


class PlayingNow(NamedTuple):
    """What a listener plays."""

    track_metadata: Mapping[str, Any]
    """In the words of the program that said so, as ListenBrainz calls the fields."""
    ends_at: datetime


def keep_playing_now(conn: Connection, user_id: int, track_metadata: Mapping[str, Any], seconds: int | None) -> None:
    """Say what a listener plays, for as long as it lasts. ``conn`` is the keeper's."""
    said = {"user_id": user_id, "track_metadata": Jsonb(dict(track_metadata)), "seconds": seconds or SECONDS_AT_MOST}
    conn.execute(statement("playing_now/keep"), said)


def find_playing_now(conn: Connection, user_id: int) -> PlayingNow | None:
    """What a listener plays. ``conn`` is the keeper's."""
    query = "SELECT track_metadata, ends_at FROM playing_now WHERE user_id = %s AND ends_at > now()"
    row = conn.execute(query, [user_id], prepare=True).fetchone()
    return PlayingNow(*row) if row else None
