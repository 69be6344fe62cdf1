"""What a user means by a name, an id or a time: the tracks, artists, albums and plays that a correction can name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg.rows import class_row

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse.corrections import Kind
from myi_pipelines.warehouse.database.connections import Connection, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, LISTENING_EVENTS, ensure_partitions_visible

_ID = r"[0-9A-Za-z]{22}"
_URI = re.compile(rf"spotify:(\w+):({_ID})")
_LINK = re.compile(rf"https?://open\.spotify\.com/(?:intl-[\w-]+/)?(\w+)/({_ID})(?:[/?#].*)?")
_BARE = re.compile(rf"({_ID})")
_LOCAL_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?)?")

ENDS_OF_TIME = (MINYEAR, MAXYEAR)
"""Years of which a time may lie in none of Python's in another zone, or a moment later."""

NAMED = {Kind.HIDE_TRACK: "track", Kind.HIDE_SONG: "song", Kind.HIDE_ARTIST: "artist", Kind.HIDE_ALBUM: "album"}
"""What is found by a name or an address."""
_STATEMENTS = {
    Kind.HIDE_TRACK: "tracks",
    Kind.HIDE_SONG: "named_songs",
    Kind.HIDE_ARTIST: "artists",
    Kind.HIDE_ALBUM: "albums",
}


class NoSuchTarget(InputError, LookupError):
    """The user has played nothing of the name."""


class WrongAddress(InputError, ValueError):
    """The address is that of something else, or the time cannot be read."""


