"""Listens of Koito's export, under `listens`. Koito writes them in `internal/export/export.go`."""

from typing import Final

import msgspec

from myi_pipelines.sources.exports.batches import parsed_instant
from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.listens import Listen, ListenReader, Number, length_ms


class Alias(msgspec.Struct, gc=False):
    alias: str | None = None
    is_primary: bool = False


class Named(msgspec.Struct, gc=False):
    """A track, an album or an artist."""

    aliases: list[Alias] | None = None
    duration: Number = None
    """Of a track, the seconds that it lasts; 0 where Koito does not know it."""
    is_primary: bool = False
    """Of an artist, whether the track is theirs more than others'."""

    def name(self) -> str | None:
        """The name that Koito shows."""
        aliases = self.aliases or []
        return next((one.alias for one in aliases if one.is_primary), aliases[0].alias if aliases else None)


class KoitoRow(msgspec.Struct, gc=False):
    track: Named
    listened_at: str | None = None
    album: Named | None = None
    artists: list[Named] | None = None


def listen_of(row: KoitoRow) -> Listen:
    """What a row tells. Raises BadRow."""
    artists = row.artists or []
    first = next((artist for artist in artists if artist.is_primary), artists[0] if artists else None)
    return Listen(
        parsed_instant("listened_at", row.listened_at),
        row.track.name(),
        first.name() if first else None,
        row.album.name() if row.album else None,
        length_ms=length_ms(row.track.duration, 1_000),
    )


KOITO: Final = HistoryFormat(
    "koito",
    "Koito",
    lambda batch_builder: ListenReader(batch_builder, KoitoRow, listen_of),
    lambda keys: {"listened_at", "track", "artists"} <= keys,
)
