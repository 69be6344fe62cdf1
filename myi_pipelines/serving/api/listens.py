"""Listens as ListenBrainz takes them: checked as it checks them, refused in its words, and turned into plays."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

import msgspec

from myi_pipelines.sources.exports import (
    EARLIEST_SUBMITTED,
    MAX_MS_PLAYED,
    NAME_LIMIT,
    Play,
    Track,
    clean,
    submitted_play,
)

MOST_LISTENS = 1_000
"""Of one request."""
LARGEST_LISTEN = 10_240
"""Bytes, on the average of a request."""
LARGEST_BODY = MOST_LISTENS * LARGEST_LISTEN
MOST_TAGS = 50
LONGEST_TAG = 64
EARLIEST = int(EARLIEST_SUBMITTED.timestamp())
SECONDS_AHEAD = 3_600
"""So far a program's clock may be ahead of ours."""
LONGEST_S = 24 * 86_400
MBIDS = ("release_mbid", "recording_mbid", "release_group_mbid", "track_mbid")
LISTS_OF_MBIDS = ("artist_mbids", "work_mbids")
TYPES = ("playing_now", "single", "import")
NUL = b"\\u0000"
"""As JSON may write it."""

_SPOTIFY_TRACK = re.compile(
    r"(?:https?://open\.spotify\.com/(?:intl-[a-z-]{2,8}/)?track/|spotify:track:)([0-9A-Za-z]{22})(?:[?#].*)?"
)


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, code: int, error: str) -> None:
        super().__init__(error)
        self.code = code


class Listen(NamedTuple):
    """A listen that was checked."""

    listened_at: int | None
    """The start, in seconds since 1970; None of what is playing now."""
    track_metadata: Mapping[str, Any]
    """As it was sent."""
    track: Track
    length_s: float | None
    """Of the track."""
    heard_s: float | None
    """How long it was heard."""

    @property
    def play(self) -> Play:
        """The play that a listen which has ended tells of."""
        assert self.listened_at is not None
        return play_of(self.track, self.listened_at, self.length_s, self.heard_s)


class Submitted(NamedTuple):
    """What one request submits."""

    is_playing_now: bool
    listens: list[Listen]


def play_of(track: Track, listened_at: int, length_s: float | None, heard_s: float | None) -> Play:
    """The play of a track that began then. What is longer than any play is left out."""
    length = int(length_s) if length_s is not None and length_s * 1_000 <= MAX_MS_PLAYED else None
    heard_ms = round(heard_s * 1_000) if heard_s is not None and heard_s * 1_000 <= MAX_MS_PLAYED else None
    return submitted_play(track, datetime.fromtimestamp(listened_at, UTC), length, heard_ms)


def track_of(name: str, artist: str, album: str | None, spotify_id: str | None = None) -> Track | None:
    """The track of names as a program sends them; None where one that is needed holds nothing that can be shown."""
    shown, by = clean(name, NAME_LIMIT), clean(artist, NAME_LIMIT)
    if shown is None or by is None:
        return None
    return Track(spotify_id, shown, by, clean(album, NAME_LIMIT) if album else None)


def read_submission(body: bytes) -> Submitted:
    """The listens of a body. Raises Refused for what ListenBrainz refuses."""
    data = _parsed(body)
    if not isinstance(data, dict):
        _refuse("Invalid JSON document submitted. Top level of JSON document should be a json object.")
    if "payload" not in data:
        _refuse("Invalid JSON document submitted.")
    payload = data["payload"]
    if not isinstance(payload, list):
        _refuse("The payload in the JSON document should be a list of listens.")
    if not payload:
        _refuse("JSON document does not contain any listens")
    if len(payload) > MOST_LISTENS:
        _refuse(f"Too many listens. You may not submit more than {MOST_LISTENS} listens at once.")
    if len(body) > len(payload) * LARGEST_LISTEN:
        _refuse(f"JSON document is too large. Each listens may not be larger than {LARGEST_LISTEN} bytes.")
    if "listen_type" not in data:
        _refuse("Invalid JSON document submitted.")
    kind = data["listen_type"]
    if kind not in TYPES:
        _refuse("JSON document requires a valid listen_type key.")
    if kind != "import" and len(payload) > 1:
        _refuse("JSON document contains more than listen for a single/playing_now. It should contain only one.")
    is_playing_now = kind == "playing_now"
    return Submitted(is_playing_now, [_listen(one, is_playing_now=is_playing_now) for one in payload])


def spotify_id_of(additional_info: Mapping[str, Any]) -> str | None:
    """The id of a track at Spotify, where its address there is given."""
    for name in ("spotify_id", "origin_url"):
        value = additional_info.get(name)
        if isinstance(value, str) and (found := _SPOTIFY_TRACK.fullmatch(value.strip())):
            return found[1]
    return None


def _parsed(body: bytes) -> Any:
    try:
        data = msgspec.json.decode(body)
        if NUL in body:
            _require_no_nul(data)
    except RecursionError:
        _refuse("Cannot parse JSON document: it is nested too deeply")
    except ValueError as error:
        _refuse(f"Cannot parse JSON document: {error}")
    return data


