"""Landing of metadata: what Spotify's API says of tracks, albums and artists. What becomes of it is the catalog's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

ObjectType: TypeAlias = Literal["track", "album", "artist"]
Payload: TypeAlias = Mapping[str, Any]
NameKeys: TypeAlias = tuple[UUID, UUID]
"""name_key() of a track's name and of its artist's."""

UNUSED = {
    *("available_markets", "copyrights", "external_urls", "followers", "href", "is_local", "is_playable", "label"),
    *("linked_from", "popularity", "restrictions", "type", "uri"),
}
"""Fields that are bulky, change all the time or repeat what is known, and that nothing reads."""

WHOLE = {"track": "album", "album": "tracks", "artist": "images"}
"""The field that a whole object has, and that one which is only mentioned in another lacks."""

LONGEST_MS = 2**31 - 1


class SpotifyObject(NamedTuple):
    """A reply of the API under the id that was asked for."""

    object_type: ObjectType
    spotify_id: str
    payload: Payload | None
    """None: Spotify knows the id no more."""


def land_objects(conn: Connection, objects: Sequence[SpotifyObject]) -> int:
    """Land payloads and mark what the catalog has to take in; return how many objects were told something new.

    The albums, artists and tracks that a payload mentions land as well. A field that a reply lacks never erases what
    is stored, and a mention never replaces what the whole object said. A payload that tells nothing new writes nothing.
    """
    told: dict[tuple[ObjectType, str], _Told] = {}
    relinks: set[tuple[str, str]] = set()
    for one in objects:
        if one.object_type == "track" and (returned := _text((one.payload or {}).get("id"))):
            relinks.add((one.spotify_id, returned))
        for object_type, spotify_id, latest in _with_mentions(one):
            earlier = told.get((object_type, spotify_id))
            told[object_type, spotify_id] = latest if earlier is None else earlier.merged(latest)
    relinks = {(asked, returned) for asked, returned in relinks if asked != returned}
    columns = {
        "object_type": [object_type for object_type, _ in told],
        "spotify_id": [spotify_id for _, spotify_id in told],
        "payload": [None if one.payload is None else json.dumps(one.payload) for one in told.values()],
        "is_full": [one.is_full for one in told.values()],
        "is_gone": [one.is_gone for one in told.values()],
        "asked_id": [asked for asked, _ in relinks],
        "returned_id": [returned for _, returned in relinks],
    }
    return int(fetch_scalar(conn, statement("spotify_payloads/land_objects"), columns))


def land_search(conn: Connection, names: NameKeys, found: SpotifyObject | None, now: datetime) -> bool:
    """Land what a search for names of account data found and mark them for the catalog; whether the track is known.

    A track that was found once stays found.
    """
    with conn.transaction():
        land_objects(conn, [found] if found else [])
        values = {"track_key": names[0], "artist_key": names[1], "spotify_id": found and found.spotify_id, "now": now}
        return bool(fetch_scalar(conn, statement("spotify_payloads/land_search"), values))


class _Told(NamedTuple):
    """What one reply says of an object: the columns of spotify_objects."""

    payload: dict[str, Any] | None
    is_full: bool
    is_gone: bool

    def merged(self, latest: _Told) -> _Told:
        """As spotify_payloads/land_objects.sql merges what is stored with what is told."""
        first, last = (latest, self) if self.is_full and not latest.is_full else (self, latest)
        payload = (first.payload or {}) | (last.payload or {})
        return _Told(
            payload or None,
            self.is_full or latest.is_full,
            latest.is_gone or (self.is_gone and not latest.is_full),
        )


def _with_mentions(one: SpotifyObject) -> Iterator[tuple[ObjectType, str, _Told]]:
    """The object, with others in it by id (artists by id and name), and those others as they are mentioned."""
    if one.payload is None:
        yield one.object_type, one.spotify_id, _Told(None, is_full=False, is_gone=True)
        return
    is_full = WHOLE[one.object_type] in one.payload
    payload = _cleaned({field: value for field, value in one.payload.items() if field != "id"})
    for object_type, mention in _mentions(one.object_type, one.spotify_id, payload):
        yield object_type, mention["id"], _Told(_by_id(object_type, mention), is_full=False, is_gone=False)
    yield one.object_type, one.spotify_id, _Told(_by_id(one.object_type, payload), is_full, is_gone=False)


def _mentions(
    object_type: ObjectType, spotify_id: str, payload: dict[str, Any]
) -> Iterator[tuple[ObjectType, dict[str, Any]]]:
    """The artists, the album and the tracks that a cleaned payload mentions."""
    for artist in payload.get("artists", ()):
        yield "artist", artist
    if album := payload.get("album"):
        yield "album", album
        yield from _mentions("album", album["id"], album)
    if object_type == "album":
        for track in payload.get("tracks", {}).get("items", ()):
            yield "track", track | {"album": {"id": spotify_id}}
            yield from _mentions("track", track["id"], track)


def _by_id(object_type: ObjectType, payload: dict[str, Any]) -> dict[str, Any]:
    """A cleaned payload in which the objects that it mentions are left by id, artists by id and name."""
    kept = {field: value for field, value in payload.items() if field != "id"}
    if "artists" in kept:
        kept["artists"] = [{"id": artist["id"], "name": artist["name"]} for artist in kept["artists"]]
    if "album" in kept:
        kept["album"] = kept["album"]["id"]
    if object_type == "album" and "tracks" in kept:
        kept["tracks"] = [track["id"] for track in kept["tracks"]["items"]]
    return kept


# ── Fields as the catalog counts on finding them ─────────────────────────────────────────────────────────────────────


def _cleaned(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload without nulls, unused fields and fields that are not what they should be."""
    kept = {}
    for field, value in payload.items():
        if field not in UNUSED and (told := FIELDS.get(field, _anything)(_storable(value))) is not None:
            kept[field] = told
    return kept


def _storable(value: Any) -> Any:
    """JSON that Postgres can hold: no NUL, no half of a surrogate pair; objects in it cleaned."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return _cleaned(value)
    if isinstance(value, list):
        return [_storable(one) for one in value if one is not None]
    return value


def _anything(value: Any) -> Any:
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _milliseconds(value: Any) -> int | None:
    return value if type(value) is int and 0 < value <= LONGEST_MS else None


def _texts(value: Any) -> list[str] | None:
    return [one for one in value if _text(one)] or None if isinstance(value, list) else None


def _named(value: Any) -> dict[str, Any] | None:
    """An artist, album or track that has an id and a name, as those of local files have not."""
    return value if isinstance(value, dict) and "id" in value and "name" in value else None


def _all_named(value: Any) -> list[dict[str, Any]] | None:
    return [one for one in value if _named(one)] or None if isinstance(value, list) else None


def _page(value: Any) -> dict[str, Any] | None:
    items = _all_named(value.get("items")) if isinstance(value, dict) else None
    return {"items": items} if items else None


def _images(value: Any) -> list[dict[str, Any]] | None:
    images = (
        [one for one in value if isinstance(one, dict) and _text(one.get("url"))] if isinstance(value, list) else []
    )
    return images or None


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value else None


FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "id": _text,
    "name": _text,
    "isrc": _text,
    "preview_url": _text,
    "release_date": _text,
    "duration_ms": _milliseconds,
    "genres": _texts,
    "artists": _all_named,
    "album": _named,
    "tracks": _page,
    "images": _images,
    "external_ids": _object,
}
"""What the catalog reads, and how it must look to be kept. Empty lists tell nothing."""
