"""Plays as other services tell them: by their start, by names, often without a length. What all such formats share.

A service's module says what the keys of its rows mean, as a function from a row to a `Listen`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from myi_pipelines.sources.exports.batches import BadRow, BatchBuilder, Member, note_text, plays_end
from myi_pipelines.sources.exports.cleaning import NAME_LIMIT, clean, is_clean, is_undecoded
from myi_pipelines.sources.exports.plays import (
    BAD_TIMESTAMP,
    EARLIEST_SUBMITTED,
    FUTURE,
    MALFORMED,
    MAX_MS_PLAYED,
    Play,
    Track,
    submitted_play,
)

Number = int | float | str | None
"""A number as services write it; some put it into quotation marks."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM: Final = 100_000_000_000  # seconds reach it in the year 5138, milliseconds did in 1973
_MILLISECOND: Final = timedelta(milliseconds=1)
_YEAR: Final = timedelta(days=366)
_LATEST: Final = 253_402_214_400_000
"""The last day of the year 9999, in milliseconds: the last one that Python knows."""
_MOST_DIGITS: Final = 20
_CACHE_ENTRIES: Final = 16_384


class Listen(NamedTuple):
    """What a row tells of a play. Texts are as they are in the row."""

    stated_at: datetime
    """The start of the play; its end if `is_end`."""
    name: str | None
    artist: str | None
    album: str | None
    spotify_id: str | None = None
    heard_ms: int | None = None
    """How long it was heard."""
    length_ms: int | None = None
    """How long the track is."""
    is_end: bool = False


class ListenReader:
    """Adds the rows of a service to a batch. Caches the tracks that it has seen, up to a limit."""

    def __init__(
        self,
        batch_builder: BatchBuilder,
        row_type: Any,
        listen_of: Callable[[Any], Listen],
        mended: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        """``mended``: a row that is not of the type, without what must not cost the play."""
        self.row_type = row_type
        self._mended = mended
        self._batch_builder = batch_builder
        self._listen_of = listen_of
        self._end = plays_end()
        self._tracks: dict[tuple[str | None, ...], Track] = {}

    def read(self, rows: Sequence[Any], member: Member, first_row: int) -> None:
        """Add decoded rows. The first of them has the number `first_row` in its file."""
        if len(self._tracks) > _CACHE_ENTRIES:
            self._tracks.clear()
        plays, tracks = self._batch_builder.plays, self._tracks
        for number, row in enumerate(rows, first_row):
            try:
                listen = self._listen_of(row)
                track = tracks.get(listen[1:5])
                if track is None:
                    track = self._track(listen, member, number)
                plays.append(self._play(listen, track))
            except BadRow as bad:
                self._batch_builder.reject(bad, member, number)

    def read_untyped(self, rows: Sequence[object], member: Member, first_row: int) -> None:
        """Add rows that are plain values of any type, among them perhaps such that were decoded, or a BadRow."""
        for number, row in enumerate(rows, first_row):
            try:
                self.read([self._typed(row)], member, number)
            except BadRow as bad:
                self._batch_builder.reject(bad, member, number)

    def _typed(self, row: object) -> Any:
        """A row as its format says. Raises BadRow."""
        if isinstance(row, self.row_type):
            return row
        if isinstance(row, BadRow):
            raise row
        if not isinstance(row, dict):
            raise BadRow(MALFORMED, "is not an object with keys")
        try:
            return msgspec.convert(self._mended(row), self.row_type)
        except (ValueError, RecursionError) as error:
            raise BadRow(MALFORMED, f"is not a row of its format: {_one_line(error)}") from None

    def _track(self, listen: Listen, member: Member, number: int) -> Track:
        """The track of a row whose texts are new, or need cleaning. Raises BadRow."""
        texts = listen.name, listen.artist, listen.album
        name, artist, album = (clean(text or "", NAME_LIMIT) for text in texts)
        if not listen.spotify_id and not (name and artist):
            what = "the track" if not name else "the artist"
            raise BadRow(MALFORMED, f"the name of {what} is missing")
        track = Track(listen.spotify_id, name, artist, album)
        if all(is_clean(text, NAME_LIMIT) for text in texts):
            self._tracks[listen[1:5]] = track
        else:
            if any(map(is_undecoded, texts)):
                self._batch_builder.note_encoding(member)
            self._batch_builder.clean(member, number)
        return track

    def _play(self, listen: Listen, track: Track) -> Play:
        """Raises BadRow for one that is too early or too late."""
        if not EARLIEST_SUBMITTED <= listen.stated_at < self._end:
            raise _out_of_range(listen.stated_at)  # before a length is added, which no date may have room for
        heard_ms = listen.heard_ms
        elapsed_s = (heard_ms or listen.length_ms or 0) // 1_000
        if listen.is_end:
            listened_at = listen.stated_at - timedelta(seconds=elapsed_s)
        else:
            listened_at = listen.stated_at.replace(microsecond=0) if listen.stated_at.microsecond else listen.stated_at
        play = submitted_play(track, listened_at, elapsed_s, heard_ms)
        if listened_at < EARLIEST_SUBMITTED or play.played_at >= self._end:
            raise _out_of_range(listen.stated_at)
        return play


def instant(key: str, number: Number) -> datetime:
    """The time that a number of seconds, or milliseconds, since 1970 stands for. Raises BadRow."""
    value = _number(number)
    if value is not None and 0 <= value < _MILLISECONDS_FROM:
        return datetime.fromtimestamp(value, UTC)
    milliseconds = None if value is None else int(value if value >= _MILLISECONDS_FROM else value * 1_000)
    if milliseconds is None or not -_LATEST <= milliseconds < _LATEST:
        raise BadRow(BAD_TIMESTAMP, f"{key} is {note_text(number)} (expected a number of seconds since 1970)")
    return _EPOCH + milliseconds * _MILLISECOND


def length_ms(number: Number, unit_ms: int = 1) -> int | None:
    """A length in milliseconds, of a number of units. None for what cannot be one: it must not cost the play."""
    value = None if number is None else _number(number)
    if value is None or not 0 < value * unit_ms <= MAX_MS_PLAYED:
        return None
    return int(value * unit_ms) or None


def _number(number: Number) -> float | None:
    if isinstance(number, str):
        if number.isdecimal() and len(number) < _MOST_DIGITS:
            return int(number)
        try:
            number = float(number) if number.strip() else None
        except ValueError:
            return None
    if number is None or isinstance(number, bool) or number != number or abs(number) == float("inf"):
        return None
    return number


def _out_of_range(stated_at: datetime) -> BadRow:
    shown = stated_at.strftime("%Y-%m-%d %H:%M")
    if abs(stated_at - _EPOCH) < _YEAR:
        return BadRow(BAD_TIMESTAMP, f"its time is {shown}, which services write where they do not know it")
    expected = f"(expected {EARLIEST_SUBMITTED:%Y-%m-%d} to tomorrow)"
    return BadRow(BAD_TIMESTAMP if stated_at < EARLIEST_SUBMITTED else FUTURE, f"its time is {shown} {expected}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
