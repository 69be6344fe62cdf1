"""Rows of the extended streaming history, which Spotify sends on request: what the keys mean, and when a row is a play.

Spotify describes the keys in ReadMeFirst_ExtendedStreamingHistory.pdf, a file of the same ZIP. The keys differ by year,
so no key is required. Keys that identify a person (user name, IP address, user agent) are not decoded.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from myi_pipelines.sources.exports.batches import (
    BadRow,
    BatchBuilder,
    Member,
    note_text,
    plays_end,
    utc_instant,
    whole_ms,
)
from myi_pipelines.sources.exports.cleaning import CONTEXT_LIMIT, NAME_LIMIT, clean, is_clean
from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.plays import (
    EARLIEST,
    MALFORMED,
    MAX_MS_PLAYED,
    NOTHING,
    UNDATED,
    Context,
    Kind,
    Play,
    Track,
)

_TRACK_URI: Final = re.compile(r"spotify:track:([0-9A-Za-z]{22})")
_EPISODE_URI: Final = re.compile(r"spotify:episode:([0-9A-Za-z]{22})")
_LOCAL_URI: Final = "spotify:local:"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM: Final = 100_000_000_000  # seconds reach it in the year 5138, milliseconds did in 1973
_LONGEST_OFFLINE: Final = timedelta(days=30)
_SECOND: Final = timedelta(seconds=1)

_TRACK_CACHE_ENTRIES: Final = 16_384
_CONTEXT_CACHE_ENTRIES: Final = 8_192

_KnownTrack = tuple[str | None, str | None, str | None, Track]
"""The names in a row, and the track that these names and the row's URI give."""
_ContextKey = tuple[str | None, str | None, str | None, str | None, bool | None, bool | None, bool | None, bool | None]
"""A context with the values that are in a row."""


class ExtendedRow(msgspec.Struct, gc=False):
    """The keys that are read, in the order in which Spotify writes them. This order decodes fastest."""

    ts: datetime | None = None
    platform: str | None = None
    ms_played: int | None = None
    conn_country: str | None = None
    master_metadata_track_name: str | None = None
    master_metadata_album_artist_name: str | None = None
    master_metadata_album_album_name: str | None = None
    spotify_track_uri: str | None = None
    episode_name: str | None = None
    episode_show_name: str | None = None
    spotify_episode_uri: str | None = None
    audiobook_title: str | None = None
    audiobook_uri: str | None = None
    audiobook_chapter_uri: str | None = None
    audiobook_chapter_title: str | None = None
    reason_start: str | None = None
    reason_end: str | None = None
    shuffle: bool | None = None
    skipped: bool | None = None
    offline: bool | None = None
    offline_timestamp: int | float | None = None
    incognito_mode: bool | None = None


