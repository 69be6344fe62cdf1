"""Rows of the streaming history in the account data: the last year only, with names and minutes but no ids.

That of before December 2018 had the second of each play, the names of all artists, and no length.

The keys are described at https://support.spotify.com/article/understanding-my-data/ ("Streaming history").
"""

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
from myi_pipelines.sources.exports.plays import AUDIOBOOK, MALFORMED, PODCAST, VIDEO, Play, Track

_CACHE_ENTRIES: Final = 16_384


class AccountRow(msgspec.Struct, gc=False, rename="camel"):
    """The keys that are read, in the order in which Spotify writes them."""

    end_time: str | None = None
    artist_name: str | None = None
    track_name: str | None = None
    podcast_name: str | None = None
    episode_name: str | None = None
    author_name: str | None = None
    audiobook_name: str | None = None
    ms_played: int | None = None
    time: str | None = None
    """Of before December 2018, in place of `endTime` and `msPlayed`, with seconds."""


class AccountReader:
    """Add rows to a batch. Caches the tracks and minutes that it has seen, up to a limit."""

    def __init__(self, batch_builder: BatchBuilder) -> None:
        self._batch_builder = batch_builder
        self._end = plays_end()
        self._tracks: dict[tuple[str | None, str | None], Track] = {}
        self._minutes: dict[str, datetime] = {}
        self.decode = msgspec.json.Decoder(list[AccountRow]).decode

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
        """The track that a row played, and whether its names needed no cleaning. Raises BadRow."""
        names = row.track_name, row.artist_name
        for key, name in zip(("trackName", "artistName"), names, strict=True):
            if not isinstance(name, str | None):
                raise BadRow(MALFORMED, f"{key} is {note_text(name)} (expected a text)")
        track = self._tracks.get(names)
        if track is not None:
            return track, True
        name, artist = (clean(name or "", NAME_LIMIT) for name in names)
        if not name:
            raise _other_content(row, member)
        track = Track(None, name, artist, None)
        is_unchanged = all(is_clean(text, NAME_LIMIT) for text in names)
        if is_unchanged:
            self._tracks[names] = track
        return track, is_unchanged


_KEYS: Final = {field.name: field.encode_name for field in msgspec.structs.fields(AccountRow)}


def _other_content(row: AccountRow, member: Member) -> BadRow:
    """Why a row without the name of a track is not a play."""
    if row.podcast_name or row.episode_name:
        return BadRow(PODCAST)
    if row.audiobook_name or row.author_name:
        return BadRow(AUDIOBOOK)
    if member.is_video:
        return BadRow(VIDEO)
    return BadRow(MALFORMED, f"trackName is {note_text(row.track_name)} (expected a name)")
