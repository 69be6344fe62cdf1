"""Songs of the catalog: which tracks are one song, derived from their names, their ISRCs and corrections.

Part of the synchronization of the catalog and of its transaction. Tracks that share a key (``track_song_keys``) are of
one song, and so are those that others link. Most new tracks have one key, and join the song of that key or found one
while they are added; only songs that other changes of keys reach are grouped here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.stats import choose_year_top_tracks
from myi_pipelines.warehouse.user_months import MATCH_WINDOW

LONGEST_OFFLINE = timedelta(days=31)
"""An offline play is uploaded at most so long after its end: see ``events``."""
ONE_DAY = timedelta(days=1)


def derive_songs(conn: Connection, *, has_payloads: bool, has_merged: bool, has_corrections: bool) -> int:
    """Bring the songs up to date with the keys of their tracks; return how many songs are new or changed.

    Where known tracks join a song or leave it, the statistics by song change in the same transaction, and user-months
    are invalidated in which two plays may be one play now, or no longer.
    """
    if has_corrections:
        conn.execute(statement("songs/corrections"))
    # A track that is new may have a payload that landed before, as one of an album's tracks.
    has_keys = has_payloads or bool(fetch_scalar(conn, "SELECT EXISTS (SELECT FROM added_song_keys)"))
    if has_keys:
        conn.execute(statement("songs/conflicting_keys"))
    is_reached = has_merged or bool(fetch_scalar(conn, "SELECT EXISTS (SELECT FROM rekeyed_tracks)"))
    changed = _group(conn) if is_reached else 0
    if has_keys:
        conn.execute(statement("songs/payload_names"))
    if has_keys or is_reached:
        changed += conn.execute(statement("songs/names")).rowcount
    return changed + int(fetch_scalar(conn, "SELECT count(*) FROM pending_song_keys WHERE is_new"))


def _group(conn: Connection) -> int:
    """Group the tracks that changed keys reach, and let everything follow that depends on their songs."""
    conn.execute(statement("songs/members"))
    while conn.execute(statement("songs/spread_labels")).rowcount:
        pass
    conn.execute(statement("songs/assign"))
    conn.execute(statement("songs/regrouped_tracks"))
    moved = int(fetch_scalar(conn, "SELECT count(*) FROM moved_tracks"))
    if moved:
        acquire(conn, exclusive(Lock.CATALOG_LINKS))
        _sum_again(conn)
    if fetch_scalar(conn, "SELECT EXISTS (SELECT FROM regrouped_tracks)"):
        conn.execute(statement("songs/invalidate"), {"match_window": MATCH_WINDOW, "longest_offline": LONGEST_OFFLINE})
    return conn.execute(statement("songs/remove_empty")).rowcount


def _sum_again(conn: Connection) -> None:
    """Recompute the statistics by song of everybody who played a track of a song that changed."""
    conn.execute(statement("stats/workspace"))
    conn.execute("TRUNCATE touched_songs")
    conn.execute(statement("songs/touched_songs"))
    conn.execute("ANALYZE touched_songs")
    before = conn.execute(statement("songs/remove_sums")).fetchall()
    after = conn.execute(statement("stats/songs")).fetchall()
    choose_year_top_tracks(conn, sorted(_years_between([*before, *after])))


def _years_between(sums: Iterable[tuple[int, datetime, datetime]]) -> set[tuple[int, int]]:
    """Users and local years in which they may have played a song, from the first to the latest play of each."""
    return {
        (user_id, year)
        for user_id, first, last in sums
        for year in range((first - ONE_DAY).year, (last + ONE_DAY).year + 1)
    }