class ExtendedReader:
    """Add rows to a batch.

    Tracks and contexts repeat very often. `read` itself handles a row whose texts it has seen before and found clean.
    Every other row goes through `_play`, which checks all values and their types. The caches have a limit. What is not
    a track has a cache of its own, because most rows play tracks.
    """

    row_type = ExtendedRow

    def __init__(self, batch_builder: BatchBuilder) -> None:
        self._batch_builder = batch_builder
        self._end = plays_end()
        self._tracks: dict[str | None, _KnownTrack] = {}
        self._others: dict[tuple[str | None, ...], _KnownTrack] = {}
        self._contexts: dict[_ContextKey, Context] = {}

    def read(self, rows: Sequence[ExtendedRow], member: Member, first_row: int) -> None:
        """Add decoded rows. The first of them has the number `first_row` in its file."""
        self._limit_caches()
        batch_builder, plays, rows_before = self._batch_builder, self._batch_builder.plays, self._batch_builder.rows
        tracks, contexts, end, earliest, longest = self._tracks, self._contexts, self._end, EARLIEST, MAX_MS_PLAYED
        new_play = tuple.__new__  # takes half the time of Play(…)
        for row in rows:
            known = tracks.get(row.spotify_track_uri)
            if (
                known is None
                or known[0] != row.master_metadata_track_name
                or known[1] != row.master_metadata_album_artist_name
                or known[2] != row.master_metadata_album_album_name
            ):
                known = self._cache_track(row, member)
            key = (
                row.platform,
                row.conn_country,
                row.reason_start,
                row.reason_end,
                row.shuffle,
                row.skipped,
                row.offline,
                row.incognito_mode,
            )
            context = contexts.get(key)
            if context is None:
                context = self._cache_context(key)
            stopped_at = row.ts
            ms_played = row.ms_played
            if (
                known is None
                or context is None
                or stopped_at is None
                or stopped_at.tzinfo is not UTC
                or not earliest <= stopped_at < end
                or ms_played is None
                or not 0 <= ms_played <= longest
            ):
                self._add(row, member, first_row + batch_builder.rows - rows_before)
                continue
            offline_timestamp = row.offline_timestamp
            if offline_timestamp:
                played_at, elapsed_s = when_played(
                    stopped_at, ms_played, offline_timestamp, offline=row.offline is True
                )
            else:
                played_at, elapsed_s = stopped_at, UNDATED if row.offline else None
            plays.append(new_play(Play, (known[3], context, stopped_at, played_at, ms_played, elapsed_s)))

    def read_untyped(self, rows: Sequence[object], member: Member, first_row: int) -> None:
        """Add rows that are plain values of any type."""
        self._limit_caches()
        for number, row in enumerate(rows, first_row):
            if isinstance(row, dict):
                self._add(ExtendedRow(**{key: row[key] for key in _KEYS if key in row}), member, number)
            else:
                self._batch_builder.reject(BadRow(MALFORMED, "is not an object with keys"), member, number)

    def _limit_caches(self) -> None:
        for known in (self._tracks, self._others):
            if len(known) > _TRACK_CACHE_ENTRIES:
                known.clear()
        if len(self._contexts) > _CONTEXT_CACHE_ENTRIES:
            self._contexts.clear()

    def _cache_track(self, row: ExtendedRow, member: Member) -> _KnownTrack | None:
        """Add what a decoded row played to the cache. None when that is not known, or its names need cleaning."""
        uri = _TRACK_URI.fullmatch(row.spotify_track_uri or "")
        if uri is None:
            return self._cache_other(row, member)
        name = row.master_metadata_track_name
        artist = row.master_metadata_album_artist_name
        album = row.master_metadata_album_album_name
        if not is_clean(name, NAME_LIMIT) or not is_clean(artist, NAME_LIMIT) or not is_clean(album, NAME_LIMIT):
            return None
        known = name, artist, album, Track(uri[1], name or None, artist or None, album or None)
        self._tracks[uri[0]] = known
        return known

    def _cache_other(self, row: ExtendedRow, member: Member) -> _KnownTrack | None:
        """The same for a row without the URI of a track. Looks into the cache first: each such row comes here."""
        key = (
            member.label if member.is_video else None,
            row.spotify_track_uri,
            row.master_metadata_track_name,
            row.master_metadata_album_artist_name,
            row.master_metadata_album_album_name,
            row.episode_name,
            row.episode_show_name,
            row.spotify_episode_uri,
            row.audiobook_title,
            row.audiobook_uri,
            row.audiobook_chapter_uri,
            row.audiobook_chapter_title,
        )
        known = self._others.get(key)
        if known is None:
            try:
                content, is_unchanged = _content(row, member)
            except BadRow:
                return None
            if not is_unchanged:
                return None
            known = self._others[key] = (None, None, None, content)
        return known

    def _cache_context(self, key: _ContextKey) -> Context | None:
        """Add the context of a decoded row to the cache. None when its texts need cleaning."""
        if not all(is_clean(text, CONTEXT_LIMIT) for text in key[:4]):
            return None
        platform, country, reason_start, reason_end, *flags = key
        context = Context(platform or None, country or None, reason_start or None, reason_end or None, *flags)
        self._contexts[key] = context
        return context

    def _add(self, row: ExtendedRow, member: Member, number: int) -> None:
        try:
            play, is_unchanged = self._play(row, member)
        except BadRow as bad:
            self._batch_builder.reject(bad, member, number)
            return
        if not is_unchanged:
            self._batch_builder.clean(member, number)
        self._batch_builder.plays.append(play)

    def _play(self, row: ExtendedRow, member: Member) -> tuple[Play, bool]:
        """The play in a row, and whether nothing in it needed cleaning. Raises BadRow."""
        track, track_is_clean = _content(row, member)
        stopped_at = utc_instant("ts", row.ts, self._end)
        ms_played = whole_ms("ms_played", row.ms_played)
        context, context_is_clean = _context(row)
        offline_timestamp = (row.offline_timestamp or 0) if _is_number(row.offline_timestamp) else 0
        when = when_played(stopped_at, ms_played, offline_timestamp, offline=context.offline is True)
        return Play(track, context, stopped_at, when[0], ms_played, when[1]), track_is_clean and context_is_clean


