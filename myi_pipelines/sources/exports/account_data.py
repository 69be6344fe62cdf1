"""Rows of the streaming history in the account data: the last year only, with names and minutes but no ids.

That of before December 2018 had the second of each play, the names of all artists, and no length.

The keys are described at https://support.spotify.com/article/understanding-my-data/ ("Streaming history").
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

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
from myi_pipelines.sources.exports.cleaning import NAME_LIMIT, clean, is_clean
from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.plays import MALFORMED, NOTHING, Kind, Play, Track

_CACHE_ENTRIES: Final = 16_384

_PLACEHOLDERS: Final = frozenset(
    {
        ("Unknown Track", "Unknown Artist", None),
        (None, "Unknown Author", "Unknown Book"),
        ("Unknown Chapter", "Unknown Author", "Unknown Book"),
    }
)
"""The names of a track or a chapter that Spotify writes where it knows none."""


class AccountRow(msgspec.Struct, gc=False, rename="camel"):
    """The keys that are read, in the order in which Spotify writes them."""

    end_time: str | None = None
    artist_name: str | None = None
    track_name: str | None = None
    podcast_name: str | None = None
    episode_name: str | None = None
    author_name: str | None = None
    audiobook_name: str | None = None
    chapter_name: str | None = None
    ms_played: int | None = None
    time: str | None = None
    """Of before December 2018, in place of `endTime` and `msPlayed`, with seconds."""


class AccountReader:
    """Add rows to a batch. Caches the tracks and minutes that it has seen, up to a limit."""

    row_type = AccountRow

    def __init__(self, batch_builder: BatchBuilder) -> None:
        self._batch_builder = batch_builder
        self._end = plays_end()
        self._tracks: dict[tuple[str, str], Track] = {}
        self._minutes: dict[str, datetime] = {}

    def read(self, rows: Sequence[AccountRow], member: Member, first_row: int) -> None:
        """Add decoded rows. The first of them has the number `first_row` in its file."""
        if len(self._tracks) > _CACHE_ENTRIES:
            self._tracks.clear()
        if len(self._minutes) > _CACHE_ENTRIES:
            self._minutes.clear()
        for number, row in enumerate(rows, first_row):
            try:
                track, is_unchanged = self._track(row, member)
                if row.time is not None and row.end_time is None and row.ms_played is None:
                    stopped_at, ms_played = utc_instant("time", row.time, self._end), None
                else:
                    stopped_at, ms_played = self._minute(row.end_time), whole_ms("msPlayed", row.ms_played)
            except BadRow as bad:
                self._batch_builder.reject(bad, member, number)
                continue
            if not is_unchanged:
                self._batch_builder.clean(member, number)
            self._batch_builder.plays.append(Play(track, None, stopped_at, stopped_at, ms_played))

    def read_untyped(self, rows: Sequence[object], member: Member, first_row: int) -> None:
        """Add rows that are plain values of any type."""
        for number, row in enumerate(rows, first_row):
            if isinstance(row, dict):
                known = {field: row[key] for field, key in _KEYS.items() if key in row}
                self.read([AccountRow(**known)], member, number)
            else:
                self._batch_builder.reject(BadRow(MALFORMED, "is not an object with keys"), member, number)

    def _minute(self, end_time: object) -> datetime:
        """The minute in which a play ended. Raises BadRow.

        `endTime` has no seconds and no time zone. Spotify documents it as UTC.
        """
        if not isinstance(end_time, str):
            return utc_instant("endTime", end_time, self._end)
        minute = self._minutes.get(end_time)
        if minute is None:
            minute = utc_instant("endTime", end_time, self._end).replace(second=0, microsecond=0)
            self._minutes[end_time] = minute
        return minute

    def _track(self, row: AccountRow, member: Member) -> tuple[Track, bool]:
        """What a row played, and whether its names needed no cleaning. Raises BadRow."""
        known = row.track_name, row.artist_name
        if isinstance(known[0], str) and isinstance(known[1], str):
            track = self._tracks.get((known[0], known[1]))
            if track is not None:
                return track, True
        track, is_unchanged = _content(row, member)
        if is_unchanged and known[0] and known[1]:
            self._tracks[known[0], known[1]] = track
        return track, is_unchanged


_KEYS: Final = {field.name: field.encode_name for field in msgspec.structs.fields(AccountRow)}
_TRACK_NAMES: Final = ("track_name", "artist_name", None)
_EPISODE_NAMES: Final = ("episode_name", "podcast_name", None)
_CHAPTER_NAMES: Final = ("chapter_name", "author_name", "audiobook_name")


def _content(row: AccountRow, member: Member) -> tuple[Track, bool]:
    """What a row played, and whether its names needed no cleaning. Raises BadRow."""
    kind: Kind = Kind.TRACK
    keys: tuple[str, str, str | None] = _TRACK_NAMES
    if not row.track_name and (row.podcast_name or row.episode_name):
        kind, keys = Kind.EPISODE, _EPISODE_NAMES
    elif not row.track_name and (row.audiobook_name or row.author_name or row.chapter_name):
        kind, keys = Kind.CHAPTER, _CHAPTER_NAMES
    given = [None if key is None else getattr(row, key) for key in keys]
    for key, name in zip(keys, given, strict=True):
        if key is not None and not isinstance(name, str | None):
            raise BadRow(MALFORMED, f"{_KEYS[key]} is {note_text(name)} (expected a text)")
    is_unchanged = all(is_clean(text, NAME_LIMIT) for text in given)
    name, artist, album = (clean(text or "", NAME_LIMIT) for text in given)
    is_nameless = not (name or artist or album or (kind is Kind.TRACK and member.is_video))
    if is_nameless or (name, artist, album) in _PLACEHOLDERS:
        return NOTHING, is_unchanged
    if kind is Kind.TRACK and not name and member.is_video:
        kind = Kind.VIDEO
    elif kind is Kind.TRACK and not (name and artist):
        kind = Kind.UNIDENTIFIED
    return Track(None, name, artist, album, kind), is_unchanged


_TIMES: Final = frozenset({"endTime", "msPlayed"})
_ROW_KEYS: Final = _TIMES | {"trackName", "artistName", "podcastName", "episodeName", "audiobookName"}
_OLD_ROW_KEYS: Final = frozenset({"trackName", "artistName", "time"})
"""Of before December 2018."""

ACCOUNT: Final = HistoryFormat(
    "account",
    "Spotify",
    AccountReader,
    lambda keys: bool(keys & _TIMES and len(keys & _ROW_KEYS) > 1) or keys >= _OLD_ROW_KEYS,
    re.compile(rb'"(?:endTime|time)"\s*:\s*"(2\d{3}-(?:0[1-9]|1[0-2])-\d\d)'),
)
