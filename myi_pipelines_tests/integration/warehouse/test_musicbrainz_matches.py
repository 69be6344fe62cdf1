"""Whether a recording at MusicBrainz is the song that was asked for: titles, names of any script, lengths, albums."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.musicbrainz import AskedSong, Matches, matching_artists

ONE, OTHER = UUID(int=1), UUID(int=2)
NOBODY = Matches(frozenset(), frozenset())


def song(title: str, *, ms: int | None = None, album: str | None = None, is_solo: bool = True) -> AskedSong:
    return AskedSong(title, title, album, None, ms, is_solo)


def recording(title: str, *artists: tuple[UUID, str], ms: int | None = None, releases: tuple[str, ...] = ()) -> Any:
    credited = [{"mbid": str(mbid), "names": names.split("|")} for mbid, names in artists]
    return {"title": title, "length_ms": ms, "artists": credited, "releases": list(releases)}


def confirmed(*mbids: UUID) -> Matches:
    return Matches(frozenset(mbids), frozenset(mbids))


def by_names(*mbids: UUID) -> Matches:
    return Matches(frozenset(), frozenset(mbids))


@pytest.mark.parametrize(
    ("artist", "asked", "found", "expected"),
    [
        # Titles and artists, as both services write them.
        ("Queen", song("Song (feat. Bowie)"), recording("Song", (ONE, "Queen"), (OTHER, "Bowie")), by_names(ONE)),
        ("Queen", song("Song - Remastered 2011"), recording("Song", (ONE, "Queen")), by_names(ONE)),
        ("Guns N' Roses", song("Don't Cry"), recording("Don’t Cry", (ONE, "Guns N’ Roses")), by_names(ONE)),
        ("Queen", song("Song - Live"), recording("Song", (ONE, "Queen")), NOBODY),
        ("Queen", song("Song"), recording("Another Song", (ONE, "Queen")), NOBODY),
        ("Queen", song("Song"), recording("Song", (ONE, "Queens")), NOBODY),
        # Other scripts, and names that MusicBrainz has as aliases.
        ("עידן רייכל", song("בואי"), recording("בואי", (ONE, "עידן רייכל")), by_names(ONE)),
        ("아이유", song("밤편지"), recording("밤편지", (ONE, "IU|아이유")), by_names(ONE)),
        ("아이유", song("밤편지"), recording("Through the Night", (ONE, "IU|아이유")), NOBODY),
        # Lengths and albums confirm or rule out.
        ("Mono", song("Intro", ms=200_000), recording("Intro", (ONE, "Mono"), ms=203_000), confirmed(ONE)),
        ("Mono", song("Intro", ms=200_000), recording("Intro", (ONE, "Mono"), ms=206_000), NOBODY),
        ("Mono", song("Intro", ms=200_000), recording("Intro", (ONE, "Mono")), by_names(ONE)),
        (
            "Mono",
            song("Intro", album="Walls (Deluxe Edition)"),
            recording("Intro", (ONE, "Mono"), releases=("Best", "Walls")),
            confirmed(ONE),
        ),
        ("Mono", song("Intro", album="Walls"), recording("Intro", (ONE, "Mono"), releases=("Doors",)), by_names(ONE)),
    ],
)
def test_names_match_as_the_warehouse_compares_them(
    conn: Connection, artist: str, asked: AskedSong, found: Any, expected: Matches
) -> None:
    assert matching_artists(conn, artist, asked, [found], by_isrc=False) == expected


def test_two_artists_of_one_name_are_both_told(conn: Connection) -> None:
    found = [recording("Intro", (ONE, "Mono"), releases=("Walls",)), recording("Intro", (OTHER, "MONO"))]
    assert matching_artists(conn, "Mono", song("Intro"), found, by_isrc=False) == by_names(ONE, OTHER)
    album = song("Intro", album="Walls")
    assert matching_artists(conn, "Mono", album, found, by_isrc=False) == Matches(
        frozenset({ONE}), frozenset({ONE, OTHER})
    )


def test_an_isrc_needs_the_artist_or_the_title_of_the_only_artist(conn: Connection) -> None:
    other_script = [recording("Jigsaw", (ONE, "ジグソー"))]
    assert matching_artists(conn, "Jigso", song("Jigsaw"), other_script, by_isrc=True) == confirmed(ONE)
    assert matching_artists(conn, "Jigso", song("Jigsaw", is_solo=False), other_script, by_isrc=True) == NOBODY
    assert matching_artists(conn, "Jigso", song("Puzzle"), other_script, by_isrc=True) == NOBODY
    renamed = [recording("Old Title", (ONE, "Jigso"), (OTHER, "Guest"))]
    assert matching_artists(conn, "Jigso", song("New Title"), renamed, by_isrc=True) == confirmed(ONE)


def test_nothing_found_matches_nobody(conn: Connection) -> None:
    assert matching_artists(conn, "Mono", song("Intro"), [], by_isrc=True) == NOBODY