_KEYS: Final = ExtendedRow.__struct_fields__
_TRACK_NAMES: Final = (
    "master_metadata_track_name",
    "master_metadata_album_artist_name",
    "master_metadata_album_album_name",
)
_EPISODE_NAMES: Final = ("episode_name", "episode_show_name", None)
_CHAPTER_NAMES: Final = ("audiobook_chapter_title", None, "audiobook_title")


def when_played(
    stopped_at: datetime, ms_played: int, offline_timestamp: float, *, offline: bool
) -> tuple[datetime, int | None]:
    """When a play ended, and the whole seconds from its true start to that end (None or `UNDATED` without one).

    `offline_timestamp` is the device's clock at the START of the play, in seconds or (in 2021) milliseconds; current
    exports have it for plays with a connection too. In some years it is meaningless. It is used when it lies before
    `ts`, by 30 days at most. Only whole seconds count, because an old export has milliseconds where a new one has
    seconds.

    A play with a connection ended at `ts`. It lasted longer than `ms_played` if it was paused. Spotify receives plays
    without a connection later, and their `ts` may be the time at which it received them: they ended `ms_played` after
    their start, or at `ts` if that would be earlier.

    >>> ended_at, elapsed_s = when_played(datetime(2023, 1, 30, 19, tzinfo=UTC), 60_000, 1675076400, offline=True)
    >>> ended_at.isoformat(), elapsed_s
    ('2023-01-30T11:01:00+00:00', 60)
    """
    scale = 1 if offline_timestamp >= _MILLISECONDS_FROM else 1_000
    unknown = stopped_at, UNDATED if offline else None
    if not 0 < offline_timestamp < 1_000 * _MILLISECONDS_FROM:
        return unknown
    started_at = _EPOCH + timedelta(seconds=int(offline_timestamp * scale) // 1_000)
    if not started_at < stopped_at <= started_at + _LONGEST_OFFLINE:
        return unknown
    if not offline:
        return stopped_at, (stopped_at - started_at) // _SECOND
    ended_at = started_at + timedelta(milliseconds=ms_played)
    if ended_at < EARLIEST:
        return unknown
    ended_at = min(ended_at, stopped_at)
    return ended_at, (ended_at - started_at) // _SECOND


def _content(row: ExtendedRow, member: Member) -> tuple[Track, bool]:
    """What a row played, and whether its names needed no cleaning. Raises BadRow."""
    uri: object = row.spotify_track_uri
    if isinstance(uri, str):
        if track := _TRACK_URI.fullmatch(uri):
            return _named(row, Kind.TRACK, track[1], _TRACK_NAMES)
        if uri.startswith(_LOCAL_URI):
            return _file(row, uri)
    if row.audiobook_uri or row.audiobook_title or row.audiobook_chapter_uri or row.audiobook_chapter_title:
        return _named(row, Kind.CHAPTER, _episode_id(row.audiobook_chapter_uri), _CHAPTER_NAMES)
    if row.spotify_episode_uri or row.episode_name or row.episode_show_name:
        return _named(row, Kind.EPISODE, _episode_id(row.spotify_episode_uri), _EPISODE_NAMES)
    if uri:
        # A URI of another kind may name a person, so the note does not contain it.
        what = note_text(uri) if isinstance(uri, str) and uri.startswith("spotify:track:") else "something else"
        raise BadRow(MALFORMED, f"spotify_track_uri is {what} (expected spotify:track: and 22 letters and digits)")
    if member.is_video:
        video, is_unchanged = _named(row, Kind.VIDEO, None, _TRACK_NAMES)
        return video._replace(kind=Kind.VIDEO), is_unchanged
    return _file(row, "")


def _episode_id(uri: object) -> str | None:
    """The id in the URI of an episode. Chapters of audiobooks have such URIs too."""
    episode = _EPISODE_URI.fullmatch(uri) if isinstance(uri, str) else None
    return episode and episode[1]


def _named(
    row: ExtendedRow, kind: Kind, spotify_id: str | None, keys: tuple[str | None, str | None, str | None]
) -> tuple[Track, bool]:
    """The content under these keys, and whether its names needed no cleaning. Raises BadRow.

    Without any name and id it is unidentified.
    """
    given = [None if key is None else getattr(row, key) for key in keys]
    for key, name in zip(keys, given, strict=True):
        if not isinstance(name, str | None):
            raise BadRow(MALFORMED, f"{key} is {note_text(name)} (expected a text)")
    name, artist, album = (clean(name or "", NAME_LIMIT) for name in given)
    is_unchanged = [name, artist, album] == [name or None for name in given]
    is_named = spotify_id or name or artist or album
    return Track(spotify_id, name, artist, album, kind) if is_named else NOTHING, is_unchanged


def _file(row: ExtendedRow, uri: str) -> tuple[Track, bool]:
    """The local file that a row played: a track without an id when it has a name and an artist, else unidentified.

    Where the row does not name it, its URI does: `spotify:local:ARTIST:ALBUM:TITLE:SECONDS`. Raises BadRow.
    """
    track, is_unchanged = _named(row, Kind.TRACK, None, _TRACK_NAMES)
    if track is NOTHING and uri.count(":") >= 4:
        artist, album, name = (clean(unquote_plus(text), NAME_LIMIT) for text in uri.split(":")[2:5])
        track = Track(None, name, artist, album)
    if not track.name or not track.artist:
        track = track._replace(kind=Kind.UNIDENTIFIED)
    return track, is_unchanged


def _context(row: ExtendedRow) -> tuple[Context, bool]:
    """The context of a row, and whether nothing in it needed cleaning.

    A value of the wrong type becomes None: it must not cost the play.
    """
    texts = row.platform, row.conn_country, row.reason_start, row.reason_end
    flags = row.shuffle, row.skipped, row.offline, row.incognito_mode
    platform, country, reason_start, reason_end = (
        clean(text, CONTEXT_LIMIT) if isinstance(text, str) else None for text in texts
    )
    shuffle, skipped, offline, incognito = (flag if isinstance(flag, bool) else None for flag in flags)
    context = Context(platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)
    given = *(text or None for text in texts), *flags
    return context, all(type(kept) is type(value) and kept == value for kept, value in zip(context, given, strict=True))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TIMES: Final = frozenset({"ts", "ms_played"})
_ROW_KEYS: Final = _TIMES | {"spotify_track_uri", "master_metadata_track_name", "conn_country"}

EXTENDED: Final = HistoryFormat(
    "extended",
    "Spotify",
    ExtendedReader,
    lambda keys: bool(keys & _TIMES and len(keys & _ROW_KEYS) > 1),
    re.compile(rb'"ts"\s*:\s*"(2\d{3}-(?:0[1-9]|1[0-2])-\d\d)'),
)
