"""Scrobbles of Last.fm, which has no export of its own: what the tools write that ask its API.

The API's rows (`user.getRecentTracks`) are described at https://www.last.fm/api/show/user.getRecentTracks. Tools keep
them in pages, put them into one list, or write a table of some of their columns. Times are UTC.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from myi_pipelines.sources.exports.batches import BadRow, note_text, parsed_instant
from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.json_stream import Chunk, row_chunks
from myi_pipelines.sources.exports.layouts import Table
from myi_pipelines.sources.exports.listens import Listen, ListenReader, Number, instant, length_ms
from myi_pipelines.sources.exports.plays import BAD_TIMESTAMP, PLAYING_NOW
from myi_pipelines.text import plain_cell

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY: Final = re.compile(r"(\d{1,2}) ([A-Za-z]{3})[a-z]* (\d{4}),? (\d{1,2}):(\d{2})(?::(\d{2}))?")
"""As the API writes times, `24 Nov 2023, 18:03`, and as tools write them that leave the comma out."""
_EXAMPLE: Final = "24 Nov 2023, 18:03"
_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK: Final = re.compile(r"\d{2}:\d{2}:\d{2}")
_SECONDS: Final = re.compile(r"\d{9,10}")
_FIELDS: Final = {
    "artist": "artist",
    "artist name": "artist",
    "album": "album",
    "album name": "album",
    "track": "name",
    "track name": "name",
    "name": "name",
    "title": "name",
    "song": "name",
    "uts": "uts",
    "timestamp": "timestamp",
    "utc time": "date",
    "date": "date",
    "datetime": "date",
    "played at": "date",
    "scrobbled at": "date",
    "time": "time",
    "spotify track uri": "spotify_id",
    "ms played": "ms_played",
}
"""Column → field."""
_SPOTIFY_ID: Final = re.compile(r"(?:spotify:track:)?([0-9A-Za-z]{22})")

Row = TypeVar("Row")


class Labelled(msgspec.Struct, gc=False):
    """A name or a time, with an id or a number beside it."""

    text: str | None = msgspec.field(default=None, name="#text")
    name: str | None = None
    uts: Number = None


class Attributes(msgspec.Struct, gc=False):
    nowplaying: str | bool | None = None


class LastFmRow(msgspec.Struct, gc=False):
    """The keys of the API, and those that tools use in their place."""

    artist: Labelled | str | None = None
    attributes: Attributes | None = msgspec.field(default=None, name="@attr")
    album: Labelled | str | None = None
    name: str | None = None
    track: str | None = None
    title: str | None = None
    date: Labelled | Number = None
    uts: Number = None
    timestamp: Number = None
    time: str | None = None
    """The time of the day, where `date` is the day only."""
    spotify_id: str | None = None
    ms_played: Number = None


def listen_of(row: LastFmRow) -> Listen:
    """What a row tells. Raises BadRow."""
    track, artist, album = row.name or row.track or row.title, _name(row.artist), _name(row.album)
    if row.ms_played is not None:  # only MYI writes it, and keeps spreadsheets from taking names for formulas
        track, artist, album = (name and plain_cell(name) for name in (track, artist, album))
    return Listen(_instant(row), track, artist, album, _spotify_id(row.spotify_id), length_ms(row.ms_played))


def _name(value: Labelled | str | None) -> str | None:
    return value.text or value.name if isinstance(value, Labelled) else value


def _spotify_id(text: str | None) -> str | None:
    track = _SPOTIFY_ID.fullmatch(text) if text else None
    return track and track[1]


def _instant(row: LastFmRow) -> datetime:
    """When a play began. Raises BadRow."""
    date = row.date
    if isinstance(date, Labelled):
        date = date.uts or date.text
    for value in (row.uts, row.timestamp, date):
        if value is not None and value != "":
            return _at(f"{value} {row.time}" if row.time else value)
    raise BadRow(PLAYING_NOW)


def _at(value: int | float | str) -> datetime:
    """The instant that a number or a text stands for. Raises BadRow."""
    if not isinstance(value, str) or value.isdecimal():
        return instant("date", value)
    if day := _DAY.fullmatch(value):
        try:
            month = 1 + _MONTHS.index(day[2].lower())
            return datetime(int(day[3]), month, int(day[1]), int(day[4]), int(day[5]), int(day[6] or 0), tzinfo=UTC)
        except ValueError:
            raise BadRow(BAD_TIMESTAMP, f"date is {note_text(value)} (expected a time such as {_EXAMPLE})") from None
    return parsed_instant("date", value.replace(", ", " "))


@dataclass(frozen=True)
class _Pages:
    """The rows are in pages: lists, or objects such as the API answers with."""

    def chunks(self, read: Callable[[int], bytes], row_type: Any, where: str, /) -> Iterator[Chunk[Any]]:
        page_type = list[row_type] | Page[row_type]
        decode = msgspec.json.Decoder(list[page_type]).decode
        for pages in row_chunks(read, decode, where):
            rows = [row for page in pages.rows for row in (page if isinstance(page, list) else page.rows())]
            yield Chunk(rows, [row for page in pages.untyped for row in _rows_in(page)], pages.bytes_read)


class Page(msgspec.Struct, Generic[Row], gc=False):
    track: list[Row] | Row | None = None
    recenttracks: "Page[Row] | None" = None

    def rows(self) -> list[Row]:
        if self.recenttracks is not None:
            return self.recenttracks.rows()
        return self.track if isinstance(self.track, list) else [self.track] if self.track else []


def _rows_in(page: object) -> list[object]:
    """The rows of a page that is of plain values; the page itself if it is none."""
    if isinstance(page, dict):
        page = page.get("recenttracks", page)
    if isinstance(page, dict):
        page = page.get("track", page)
    return page if isinstance(page, list) else [page]


PAGES: Final = _Pages()
IN_PAGES: Final = re.compile(
    rb'\[\s*(?:\[|\{\s*"recenttracks"|\{\s*(?:"@attr"\s*:\s*\{[^{}]*\}\s*,\s*)?"track"\s*:\s*[\[{])'
)
"""Matches the start of a file whose rows are in pages."""


def table_of(lines: Sequence[str]) -> Table | None:
    """The table that a file with these first lines is; None if it is no table of scrobbles.

    >>> table_of(["uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid"]).columns[:3]
    ('uts', 'date', 'artist')
    """
    for separator in ",;\t":
        rows = Table(separator, (), has_header=False).rows_of(lines)
        columns = _named(rows[0]) if rows else None
        if columns:
            return Table(separator, columns, has_header=True)
        for row in rows:
            if columns := _unnamed(row, is_tabbed=separator == "\t"):
                return Table(separator, columns, has_header=False)
    return None


def _named(header: Sequence[str]) -> tuple[str | None, ...] | None:
    """The columns of a table with a header. A list of loved tracks has ids of artists, but no albums."""
    names = [name.strip().strip("\ufeff").lower().replace("_", " ").partition("#")[0] for name in header]
    columns = [_FIELDS.get(name) for name in names]
    if "date" not in columns and "time" in columns:
        columns[columns.index("time")] = "date"
    is_unique = all(columns.count(column) == 1 for column in columns if column)
    has_time = "uts" in columns or "date" in columns
    is_of_plays = "album" in columns or "artist mbid" not in names
    return tuple(columns) if {"artist", "name"} <= {*columns} and has_time and is_of_plays and is_unique else None


def _unnamed(row: Sequence[str], *, is_tabbed: bool) -> tuple[str | None, ...] | None:
    """The columns of a table without a header, from a row that has a time."""
    if len(row) == 4 and _DAY.fullmatch(row[3]):
        return "artist", "album", "name", "date"
    if len(row) == 4 and _ISO_DAY.fullmatch(row[0]) and _CLOCK.fullmatch(row[1]):
        return "date", "time", "artist", "name"
    if is_tabbed and len(row) >= 4 and _SECONDS.fullmatch(row[0]):
        return "uts", "name", "artist", "album", *[None] * (len(row) - 4)
    return None


LAST_FM: Final = HistoryFormat(
    "last_fm",
    "Last.fm",
    lambda batch_builder: ListenReader(batch_builder, LastFmRow, listen_of),
    lambda keys: (
        {"artist", "album"} <= keys
        and not keys.isdisjoint({"name", "track", "title"})
        and not keys.isdisjoint({"date", "uts", "timestamp", "@attr"})
    ),
)
