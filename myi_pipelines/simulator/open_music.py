"""The simulated MusicBrainz: what volunteers have entered of the made-up music. Not everything: some artists and
recordings are missing, some have no genre or no ISRC, and one artist is said to have recorded another's songs.

Titles are as MusicBrainz writes them: guests belong to the artists, and apostrophes are curly. `musicbrainz_api` serves
it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from myi_pipelines.simulator.sample import made_up_music as music
from myi_pipelines.simulator.world import GENRES, NAMESAKES, Artist, Track, World

UNKNOWN_ARTISTS, WITHOUT_GENRES, UNKNOWN_RECORDINGS, WITHOUT_ISRC = 0.06, 0.08, 0.1, 0.25
"""Shares."""
BROADER = {
    "folk": "folk", "indie": "indie rock", "electronic": "electronic", "jazz": "jazz", "hungarian": "rock",
    "nepali": "folk pop", "metal": "metal", "classical": "classical", "jpop": "pop", "latin": "latin",
    "hiphop": "hip hop",
}  # fmt: skip
"""A genre that every artist of a style is counted to."""
_IN_TITLE = re.compile(r" \(feat\. [^)]*\)| - Remastered \d{4}$")
_WORD = re.compile(r"\w+")


class OpenArtist(NamedTuple):
    mbid: str
    name: str
    genres: dict[str, int]
    """Votes by genre."""


class OpenRecording(NamedTuple):
    mbid: str
    title: str
    length_ms: int
    artists: tuple[OpenArtist, ...]
    releases: tuple[str, ...]
    isrc: str | None
    first_release: str
    words: frozenset[str]
    """Of the title and of the artists: what a search finds it by."""


class OpenAlbum(NamedTuple):
    title: str
    first_release: str


@dataclass(frozen=True, eq=False)
class OpenMusic:
    artists: dict[str, OpenArtist]
    albums: dict[str, list[OpenAlbum]]
    """By the artist's id."""
    recordings: tuple[OpenRecording, ...]

    @cached_property
    def _by_isrc(self) -> dict[str | None, list[OpenRecording]]:
        found: dict[str | None, list[OpenRecording]] = {}
        for one in self.recordings:
            found.setdefault(one.isrc, []).append(one)
        return found

    def of_isrc(self, isrc: str) -> list[OpenRecording]:
        return self._by_isrc.get(isrc, [])

    @cached_property
    def _by_artist(self) -> dict[str, list[OpenRecording]]:
        found: dict[str, list[OpenRecording]] = {}
        for one in sorted(self.recordings, key=lambda one: (one.title.casefold(), one.mbid)):
            for artist in one.artists:
                found.setdefault(artist.mbid, []).append(one)
        return found

    def recordings_of(self, mbid: str) -> list[OpenRecording]:
        return self._by_artist.get(mbid, [])

    def find(self, title: str, artist: str) -> list[OpenRecording]:
        """The recordings with all words of a title and an artist, those with the exact title first."""
        wanted = words_of(f"{title} {artist}")
        found = [one for one in self.recordings if wanted <= one.words]
        return sorted(found, key=lambda one: (one.title.casefold() != title.casefold(), one.mbid))


@lru_cache(maxsize=4)
def build_open_music(world: World) -> OpenMusic:
    artists = {
        artist.id: _artist(artist)
        for artist in world.artists.values()
        if artist.name != music.VARIOUS and _luck("artist", artist.id) >= UNKNOWN_ARTISTS
    }
    recordings = list[OpenRecording]()
    by_isrc: dict[str, list[Track]] = {}
    for track in world.tracks.values():
        by_isrc.setdefault(track.isrc, []).append(track)
    for isrc, tracks in by_isrc.items():
        credited = tuple(artists[id_] for id_ in tracks[0].artist_ids if id_ in artists)
        if credited and len(credited) == len(tracks[0].artist_ids) and _luck("isrc", isrc) >= UNKNOWN_RECORDINGS:
            recordings.append(_recording(world, tracks, credited))
    recordings += _mistaken(recordings)
    albums: dict[str, list[OpenAlbum]] = {}
    for album in world.albums.values():
        if known := artists.get(album.artist_ids[0]):
            albums.setdefault(known.mbid, []).append(OpenAlbum(album.name, album.release_date))
    return OpenMusic({one.mbid: one for one in artists.values()}, albums, tuple(recordings))


def _artist(artist: Artist) -> OpenArtist:
    luck = _luck("genres", artist.id)
    genres = {} if luck < WITHOUT_GENRES else {name: 2 + place for place, name in enumerate(GENRES[artist.style])}
    if genres:
        genres[BROADER[artist.style]] = 3 + int(luck * 10)
    return OpenArtist(_mbid("artist", artist.id), artist.name, genres)


def _recording(world: World, tracks: list[Track], credited: tuple[OpenArtist, ...]) -> OpenRecording:
    first = tracks[0]
    title = _IN_TITLE.sub("", first.name).replace("'", "’")
    albums = [world.albums[track.album_id] for track in tracks]
    isrc = first.isrc if _luck("has isrc", first.isrc) >= WITHOUT_ISRC else None
    return OpenRecording(
        _mbid("recording", first.isrc), title, first.duration_ms // 1000 * 1000, credited,
        tuple(dict.fromkeys(album.name for album in albums)), isrc, min(album.release_date for album in albums),
        words_of(" ".join([title, *(one.name for one in credited)])),
    )  # fmt: skip


def _mistaken(recordings: list[OpenRecording]) -> list[OpenRecording]:
    """The songs of two namesakes, each of which the other is said to have recorded too: nobody can tell them apart."""
    name = NAMESAKES[-1][0]
    own = [one for one in recordings if one.artists[0].name == name]
    both = {one.artists[0].mbid: one.artists[0] for one in own}
    return [
        one._replace(mbid=_mbid("mistaken", one.mbid), artists=(other,), isrc=None)
        for one in own
        for mbid, other in both.items()
        if mbid != one.artists[0].mbid
    ]


def words_of(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold().replace("’", "'")))


def _luck(about: str, of: str) -> float:
    """From 0 to 1, always the same of the same thing."""
    return int.from_bytes(sha256(f"{about} {of}".encode()).digest()[:4], "big") / 2**32


def _mbid(kind: str, of: str) -> str:
    return str(UUID(bytes=sha256(f"{kind} {of}".encode()).digest()[:16], version=4))
