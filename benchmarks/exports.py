"""Seeded export files for the benchmarks: as big, skewed and verbose as real ones, written fast and in constant memory.

This module makes only files, and the events that they must become; it imports and measures nothing.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from random import Random
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

MIN_PLAY_MS = 5_000
MEMBER_BYTES = 12_000_000
EVENTS_PER_ROW = 0.9
"""About: the other rows are too short, not music, or tell a stream for a second time."""

_FOLDER = "Spotify Extended Streaming History"
_ROW_BYTES = 680  # about what a row takes, pretty-printed
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2025, 10, 31, 12, tzinfo=UTC)
_TRUE_STARTS_FROM = int((_LAST - timedelta(days=2 * 365)).timestamp())  # in all rows, not in offline ones only
_MILLISECONDS = range(*(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2021, 2022)))
_EPISODES, _CHAPTERS = 2_000, 60
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WORDS = """
    amber anchor arcade ashes atlas autumn avenue balcony basement beacon blossom blue bones border bridge broken
    candle canyon carousel ceiling chapel cinder citadel clover coast cobalt comet copper coral corner crystal
    curtain dagger dancer daylight december desert diamond drifting driftwood dust eastern echo electric ember
    empire engine fading falling feather fever fire flicker forest fortune fountain frozen garden ghost glass golden
    gravity harbour hollow horizon hurricane island ivory january kingdom ladder lantern letter lightning little
    lonely magnet marble meadow memory mercury midnight mirror modern morning motel mountain neon northern ocean
    orange orchard orbit paper parade passenger pavement pilot planet pocket prairie quiet radio railway rain red
    river rooftop ruby sailor satellite scarlet season secret shadow shelter signal silver skyline sleeper slow
    smoke southern sparrow spiral station stereo stone storm stranger summer sunday temple thunder tiger tower
    traffic tremor tunnel umbrella valley velvet vinyl violet voyage waiting water wild window winter wire wonder
    yellow żółty épée ősz señal straße 夜 海
