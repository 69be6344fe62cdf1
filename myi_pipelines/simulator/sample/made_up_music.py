"""The made-up music of the sample: artists, albums, songs, shows and books, all invented.

Only names and lengths belong here; `made_up_plays` decides who plays them, and when.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Style(NamedTuple):
    """How one kind of music names its artists, albums and songs; `{a}` and `{b}` are drawn from the two word lists."""

    artists: tuple[str, ...]
    patterns: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]
    seconds: int  # typical length of a song


class Song(NamedTuple):
    spotify_id: str
    relinked_id: str | None  # the id of the same song after the part `RELINKED_AFTER` of the history
    title: str
    artist: str  # the album's artist, as exports name it
    album: str
    seconds: int
    former_title: str | None = None
    """The title in downloads of before `RENAMED_ON`."""

    @property
    def recording(self) -> tuple[str, str]:
        """What a listener calls the same: the title without its guests and its remaster, and the artist."""
        return _NOT_THE_SONG.sub("", self.title), self.artist


_NOT_THE_SONG = re.compile(r" \(feat\. .*\)| - Remastered \d{4}$")


class Album(NamedTuple):
    title: str
    released: date
    songs: tuple[Song, ...]


class Artist(NamedTuple):
    name: str
    style: str
    fame: float
    albums: tuple[Album, ...]


class Episode(NamedTuple):
    uri: str
    show: str
    title: str
    seconds: int
    is_video: bool


class Chapter(NamedTuple):
    uri: str
    book_uri: str
    book: str
    author: str
    title: str
    seconds: int


class Catalog(NamedTuple):
    artists: tuple[Artist, ...]
    episodes: tuple[Episode, ...]
    chapters: tuple[Chapter, ...]


RELINKED_AFTER = 0.6
RENAMED_ON = date(2024, 3, 1)

STYLES: dict[str, Style] = {
    "folk": Style(
        artists=(
            "The Gull Island Ramblers", "Maeve Tilley", "Quidi Harbour", "Salt Cod & Sorrow", "Ambrose Penwell",
            "Tickle & Drift", "Oonagh Fallow", "Rantipole", "The Lantern Weirs", "Hob Marrow", "Eider & Wren",
            "Father Noonan’s Boat", "Isla Corkum", "The Capelin Roll",
        ),
        patterns=("{a} {b}", "The {a} {b}", "{b} in the Fog", "Farewell, {a} {b}", "{b} of St. Brendan’s", "My {a} {b}",
                  "The {b} and the Tide", "When the {b} Came Home"),
        a=("Salt", "Windward", "Lonesome", "Narrow", "Northern", "Bonny", "Drowned", "Winter", "Kerosene", "Harbour",
           "Grey", "Last", "Tarred", "Wild"),
        b=("Schooner", "Lighthouse", "Widow", "Shore", "Kitchen Party", "Fiddle", "Squall", "Dory", "Ferry", "Gale",
           "Lantern", "Pilot", "Cove", "Reel"),
        seconds=228,
    ),
    "indie": Style(
        artists=(
            "Paper Antlers", "Velvet Commute", "Small Hours Society", "Nora Quill", "Tram Stop Romance",
            "The Understudents", "Marmalade Weather Dept.", "Otto & the Forecast", "Borrowed Bicycles",
            "June Hallorane", "Cardboard Astronomers", "Slow Elevator", "Pale Citrus", "The Second Drawer",
        ),
        patterns=("{a} {b}", "{b}", "{a}, {a}", "{b} (Again)", "I Dreamt of {b}", "{a} Like {b}", "No More {b}",
                  "{b}, Pt. 2", "Everything Is {a}", "{a} {b}, 4 a.m."),
        a=("Yellow", "Careless", "Tender", "Sunday", "Plastic", "Quiet", "Broken", "Borrowed", "Golden", "Almost",
           "Strange", "Polite", "Electric", "Half-Asleep"),
        b=("Windows", "Houseplants", "Postcards", "Swimming Pools", "Escalators", "Telephones", "Home", "Satellites",
           "Cinnamon", "Headlights", "Umbrellas", "Balconies", "Strangers", "Wallpaper"),
        seconds=214,
    ),
    "electronic": Style(
        artists=(
            "Halogen Choir", "KVARTZ-9", "Mono Lagoon", "Petra Vold", "8bit Orchard", "Nachtlinie Ost", "Lumen/Lumen",
            "Tessellate Five", "Autobahnhof", "Ion Parlour", "Soft Reboot", "Glasfaserei", "Delta Mirage Unit",
            "LUMI ✦",
        ),
        patterns=("{b}", "{a} {b}", "{b} 02", "{b} ({a} Mix)", "{a}/{b}", "{b} – Extended Version", "{a}.{a}"),
        a=("Neon", "Phase", "Violet", "Subzero", "Analog", "Carbon", "Hyper", "Infra", "Silver", "Night", "Polar",
           "Liquid"),
        b=("Drift", "Signal", "Terminal", "Motorway", "Prisma", "Voltage", "Static Bloom", "Afterimage", "Tunnel",
           "Oscillations", "Home", "Datalove", "Interchange", "Reflex"),
        seconds=296,
    ),
    "jazz": Style(
        artists=(
            "Tóth Réka Quintet", "Elias Morrow Trio", "Cosima Brandt", "The Brass Umbrella", "Theodor Okonjo",
            "Blue Cistern Orchestra", "Yusra Halim", "Nils Bergqvist-Laine Group", "Smoke on Seventh",
            "Delphine Aubrac", "Kofi Ampadu Sextet", "The Late Ferry",
        ),
        patterns=("{a} {b}", "{b} for Two", "Blues for {a} {b}", "{b} at Midnight", "Variations on a {a} {b}",
                  "{b} (Take 3)", "The {b} Walks", "{b} – Live at the Cistern"),
        a=("Amber", "Velvet", "Slow", "Indigo", "Crooked", "Paper", "Rainy", "Second", "Smoky", "Late"),
        b=("Waltz", "Alley", "Umbrella", "Staircase", "Cigarette", "Moon", "Boulevard", "Telegram", "Samba", "Letter",
           "Goodbye", "Espresso"),
        seconds=342,
    ),
    "hungarian": Style(
        artists=(
            "Ködös Erdő", "Szombati Fények", "Hetes Villamos", "Őszi Kabát", "Papírsárkány Zenekar",
            "Vadszilva Társaság",
            "Zöld Lámpa", "Bíbor & Bársony", "Tűzfal Úr", "A Harmadik Emelet", "Cseresznyefa Kft.", "Nyár Bella",
        ),
        patterns=("{a} {b}", "{b}", "{a}, {a} {b}", "Nincs több {b}", "Ez a {b}", "{a} {b} (feat. Nyár Bella)",
                  "Még egy {b}"),
        a=("Kék", "Csendes", "Hűvös", "Őszi", "Elveszett", "Fényes", "Régi", "Sárga", "Álmos", "Különös", "Távoli"),
        b=("villamos", "éjszaka", "hajnal", "köd", "utca", "levél", "kabát", "Duna", "szívverés", "tükör", "nyár",
           "ablak", "szombat"),
        seconds=221,
    ),
    "nepali": Style(
        artists=(
            "हिमाल र साथीहरू", "Lalit Chautari", "Nisha Gurung-Rai", "Pahadi Bus", "Pokhara Slow Band",
            "Saugat & the Yaks", "Kuhiro", "Bagmati Sound System", "Mustang Radio Hour", "Ritu Shrestha Dhun",
            "The Momo Conspiracy", "Saanjh ko Radio",
        ),
        patterns=("{a} {b}", "{b}", "{a} {a} {b}", "{b} ma", "{a} {b} (Acoustic)", "{b} – Live in Patan", "{b} ko Geet",
                  "मेरो घर", "जूनकीरी"),
        a=("Rato", "Naya", "Sano", "Timro", "Mero", "Purano", "Nilo", "Himali", "Hamro", "Seto"),
        b=("Bato", "Resham", "Jun", "Badal", "Gaun", "Maya", "Junkiri", "Sapana", "Chiya", "Pani", "Aakash", "Ghar"),
        seconds=251,
    ),
    "metal": Style(
        artists=(
            "Gravenmoor", "Ostrakon Vale", "Vörösvas", "Helm of Ruin", "Saint Caldera", "Nekromantic Librarians",
            "Fjordbane", "Thorn Cathedral", "Ashen Parliament", "Wyrmscale", "Black Turbine", "Hollow Meridian",
        ),
        patterns=("{a} {b}", "{b} of the {a}", "The {a} {b}", "{b}", "{b} Unto {b}", "{a} {b} (Demo)"),
        a=("Iron", "Frozen", "Ashen", "Eternal", "Blackened", "Hollow", "Burning", "Nameless", "Crimson", "Fallen"),
        b=("Throne", "Winter", "Hammer", "Requiem", "Serpent", "Citadel", "Wolves", "Oath", "Plague", "Eclipse",
           "Gone", "Bones"),
        seconds=334,
    ),
    "classical": Style(
        artists=(
            "Ensemble Lacrima", "Hanna Weissbrück", "Orchestre de la Brume", "Kvartet Ravnina", "Iosef Landauer",
            "Camerata Almafa", "Sólrún Dagsdóttir", "Mirela Constant",
        ),
        patterns=(
            "Nocturne No. {n} in {a}: II. {b}", "Sonata No. {n} in {a}, Op. 1{n}: I. {b}", "{n} Preludes: No. 2 in {a}",
            "String Quartet No. {n} in {a}: III. {b}", "Winter Pieces, Book {n}: {b}",
        ),
        a=("E-Flat Major", "C Minor", "D Major", "F-Sharp Minor", "A Minor", "G Major", "B-Flat Minor"),
        b=("Andante con moto", "Allegro", "Largo", "Adagio sostenuto", "Presto", "Lento, molto tranquillo"),
        seconds=395,
    ),
    "jpop": Style(
        artists=(
            "夜行バス同好会", "Minato Drive", "青いレモン", "ハルカゼ通信", "달빛정류장", "Yuki to Kasa", "星図",
            "슬로우 선데이",
            "東京湾フェリー", "Sumire★Parade", "カラメル坂", "雨宿り隊",
        ),
        patterns=("{a}の{b}", "{b}", "{a}", "{b}と{a}", "{a}の{b} (feat. 星図)", "{b} – TV Size", "Last {b}"),
        a=("真夜中", "夏", "君", "雨", "透明", "最後", "東京", "二月", "秘密", "銀河"),
        b=("電車", "花火", "レモン", "手紙", "Parade", "窓", "海", "プール", "歌", "灯り", "メロディー", "猫"),
        seconds=247,
    ),
    "latin": Style(
        artists=(
            "Los Martes Tranquilos", "Inês Cordovil", "Sol de Cartón", "Chá & Maré", "Ramón Quintanilla Vega",
            "Vento Baixo", "Café Péndulo", "Lucía Ferrante", "Orquesta Media Luna Nueva", "Céu de Abril",
        ),
        patterns=("{b} {a}", "{b}", "Mi {b} {a}", "La {b}", "{b} en Otoño", "Adiós, {b}", "{b} {a} (En Vivo)"),
        a=("Lenta", "Azul", "de Sal", "Perdida", "del Sur", "de Papel", "sin Nombre", "de Abril", "Clara"),
        b=("Ventana", "Marea", "Canción", "Noche", "Lluvia", "Ciudad", "Mañana", "Estrella", "Calle", "Saudade"),
        seconds=226,
    ),
    "hiphop": Style(
        artists=(
            "Deacon Blaze", "Kid Meridian", "MC Papercut", "Lady Ledger", "Tariq Verse", "Northside Almanac",
            "DJ Marzipan", "Young Abacus", "Odessa Rhymes", "Big Orchard", "Ghost Commuter", "Nine Volt Poets",
        ),
        patterns=("{b}", "{a} {b}", "{b} (feat. Lady Ledger)", "{b} (feat. Kid Meridian & DJ Marzipan)", "{a} {b} II",
                  "{b} Freestyle", "Intro", "{a} {b} (Interlude)", "{b} – Remix"),
        a=("Late", "Rent", "Corner", "Paper", "Double", "Midnight", "Golden", "Concrete", "Cold", "Every"),
        b=("Receipts", "Blocks", "Overtime", "Home", "Ledger", "Summers", "Bus Fare", "Crown", "Static", "Gravity",
           "Gone", "Sundays", "Alibi"),
        seconds=187,
    ),
}  # fmt: skip

# fmt: off
_FIRST = (
    "Ana", "Björn", "Chidi", "Dorottya", "Elif", "Farah", "Gergő", "Hana", "Ivo", "Joana", "Kenji", "Liv", "Milan",
    "Noor", "Orla", "Prakash", "Quentin", "Rosa", "Sunniva", "Tomasz", "Una", "Viktor", "Wren", "Ximena", "Yara",
)
_LAST = (
    "Adeyinka", "Bajracharya", "Calloway", "Dvořáková", "Eskildsen", "Fekete", "Grimsby", "Hawthorne", "Ibarra",
    "Joensuu", "Kowalczyk", "Lindqvist", "Maharjan", "Nakagawa", "O’Dwyer", "Pellegrin", "Quist", "Rautio", "Szalai",
    "Thapa", "Uchida", "Vasquez", "Whitlock", "Yilmaz", "Zsoldos",
)
# fmt: on
LESSER_KNOWN = 22  # artists with generated names, in each of these styles
LESSER_KNOWN_STYLES = ("folk", "indie", "electronic", "jazz", "metal", "classical", "latin", "hiphop")

VARIOUS = "Various Artists"
COMPILATIONS = (
    "Kitchen Party Classics, Vol. 3",
    "Deep Focus: Café Sessions",
    "Szilveszteri Mix 2020",
    "Himalayan Roadtrip",
)
GUESTS = ("Yusra Halim", "Kid Meridian", "Inês Cordovil", "Petra Vold", "Nora Quill")

SHOWS = (
    ("The Tide Table", "folk songs and the people who row to them"),
    ("Hidden Pylons", "a closer look at infrastructure"),
    ("Két kávé között", "beszélgetések"),
    ("Kathmandu Commute", "ten minutes of city"),
    ("Bad Database Stories", "post-mortems, read aloud"),
    ("Moth & Lantern", "fiction for the night"),
    ("On Film, on Air", "a video podcast"),
)
BOOKS = (
    ("The Cartographer’s Umbrella", "Wilhelmina Tarn"),
    ("A Short History of Fog", "Osgood Fenn"),
    ("Nineteen Ferries", "Ágota Révész-Holm"),
    ("The Clockmaker of Patan", "Bimala Sthapit"),
)


def spotify_id(rng: Random) -> str:
    return rng.choice("01234567") + "".join(rng.choices(BASE62, k=21))


def titles(rng: Random, style: Style) -> str:
    """One title in a style. Repeated calls rarely give the same title."""
    a, other = rng.sample(style.a, 2)
    b, second = rng.sample(style.b, 2)
    title = rng.choice(style.patterns).replace("{a}", a, 1).replace("{b}", b, 1)
    title = title.replace("{a}", other).replace("{b}", second).replace("{n}", str(rng.randint(2, 9)))
    return title[0].upper() + title[1:]


def _distinct_titles(rng: Random, style: Style, used: set[str], count: int) -> list[str]:
    found: list[str] = []
    for _ in range(count * 20):
        if len(found) == count:
            break
        title = titles(rng, style)
        if title not in used:
            used.add(title)
            found.append(title)
    return found


def _song(rng: Random, title: str, artist: str, album: str, typical: int) -> Song:
    seconds = round(min(900.0, max(62.0, rng.lognormvariate(0, 0.24) * typical)))
    relinked = spotify_id(rng) if rng.random() < 0.012 else None
    return Song(spotify_id(rng), relinked, title, artist, album, seconds)


def _album(rng: Random, name: str, style: Style, used: set[str], released: date, *, is_single: bool) -> Album:
    songs = _distinct_titles(rng, style, used, rng.randint(1, 2) if is_single else rng.randint(7, 13))
    album = songs[0] if is_single or rng.random() < 0.35 else titles(rng, style)
    if not is_single and rng.random() < 0.08:
        album = f"{album} (Deluxe Edition)"
    return Album(album, released, tuple(_song(rng, title, name, album, style.seconds) for title in songs))


def _artist(rng: Random, name: str, key: str, fame: float, start: date, end: date) -> Artist:
    style, used = STYLES[key], set[str]()
    oldest = start - timedelta(days=9 * 365)
    span = (end - oldest).days - 60
    dates = sorted(oldest + timedelta(days=rng.randrange(span)) for _ in range(rng.randint(2, 5)))
    dates[0] = min(
        dates[0], start - timedelta(days=rng.randint(30, 900))
    )  # every artist has an album when the history begins
    albums = (
        _album(rng, name, style, used, released, is_single=number > 0 and rng.random() < 0.25)
        for number, released in enumerate(dates)
    )
    return Artist(name, key, fame, tuple(albums))


def _with_releases(rng: Random, artist: Artist, end: date) -> Artist:
    """The artist, in two of five cases with a hit that is on several releases: a single before its album, a deluxe
    edition, a remaster, and a live take, which is another song. All of them have ids of their own."""
    own = next((album for album in artist.albums if len(album.songs) > 2), None)
    hit = next((song for song in own.songs if song.title.replace(" ", "").isalpha()), None) if own else None
    if own is None or hit is None or rng.random() < 0.6:
        return artist
    live = "Live at the Cistern"
    releases = (
        (hit.title, -45, (hit,)),
        (f"{own.title} (Deluxe)", 240, own.songs[:3] if hit in own.songs[:3] else (*own.songs[:2], hit)),
        (live, 420, (hit._replace(title=f"{hit.title} - {live}", seconds=hit.seconds + 41),)),
        (f"{artist.name}: Anthology", 600, (hit._replace(title=f"{hit.title} - Remastered 2011"),)),
    )
    albums = [
        Album(
            title,
            min(own.released + timedelta(days=days), end - timedelta(days=40)),
            tuple(song._replace(spotify_id=spotify_id(rng), relinked_id=None, album=title) for song in songs),
        )
        for title, days, songs in releases
    ]
    return artist._replace(albums=tuple(sorted((*artist.albums, *albums), key=lambda album: album.released)))


def _with_former_titles(rng: Random, artist: Artist) -> Artist:
    """The artist with a few songs that had another title once. Each of them is on one release only."""
    known = [song.recording for album in artist.albums for song in album.songs]
    used = {song.title for album in artist.albums for song in album.songs}

    def renamed(song: Song) -> Song:
        if rng.random() > 0.02 or known.count(song.recording) > 1:
            return song
        [former] = _distinct_titles(rng, STYLES[artist.style], used, 1) or [f"{song.title} II"]
        return song._replace(former_title=former)

    return artist._replace(
        albums=tuple(album._replace(songs=tuple(map(renamed, album.songs))) for album in artist.albums)
    )


def _compilation(rng: Random, title: str, start: date, used: set[str]) -> Album:
    songs = []
    for _ in range(14):
        style = STYLES[rng.choice(sorted(STYLES))]
        [name] = _distinct_titles(rng, style, used, 1)
        if rng.random() < 0.4:
            name = f"{name} (feat. {rng.choice(GUESTS)})"
        songs.append(_song(rng, name, VARIOUS, title, style.seconds))
    return Album(title, start, tuple(songs))


def _episodes(rng: Random) -> tuple[Episode, ...]:
    found = []
    for show, subject in SHOWS:
        for number in range(1, rng.randint(30, 70)):
            seconds = rng.randint(900, 4200)
            title = f"{number}. {titles(rng, STYLES['indie'])} – {subject}"
            found.append(Episode(f"spotify:episode:{spotify_id(rng)}", show, title, seconds, show == SHOWS[-1][0]))
    return tuple(found)


def _chapters(rng: Random) -> tuple[Chapter, ...]:
    found = []
    for book, author in BOOKS:
        book_uri = f"spotify:show:{spotify_id(rng)}"
        for number in range(1, rng.randint(14, 30)):
            uri = f"spotify:episode:{spotify_id(rng)}"
            found.append(Chapter(uri, book_uri, book, author, f"Chapter {number}", rng.randint(700, 2600)))
    return tuple(found)


def make_catalog(rng: Random, start: date, end: date) -> Catalog:
    """The world's music as of `end`; albums appear over the years, many before `start`."""
    people = [f"{first} {last}" for first in _FIRST for last in _LAST]
    rng.shuffle(people)
    artists = [_artist(rng, name, key, 1.0, start, end) for key, style in STYLES.items() for name in style.artists]
    artists += [
        _artist(rng, people.pop(), key, 0.4, start, end) for key in LESSER_KNOWN_STYLES for _ in range(LESSER_KNOWN)
    ]
    artists = [_with_former_titles(rng, _with_releases(rng, artist, end)) for artist in artists]
    used = set[str]()
    compilations = tuple(_compilation(rng, title, start, used) for title in COMPILATIONS)
    artists.append(Artist(VARIOUS, "various", 1.0, compilations))
    return Catalog(tuple(artists), _episodes(rng), _chapters(rng))
