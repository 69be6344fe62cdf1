"""A user's plays in the shapes that other services read: lines of ListenBrainz, and a table as tools write it of
Last.fm. Reading them again gives the same plays: see ``sources.exports``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from myi_pipelines.private_files import make_private_folder
from myi_pipelines.text import csv_cell, plain_cell

CLIENT = "MYI"
TABLE = "scrobbles.csv"
COLUMNS = (
    *("uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid"),
    *("ms_played", "spotify_track_uri"),
)
"""As lastfm.ghan.nl/export names them, and two more: without them lengths and ids would be lost."""


class Listen(NamedTuple):
    """A play of the user."""

    listened_at: int
    """The second in which it began."""
    track: str | None
    artists: Sequence[str] | None
    """The first of them is the track's."""
    album: str | None
    ms_played: int
    duration_ms: int | None
    spotify_id: str | None


def write_lines(folder: Path, name: str, listens: Iterable[Listen]) -> Iterator[tuple[str, int]]:
    """Write the files of ListenBrainz' export: a file a month in which listens began. Yields files and their rows.

    ``listens`` are in the order in which they began.
    """
    (folder / "user.json").write_text(json.dumps({"user_id": 0, "username": name}, ensure_ascii=False) + "\n", "utf-8")
    yield "user.json", 0
    for (year, month), of_month in groupby(listens, key=_month):
        file = f"listens/{year}/{month}.jsonl"
        make_private_folder((folder / file).parent)
        count = 0
        with (folder / file).open("w", encoding="utf-8") as stream:
            for listen in of_month:
                json.dump(_line(listen), stream, ensure_ascii=False, separators=(",", ":"))
                stream.write("\n")
                count += 1
        yield file, count


def write_table(folder: Path, listens: Iterable[Listen]) -> Iterator[tuple[str, int]]:
    """Write the table of Last.fm. Yields the file and its rows."""
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as stream:
        count = _write_rows(stream, listens)
    yield TABLE, count


def _write_rows(stream: TextIO, listens: Iterable[Listen]) -> int:
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    stream.write(",".join(COLUMNS) + "\n")
    count = 0
    for listen in listens:
        began = datetime.fromtimestamp(listen.listened_at, UTC)
        artist = listen.artists[0] if listen.artists else ""
        uri = f"spotify:track:{listen.spotify_id}" if listen.spotify_id else ""
        names = [_cell(text or "") for text in (artist, listen.album, listen.track)]
        writer.writerow(
            [listen.listened_at, f"{began:%d %b %Y, %H:%M}", names[0], "", names[1], "", names[2], "",
             listen.ms_played, uri]
        )  # fmt: skip
        count += 1
    return count


def _cell(text: str) -> str:
    """A name as a cell that no spreadsheet takes for a formula, and that ``plain_cell`` makes a name again."""
    return csv_cell(text) if plain_cell(text) == text else f"'{text}"


def _month(listen: Listen) -> tuple[int, int]:
    began = datetime.fromtimestamp(listen.listened_at, UTC)
    return began.year, began.month


def _line(listen: Listen) -> dict[str, Any]:
    """A listen as ListenBrainz describes it, and its length in milliseconds."""
    info: dict[str, Any] = {
        "duration_ms": listen.duration_ms,
        "duration_played": listen.ms_played // 1_000,
        "ms_played": listen.ms_played,
        "artist_names": listen.artists,
        "submission_client": CLIENT,
    }
    if listen.spotify_id:
        link = f"https://open.spotify.com/track/{listen.spotify_id}"
        info |= {"spotify_id": link, "origin_url": link, "music_service": "spotify.com"}
    metadata = {
        "artist_name": ", ".join(listen.artists or ()),
        "track_name": listen.track or "",
        "release_name": listen.album,
        "additional_info": {key: value for key, value in info.items() if value is not None},
    }
    known = {key: value for key, value in metadata.items() if value is not None}
    return {"listened_at": listen.listened_at, "track_metadata": known}
