"""Land the payloads of Spotify's API about tracks, albums and artists. ``catalog`` takes them in."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

ObjectType: TypeAlias = Literal["track", "album", "artist"]
Payload: TypeAlias = Mapping[str, Any]
NameKeys: TypeAlias = tuple[UUID, UUID]
"""The name_key() of a track's name and of its artist's name."""

UNUSED = {
    *("available_markets", "copyrights", "external_urls", "followers", "href", "is_local", "is_playable", "label"),
    *("linked_from", "popularity", "restrictions", "type", "uri"),
}
"""Fields that are large, change often or repeat known values, and that no code reads."""

FULL_OBJECT_FIELD = {"track": "album", "album": "tracks", "artist": "images"}
"""The field that a full object has, and that is missing from an object mentioned in another."""

LONGEST_MS = 2**31 - 1


class SpotifyObject(NamedTuple):
    """A reply of the API, with the requested id."""

    object_type: ObjectType
    spotify_id: str
    payload: Payload | None
    """None: Spotify no longer knows the id."""


def land_objects(conn: Connection, objects: Sequence[SpotifyObject]) -> int:
    """Land payloads and queue the changed objects for the catalog. Returns how many objects are new or changed.

    The albums, artists and tracks that a payload mentions land too. A field that is missing from a reply never erases a
    stored value, and a mention never replaces a value of the full object. A payload without news writes nothing.
    """
    updates: dict[tuple[ObjectType, str], _ObjectUpdate] = {}
    relinks: set[tuple[str, str]] = set()
    for one in objects:
        if one.object_type == "track" and (returned := _text((one.payload or {}).get("id"))):
            relinks.add((one.spotify_id, returned))
        for object_type, spotify_id, latest in _with_mentions(one):
            earlier = updates.get((object_type, spotify_id))
            updates[object_type, spotify_id] = latest if earlier is None else earlier.merged(latest)
    relinks = {(requested, returned) for requested, returned in relinks if requested != returned}
    columns = {
        "object_type": [object_type for object_type, _ in updates],
        "spotify_id": [spotify_id for _, spotify_id in updates],
        "payload": [None if one.payload is None else json.dumps(one.payload) for one in updates.values()],
        "is_full": [one.is_full for one in updates.values()],
        "is_gone": [one.is_gone for one in updates.values()],
        "asked_id": [requested for requested, _ in relinks],
        "returned_id": [returned for _, returned in relinks],
    }
    return int(fetch_scalar(conn, statement("spotify_payloads/land_objects"), columns))


def land_search(conn: Connection, names: NameKeys, found: SpotifyObject | None, now: datetime) -> bool:
    """Land the result of a search for names of account data, and queue the names for the catalog.

    Returns whether the track is known. A track that was found once stays known.
    """
    with conn.transaction():
        land_objects(conn, [found] if found else [])
        values = {"track_key": names[0], "artist_key": names[1], "spotify_id": found and found.spotify_id, "now": now}
        return bool(fetch_scalar(conn, statement("spotify_payloads/land_search"), values))


class _ObjectUpdate(NamedTuple):
    """The content of one reply for one object: the columns of spotify_objects."""

    payload: dict[str, Any] | None
    is_full: bool
    is_gone: bool

    def merged(self, latest: _ObjectUpdate) -> _ObjectUpdate:
        """Merge like spotify_payloads/land_objects.sql, which merges the stored values with these."""
        first, last = (latest, self) if self.is_full and not latest.is_full else (self, latest)
        payload = (first.payload or {}) | (last.payload or {})
        return _ObjectUpdate(
            payload or None,
            self.is_full or latest.is_full,
            latest.is_gone or (self.is_gone and not latest.is_full),
        )


def _with_mentions(one: SpotifyObject) -> Iterator[tuple[ObjectType, str, _ObjectUpdate]]:
    """The object, with other objects in it replaced by their ids (artists by id and name), and those other objects."""
    if one.payload is None:
        yield one.object_type, one.spotify_id, _ObjectUpdate(None, is_full=False, is_gone=True)
        return
    is_full = FULL_OBJECT_FIELD[one.object_type] in one.payload
    payload = _cleaned({field: value for field, value in one.payload.items() if field != "id"})
    for object_type, mention in _mentions(one.object_type, one.spotify_id, payload):
        yield object_type, mention["id"], _ObjectUpdate(_by_id(object_type, mention), is_full=False, is_gone=False)
    yield one.object_type, one.spotify_id, _ObjectUpdate(_by_id(one.object_type, payload), is_full, is_gone=False)


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
    """A cleaned payload, with the objects that it mentions replaced by their ids (artists by id and name)."""
    kept = {field: value for field, value in payload.items() if field != "id"}
    if "artists" in kept:
        kept["artists"] = [{"id": artist["id"], "name": artist["name"]} for artist in kept["artists"]]
    if "album" in kept:
        kept["album"] = kept["album"]["id"]
    if object_type == "album" and "tracks" in kept:
        kept["tracks"] = [track["id"] for track in kept["tracks"]["items"]]
    return kept


# ── The form of the fields that the catalog reads ────────────────────────────────────────────────────────────────────


def _cleaned(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload without nulls, unused fields and fields of a wrong type."""
    kept = {}
    for field, value in payload.items():
        if (
            field not in UNUSED
            and _storable(field) == field
            and (checked := FIELDS.get(field, _unchanged)(_storable(value))) is not None
        ):
            kept[field] = checked
    return kept


def _storable(value: Any) -> Any:
    """JSON that Postgres can store: no NUL, no half of a surrogate pair, no infinity, and cleaned objects."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return _cleaned(value)
    if isinstance(value, list):
        return [_storable(one) for one in value if one is not None]
    return value


def _unchanged(value: Any) -> Any:
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _milliseconds(value: Any) -> int | None:
    return value if type(value) is int and 0 < value <= LONGEST_MS else None


def _texts(value: Any) -> list[str] | None:
    return [one for one in value if _text(one)] or None if isinstance(value, list) else None


def _named(value: Any) -> dict[str, Any] | None:
    """An artist, album or track with an id and a name. Those of local files have none."""
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
"""The fields that the catalog reads, and the check that each must pass to be kept. Empty lists are not kept."""
