"""Scrobbles of Maloja: those of its export, under `scrobbles`, and the list that its API gives.

Maloja writes them in `maloja/database/sqldb.py` (`scrobbles_db_to_dict`). Before version 3 the names were in the
scrobble itself, and albums were texts.
"""

from typing import Final

import msgspec

from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.listens import Listen, ListenReader, Number, instant, length_ms

Names = list[str | None] | str | None


class Album(msgspec.Struct, gc=False):
    albumtitle: str | None = None
    artists: Names = None


class MalojaTrack(msgspec.Struct, gc=False):
    artists: Names = None
    title: str | None = None
    album: Album | str | None = None
    length: Number = None
    """Seconds that the track lasts."""


class MalojaRow(MalojaTrack, gc=False):
    """The fields of a track are used before version 3 only."""

    time: Number = None
    track: MalojaTrack | None = None
    duration: Number = None
    """Seconds for which it was heard."""


def listen_of(row: MalojaRow) -> Listen:
    """What a row tells. Raises BadRow."""
    track = row.track or row
    album = track.album
    return Listen(
        instant("time", row.time),
        track.title,
        _first_artist(track.artists, album.artists if isinstance(album, Album) else None),
        album.albumtitle if isinstance(album, Album) else album,
        None,
        length_ms(row.duration, 1_000),
        length_ms(track.length, 1_000),
    )


def _first_artist(artists: Names, of_album: Names) -> str | None:
    """The first artist of a track. Maloja keeps artists in no order, so one that is of the album too goes first."""
    names = _listed(artists)
    return next((name for name in _listed(of_album) if name in names), names[0] if names else None)


def _listed(names: Names) -> list[str | None]:
    return [names] if isinstance(names, str) else names or []


MALOJA: Final = HistoryFormat(
    "maloja",
    "Maloja",
    lambda batch_builder: ListenReader(batch_builder, MalojaRow, listen_of),
    lambda keys: "time" in keys and (bool({"track", "duration"} <= keys) or {"artists", "title"} <= keys),
)
