"""Plays as the rows of a binary COPY, with numbers in place of names and contexts. Packing needs no database.

The layout is that of `COPY … (FORMAT binary)` into the tables of ``landing/staging.sql``; see "Binary Format" in
PostgreSQL's documentation of COPY.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import NamedTuple, Protocol

COPY_PLAYS = (
    "COPY staged_plays (track_no, context_no, stopped_at, played_at, ms_played, elapsed_s, month)"
    " FROM STDIN (FORMAT binary)"
)
COPY_TRACKS = (
    "COPY staged_tracks (track_no, spotify_id, track_name, artist_name, album_name, kind) FROM STDIN (FORMAT binary)"
)
COPY_CONTEXTS = (
    "COPY staged_contexts (context_no, platform, country, reason_start, reason_end, shuffle, skipped, offline,"
    " incognito) FROM STDIN (FORMAT binary)"
)
COPY_BEGINS = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_ENDS = b"\xff\xff"

REMEMBERED_AT_MOST = 20_000
"""Distinct names whose numbers a packer remembers before it starts over. The limit keeps memory flat."""

_PLAY = Struct("!h ii ii iq iq ii ii ii").pack
"""The number of fields, then length and value of each: track, context, both instants, milliseconds, seconds from start
to end, month."""
_PLAY_WITHOUT_START = Struct("!h ii ii iq iq ii i ii").pack
_NUMBERED = Struct("!h ii").pack
"""The number of fields, then length and value of the number that stands for the names."""
_LENGTH = Struct("!i").pack
_PLAY_WITHOUT_CONTEXT = Struct("!h ii i iq iq ii i ii").pack
_PLAY_WITHOUT_LENGTH = Struct("!h ii i iq iq i i ii").pack
_SUBMITTED = Struct("!h ii i iq iq ii ii ii").pack
_SUBMITTED_WITHOUT_LENGTH = Struct("!h ii i iq iq i ii ii").pack
_NULL = -1
_NULL_FIELD = _LENGTH(_NULL)
_FALSE, _TRUE = (_LENGTH(1) + bytes([value]) for value in (0, 1))

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND

TrackNames = tuple[str | None, str | None, str | None, str | None, str]
PlayContext = tuple[str | None, str | None, str | None, str | None, bool | None, bool | None, bool | None, bool | None]


class PlayBatch(Protocol):
    """Some rows of an upload that were read. The fields of a play are those of `sources.exports.Play`."""

    @property
    def plays(self) -> Sequence[tuple[TrackNames, PlayContext | None, datetime, datetime, int | None, int | None]]: ...
    @property
    def rows(self) -> int: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def rejected(self) -> Mapping[str, int]: ...
    @property
    def cleaned(self) -> int: ...
    @property
    def notes(self) -> Sequence[str]: ...


class PackedBatch(NamedTuple):
    """Some rows of an upload, ready to be staged."""

    copied: bytes
    """Rows for COPY_PLAYS, between COPY_BEGINS and COPY_ENDS."""
    tracks: bytes
    """Rows for COPY_TRACKS: numbers used for the first time, with the names. Equal names may have several numbers."""
    contexts: bytes
    """Rows for COPY_CONTEXTS, likewise."""
    names: int
    """The number of rows in ``tracks`` and ``contexts``."""
    plays: int
    months: set[date]
    """The UTC months in which the plays ended."""
    rows: int
    """Rows of the upload, including those that are not plays."""
    bytes_read: int
    """Bytes of the whole upload that were read so far."""
    rejected: Mapping[str, int]
    """Rows that make no listening event, by reason. Rows that are ``too_short`` are plays, too."""
    cleaned: int
    notes: Sequence[str]


class Packer:
    """Packs the batches of an upload. Two packers of one upload must not use the same numbers."""

    def __init__(self, min_play_ms: int, *, first_number: int = 0) -> None:
        self._min_play_ms = min_play_ms
        self._tracks: dict[TrackNames, int] = {}
        self._contexts: dict[PlayContext, int] = {}
        self._months: dict[int, int] = {}
        self._next_track = self._next_context = first_number

    def pack(self, batch: PlayBatch) -> PackedBatch:
        """Encode a batch. This loop handles each play of an import, so it avoids calls and attribute lookups."""
        new_tracks, new_contexts = bytearray(), bytearray()
        first_numbers = self._next_track + self._next_context
        tracks, contexts, min_play_ms, too_short = self._tracks, self._contexts, self._min_play_ms, 0
        copied, months = bytearray(), self._months
        seen: set[int] = set()
        for track, context, stopped_at, played_at, ms_played, elapsed_s in batch.plays:
            track_no = tracks.get(track)
            if track_no is None:
                track_no = tracks[track] = self._next_track
                self._next_track += 1
                new_tracks += _row(track_no, track)
            stopped = (stopped_at - _EPOCH) // _MICROSECOND
            played = stopped if played_at is stopped_at else (played_at - _EPOCH) // _MICROSECOND
            day = played // _DAY
            month = months.get(day)
            if month is None:
                month = months[day] = _month_of(day)
            seen.add(month)
            if ms_played is None:
                if elapsed_s is None:
                    copied += _PLAY_WITHOUT_LENGTH(7, 4, track_no, _NULL, 8, stopped, 8, played, _NULL, _NULL, 4, month)
                else:
                    copied += _SUBMITTED_WITHOUT_LENGTH(
                        7, 4, track_no, _NULL, 8, stopped, 8, played, _NULL, 4, elapsed_s, 4, month
                    )
                continue
            if ms_played < min_play_ms:
                too_short += 1
            if context is None:
                if elapsed_s is None:
                    copied += _PLAY_WITHOUT_CONTEXT(
                        7, 4, track_no, _NULL, 8, stopped, 8, played, 4, ms_played, _NULL, 4, month
                    )
                else:
                    copied += _SUBMITTED(
                        7, 4, track_no, _NULL, 8, stopped, 8, played, 4, ms_played, 4, elapsed_s, 4, month
                    )
                continue
            context_no = contexts.get(context)
            if context_no is None:
                context_no = contexts[context] = self._next_context
                self._next_context += 1
                new_contexts += _row(context_no, context)
            if elapsed_s is None:
                copied += _PLAY_WITHOUT_START(
                    7, 4, track_no, 4, context_no, 8, stopped, 8, played, 4, ms_played, _NULL, 4, month
                )
            else:
                copied += _PLAY(
                    7, 4, track_no, 4, context_no, 8, stopped, 8, played, 4, ms_played, 4, elapsed_s, 4, month
                )
        if len(tracks) > REMEMBERED_AT_MOST:
            tracks.clear()
        if len(contexts) > REMEMBERED_AT_MOST:
            contexts.clear()
        return PackedBatch(
            copied=bytes(copied),
            tracks=bytes(new_tracks),
            contexts=bytes(new_contexts),
            names=self._next_track + self._next_context - first_numbers,
            plays=len(batch.plays),
            months={_EPOCH.date() + timedelta(days=month) for month in seen},
            rows=batch.rows,
            bytes_read=batch.bytes_read,
            rejected={**batch.rejected, "too_short": too_short} if too_short else batch.rejected,
            cleaned=batch.cleaned,
            notes=batch.notes,
        )


def _row(number: int, values: TrackNames | PlayContext) -> bytes:
    """A row of names or a context, with the number that stands for it."""
    fields = [_NUMBERED(1 + len(values), 4, number)]
    for value in values:
        if value is None:
            fields.append(_NULL_FIELD)
        elif isinstance(value, bool):
            fields.append(_TRUE if value else _FALSE)
        else:
            text = value.encode()
            fields += (_LENGTH(len(text)), text)
    return b"".join(fields)


def _month_of(day: int) -> int:
    """The first day of a day's month, both counted from 2000-01-01."""
    date = _EPOCH + timedelta(days=day)
    return day - date.day + 1