""".split()  # noqa: SIM905
_PLATFORMS = (
    "android",
    "ios",
    "Android OS 11 API 30 (OnePlus, HD1903)",
    "iOS 12.1.2 (iPhone9,3)",
    "Windows 10 (10.0.19045; x64; AppX)",
    "web_player windows 10;chrome 96.0.4664.110;desktop",
    "Partner google cast_tv;Chromecast;;",
    "OS X 12.3.1 [arm 2]",
)
_TRACK_KEYS = (
    "master_metadata_track_name",
    "master_metadata_album_artist_name",
    "master_metadata_album_album_name",
    "spotify_track_uri",
)
_VARIOUS = "Various Artists"
_MUSIC = 0.945
"""The share of rows that play music. Of the others nine in ten are episodes."""
_OTHERS = _EPISODES + _CHAPTERS + 100
_STARTS = ("trackdone", "trackdone", "trackdone", "fwdbtn", "clickrow", "playbtn", "backbtn", "appload")
_SKIPS = ("fwdbtn", "fwdbtn", "endplay", "backbtn", "clickrow")


class Event(NamedTuple):
    """A listening event that the import of an export must produce."""

    spotify_id: str
    played_at: datetime
    ms_played: int


class Written(NamedTuple):
    rows: int
    events: int  # rows that count: at least 5 s of a track, and not the same stream once more
    json_bytes: int
    members: int


class _Track(NamedTuple):
    """A track as it is in a row: quoted JSON texts."""

    spotify_id: str
    title: str
    artist: str
    album: str


class _Play(NamedTuple):
    track: _Track | None  # None: not music
    other: int  # then what it is: an episode, a chapter, or nothing that has a name
    started: int  # 0: the row does not tell
    ts: int
    ms_played: int
    offline: bool | None
    way: int  # index of the way of playing
    is_again: bool = False  # the stream is exported for a second time
    place: int = 0  # among the plays of the track at the instant: that of several lengths in one upload

    @property
    def is_event(self) -> bool:
        return self.track is not None and self.ms_played >= MIN_PLAY_MS and not self.is_again


def write_export(
    path: Path, *, rows: int, seed: int, years: int = 12, distinct_tracks: int | None = None, repack: bool = False
) -> Written:
    """Write an extended streaming history of `rows` rows as a ZIP; `repack` writes the same rows as another file.

    Rows are pretty-printed, about 680 bytes each, in members of 12 MB. A repacked file has smaller members of compact
    one-line JSON, the newer half of the history first, and within a member the newest row first.
    Without `distinct_tracks` there are as many as a user with that many plays has: 25,000 for 300,000.
    Raises ValueError for more rows than one user can hear in `years` years.
    """
    half = rows // 2
    runs = [(half, rows), (0, half)] if repack else [(0, rows)]
    size = MEMBER_BYTES // (3 * _ROW_BYTES) if repack else MEMBER_BYTES // _ROW_BYTES
    writer = _Writer(is_compact=repack)
    json_bytes = events = members = 0
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as out:
        for first, last in runs:
            plays = islice(_plays(rows, seed, years, distinct_tracks), first, last)
            while chunk := list(islice(plays, size)):
                events += sum(play.is_event for play in chunk)
                name = f"{_FOLDER}/Streaming_History_Audio_{_year(chunk[0])}-{_year(chunk[-1])}_{members}.json"
                json_bytes += _write_member(out, name, writer.array(chunk[::-1] if repack else chunk))
                members += 1
    return Written(rows, events, json_bytes, members)


def finished_events(*, rows: int, seed: int, years: int = 12, distinct_tracks: int | None = None) -> Iterator[Event]:
    """The events of the file that `write_export` writes with the same arguments, in its order; no two are equal."""
    for play in _plays(rows, seed, years, distinct_tracks):
        if play.track is not None and play.is_event:
            is_dated = play.offline and play.started
            ended = play.started * 1000 + play.ms_played if is_dated else play.ts * 1000 + play.place
            yield Event(play.track.spotify_id, _EPOCH + timedelta(milliseconds=ended), play.ms_played)


def write_last_fm(path: Path, *, rows: int, seed: int) -> int:
    """Write the listening events of an export as Last.fm would tell them, as a table with the columns that its common
    exporters write; how many there are."""
    written = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, quoting=csv.QUOTE_ALL)
        table.writerow(("uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid"))
        for play in _plays(rows, seed, 12, None):
            if play.track is not None and play.is_event:
                title, artist, album = (msgspec.json.decode(text) for text in play.track[1:])
                began = play.ts - play.ms_played // 1000
                at = datetime.fromtimestamp(began, UTC).strftime("%d %b %Y, %H:%M")
                table.writerow((began, at, artist, "", album, "", title, ""))
                written += 1
    return written


def usual_distinct_tracks(rows: int) -> int:
    """How many different tracks a history of `rows` rows has: it grows more slowly than the history."""
    return max(1, min(rows, round(25_000 * math.pow(rows / 300_000, 0.6))))


def _year(play: _Play) -> int:
    return datetime.fromtimestamp(play.ts, UTC).year


def _title(rng: Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words)).title()


def _tracks(seed: int, count: int) -> list[_Track]:
    """The user's tracks: artists of very different weight, albums of eight tracks."""
    rng = Random(f"{seed} tracks")
    artists = [_title(rng, rng.choice((1, 2, 2, 3))) for _ in range(max(1, count // 7))]
    tracks: list[_Track] = []
    artist = album = ""
    for number in range(count):
        spotify_id = "".join(rng.choices(_BASE62, k=22))
        if number % 8 == 0:
            is_various = rng.random() < 0.01
            artist = encode_basestring(_VARIOUS if is_various else artists[int(len(artists) * rng.random() ** 2)])
            album = encode_basestring(_title(rng, rng.choice((1, 2, 3, 3, 4))))
        if tracks and rng.random() < 0.05:
            tracks.append(_another_release(rng, spotify_id, rng.choice(tracks)))
            continue
        title = _title(rng, rng.choice((1, 2, 2, 3, 4)))
        if rng.random() < 0.1:
            title += rng.choice((" - Remastered 2011", f" (feat. {_title(rng, 2)})", ' "Live"', " - Radio Edit"))
        tracks.append(_Track(spotify_id, encode_basestring(title), artist, album))
    return tracks


def _another_release(rng: Random, spotify_id: str, track: _Track) -> _Track:
    """The song on another release: the single, the deluxe edition, a remaster; or a live take, another song."""
    version = rng.choice(("", "", " - Remastered 2011", " - Live"))
    album = track.title if rng.random() < 0.5 else f'{track.album[:-1]} (Deluxe Edition)"'
    return _Track(spotify_id, f'{track.title[:-1]}{version}"', track.artist, album)


def _plays(rows: int, seed: int, years: int, distinct_tracks: int | None) -> Iterator[_Play]:
    """A history in the order of its timestamps: sessions, discoveries at a steady pace, favourites for the rest.

    One stream in a thousand is exported twice, seconds apart. One row in two hundred is offline without a start: some
    at a time have the time of their upload. Of the last two years every other row tells its true start, and a few were
    paused; before, only offline rows do, in 2021 in milliseconds.
    """
    first = int((_LAST - timedelta(days=365.25 * years)).timestamp())
    per_row = (_LAST.timestamp() - first) / max(1, rows)
    if per_row < 200:
        raise ValueError(f"{rows:,} rows do not fit into {years} years of listening")
    distinct = min(rows, distinct_tracks or usual_distinct_tracks(rows))
    tracks, rng = _tracks(seed, distinct), Random(f"{seed} plays")
    random, ways = rng.random, len(_WAYS)
    ts, known, session_ends, shared, number = first, 0, 0, True, 0
    previous: _Track | None = None

    def pick() -> _Track:
        """Something new, or an all-time favourite or a recent find, both near to Zipf's law."""
        nonlocal known
        if number * distinct >= known * rows:
            known += 1
            return tracks[known - 1]
        rank = int(50 * ((known + 50) / 50) ** random()) - 50
        return tracks[rank if random() < 0.5 else known - 1 - rank]

    while number < rows:
        luck, other = random(), random()
        if luck < 0.045:
            ms = int(luck * 110_000)
        elif luck < 0.25:
            ms = int(5_000 + other * 25_000)
        else:
            ms = int(110_000 + other * random() * 400_000)
        is_new = number * distinct >= known * rows
        track = pick() if is_new or luck < _MUSIC else None
        if number >= session_ends:
            session_ends = number + 1 + int(random() * 30)
            ts = max(ts + 1, int(first + number * per_row))
        # One row in a hundred shares its second with the row before, which is another track's.
        shared = random() < 0.01 and not shared and previous is not track
        if not shared:
            ts += max(1, ms // 1000)
        previous = track
        unusual = random()
        offline: bool | None = unusual < 0.02
        if luck < 0.003:
            offline = None
        started = 0
        if offline:
            started = ts - ms // 1000 - (1 + int(random() * 40_000))
        elif ts >= _TRUE_STARTS_FROM:
            started = ts - ms // 1000 - (int(10 + random() * 900) if unusual > 0.97 and ms > 30_000 else 0)
        yield _Play(track, int(other * _OTHERS), started, ts, ms, offline, int(random() * ways))
        number += 1
        if 0.1 < unusual < 0.1011 and number < rows and track is not None and ms > 110_000 and not shared:
            ts += 1 + int(random() * 20)
            yield _Play(track, 0, started, ts, ms, offline, 0, is_again=True)
            number, shared = number + 1, True
        elif 0.2 < unusual < 0.20095:
            ts += 3_600
            batch = [
                (pick(), int(110_000 + random() * 200_000)) for _ in range(min(rows - number, 3 + int(random() * 6)))
            ]
            yield from _uploaded(batch, ts)
            number, shared, previous = number + len(batch), True, None


def _uploaded(batch: list[tuple[_Track, int]], ts: int) -> Iterator[_Play]:
    """Offline plays of one upload that do not tell when they began. Plays of one track differ in length."""
    lengths: dict[_Track, list[int]] = {}
    uploaded: list[tuple[_Track, int]] = []
    for track, ms in batch:
        own = lengths.setdefault(track, [])
        while ms in own:
            ms += 1
        own.append(ms)
        uploaded.append((track, ms))
    for track, ms in uploaded:
        yield _Play(track, 0, 0, ts, ms, True, 0, place=sum(longer > ms for longer in lengths[track]))


class _Way(NamedTuple):
    """A way of playing: the fields of a row besides its time and its track."""

    platform: str
    country: str
    address: str
    reason_start: str
    skip_reason: str
    shuffle: str
    knows_skips: bool


def _ways(count: int) -> list[_Way]:
    rng = Random("ways")
    return [
        _Way(
            rng.choices(_PLATFORMS, (30, 20, 10, 10, 10, 5, 5, 5))[0],
            rng.choices(("DE", "FR", "ZZ", "PT"), (90, 5, 1, 4))[0],
            f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}",
            rng.choice(_STARTS),
            rng.choice(_SKIPS),
            rng.choice(("true", "false")),
            rng.random() < 0.6,
        )
        for _ in range(count)
    ]


_WAYS = _ways(400)
_FLAGS = {True: "true", False: "false", None: "null"}


class _Writer:
    """Rows as JSON. Repeated parts are formatted once: a row is made of five texts."""

    def __init__(self, *, is_compact: bool) -> None:
        self._newline, self._indent, self._colon = ("", "", ":") if is_compact else ("\n", "  ", ": ")
        self._next = f",{self._newline}{self._indent * 2}"
        self._heads = [self._pairs(platform=f'"{way.platform}"') for way in _WAYS]
        self._places = [self._pairs(conn_country=f'"{way.country}"', ip_addr=f'"{way.address}"') for way in _WAYS]
        self._tails = {is_whole: [self._tail(way, is_whole) for way in _WAYS] for is_whole in (True, False)}
        self._no_episode = self._next + self._episode("null", "null", "null")
        no_track = self._pairs(**dict.fromkeys(_TRACK_KEYS, "null")) + self._next
        self._others = [f"{no_track}{one}" for one in self._contents()]

    def _pairs(self, **values: str) -> str:
        return self._next.join(f'"{key}"{self._colon}{value}' for key, value in values.items())

    def _episode(self, name: str, show: str, uri: str) -> str:
        return self._pairs(episode_name=name, episode_show_name=show, spotify_episode_uri=uri)

    def _contents(self) -> Iterator[str]:
        """What is not music: episodes, chapters of audiobooks, and what has no name."""
        rng = Random("episodes")
        shows = [_title(rng, 3) for _ in range(60)]
        for _ in range(_EPISODES):
            uri = f"spotify:episode:{''.join(rng.choices(_BASE62, k=22))}"
            yield self._episode(*(encode_basestring(text) for text in (_title(rng, 5), rng.choice(shows), uri)))
        nothing = self._episode("null", "null", "null")
        for number in range(_CHAPTERS):
            uri = f"spotify:episode:{''.join(rng.choices(_BASE62, k=22))}"
            book = encode_basestring(shows[number // 20])
            chapter = self._pairs(
                audiobook_title=book, audiobook_chapter_uri=f'"{uri}"', audiobook_chapter_title="null"
            )
            yield f"{nothing}{self._next}{chapter}"
        for _ in range(_OTHERS - _EPISODES - _CHAPTERS):
            yield nothing

    def _tail(self, way: _Way, is_whole: bool) -> str:
        end = "trackdone" if is_whole else way.skip_reason
        skipped = str(end == "fwdbtn").lower() if way.knows_skips else "null"
        return self._pairs(
            reason_start=f'"{way.reason_start}"', reason_end=f'"{end}"', shuffle=way.shuffle, skipped=skipped
        )

    def array(self, plays: Iterable[_Play]) -> Iterator[bytes]:
        """A JSON array, some rows at a time."""
        between, colon, newline = self._next, self._colon, self._newline
        begin, end = f"{self._newline}{self._indent}{{{newline}{self._indent * 2}", f"{newline}{self._indent}}}"
        heads, places, tails = self._heads, self._places, self._tails
        name, artist, album, uri = (f'"{key}"{colon}' for key in _TRACK_KEYS)
        day, date = 0, ""
        rows: list[str] = []
        yield b"["
        separator = ""
        for track, other, started, ts, ms, offline, way, *_ in plays:
            if ts - day >= 86_400 or ts < day:
                day = ts - ts % 86_400
                date = datetime.fromtimestamp(day, UTC).strftime("%Y-%m-%d")
            minutes, seconds = divmod(ts - day, 60)
            hours, minutes = divmod(minutes, 60)
            clock = f"{started}417" if offline and started and ts in _MILLISECONDS else started
            what = self._others[other] if track is None else (
                f'{name}{track.title}{between}{artist}{track.artist}{between}{album}{track.album}{between}'
                f'{uri}"spotify:track:{track.spotify_id}"{self._no_episode}'
            )  # fmt: skip
            rows.append(
                f'{separator}{begin}"ts"{colon}"{date}T{hours:02}:{minutes:02}:{seconds:02}Z"{between}{heads[way]}'
                f'{between}"ms_played"{colon}{ms}{between}{places[way]}{between}{what}{between}'
                f'{tails[ms > 110_000][way]}{between}"offline"{colon}{_FLAGS[offline]}{between}'
                f'"offline_timestamp"{colon}{clock}{between}"incognito_mode"{colon}false{end}'
            )
            separator = ","
            if len(rows) == 500:
                yield "".join(rows).encode()
                rows.clear()
        yield ("".join(rows) + f"{newline}]").encode()


def _write_member(out: ZipFile, name: str, parts: Iterable[bytes]) -> int:
    member = ZipInfo(name, _LAST.timetuple()[:6])
    member.compress_type = ZIP_DEFLATED
    with out.open(member, "w") as file:
        for part in parts:
            file.write(part)
    return member.file_size