class Target(NamedTuple):
    """A track, an artist or an album, as a correction names it."""

    spotify_id: str | None
    track: str | None
    artist: str | None
    album: str | None
    name: str | None
    by_artist: str | None
    play_count: int
    """Plays of the user, hidden ones too."""

    @property
    def what(self) -> dict[str, Any]:
        """Its natural key: the Spotify id, or else the names."""
        if self.spotify_id is not None:
            return {"spotify_id": self.spotify_id}
        return {name: value for name in ("track", "artist", "album") if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        return " – ".join(filter(None, (self.name or self.spotify_id, self.by_artist)))


class PlayTarget(NamedTuple):
    """A play, as a correction names it."""

    spotify_id: str | None
    track: str | None
    artist: str | None
    name: str | None
    by_artist: str | None
    played_at: datetime
    ms_played: int

    @property
    def what(self) -> dict[str, Any]:
        """Its natural key: that of its track, with its end and length."""
        names = {"track": self.track, "artist": self.artist}
        track = {"spotify_id": self.spotify_id} if self.spotify_id is not None else names
        given = {name: value for name, value in track.items() if value is not None}
        return {**given, "played_at": iso(self.played_at), "ms_played": self.ms_played}

    def __str__(self) -> str:
        return " – ".join(filter(None, (self.name or self.spotify_id, self.by_artist)))


class Show(NamedTuple):
    """A podcast's show, or an audiobook, as a correction names it."""

    shows: list[str]
    """All of its names."""
    play_count: int

    @property
    def what(self) -> dict[str, Any]:
        """Its natural key: its names."""
        return {"shows": self.shows}

    def __str__(self) -> str:
        return ", ".join(self.shows)


class Span(NamedTuple):
    """A stretch of time, open at either end."""

    starts_at: datetime | None
    ends_at: datetime | None
    """The first instant after it."""

    @property
    def what(self) -> dict[str, Any]:
        """Its natural key: its two ends."""
        ends = {"from": self.starts_at, "until": self.ends_at}
        return {name: iso(instant) for name, instant in ends.items() if instant is not None}


def iso(instant: datetime) -> str:
    """An instant as corrections write it: ISO 8601 in UTC."""
    return instant.astimezone(UTC).isoformat()


def spotify_id_in(text: str, kind: Kind) -> str | None:
    """The Spotify id that a text is: an address of the app or of the web, or the bare id; None for a name.

    Raises WrongAddress for the address of something else.

    >>> spotify_id_in("https://open.spotify.com/intl-de/track/4uLU6hMCjMI75M1A2tKUQC?si=1", Kind.HIDE_TRACK)
    '4uLU6hMCjMI75M1A2tKUQC'
    """
    if found := _BARE.fullmatch(text.strip()):
        return found[1]
    found = _URI.fullmatch(text.strip()) or _LINK.fullmatch(text.strip())
    if found is None:
        return None
    wanted = "track" if kind is Kind.HIDE_SONG else NAMED[kind]  # a song has no address of its own
    if found[1] != wanted:
        raise WrongAddress(f"{text.strip()} is the address of {_a(found[1])}, not of {_a(wanted)}")
    return found[2]


def find_targets(conn: Connection, user_id: int, kind: Kind, text: str, artist: str | None = None) -> list[Target]:
    """The tracks, artists or albums that a text means: those of a name that the user played, or the one of an id.

    An id that the catalog does not know is returned as it is: its plays may land later. Raises NoSuchTarget for a name
    of which the user played nothing, and WrongAddress.
    """
    spotify_id = spotify_id_in(text, kind)
    asked = {"user_id": user_id, "name": text, "artist": artist, "spotify_id": spotify_id}
    with conn.cursor(row_factory=class_row(Target)) as cursor:
        found = cursor.execute(statement(f"correction_targets/{_STATEMENTS[kind]}"), asked).fetchall()
    if not found and spotify_id is not None:
        return [Target(spotify_id, None, None, None, None, None, 0)]
    if not found:
        by_artist = f" by {artist!r}" if artist is not None else ""
        raise NoSuchTarget(
            f"no {NAMED[kind]} named {text!r}{by_artist} was played; give the name as the pages and `myi report` show "
            "it, or the address that Spotify's Share menu copies"
        )
    return found


def find_show(conn: Connection, user_id: int, name: str) -> Show:
    """The show or audiobook of a name that the user played. Raises NoSuchTarget."""
    ensure_partitions_visible(conn, IMPORTED_PLAYS)
    with conn.cursor(row_factory=class_row(Show)) as cursor:
        found = cursor.execute(statement("correction_targets/shows"), {"user_id": user_id, "name": name}).fetchone()
    if found is None:
        raise NoSuchTarget(f"no show or audiobook named {name!r} was played; give the name as the pages show it")
    return found


def count_songs(conn: Connection, tracks: Sequence[Target]) -> int:
    """Of how many songs the tracks are."""
    asked = {
        "spotify_ids": [track.spotify_id for track in tracks],
        "tracks": [track.track for track in tracks],
        "artists": [track.artist for track in tracks],
    }
    return int(fetch_scalar(conn, statement("correction_targets/songs"), asked))


def find_plays(conn: Connection, user_id: int, span: Span, track: str | None = None) -> list[PlayTarget]:
    """The events of a user that end in a stretch of time, of one track if its name or address is given, in order."""
    if span.starts_at is None or span.ends_at is None:
        raise ValueError("a stretch without an end has too many plays to list")
    ensure_partitions_visible(conn, LISTENING_EVENTS)
    spotify_id = None if track is None else spotify_id_in(track, Kind.HIDE_TRACK)
    asked = {
        "user_id": user_id,
        "starts_at": span.starts_at,
        "ends_at": span.ends_at,
        "spotify_id": spotify_id,
        "name": track if spotify_id is None else None,
    }
    with conn.cursor(row_factory=class_row(PlayTarget)) as cursor:
        return cursor.execute(statement("correction_targets/plays"), asked).fetchall()


def span_between(conn: Connection, user_id: int, first: str | None, last: str | None) -> Span:
    """The stretch from a local time until another, at the user's clock. A day is included whole.

    Times are `2024-05-01`, `2024-05-01 18:30`, `2024-05-01 18:30:15`, or ISO 8601 with an offset. Raises WrongAddress
    for another text, and for an end that is not after the beginning.
    """
    starts_at = None if first is None else _instants(conn, user_id, first)[0]
    ends_at = None if last is None else _instants(conn, user_id, last, as_end=True)[1]
    if starts_at is not None and ends_at is not None and starts_at >= ends_at:
        raise WrongAddress(f"{last} is not after {first}")
    return Span(starts_at, ends_at)


def span_of_moment(conn: Connection, user_id: int, moment: str) -> Span:
    """The second, minute or day that a text names, at the user's clock. Raises WrongAddress."""
    return Span(*_instants(conn, user_id, moment))


def _instants(conn: Connection, user_id: int, text: str, *, as_end: bool = False) -> tuple[datetime, datetime]:
    """The first instant of the day, minute or second that a text names, and the first one after it.

    ``as_end``: the text says when something ends, so only a day is taken whole.
    """
    found = _LOCAL_TIME.fullmatch(text.strip())
    try:
        if found is None:
            instant = datetime.fromisoformat(text.strip())
            if instant.tzinfo is None or instant.year in ENDS_OF_TIME:
                raise ValueError
            return instant, instant if as_end else instant + timedelta(seconds=1)
        day, minute, seconds = found.groups()
        local = datetime.fromisoformat(f"{day} {minute or '00:00'}{(seconds or '')[:3]}")
        if local.year in ENDS_OF_TIME:
            raise ValueError
    except ValueError:
        raise WrongAddress(f"{text!r} is no time: use for example 2024-05-01 or '2024-05-01 18:30'") from None
    length = timedelta(days=1) if minute is None else timedelta(minutes=1) if seconds is None else timedelta(seconds=1)
    end = local if as_end and minute is not None else local + length
    asked = {"user_id": user_id, "starts_at": local, "ends_at": end}
    starts_at, ends_at = fetch_row(conn, statement("correction_targets/instants"), asked)
    return starts_at, ends_at


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
