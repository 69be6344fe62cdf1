"""The catalog: tracks, artists, albums and credits, derived from the names in exports, from Spotify's payloads and from
what MusicBrainz says of artists."""

from __future__ import annotations

from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    POLLED_PLAYS,
    ensure_partitions_visible,
)
from myi_pipelines.warehouse.shadow_partitions import drop_orphans
from myi_pipelines.warehouse.songs import derive_songs
from myi_pipelines.warehouse.user_months import MATCH_WINDOW


class CatalogCounts(NamedTuple):
    """Rows that a synchronization added or changed."""

    tracks: int = 0
    artists: int = 0
    albums: int = 0
    track_artists: int = 0
    songs: int = 0


def sync_catalog(conn: Connection) -> CatalogCounts:
    """Take the names and payloads that landed since the last call into the catalog, in one transaction.

    A payload takes precedence over exports. Of several names in exports, the one that was played last counts. So the
    order of imports and calls does not matter. A provisional row, which is known by name only, gets its id and keeps
    its key, or it is merged into the row that has the id. If the artists or the album of a track change, the
    statistics of its users by artist or album change in the same transaction. If two tracks become one, the user-months
    with them are invalidated.

    Do not call it inside a transaction: it takes locks of users after that of the catalog.
    """
    written = _sync(conn) if _is_true(conn, "catalog/has_work") else CatalogCounts()
    _remove_merged(conn)
    return written


def take_in_again(conn: Connection) -> None:
    """Let the next synchronization take in everything that has landed, and so put right what somebody changed."""
    conn.execute(statement("catalog/take_in_again"))


def differences(conn: Connection) -> list[tuple[str, str]]:
    """Rows of the catalog that are not what has landed says: their table, and what is wrong. Changes nothing.

    Takes in everything again and takes that back, under the lock of the catalog: imports wait for it at their end. Not
    while there is something that the catalog has yet to take in.
    """
    with conn.transaction(force_rollback=True):
        acquire(conn, exclusive(Lock.CATALOG))
        if _is_true(conn, "catalog/has_work"):
            return []
        conn.execute(statement("verify/catalog_before"))
        take_in_again(conn)
        _sync(conn)
        return conn.execute(statement("verify/catalog_differences")).fetchall()


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
        conn.execute(statement("songs/take_pending_tracks"))
        conn.execute(statement("catalog/take_pending_searches"))
        reach = fetch_row(conn, statement("catalog/reach"))
        has_account_data, has_archive, has_musicbrainz, has_song_corrections = reach
        if has_relinks or has_account_data:  # it reads all months: planning it alone takes longer than the rest
            for (user_id,) in conn.execute(statement("catalog/affected_users")).fetchall():
                acquire(conn, exclusive(Lock.USER, user_id))
        has_hidden = _is_true(conn, "catalog/has_hidden")
        if has_hidden:
            conn.execute(statement("catalog/hidden_before"))
        artists = _take_in_payloads(conn, "artists") if has_payloads else 0
        artists += _write(conn, "artists")
        albums = _take_in_payloads(conn, "albums") if has_payloads else 0
        albums += _write(conn, "albums")
        tracks = merged = _merge_tracks(conn, has_relinks=has_relinks)
        if has_payloads:
            tracks += _write(conn, "tracks_from_payloads")
        conn.execute(statement("songs/pending_keys"))
        tracks += sum(_write(conn, name) for name in ("tracks_with_ids", "tracks_by_name", "tracks_polled"))
        conn.execute(statement("catalog/links"))
        if has_musicbrainz:
            conn.execute(statement("catalog/touched_lengths"))
        conn.execute(statement("catalog/current_names"))
        if has_musicbrainz:
            conn.execute(statement("catalog/lengths"))
        changed_albums = _write(conn, "changed_albums")
        tracks += fetch_scalar(conn, statement("catalog/rename"), {"match_window": MATCH_WINDOW})
        songs = derive_songs(
            conn, has_payloads=has_payloads, has_merged=merged > 0, has_corrections=has_song_corrections
        )
        if has_archive:
            conn.execute(statement("catalog/invalidate_archived_renames"), {"match_window": MATCH_WINDOW})
        if changed_albums:
            _move_to_albums(conn)
        credited = _credit(conn, has_payloads=has_payloads)
        if has_musicbrainz:
            artists += _write(conn, "genres")
            albums += _write(conn, "release_dates")
        if has_hidden:
            conn.execute(statement("catalog/invalidate_hidden"))
        written = CatalogCounts(tracks, artists, albums, credited, songs)
        if has_payloads or changed_albums or any(written):
            conn.execute(statement("catalog/move_version"))
        return written


def _take_in_payloads(conn: Connection, table: str) -> int:
    """Update rows with ids from their payloads, promote provisional rows, choose the canonical row for each name."""
    conn.execute(statement(f"catalog/payload_{table}"))
    written = _write(conn, f"{table}_with_ids")
    conn.execute(statement(f"catalog/canonical_{table}"))
    return written


def _merge_tracks(conn: Connection, *, has_relinks: bool) -> int:
    """Merge tracks that are one: Spotify relinked an id to another, or a search found the id for a track's names.

    The rows of merged tracks stay until nothing refers to them.
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
    conn.execute(statement("catalog/invalidate_archived_merges"), {"match_window": MATCH_WINDOW})
    conn.execute(statement("catalog/invalidate_account_data"), {"match_window": MATCH_WINDOW})
    conn.execute(statement("catalog/invalidate_archived_account_data"), {"match_window": MATCH_WINDOW})
    conn.execute(statement("catalog/invalidate_hidden_merges"), {"match_window": MATCH_WINDOW})
    conn.execute(statement("catalog/merge"))


def _move_to_albums(conn: Connection) -> None:
    """Update album statistics of tracks that are on another album now."""
    acquire(conn, exclusive(Lock.CATALOG_LINKS))
    conn.execute(statement("stats/workspace"))
    conn.execute("TRUNCATE touched_albums")
    conn.execute(statement("catalog/realbum"))
    conn.execute("ANALYZE touched_albums")
    conn.execute(statement("stats/albums"))


def _credit(conn: Connection, *, has_payloads: bool) -> int:
    """Update credits from names and payloads, and artist statistics from credits."""
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
        conn.execute(statement("stats/artists"))
    if has_payloads:
        conn.execute(statement("catalog/remove_provisional"))
    return credited + changed


def _remove_merged(conn: Connection) -> None:
    """Remove merged tracks that nothing refers to any more, unless another session may still use them."""
    if not _is_true(conn, "catalog/has_merged"):
        return
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))
        # A shadow partition that a dead session left may refer to a merged track for ever, so it goes first.
        if drop_orphans(conn) and _is_true(conn, "catalog/try_lock_users"):
            conn.execute(statement("catalog/remove_merged"))


def _write(conn: Connection, name: str) -> int:
    return conn.execute(statement(f"catalog/{name}")).rowcount


def _is_true(conn: Connection, name: str) -> bool:
    return conn.execute(statement(name)).fetchone() == (True,)
