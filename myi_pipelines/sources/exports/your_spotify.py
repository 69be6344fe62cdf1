"""Plays of your_spotify, which has no export of its own: the documents of its collection `infos` as MongoDB's tools
write them, alone or with the names of the track, which its API gives too (`/spotify/gethistory`).

The documents are described in `apps/server/src/database/schemas`. It keeps Spotify's `played_at`, and the export's `ts`
where a history was imported: both are the END of a play.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from myi_pipelines.sources.exports.batches import BadRow, BatchBuilder, Member, note_text, parsed_instant
from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.listens import Listen, ListenReader, Number, instant, length_ms
from myi_pipelines.sources.exports.plays import MALFORMED

_ID_LENGTH: Final = 22


class SeveralListeners(ExportError):
    """A file has the plays of several users of your_spotify."""


class Value(msgspec.Struct, gc=False):
    """A value as MongoDB's Extended JSON writes it."""

    oid: str | None = msgspec.field(default=None, name="$oid")
    date: "str | int | Value | None" = msgspec.field(default=None, name="$date")
    integer: str | None = msgspec.field(default=None, name="$numberInt")
    long: str | None = msgspec.field(default=None, name="$numberLong")
    double: str | None = msgspec.field(default=None, name="$numberDouble")


class Named(msgspec.Struct, gc=False):
    """An album or an artist."""

    id: str | None = None
    name: str | None = None


class NamedTrack(msgspec.Struct, gc=False):
    name: str | None = None
    full_album: Named | None = None
    full_artists: list[Named] | None = None
    """In no order."""


class YourSpotifyRow(msgspec.Struct, gc=False):
    id: str
    played_at: str | int | Value | None = None
    duration_ms: Number | Value = msgspec.field(default=None, name="durationMs")
    primary_artist_id: str | None = msgspec.field(default=None, name="primaryArtistId")
    owner: str | Value | None = None
    track: NamedTrack | None = None


_NO_NAMES: Final = NamedTrack()


def listen_of(row: YourSpotifyRow) -> Listen:
    """What a row tells. Raises BadRow."""
    if len(row.id) != _ID_LENGTH or not (row.id.isascii() and row.id.isalnum()):
        raise BadRow(MALFORMED, f"id is {note_text(row.id)} (expected {_ID_LENGTH} letters and digits)")
    track = row.track or _NO_NAMES
    artists = track.full_artists or []
    first = next((one for one in artists if one.id == row.primary_artist_id), artists[0] if artists else None)
    return Listen(
        _played_at(row.played_at),
        track.name,
        first.name if first else None,
        track.full_album.name if track.full_album else None,
        row.id,
        length_ms=length_ms(_plain(row.duration_ms)),
        is_end=True,
    )


def _played_at(value: str | int | Value | None) -> datetime:
    if isinstance(value, Value):
        value = value.date
    if isinstance(value, int):
        return instant("played_at", value)
    return instant("played_at", value.long) if isinstance(value, Value) else parsed_instant("played_at", value)


def _plain(value: "Number | Value") -> Number:
    return value.integer or value.long or value.double if isinstance(value, Value) else value


class _Reader(ListenReader):
    """Refuses a file with the plays of several users: MongoDB's tools write those of all."""

    def __init__(self, batch_builder: BatchBuilder) -> None:
        super().__init__(batch_builder, YourSpotifyRow, listen_of)
        self._owners: set[str] = set()

    def read(self, rows: Sequence[YourSpotifyRow], member: Member, first_row: int) -> None:
        for row in rows:
            owner = row.owner.oid if isinstance(row.owner, Value) else row.owner
            if owner and owner not in self._owners:
                self._owners.add(owner)
                if len(self._owners) > 1:
                    raise SeveralListeners(
                        f"{member.label}: holds the plays of several users of your_spotify; "
                        "export those of one (a query for its `owner`), and import each user's under a name of its own"
                    )
        super().read(rows, member, first_row)


YOUR_SPOTIFY: Final = HistoryFormat(
    "your_spotify",
    "your_spotify",
    _Reader,
    lambda keys: {"id", "played_at"} <= keys and not keys.isdisjoint({"durationMs", "artistIds", "primaryArtistId"}),
)
