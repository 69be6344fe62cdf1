"""Listens of ListenBrainz: the JSON lines of its export, and the array that exports of before 2024 and its API give.

The keys are described at https://listenbrainz.readthedocs.io/en/latest/users/json.html.
"""

import re
from typing import Any, Final, get_type_hints

import msgspec

from myi_pipelines.sources.exports.history_formats import HistoryFormat
from myi_pipelines.sources.exports.listens import Listen, ListenReader, Number, instant, length_ms

_TRACK_LINK: Final = re.compile(r"(?:https?://open\.spotify\.com/(?:intl-\w+/)?track/|spotify:track:)([0-9A-Za-z]{22})")


class Info(msgspec.Struct, gc=False):
    """What the program that submitted a listen said of it beyond names."""

    artist_names: list[str | None] | None = None
    duration_ms: Number = None
    duration: Number = None
    """In seconds."""
    duration_played: Number = None
    """Seconds for which it was heard."""
    ms_played: Number = None
    """The same in milliseconds, as MYI writes it."""
    spotify_id: str | None = None
    origin_url: str | None = None
    music_service: str | None = None
    submission_client: str | None = None


class Metadata(msgspec.Struct, gc=False):
    artist_name: str | None = None
    track_name: str | None = None
    release_name: str | None = None
    additional_info: Info | None = None


class ListenBrainzRow(msgspec.Struct, gc=False):
    track_metadata: Metadata
    listened_at: Number = None


_NO_INFO: Final = Info()


def listen_of(row: ListenBrainzRow) -> Listen:
    """What a row tells. Raises BadRow."""
    metadata = row.track_metadata
    info = metadata.additional_info or _NO_INFO
    return Listen(
        instant("listened_at", row.listened_at),
        metadata.track_name,
        (info.artist_names and info.artist_names[0]) or metadata.artist_name,
        metadata.release_name,
        _spotify_id(info),
        length_ms(info.ms_played) or length_ms(info.duration_played, 1_000),
        length_ms(info.duration_ms) or length_ms(info.duration, 1_000),
        # What ListenBrainz itself polls from Spotify has Spotify's `played_at`, which is the end of a play.
        is_end=info.submission_client == "listenbrainz" and info.music_service == "spotify.com",
    )


_INFO_TYPES: Final = get_type_hints(Info)


def _mended(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose `additional_info`, in which programs write what they like, has only values of the types above."""
    metadata = row.get("track_metadata")
    if not isinstance(metadata, dict):
        return row
    info = metadata.get("additional_info")
    fitting = (
        {key: info[key] for key, of in _INFO_TYPES.items() if _fits(info.get(key), of)}
        if isinstance(info, dict)
        else None
    )
    return row | {"track_metadata": metadata | {"additional_info": fitting}}


def _fits(value: object, of: object) -> bool:
    try:
        msgspec.convert(value, of)
    except (ValueError, RecursionError):
        return False
    return value is not None


def _spotify_id(info: Info) -> str | None:
    for link in (info.spotify_id, info.origin_url):
        if link and (track := _TRACK_LINK.match(link)):
            return track[1]
    return None


LISTENBRAINZ: Final = HistoryFormat(
    "listenbrainz",
    "ListenBrainz",
    lambda batch_builder: ListenReader(batch_builder, ListenBrainzRow, listen_of, _mended),
    lambda keys: {"listened_at", "track_metadata"} <= keys,
)
