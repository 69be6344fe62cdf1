"""Rows of MYI's own history, ``history.parquet`` of `myi export`: each play as it landed, by its source. Reading them
lands the same plays again.

The columns are those of ``sql/personal_data/history.sql``. Instants are numbers of microseconds since 1970.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from myi_pipelines.sources.exports.batches import BadRow, BatchBuilder, Member, note_text, plays_end, whole_ms
from myi_pipelines.sources.exports.cleaning import CONTEXT_LIMIT, NAME_LIMIT, clean
from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.plays import (
    BAD_TIMESTAMP,
    EARLIEST,
    EARLIEST_SUBMITTED,
    FUTURE,
    MALFORMED,
    NOTHING,
    UNDATED,
    Context,
    Kind,
    Play,
    Track,
)

EXTENDED: Final = "extended"
"""Told by the extended streaming history."""
ACCOUNT: Final = "account"
"""Told by account data."""
SUBMITTED: Final = "submitted"
"""Told by a program, or by a file of another service."""
POLLED: Final = "polled"
"""Told by Spotify's list of recent plays."""
SOURCES: Final = (EXTENDED, ACCOUNT, SUBMITTED, POLLED)

_SPOTIFY_ID: Final = re.compile(r"[0-9A-Za-z]{22}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FARTHEST: Final = timedelta(days=31)
"""An offline play may be uploaded 30 days after it ended."""
_CACHE_ENTRIES: Final = 16_384


class HistoryRow(msgspec.Struct, gc=False):
    """The columns, in their order."""

    told_by: str | None = None
    played_at: int | None = None
    stopped_at: int | None = None
    ms_played: int | None = None
    elapsed_s: int | None = None
    kind: str | None = None
    spotify_id: str | None = None
    track_name: str | None = None
    artist_name: str | None = None
    album_name: str | None = None
    platform: str | None = None
    country: str | None = None
    reason_start: str | None = None
    reason_end: str | None = None
    shuffle: bool | None = None
    skipped: bool | None = None
    offline: bool | None = None
    incognito: bool | None = None


COLUMNS: Final = HistoryRow.__struct_fields__
INSTANTS: Final = ("played_at", "stopped_at")
NEEDED: Final = frozenset({"told_by", "played_at", "ms_played", "elapsed_s", "kind"})
"""The columns without which a table is no history of MYI."""

_Names = tuple[str | None, str | None, str | None, str | None, str | None]


class HistoryReader:
    """Adds rows to a batch. Caches the tracks and contexts that it has seen, up to a limit."""

    row_type = HistoryRow

    def __init__(self, batch_builder: BatchBuilder) -> None:
        self._batch_builder = batch_builder
        self._end = plays_end()
        self._tracks: dict[_Names, Track] = {}
        self._contexts: dict[tuple[object, object], Context] = {}

    def read(self, rows: Sequence[HistoryRow], member: Member, first_row: int) -> None:
        """Add decoded rows. The first of them has the number `first_row` in its file."""
        for cache in (self._tracks, self._contexts):
            if len(cache) > _CACHE_ENTRIES:
                cache.clear()
        for number, row in enumerate(rows, first_row):
            try:
                self._batch_builder.plays.append(self._play(row, member, number))
            except BadRow as bad:
                self._batch_builder.reject(bad, member, number)

    def read_untyped(self, rows: Sequence[object], member: Member, first_row: int) -> None:
        """Add rows that are plain values of any type, or a BadRow in the place of one."""
        for number, row in enumerate(rows, first_row):
            try:
                if isinstance(row, BadRow):
                    raise row
                self.read([msgspec.convert(row, HistoryRow)], member, number)
            except BadRow as bad:
                self._batch_builder.reject(bad, member, number)
            except (ValueError, RecursionError):
                self._batch_builder.reject(BadRow(MALFORMED, "is not a row of its format"), member, number)

    def _play(self, row: HistoryRow, member: Member, number: int) -> Play:
        """Raises BadRow."""
        told_by = row.told_by
        if told_by not in SOURCES:
            raise BadRow(MALFORMED, f"told_by is {note_text(told_by)} (expected {', '.join(SOURCES)})")
        earliest = EARLIEST_SUBMITTED if told_by == SUBMITTED else EARLIEST
        played_at = self._instant("played_at", row.played_at, earliest)
        stopped_at = played_at
        if row.stopped_at is not None and row.stopped_at != row.played_at:
            stopped_at = self._instant("stopped_at", row.stopped_at, earliest)
        if abs(stopped_at - played_at) > _FARTHEST:
            raise BadRow(MALFORMED, "stopped_at lies more than 31 days from played_at")
        ms_played = None if row.ms_played is None and told_by in (ACCOUNT, SUBMITTED) else _ms_played(row)
        elapsed_s = _elapsed_s(row, told_by, played_at, stopped_at)
        track, is_unchanged = self._track(row)
        _require_fitting(track, told_by)
        context = None
        if told_by == EXTENDED:
            context, is_clean = self._context(row)
            is_unchanged = is_unchanged and is_clean
        if not is_unchanged:
            self._batch_builder.clean(member, number)
        return Play(track, context, stopped_at, played_at, ms_played, elapsed_s)

    def _instant(self, key: str, microseconds: int | None, earliest: datetime) -> datetime:
        """Raises BadRow."""
        try:
            instant = None if microseconds is None else _EPOCH + microseconds * _MICROSECOND
        except OverflowError:
            instant = None
        if instant is None:
            raise BadRow(BAD_TIMESTAMP, f"{key} is {note_text(microseconds)} (expected a time)")
        if not earliest <= instant < self._end:
            reason = BAD_TIMESTAMP if instant < earliest else FUTURE
            raise BadRow(reason, f"{key} is {note_text(instant)} (expected {earliest:%Y-%m-%d} to tomorrow)")
        return instant

    def _track(self, row: HistoryRow) -> tuple[Track, bool]:
        """What a row played, and whether its names needed no cleaning. Raises BadRow."""
        key = row.kind, row.spotify_id, row.track_name, row.artist_name, row.album_name
        if known := self._tracks.get(key):
            return known, True
        try:
            kind = Kind(row.kind or "")
        except ValueError:
            raise BadRow(MALFORMED, f"kind is {note_text(row.kind)} (expected {', '.join(Kind)})") from None
        if row.spotify_id is not None and not _SPOTIFY_ID.fullmatch(row.spotify_id):
            raise BadRow(MALFORMED, f"spotify_id is {note_text(row.spotify_id)} (expected 22 letters and digits)")
        name, artist, album = (clean(text or "", NAME_LIMIT) for text in key[2:])
        track = Track(row.spotify_id, name, artist, album, kind)
        if kind is Kind.TRACK and not row.spotify_id and not (track.name and track.artist):
            raise BadRow(MALFORMED, f"the name of {'the artist' if track.name else 'the track'} is missing")
        if kind in (Kind.EPISODE, Kind.CHAPTER) and not any(track[:4]):
            track = NOTHING
        is_unchanged = (name, artist, album) == key[2:]
        if is_unchanged:
            self._tracks[key] = track
        return track, is_unchanged

    def _context(self, row: HistoryRow) -> tuple[Context, bool]:
        """How a play was heard, and whether nothing in that needed cleaning."""
        texts = row.platform, row.country, row.reason_start, row.reason_end
        flags = row.shuffle, row.skipped, row.offline, row.incognito
        if known := self._contexts.get((texts, flags)):
            return known, True
        platform, country, reason_start, reason_end = (text and clean(text, CONTEXT_LIMIT) for text in texts)
        context = Context(platform, country, reason_start, reason_end, *flags)
        is_unchanged = context[:4] == texts
        if is_unchanged:
            self._contexts[texts, flags] = context
        return context, is_unchanged


def _ms_played(row: HistoryRow) -> int:
    """Raises BadRow."""
    ms_played = whole_ms("ms_played", row.ms_played)
    if not ms_played and row.told_by == POLLED:
        raise BadRow(MALFORMED, "ms_played is 0, but of a polled play the length of the track")
    return ms_played


def _elapsed_s(row: HistoryRow, told_by: str, played_at: datetime, stopped_at: datetime) -> int | None:
    """The seconds from the start of a play to its end, as its source tells them. Raises BadRow."""
    elapsed_s = row.elapsed_s
    if told_by == SUBMITTED:
        is_right = elapsed_s == (played_at - stopped_at) / timedelta(seconds=1)
    elif told_by == EXTENDED:
        is_right = elapsed_s is None or -1 <= elapsed_s <= _FARTHEST // timedelta(seconds=1)
    else:
        is_right = stopped_at == played_at and elapsed_s == (UNDATED if told_by == POLLED else None)
    if not is_right:
        raise BadRow(MALFORMED, f"elapsed_s is {note_text(elapsed_s)}, which is not possible with its times")
    return elapsed_s


def _require_fitting(track: Track, told_by: str) -> None:
    """Raises BadRow for content that its source does not tell."""
    if told_by in (SUBMITTED, POLLED) and track.kind is not Kind.TRACK:
        raise BadRow(MALFORMED, f"kind is {track.kind}, but told_by is {told_by}")
    if told_by == POLLED and not track.spotify_id:
        raise BadRow(MALFORMED, "spotify_id is missing, but told_by is polled")


MYI: Final = HistoryFormat("myi", "MYI", HistoryReader, lambda keys: keys >= NEEDED)
