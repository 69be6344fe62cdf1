"""Pictures of the most played albums and artists, kept in the warehouse: which are wanted, and what was fetched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

PIXELS = 300
"""The width of a picture that is wanted: what a page shows at most, on a screen of twice the density."""
AGAIN_AFTER = timedelta(days=30)
"""When a picture that could not be fetched is asked for again."""

SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class WantedImage(NamedTuple):
    """A picture that is not kept yet."""

    image_url: str
    """Under which it is kept: ``image_url`` of albums and artists."""
    address: str
    """From where it is fetched: a smaller size."""


def wanted_images(conn: Connection, at_most: int, *, each: int) -> list[WantedImage]:
    """Pictures to fetch now, the most played first, at most ``each``, so that ``at_most`` are kept in all."""
    with conn.cursor(row_factory=class_row(WantedImage)) as cursor:
        failed_before = datetime.now(UTC) - AGAIN_AFTER
        parameters = {"at_most": at_most, "each": each, "pixels": PIXELS, "failed_before": failed_before}
        return cursor.execute(statement("cover_images/wanted"), parameters).fetchall()


def keep_image(conn: Connection, image_url: str, content: bytes | None) -> bool:
    """Keep a picture; return whether it is one. Anything else counts as one that could not be fetched."""
    media_type = None if content is None else media_type_of(content)
    kept = content if media_type is not None else None
    if kept is not None:
        conn.execute(statement("catalog/move_version"))  # Pages show it.
    conn.execute(statement("cover_images/keep"), {"image_url": image_url, "content": kept, "media_type": media_type})
    return kept is not None


def media_type_of(content: bytes) -> str | None:
    """What the first bytes say that a picture is; None when it is none that pages show."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for signature, media_type in SIGNATURES.items() if content.startswith(signature)), None)


def remove_unused_images(conn: Connection, at_most: int) -> int:
    """Remove what is no longer among the ``at_most`` most played; return how many."""
    return conn.execute(statement("cover_images/remove_unused"), {"at_most": at_most}).rowcount


def kept_images(conn: Connection) -> int:
    """How many pictures are kept."""
    return int(fetch_scalar(conn, "SELECT count(content) FROM cover_images"))
