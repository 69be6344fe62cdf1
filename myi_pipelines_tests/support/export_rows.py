"""Export files as Spotify lays them out, made row by row, and short ways to read them. No tests here."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from myi_pipelines.sources.exports import Batch, Limits, Play, open_upload

ID = "4uLU6hMCjMI75M1A2tKUQC"
DEFAULT_LIMITS = Limits()


def extended(**changes: Any) -> dict[str, Any]:
    """A row of the extended history, of a track, as it looks since 2024; `...` as a value leaves the key out."""
    row = {
        "ts": "2023-01-30T19:46:52Z",
        "platform": "ios",
        "ms_played": 214_000,
        "conn_country": "DE",
        "ip_addr": "203.0.113.77",
        "master_metadata_track_name": "Song",
        "master_metadata_album_artist_name": "Band",
        "master_metadata_album_album_name": "Record",
        "spotify_track_uri": f"spotify:track:{ID}",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "fwdbtn",
        "shuffle": False,
        "skipped": True,
        "offline": False,
        "offline_timestamp": None,
        "incognito_mode": False,
    } | changes
    return {key: value for key, value in row.items() if value is not ...}


def no_track(**changes: Any) -> dict[str, Any]:
    """A row of the extended history that names no track."""
    names = ("track_name", "album_artist_name", "album_album_name")
    return extended(**{f"master_metadata_{name}": None for name in names} | {"spotify_track_uri": None} | changes)


def account(**changes: Any) -> dict[str, Any]:
    """A row of the account data's history, of a track."""
    row = {"endTime": "2024-12-22 00:07", "artistName": "Band", "trackName": "Song", "msPlayed": 214_000} | changes
    return {key: value for key, value in row.items() if value is not ...}


def as_json(rows: object, *, indent: int | None = 2) -> bytes:
    return json.dumps(rows, indent=indent).encode()


def as_zip(members: Mapping[str, bytes] | Iterable[tuple[str, bytes]], method: int = ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w", method) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(ZipInfo(name), content, method)  # dated alike, whenever it is made
    return packed.getvalue()


class Read(NamedTuple):
    """All batches of an upload in one."""

    plays: list[Play]
    rows: int
    rejected: Counter[str]
    cleaned: int
    notes: list[str]


def all_of(batches: Iterable[Batch]) -> Read:
    total = Read([], 0, Counter(), 0, [])
    for batch in batches:
        total = Read(
            total.plays + batch.plays,
            total.rows + batch.rows,
            total.rejected + batch.rejected,
            total.cleaned + batch.cleaned,
            total.notes + batch.notes,
        )
    assert total.rows == len(total.plays) + total.rejected.total()
    return total


def read(path: Path, limits: Limits = DEFAULT_LIMITS) -> Read:
    with open_upload(path, limits) as upload:
        return all_of(upload.batches())


def read_rows(folder: Path, *rows: object, name: str = "history.json") -> Read:
    path = folder / name
    path.write_bytes(as_json(list(rows)))
    return read(path)


def play_of(folder: Path, *rows: object, name: str = "history.json") -> Play:
    """The one play among some rows."""
    [play] = read_rows(folder, *rows, name=name).plays
    return play


def rows_in(path: Path) -> list[list[dict[str, Any]]]:
    """The rows of each member with history of a ZIP, as plain JSON reads them."""
    with ZipFile(path) as archive:
        members = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    return [rows for rows in members if isinstance(rows, list) and rows and {"ts", "endTime"} & rows[0].keys()]
