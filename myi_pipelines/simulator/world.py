"""The music of the simulated Spotify: artists, albums and tracks with their ids. It never changes after it is built.

`availability` knows what is relinked or taken down, `payloads` how the API writes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from myi_pipelines.simulator.sample import made_up_music as music

HISTORY_SEED = 7
HISTORY_YEARS = 6

GENRES = {
    "folk": ("sea shanties", "celtic folk"),
    "indie": ("indie pop", "bedroom pop"),
    "electronic": ("synthwave", "minimal techno"),
    "jazz": ("nu jazz", "vocal jazz"),
    "hungarian": ("magyar alternative",),
    "nepali": ("nepali pop", "lok dohori"),
    "metal": ("doom metal", "atmospheric black metal"),
    "classical": ("chamber music",),
    "jpop": ("j-pop", "city pop"),
    "latin": ("bossa nova", "canción melódica"),
    "hiphop": ("underground hip hop", "boom bap"),
}
NAMESAKES = (("Mono Lagoon", "folk"), ("Hollow Meridian", "latin"))
BOX_SET = ("Tóth Réka Quintet", "The Complete Cistern Sessions", 64)
BEST_OF = ("Maeve Tilley", "Gravenmoor", "KVARTZ-9", "Nisha Gurung-Rai", "Deacon Blaze", "Inês Cordovil")
FEATURED = re.compile(r"\(feat\. ([^)]+)\)")


class Artist(NamedTuple):
    id: str
    name: str
    style: str
    genres: tuple[str, ...]
    popularity: int
    fame: float


class Track(NamedTuple):
    id: str
    name: str
    album_id: str
    artist_ids: tuple[str, ...]
    duration_ms: int
    isrc: str
    disc: int
    number: int
    explicit: bool
    preview: str | None
    popularity: int


class Album(NamedTuple):
    id: str
    name: str
    kind: str  # album, single or compilation
    artist_ids: tuple[str, ...]
    release_date: str
    precision: str  # day, month or year
    label: str
    upc: str
    track_ids: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class World:
    """Everything by id. ``aliases`` lead from earlier ids of tracks to their present ids."""

    artists: dict[str, Artist]
    albums: dict[str, Album]
    tracks: dict[str, Track]
    aliases: dict[str, str]


@lru_cache(maxsize=4)
def build_world(seed: int = HISTORY_SEED, end: date = date(2025, 12, 31), years: int = HISTORY_YEARS) -> World:
    """The music of the sample history that `write_sample` makes from the same arguments, and what only the API has:
    featured artists, namesakes, a box set too long for one page, and recordings that are on two albums."""
    start = end - timedelta(days=round(365.25 * years) - 1)
    catalog = music.make_catalog(Random(f"{seed} music"), start, end)
    return _Builder(Random(f"{seed} world"), catalog, end).build()


class _Builder:
    def __init__(self, rng: Random, catalog: music.Catalog, end: date) -> None:
        self.rng = rng
        self.catalog = catalog
        self.end = end
        self.world = World({}, {}, {}, {})
        self.by_name: dict[str, str] = {}
        self.isrcs: dict[tuple[str, str], str] = {}

    def build(self) -> World:
        for artist in self.catalog.artists:
            self.by_name[artist.name] = self._artist(artist.name, artist.style, artist.fame)
        candidates = [id_ for name, id_ in self.by_name.items() if name != music.VARIOUS]
        for artist in self.catalog.artists:
            for album in artist.albums:
                self._album(self.by_name[artist.name], album, candidates)
        for name, style in NAMESAKES:
            self._namesake(name, style)
        self._box_set(*BOX_SET)
        for name in BEST_OF:
            self._best_of(name)
        return self.world

    def _id(self) -> str:
        return music.spotify_id(self.rng)

    def _isrc(self) -> str:
        rng = self.rng
        registrant = "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=2)) + str(rng.randrange(10))
        return f"{rng.choice(('US', 'GB', 'HU', 'JP', 'BR', 'CA'))}{registrant}{rng.randrange(10_000_000):07d}"

    def _artist(self, name: str, style: str, fame: float) -> str:
        known = GENRES.get(style, ())
        genres = (
            tuple(self.rng.sample(known, self.rng.randint(1, len(known)))) if self.rng.random() < 0.7 and known else ()
        )
        id_ = self._id()
        self.world.artists[id_] = Artist(id_, name, style, genres, self.rng.randint(5, 80), fame)
        return id_

    def _credits(self, title: str, album_artist: str, candidates: Sequence[str]) -> tuple[str, ...]:
        first = album_artist
        if self.world.artists[album_artist].name == music.VARIOUS:
            first = self.rng.choice(candidates)
        credited = [first]
        if found := FEATURED.search(title):
            credited += [self.by_name[name] for name in found[1].split(" & ") if name in self.by_name]
        elif self.rng.random() < 0.06:
            credited.append(self.rng.choice(candidates))
        return tuple(dict.fromkeys(credited))

    def _track(
        self, id_: str, song: music.Song, album_id: str, artist_ids: tuple[str, ...], disc: int, number: int
    ) -> Track:
        rng = self.rng
        preview = f"https://p.scdn.co/mp3-preview/{rng.getrandbits(160):040x}" if rng.random() < 0.2 else None
        isrc = self.isrcs.setdefault((song.title, song.artist), self._isrc()) if song.artist else self._isrc()
        track = Track(
            id_, song.title, album_id, artist_ids, song.seconds * 1000 + rng.randrange(1000), isrc, disc,
            number, rng.random() < 0.1, preview, rng.randint(0, 75),
        )  # fmt: skip
        self.world.tracks[id_] = track
        return track

    def _shelve(
        self, album_id: str, title: str, kind: str, artist_ids: tuple[str, ...], released: date, tracks: list[Track]
    ) -> None:
        rng, luck = self.rng, self.rng.random()
        precision = "year" if luck < 0.05 else "month" if luck < 0.06 else "day"
        written = released.isoformat()[: {"year": 4, "month": 7, "day": 10}[precision]]
        label = f"{rng.choice(('Blue', 'North', 'Paper', 'Harbour'))} {rng.choice(('Lamp', 'Tide', 'Kite'))} Records"
        ids = tuple(track.id for track in tracks)
        upc = f"{rng.randrange(10**12):012d}"
        self.world.albums[album_id] = Album(album_id, title, kind, artist_ids, written, precision, label, upc, ids)

    def _album(self, artist_id: str, album: music.Album, candidates: Sequence[str]) -> None:
        album_id, tracks = self._id(), list[Track]()
        for number, song in enumerate(album.songs, 1):
            id_ = song.relinked_id or song.spotify_id
            if song.relinked_id:
                self.world.aliases[song.spotify_id] = song.relinked_id
            credited = self._credits(song.title, artist_id, candidates)
            tracks.append(self._track(id_, song, album_id, credited, 1, number))
        is_compilation = self.world.artists[artist_id].name == music.VARIOUS
        kind = "compilation" if is_compilation else "single" if len(tracks) < 4 else "album"
        self._shelve(album_id, album.title, kind, (artist_id,), album.released, tracks)

    def _songs(self, style_key: str, count: int) -> list[music.Song]:
        style = music.STYLES[style_key]
        lengths = [round(style.seconds * self.rng.uniform(0.6, 1.5)) for _ in range(count)]
        return [music.Song("", None, music.titles(self.rng, style), "", "", seconds) for seconds in lengths]

    def _namesake(self, name: str, style: str) -> None:
        """Another artist of the same name, with another album."""
        artist_id, album_id = self._artist(name, style, 0.6), self._id()
        songs = self._songs(style, 6)
        tracks = [self._track(self._id(), song, album_id, (artist_id,), 1, n) for n, song in enumerate(songs, 1)]
        self._shelve(album_id, songs[0].title, "album", (artist_id,), self.end - timedelta(days=500), tracks)

    def _box_set(self, name: str, title: str, count: int) -> None:
        artist_id, album_id = self.by_name[name], self._id()
        tracks = [
            self._track(self._id(), song._replace(title=f"{song.title} (Take {n % 5 + 1})"), album_id, (artist_id,),
                        n // 16 + 1, n % 16 + 1)
            for n, song in enumerate(self._songs("jazz", count))
        ]  # fmt: skip
        self._shelve(album_id, title, "album", (artist_id,), self.end - timedelta(days=900), tracks)

    def _best_of(self, name: str) -> None:
        """Recordings of earlier albums, under new ids and the same ISRC."""
        artist_id, album_id = self.by_name[name], self._id()
        own = [track for track in self.world.tracks.values() if track.artist_ids[0] == artist_id][:8]
        tracks = [t._replace(id=self._id(), album_id=album_id, disc=1, number=n) for n, t in enumerate(own, 1)]
        self.world.tracks.update((track.id, track) for track in tracks)
        title = f"The Very Best of {name}"
        self._shelve(album_id, title, "compilation", (artist_id,), self.end - timedelta(days=200), tracks)
