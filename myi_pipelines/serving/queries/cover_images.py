"""Pictures of albums and artists that are kept: which there are, and what is in them."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement


class Pictured(StrEnum):
    """What pictures are of."""

    ALBUM = "album"
    ARTIST = "artist"


class CoverImage(NamedTuple):
    """A picture, as a browser gets it."""

    media_type: str
    content: bytes


def kept_covers(conn: Connection, kind: Pictured, ids: Collection[int]) -> dict[int, UUID]:
    """The keys of the pictures that are kept, by the ids of albums or artists. Those without a picture are left out."""
    if not ids:
        return {}
    return dict(conn.execute(statement("queries/kept_covers"), {"kind": kind.value, "ids": list(ids)}).fetchall())


def cover_image(conn: Connection, key: UUID) -> CoverImage | None:
    """The picture of a key of ``kept_covers``."""
    with conn.cursor(row_factory=class_row(CoverImage), binary=True) as cursor:
        return cursor.execute(statement("queries/cover_image"), {"key": key}).fetchone()
