"""The catalog: tracks, artists, albums and credits, taken from the names that exports give."""

from __future__ import annotations

from typing import NamedTuple

from myi_pipelines.warehouse.database import Connection, lock_catalog, lock_catalog_links, statement
from myi_pipelines.warehouse.slices import SURROUNDINGS


class CatalogCounts(NamedTuple):
    """Rows that a synchronization wrote, new and changed ones."""

    tracks: int = 0
    artists: int = 0
    albums: int = 0
    track_artists: int = 0


def sync_catalog(conn: Connection) -> CatalogCounts:
    """Take the names that landed since the last time into the catalog, in one transaction.

    A catalog row shows the names under which it was last played, so the order of imports does not matter. Where
    that changes a track's artist, the artist statistics of its listeners follow in the same transaction.
    """
    if not _has_work(conn):
        return CatalogCounts()
    with conn.transaction():
        lock_catalog(conn)
        conn.execute(statement("catalog/take_stale_names"))
        artists = conn.execute(statement("catalog/artists")).rowcount
        albums = conn.execute(statement("catalog/albums")).rowcount
        tracks = sum(
            conn.execute(statement(f"catalog/{name}")).rowcount
            for name in ("tracks_with_ids", "tracks_by_name", "tracks_polled")
        )
        conn.execute(statement("catalog/links"))
        conn.execute(statement("catalog/current_names"))
        renamed = conn.execute(statement("catalog/rename"), {"surroundings": SURROUNDINGS}).fetchone()
        credited = conn.execute(statement("catalog/credits")).rowcount
        changed = conn.execute(statement("catalog/changed_credits")).rowcount
        if changed:
            lock_catalog_links(conn)
            conn.execute(statement("stats/workspace"))
            conn.execute("TRUNCATE touched_artists")
            conn.execute(statement("catalog/recredit"))
            conn.execute(statement("stats/artists"))
        assert renamed is not None
        return CatalogCounts(tracks + renamed[0], artists, albums, credited + changed)


def _has_work(conn: Connection) -> bool:
    row = conn.execute(statement("catalog/has_work")).fetchone()
    return row == (True,)
