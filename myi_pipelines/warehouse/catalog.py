"""The catalog: tracks, artists, albums and credits, derived from the names that exports give and from payloads."""

from __future__ import annotations

from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, POLLED_PLAYS, ensure_partitions_visible
from myi_pipelines.warehouse.shadow_partitions import drop_orphans
from myi_pipelines.warehouse.user_months import MATCH_WINDOW


class CatalogCounts(NamedTuple):
    """Rows that a synchronization wrote, new and changed ones."""

    tracks: int = 0
    artists: int = 0
    albums: int = 0
    track_artists: int = 0


def sync_catalog(conn: Connection) -> CatalogCounts:
    """Take the names and payloads that landed since the last time into the catalog, in one transaction.

    What a payload says beats what exports say; of exports' names the last played win; so neither the order of imports
    nor that of calls matters. A row that exports know by name only takes its id and keeps its key, or is merged into
    the row that has the id. Where that changes a track's artists, the artist statistics of its listeners follow in the
    same transaction; where two tracks become one, their slices are marked.

    Not to be called inside a transaction: it takes locks of users after the catalog's.
    """
    written = _sync(conn) if _is(conn, "catalog/has_work") else CatalogCounts()
    _remove_merged(conn)
    return written


def _sync(conn: Connection) -> CatalogCounts:
    for table in (IMPORTED_PLAYS, POLLED_PLAYS):
        ensure_partitions_visible(conn, table)
    with conn.transaction():
        asynchronous_commit(conn)
        acquire(conn, exclusive(Lock.CATALOG))
        acquire(conn, shared(Lock.ARCHIVE))
        conn.execute(statement("catalog/workspace"))
        has_payloads = _write(conn, "take_pending_objects") > 0
        has_relinks = has_payloads and _write(conn, "relinked_ids") > 0
        conn.execute(statement("catalog/take_pending_names"))
        reach = conn.execute(statement("catalog/reach")).fetchone()
        assert reach is not None
        has_account_data, has_archive = reach
        if has_relinks or has_account_data:  # over all months: to plan it takes longer than all else here
            for (user_id,) in conn.execute(statement("catalog/affected_listeners")).fetchall():
                acquire(conn, exclusive(Lock.USER, user_id))
        artists = _take_in_payloads(conn, "artists") if has_payloads else 0
        artists += _write(conn, "artists")
        albums = _take_in_payloads(conn, "albums") if has_payloads else 0
        albums += _write(conn, "albums")
        tracks = _merge_tracks(conn, has_relinks=has_relinks)
        if has_payloads:
            tracks += _write(conn, "tracks_from_payloads")
        tracks += sum(_write(conn, name) for name in ("tracks_with_ids", "tracks_by_name", "tracks_polled"))
        conn.execute(statement("catalog/links"))
        conn.execute(statement("catalog/current_names"))
        renamed = conn.execute(statement("catalog/rename"), {"match_window": MATCH_WINDOW}).fetchone()
        assert renamed is not None
        if has_archive:
            conn.execute(statement("archive/invalidate_renamed"))
        credited = _credit(conn, has_payloads=has_payloads)
        return CatalogCounts(tracks + renamed[0], artists, albums, credited)


def _take_in_payloads(conn: Connection, table: str) -> int:
    """Rows with ids take what their payloads say; provisional ones are promoted. Settles who answers to which name."""
    conn.execute(statement(f"catalog/payload_{table}"))
    written = _write(conn, f"{table}_with_ids")
    conn.execute(statement(f"catalog/{table}_answer"))
    return written


def _merge_tracks(conn: Connection, *, has_relinks: bool) -> int:
    """Tracks become one whose ids were told to be one track's, or whose names a search told the id of.

    The others' rows stay until nothing refers to them.
    """
    written = _write(conn, "tracks_relinked") if has_relinks else 0
    if written:
        _merge(conn)
    if has_relinks:
        conn.execute(statement("catalog/alias"))
    resolved = _write(conn, "tracks_from_searches")
    if resolved:
        _merge(conn)
    return written + resolved


def _merge(conn: Connection) -> None:
    conn.execute(statement("catalog/merge_events"), {"match_window": MATCH_WINDOW})
    conn.execute(statement("archive/invalidate_merged"))
    conn.execute(statement("catalog/invalidate_account_data"), {"match_window": MATCH_WINDOW})
    conn.execute(statement("archive/invalidate_account_data"))
    conn.execute(statement("catalog/merge"))


def _credit(conn: Connection, *, has_payloads: bool) -> int:
    """Credits follow names and payloads, and artist statistics follow credits."""
    conn.execute(statement("catalog/current_credits"))
    conn.execute(statement("catalog/merged_credits"))
    credited = _write(conn, "credits")
    changed = _write(conn, "changed_credits")
    if changed or has_payloads:
        acquire(conn, exclusive(Lock.CATALOG_LINKS))
    if changed:
        conn.execute(statement("stats/workspace"))
        conn.execute("TRUNCATE touched_artists")
        conn.execute(statement("catalog/recredit"))
        conn.execute("ANALYZE touched_artists")
        conn.execute(statement("stats/artists"), {"user_id": None})
    if has_payloads:
        conn.execute(statement("catalog/forget"))
    return credited + changed


def _remove_merged(conn: Connection) -> None:
    """Remove merged tracks that nothing refers to any more, unless somebody is at work who may know them still."""
    if not _is(conn, "catalog/has_merged"):
        return
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))
        # A month that was left aside may refer to a merged track, and would never let go of it.
        if drop_orphans(conn) and _is(conn, "catalog/try_lock_users"):
            conn.execute(statement("catalog/remove_merged"))


def _write(conn: Connection, name: str) -> int:
    return conn.execute(statement(f"catalog/{name}")).rowcount


def _is(conn: Connection, name: str) -> bool:
    return conn.execute(statement(name)).fetchone() == (True,)