def _require_no_nul(value: Any) -> None:
    """Raise Refused for a text with NUL, which no database holds."""
    match value:
        case str():
            if "\0" in value:
                _refuse(f"{value[:100]!r} contains a unicode null")
        case dict():
            for key, one in value.items():
                _require_no_nul(key)
                _require_no_nul(one)
        case list():
            for one in value:
                _require_no_nul(one)


def _listen(listen: Any, *, is_playing_now: bool) -> Listen:
    if not isinstance(listen, dict) or not listen:
        _refuse("Listen is empty and cannot be validated.")
    listened_at = _listened_at(listen, is_playing_now=is_playing_now)
    if "track_metadata" not in listen:
        _refuse("JSON document must contain the key track_metadata at the top level.")
    if len(listen) > (1 if is_playing_now else 2):
        _refuse(
            "JSON document may only contain track_metadata as top level key when submitting playing_now."
            if is_playing_now
            else "JSON document may only contain listened_at and track_metadata top level keys"
        )
    metadata = listen["track_metadata"]
    if not isinstance(metadata, dict):
        _refuse("JSON document may not have track_metadata with null value.")
    name, artist = _text(metadata, "track_name"), _text(metadata, "artist_name")
    album = _text(metadata, "release_name", is_required=False)
    info = metadata.get("additional_info")
    if not isinstance(info, dict | None):
        _refuse("track_metadata.additional_info must be an object.")
    info = info or {}
    _require_tags(info.get("tags"))
    length_s = _length_s(info)
    _require_mbids(info)
    track = track_of(name, artist, album, spotify_id_of(info))
    if track is None:
        _refuse("field track_metadata.track_name or track_metadata.artist_name is empty.")
    return Listen(listened_at, metadata, track, length_s, _heard_s(info))


def _listened_at(listen: Mapping[str, Any], *, is_playing_now: bool) -> int | None:
    if is_playing_now:
        if "listened_at" in listen:
            _refuse("JSON document must not contain listened_at while submitting playing_now.")
        return None
    if "listened_at" not in listen:
        _refuse("JSON document must contain the key listened_at at the top level.")
    try:
        listened_at = int(listen["listened_at"])
    except (ValueError, TypeError, OverflowError):
        _refuse("JSON document must contain an int value for listened_at.")
    if listened_at >= int(time.time()) + SECONDS_AHEAD:
        _refuse("Value for key listened_at is too high.")
    if listened_at < EARLIEST:
        _refuse(
            "Value for key listened_at is too low. listened_at timestamp should be greater than "
            f"{EARLIEST} (2002-10-01 00:00:00 UTC)."
        )
    return listened_at


def _text(metadata: Mapping[str, Any], name: str, *, is_required: bool = True) -> str:
    """A text, without spaces around it; empty where it is missing and may be."""
    if name not in metadata:
        if is_required:
            _refuse(f"JSON document does not contain required field track_metadata.{name}.")
        return ""
    value = metadata[name]
    if value is None and not is_required:
        return ""
    if not isinstance(value, str):
        _refuse(f"track_metadata.{name} must be a single string.")
    if not value.strip() and is_required:
        _refuse(f"field track_metadata.{name} is empty.")
    return value.strip()


def _require_tags(tags: Any) -> None:
    if tags is None:
        return
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        _refuse("track_metadata.additional_info.tags must be a list of strings.")
    if len(tags) > MOST_TAGS:
        _refuse(f"JSON document may not contain more than {MOST_TAGS} items in track_metadata.additional_info.tags.")
    if any(len(tag) > LONGEST_TAG for tag in tags):
        _refuse(
            f"JSON document may not contain track_metadata.additional_info.tags longer than {LONGEST_TAG} characters."
        )


def _length_s(info: Mapping[str, Any]) -> float | None:
    """The length of the track, given in one of two ways."""
    if "duration" in info and "duration_ms" in info:
        _refuse("JSON document should not contain both duration and duration_ms.")
    for name, per_second in (("duration", 1), ("duration_ms", 1_000)):
        if name not in info:
            continue
        value = _number(info[name])
        if value is None or int(value) <= 0:
            _refuse(f"Value for {name} is invalid, should be a positive integer.")
        if value > LONGEST_S * per_second:
            _refuse(f"Value for {name} is too large, max permitted value is {LONGEST_S * per_second}")
        return int(value) / per_second
    return None


def _heard_s(info: Mapping[str, Any]) -> float | None:
    """How long the track was heard. What cannot be that is not read: ListenBrainz takes these fields as they come."""
    for name, per_second in (("ms_played", 1_000), ("duration_played", 1)):
        value = _number(info.get(name))
        if value is not None and 0 < value <= LONGEST_S * per_second:
            return value / per_second
    return None


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None


def _require_mbids(info: Mapping[str, Any]) -> None:
    for name in MBIDS:
        if info.get(name) and not _is_uuid(info[name]):
            _refuse(f"{name} MBID format invalid.")
    for name in LISTS_OF_MBIDS:
        values = info.get(name) or []
        if not isinstance(values, list) or not all(_is_uuid(value) for value in values if value):
            _refuse(f"{name} MBID format invalid.")


def _is_uuid(value: Any) -> bool:
    try:
        UUID(value)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _refuse(error: str) -> NoReturn:
    raise Refused(400, error)
