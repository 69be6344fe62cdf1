"""Rows of exports of other services as their tools lay them out, made row by row, and files that hold them. No tests
here."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from myi_pipelines_tests.support.export_rows import ID, as_zip

AT = 1_714_557_600
"""The second at which rows begin, 2024-05-01 10:00 UTC, unless they say otherwise."""
BEGAN = datetime.fromtimestamp(AT, UTC)


def scrobble(uts: int = AT, **changes: Any) -> dict[str, Any]:
    """A row of Last.fm's API."""
    row = {
        "artist": {"mbid": "", "#text": "Quill Harbor"},
        "streamable": "0",
        "image": [{"size": "small", "#text": "https://example.com/34s.png"}, {"size": "large", "#text": ""}],
        "mbid": "",
        "album": {"mbid": "", "#text": "Low Tide"},
        "name": "Alder",
        "url": "https://www.last.fm/music/Quill+Harbor/_/Alder",
        "date": {"uts": str(uts), "#text": "01 May 2024, 10:00"},
    } | changes
    return {key: value for key, value in row.items() if value is not ...}


PLAYING = scrobble(date=...) | {"@attr": {"nowplaying": "true"}}


def listen(listened_at: object = AT, info: dict[str, Any] | None = None, **names: Any) -> dict[str, Any]:
    """A line of ListenBrainz' export."""
    metadata = {"track_name": "Alder", "artist_name": "Quill Harbor", "release_name": "Low Tide"} | names
    additional = {"submission_client": "Pano Scrobbler", "recording_msid": "1f2e"} | (info or {})
    metadata |= {"additional_info": additional, "recording_msid": "1f2e", "mbid_mapping": None}
    return {"inserted_at": AT + 100.25, "listened_at": listened_at, "track_metadata": metadata}


def malojan(time: int = AT, *, duration: int | None = None, length: int | None = 215) -> dict[str, Any]:
    """A scrobble of Maloja's export."""
    album = {"artists": ["Quill Harbor"], "albumtitle": "Low Tide"}
    track = {"artists": ["Mire", "Quill Harbor"], "title": "Alder", "album": album, "length": length}
    return {"time": time, "track": track, "duration": duration, "origin": "client:default"}


def koito(listened_at: str = "2024-05-01T10:00:00Z", duration: int = 215) -> dict[str, Any]:
    """A listen of Koito's export."""

    def aliases(*names: str) -> list[dict[str, Any]]:
        return [
            {"alias": name, "source": "Canonical", "is_primary": number == len(names)}
            for number, name in enumerate(names, 1)
        ]

    named = {"image_url": "", "mbid": None, "is_primary": False}
    return {
        "listened_at": listened_at,
        "client": "navidrome",
        "track": {"mbid": None, "duration": duration, "aliases": aliases("alder", "Alder")},
        "album": {"image_url": "", "mbid": None, "aliases": aliases("Low Tide"), "various_artists": False},
        "artists": [
            named | {"aliases": aliases("Mire")},
            named | {"is_primary": True, "aliases": aliases("Quill Harbour", "Quill Harbor")},
        ],
    }


def your_spotify(played_at: object = "2024-05-01T10:03:35.123Z", **changes: Any) -> dict[str, Any]:
    """A document of your_spotify as MongoDB's tools write it."""
    return {
        "_id": {"$oid": "66f0a1b2c3d4e5f6a7b8c9d0"},
        "owner": {"$oid": "66f0a1b2c3d4e5f6a7b8c9d1"},
        "id": ID,
        "albumId": "2noRn2Aes5aoNVsU6iWThc",
        "primaryArtistId": "0000000000000000000001",
        "artistIds": ["0000000000000000000001"],
        "durationMs": 215_000,
        "played_at": {"$date": played_at},
        "__v": 0,
    } | changes


def as_lines(rows: Sequence[object]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def listenbrainz_zip(rows: Sequence[object]) -> bytes:
    """ListenBrainz' export with these listens, in two months."""
    half = len(rows) // 2
    return as_zip(
        {
            "user.json": b'{"user_id": 1, "username": "anna"}\n',
            "listens/2023/5.jsonl": as_lines(rows[:half]),
            "listens/2024/5.jsonl": as_lines(rows[half:]),
            "feedback.jsonl": b'{"recording_msid": null, "recording_mbid": null, "score": 1, "created": 1714557600}\n',
        }
    )
