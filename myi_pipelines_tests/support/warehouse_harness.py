"""Drives the warehouse as the assets do (land, take names in, conform, refresh) and reads it back by natural identity.

Shared by the property and crash tests. No expectations and no generators here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

from myi_pipelines.sources.exports import Batch, Context, Kind, Play
from myi_pipelines.warehouse import (
    binary_copy,
    catalog,
    events,
    import_jobs,
    landing,
    partitions,
    stats,
    user_months,
    users,
)
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.session import RestoreArchived, Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support.reference import (
    MIN_PLAY_MS,
    AlbumKey,
    BucketStats,
    EpisodeEvent,
    Event,
    EventKey,
    Polled,
    ShownTrack,
    Song,
    Streamed,
    Tables,
    TopSongs,
    TopTracks,
    Totals,
    TrackKey,
    TrackStats,
    key,
    top_songs,
    top_tracks,
)


class Warehouse(NamedTuple):
    """A warehouse and the two connections that landing needs."""

    conn: Connection
    status_conn: Connection

    @property
    def restoring(self) -> RestoreArchived | None:
        """How archived slices come back when they are needed; None: not at all."""
        return None

    def user(self, name: str, timezone: str) -> int:
        return users.ensure_user(self.conn, name, timezone)

    def land(
        self,
        user_id: int,
        plays: Sequence[Play],
        *,
        batch_rows: int = 7,
        salt: str = "",
        source: Iterable[Batch] | None = None,
    ) -> landing.Landed:
        """Land plays as one file, whose hash depends on the plays, their order and the salt."""
        packed = map(binary_copy.Packer(MIN_PLAY_MS).pack, batches(plays, batch_rows) if source is None else source)
        file = import_jobs.UploadedFile(user_id, "history.json", sha256_of(plays, salt), len(plays))
        return landing.land_upload(self.session(), file, packed)

    def session(self, min_play_ms: int = MIN_PLAY_MS) -> Session:
        """Both connections, with what tests count as a play and how archived months are restored."""
        return Session(self.conn, [self.status_conn], min_play_ms=min_play_ms, restore_archived=self.restoring)

    def poll(self, user_id: int, rows: Iterable[Polled]) -> int:
        seen = [landing.PolledPlay(row.played_at, row.spotify_id, row.duration_ms) for row in rows]
        return landing.land_polled_plays(self.conn, user_id, seen)

    def sync(self) -> None:
        catalog.sync_catalog(self.conn)

    def conform(self, chosen: Iterable[UserMonth], min_play_ms: int = MIN_PLAY_MS) -> Counter[str]:
        """Rows added, upgraded, updated, removed and unchanged."""
        chosen = list(chosen)
        partitions.ensure_months(self.conn, {one.month for one in chosen})
        counts: Counter[str] = Counter()
        for _, conformed in events.conform_user_months(self.session(min_play_ms), chosen):
            counts.update(conformed._asdict())
        return counts

    def refresh(self, user_id: int, months: Sequence[date]) -> None:
        stats.refresh_stats(self.session().on(self.conn), user_id, months)

    def refresh_together(self, chosen: Sequence[UserMonth], *, recount: bool) -> None:
        """Where enough listeners share a month, in one transaction."""
        for _ in stats.refresh_user_months(self.session(), chosen, recount=recount):
            pass

    def stale(self, user_id: int, stage: Stage) -> list[UserMonth]:
        return user_months.invalidated_user_months(self.conn, stage, user_id=user_id)

    def derive(self, user_id: int) -> None:
        """Do what the marks ask for now."""
        self.sync()
        self.conform(self.stale(user_id, Stage.EVENTS))
        self.refresh(user_id, [one.month for one in self.stale(user_id, Stage.STATS)])

    def settle(self, user_ids: Iterable[int]) -> None:
        """Do what the marks ask for, until none is left."""
        for user_id in user_ids:
            for _ in range(5):
                self.derive(user_id)
                if not self.stale(user_id, Stage.EVENTS) and not self.stale(user_id, Stage.STATS):
                    break
            else:
                raise AssertionError(f"user {user_id}: slices are still stale after 5 rounds")

    def user_months_of(self, user_id: int) -> list[UserMonth]:
        """Every slice of the user that has anything in it."""
        months = partitions.existing_months(self.conn, partitions.LISTENING_EVENTS)
        return [one for one in user_months.all_user_months(self.conn, sorted(months)) if one.user_id == user_id]

    def track_keys(self) -> dict[int, TrackKey]:
        rows = self.conn.execute(
            "SELECT t.id, t.spotify_id, t.name, a.name FROM tracks t"
            " LEFT JOIN track_artists l ON l.track_id = t.id LEFT JOIN artists a ON a.id = l.artist_id"
            " WHERE t.merged_into IS NULL"
        )
        return {track_id: spotify_id or (key(name), key(artist)) for track_id, spotify_id, name, artist in rows}

    def songs(self) -> dict[int, Song]:
        """The tracks of each song."""
        keys = self.track_keys()
        members: dict[int, set[TrackKey]] = {}
        for track_id, song_id in self.conn.execute("SELECT id, song_id FROM tracks WHERE merged_into IS NULL"):
            members.setdefault(song_id, set()).add(keys[track_id])
        return {song_id: frozenset(tracks) for song_id, tracks in members.items()}

    def shown_names(self) -> dict[TrackKey, ShownTrack]:
        """What each track shows: its name, its artists', its album's and so on."""
        rows = self.conn.execute(
            "SELECT t.id, t.name, ARRAY(SELECT a.name FROM track_artists l JOIN artists a ON a.id = l.artist_id"
            " WHERE l.track_id = t.id ORDER BY l.position), albums.name, t.duration_ms, t.isrc"
            " FROM tracks t LEFT JOIN albums ON albums.id = t.album_id WHERE t.merged_into IS NULL"
        )
        keys = self.track_keys()
        return {keys[track_id]: ShownTrack(*shown) for track_id, *shown in rows}

    def tables(self, user_id: int) -> Tables:
        """What the warehouse says of a user, to be compared with the reference."""
        tracks, songs = self.track_keys(), self.songs()
        contexts = {
            context_id: Context(*fields)
            for context_id, *fields in self.conn.execute(
                "SELECT id, platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito"
                " FROM play_contexts"
            )
        }
        found: dict[EventKey, Event] = {}
        for track_id, played_at, ms, source, is_estimated, is_skip, context_id in self._of(
            user_id,
            "track_id, played_at, ms_played, source::text, is_estimated, is_skip, context_id",
            "listening_events",
        ):
            event = Event(tracks[track_id], played_at, ms, source, is_estimated, contexts.get(context_id))
            assert event.is_skip == is_skip, event
            found[event.track, event.played_at] = event
        artists = {
            artist_id: spotify_id or key(name)
            for artist_id, spotify_id, name in self.conn.execute("SELECT id, spotify_id, name FROM artists")
        }
        [totals] = self.conn.execute("SELECT total_play_count, total_listening_ms FROM users WHERE id = %s", [user_id])
        return Tables(
            events=found,
            track_months={
                (month, tracks[track_id]): TrackStats(*counts)
                for month, track_id, *counts in self._of(
                    user_id,
                    "month, track_id, play_count, total_ms, first_played_at, last_played_at",
                    "user_track_months",
                )
            },
            track_stats={
                tracks[track_id]: TrackStats(*counts)
                for track_id, *counts in self._of(
                    user_id, "track_id, play_count, total_ms, first_played_at, last_played_at", "user_track_stats"
                )
            },
            song_stats={
                songs[song_id]: TrackStats(*counts)
                for song_id, *counts in self._of(
                    user_id, "song_id, play_count, total_ms, first_played_at, last_played_at", "user_song_stats"
                )
            },
            artist_stats={
                artists[artist_id]: TrackStats(*counts)
                for artist_id, *counts in self._of(
                    user_id, "artist_id, play_count, total_ms, first_played_at, last_played_at", "user_artist_stats"
                )
            },
            year_top_tracks=self._year_top_tracks(user_id, tracks),
            year_top_songs=self._year_top_songs(user_id, songs),
            bucket_stats={
                (bucket_type, bucket_date): BucketStats(*counts)
                for bucket_type, bucket_date, *counts in self._of(
                    user_id,
                    "bucket_type::text, bucket_date, play_count, total_ms, unique_tracks",
                    "user_time_bucket_stats",
                )
            },
            hour_stats={
                hour: Totals(*counts)
                for hour, *counts in self._of(user_id, "hour, play_count, total_ms", "user_hour_stats")
            },
            totals=Totals(*totals),
            episode_events=self._episode_events(user_id, contexts),
            episode_bucket_stats={
                (Kind(kind), (bucket_type, bucket_date)): Totals(*counts)
                for kind, bucket_type, bucket_date, *counts in self._of(
                    user_id,
                    "kind::text, bucket_type::text, bucket_date, play_count, total_ms",
                    "user_episode_bucket_stats",
                )
            },
            episode_hour_stats={
                (Kind(kind), hour): Totals(*counts)
                for kind, hour, *counts in self._of(
                    user_id, "kind::text, hour, play_count, total_ms", "user_episode_hour_stats"
                )
            },
            album_stats=self._album_stats(user_id),
            weekday_hour_months=self._totals(user_id, "user_weekday_hour_months", "month", "weekday", "hour"),
            weekday_hour_stats=self._totals(user_id, "user_weekday_hour_stats", "weekday", "hour"),
            context_months=self._totals(user_id, "user_context_months", "month", "dimension::text", "value"),
            context_stats=self._totals(user_id, "user_context_stats", "dimension::text", "value"),
            as_spotify_counts={
                month: Streamed(Totals(*counts[:2]), Totals(*counts[2:4]), Totals(*counts[4:]))
                for month, *counts in self.conn.execute("SELECT * FROM as_spotify_counts(%s)", [user_id])
            },
        )

    def _totals(self, user_id: int, relation: str, *keys: str) -> dict[Any, Totals]:
        rows = self._of(user_id, ", ".join((*keys, "play_count", "total_ms")), relation)
        assert len({row[:-2] for row in rows}) == len(rows), f"{relation} has several rows of one grain"
        return {row[:-2]: Totals(*row[-2:]) for row in rows}

    def _album_stats(self, user_id: int) -> dict[AlbumKey | None, TrackStats]:
        artist_keys = {
            artist_key: key(name)
            for artist_key, name in self.conn.execute(
                "SELECT DISTINCT artist_key, artist_name FROM export_tracks WHERE artist_name IS NOT NULL"
            )
        }
        albums: dict[int, AlbumKey | None] = {
            album_id: spotify_id or (key(name), artist_keys[artist_key] if artist_key else None)
            for album_id, spotify_id, name, artist_key in self.conn.execute(
                "SELECT id, spotify_id, name, CASE WHEN spotify_id IS NULL THEN artist_key END FROM albums"
            )
        }
        columns = "album_id, play_count, total_ms, first_played_at, last_played_at"
        return {
            (albums | {0: None})[album_id]: TrackStats(*counts)
            for album_id, *counts in self._of(user_id, columns, "user_album_stats")
        }

    def _episode_events(self, user_id: int, contexts: Mapping[int, Context]) -> set[EpisodeEvent]:
        rows = self.conn.execute(
            "SELECT event.kind::text, e.kind::text, e.spotify_id, e.track_name, e.artist_name, e.album_name,"
            " played_at, ms_played, context_id"
            " FROM episode_events AS event JOIN export_tracks AS e ON e.id = export_track_id WHERE user_id = %s",
            [user_id],
        ).fetchall()
        found = {
            EpisodeEvent(
                Kind(kind),
                spotify_id or (Kind(of_names), *(name and key(name) for name in names)),
                (names[0] or "", names[1] or "", names[2] or ""),
                *(played_at, ms_played, contexts.get(context_id)),
            )
            for kind, of_names, spotify_id, *names, played_at, ms_played, context_id in rows
        }
        assert len(found) == len(rows)
        return found

    def _year_top_tracks(self, user_id: int, tracks: Mapping[int, TrackKey]) -> dict[int, TopTracks]:
        years: dict[int, dict[TrackKey, Totals]] = {}
        for year, track_id, *counts in self._of(
            user_id, "year, track_id, play_count, total_ms", "user_year_top_tracks"
        ):
            years.setdefault(year, {})[tracks[track_id]] = Totals(*counts)
        return {year: top_tracks(kept) for year, kept in years.items()}

    def _year_top_songs(self, user_id: int, songs: Mapping[int, Song]) -> dict[int, TopSongs]:
        """Of the most played songs all tracks are kept."""
        rows = self.conn.execute(
            "SELECT year, song_id, sum(play_count)::integer, sum(total_ms)::bigint FROM user_year_top_tracks"
            " JOIN tracks ON tracks.id = track_id WHERE user_id = %s GROUP BY year, song_id",
            [user_id],
        )
        years: dict[int, dict[Song, Totals]] = {}
        for year, song_id, *counts in rows:
            years.setdefault(year, {})[songs[song_id]] = Totals(*counts)
        return {year: top_songs(kept) for year, kept in years.items()}

    def identities(self, user_id: int) -> dict[EventKey, tuple[int, datetime]]:
        """Each event's id and created_at."""
        tracks = self.track_keys()
        return {
            (tracks[track_id], played_at): (event_id, created_at)
            for track_id, played_at, event_id, created_at in self._of(
                user_id, "track_id, played_at, id, created_at", "listening_events"
            )
        }

    def rows(self, user_id: int) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the user in every derived table, ids and times of creation too."""
        tables = (
            "listening_events",
            "episode_events",
            "user_track_months",
            "user_hour_months",
            "user_track_stats",
            "user_song_sums",
            "user_artist_stats",
            "user_album_stats",
            "user_month_edges",
            "user_year_top_tracks",
            "user_time_bucket_stats",
            "user_weekday_hour_stats",
            "user_hour_stats",
            "user_month_contexts",
            "user_context_stats",
            "invalidated_user_months",
        )
        return {table: sorted(self._of(user_id, "*", table), key=repr) for table in tables}

    def _of(self, user_id: int, columns: str, table: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE user_id = %s"
        return self.conn.execute(query.encode(), [user_id]).fetchall()


@contextmanager
def open_warehouse(url: str) -> Iterator[Warehouse]:
    with connect(url) as conn, connect(url) as status_conn:
        yield Warehouse(conn, status_conn)


def assert_ids_are_kept(
    before: dict[EventKey, tuple[int, datetime]],
    after: dict[EventKey, tuple[int, datetime]],
    upgrades: dict[EventKey, EventKey],
) -> None:
    """An event that stays keeps its id and created_at; so does a polled one that becomes an extended row's event. Of
    two that turn out to be one play, it is either."""
    claims: dict[EventKey, list[tuple[int, datetime]]] = {}
    for event, identity in before.items():
        if event in after:
            assert after[event] == identity, f"{event} was written anew"
        elif event in upgrades and upgrades[event] not in before:
            claims.setdefault(upgrades[event], []).append(identity)
    for event, identities in claims.items():
        assert after[event] in identities, f"{event} was written anew, and was known before"


def sha256_of(plays: Sequence[Play], salt: str = "") -> str:
    return hashlib.sha256((salt + repr(plays)).encode()).hexdigest()


def batches(plays: Sequence[Play], batch_rows: int) -> Iterator[Batch]:
    for start in range(0, max(len(plays), 1), batch_rows):
        some = list(plays[start : start + batch_rows])
        yield Batch(some, len(some), start + len(some), Counter(), 0, [])
