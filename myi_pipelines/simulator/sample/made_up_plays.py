"""What a made-up user plays, and when: turns the made-up music into one user's history.

Habits, favourites and time zones belong here; `export_writer` decides how Spotify writes a play.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from math import cos, exp, tau
from random import Random
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from myi_pipelines.simulator.sample.made_up_music import RELINKED_AFTER, Album, Artist, Catalog, Chapter, Episode, Song

HOUR_MS = 3_600_000
DOUBLED_WITHIN_S = 20


class LocalFile(NamedTuple):
    title: str
    artist: str
    seconds: int


Thing: TypeAlias = Song | Episode | Chapter | LocalFile | None  # None: a row that names nothing at all


class Heard(NamedTuple):
    """One play as the user's device saw it, before any export's conventions."""

    thing: Thing
    track_id: str | None  # which of a relinked song's ids was played
    started_ms: int  # Unix time on the device's clock
    paused_ms: int
    ms_played: int
    logged_at: int  # Unix seconds when Spotify recorded it: the end of the play, or the upload of an offline play
    platform: str
    country: str
    address: str
    reason_start: str
    reason_end: str
    shuffle: bool
    skipped: bool
    offline: bool | None
    knows_start: bool  # whether Spotify kept the device's clock
    incognito: bool
    is_video: bool
    doubled_s: int = 0  # Spotify exports the stream once more, this many seconds later

    @property
    def ended_ms(self) -> int:
        """Unix time on the device's clock."""
        return self.started_ms + self.paused_ms + self.ms_played


class Profile(NamedTuple):
    """A user's habits. Hours and weekdays are relative weights in local time, Monday first."""

    name: str
    timezone: str
    share: float  # of all plays
    packing: str  # how the history reaches the user: see `export_writer.PACKINGS`
    country: str
    trips: tuple[str, ...]
    platforms: tuple[str, ...]  # from the first year's to the last year's
    first_styles: dict[str, float]
    last_styles: dict[str, float]
    weekdays: tuple[float, ...]
    work_hours: tuple[float, ...]
    free_hours: tuple[float, ...]
    podcasts: float  # share of sessions
    audiobooks: float
    videos: float
    local_files: float  # share of plays


# fmt: off
_EARLY_BIRD = (0, 0, 0, 0, 0, 1, 4, 9, 7, 4, 3, 3, 4, 3, 2, 2, 4, 7, 6, 4, 3, 2, 1, 0)
_OFFICE     = (1, 0, 0, 0, 0, 0, 1, 3, 6, 8, 7, 5, 3, 6, 7, 6, 5, 4, 3, 4, 6, 7, 5, 2)
_NIGHT_OWL  = (8, 6, 4, 2, 1, 0, 0, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 10)
_WEEKEND    = (5, 3, 2, 1, 0, 0, 0, 1, 2, 5, 7, 7, 6, 5, 5, 5, 5, 5, 6, 6, 7, 8, 8, 7)

PROFILES = (
    Profile(
        "ada", "America/St_Johns", 0.42, "new", "CA", ("IE", "PT", "US"),
        ("Android OS 9 API 28 (samsung, SM-G960F)", "OS X 10.15.7 [x86 8]", "android", "osx", "ios"),
        {"folk": 9, "indie": 6, "classical": 1, "latin": 1},
        {"folk": 3, "indie": 4, "electronic": 7, "latin": 3, "jazz": 2},
        (1.0, 1.0, 1.0, 1.1, 1.2, 0.9, 0.7), _OFFICE, _WEEKEND, 0.05, 0.02, 0.010, 0.0,
    ),
    Profile(
        "bela", "Europe/Budapest", 0.34, "old and new", "HU", ("AT", "IT", "HR"),
        ("Windows 10 (10.0.18363; x64; AppX)", "Linux [x86-64 0]", "android", "windows", "linux"),
        {"metal": 8, "hungarian": 6, "electronic": 2}, {"jazz": 8, "hungarian": 5, "classical": 5, "metal": 2},
        (0.8, 0.9, 0.9, 1.0, 1.4, 1.5, 1.1), _NIGHT_OWL, _WEEKEND, 0.03, 0.01, 0.006, 0.012,
    ),
    Profile(
        "chandra", "Asia/Kathmandu", 0.24, "with account data", "NP", ("IN", "JP", "AE"),
        ("Android OS 8.1.0 API 27 (Xiaomi, Redmi 5)", "android", "android",
         "web_player windows 10;chrome 118.0.0.0;desktop"),
        {"nepali": 8, "hiphop": 5, "jpop": 1}, {"nepali": 5, "jpop": 8, "hiphop": 3, "indie": 2},
        (1.0, 1.0, 1.0, 1.0, 1.0, 1.3, 0.8), _EARLY_BIRD, _EARLY_BIRD, 0.06, 0.03, 0.0, 0.0,
    ),
    Profile(
        "dalia", "Pacific/Apia", 0.30, "new", "WS", ("NZ", "AU"), ("ios", "ios", "ios"),
        {"latin": 5, "indie": 4, "folk": 2}, {"latin": 4, "electronic": 4, "hiphop": 4},
        (1.0, 1.0, 1.0, 1.0, 1.2, 1.2, 0.6), _OFFICE, _WEEKEND, 0.03, 0.01, 0.0, 0.0,
    ),
    Profile(
        "emeka", "Africa/Lagos", 0.30, "with account data", "NG", ("GB", "GH"), ("android", "android"),
        {"hiphop": 8, "jazz": 3}, {"hiphop": 6, "electronic": 5, "jazz": 3},
        (1.0, 1.0, 1.0, 1.0, 1.3, 1.4, 1.2), _EARLY_BIRD, _NIGHT_OWL, 0.04, 0.0, 0.004, 0.0,
    ),
)
# fmt: on


class Taste:
    """What one user likes in each month: artists come and go, a few songs are on repeat."""

    def __init__(self, rng: Random, profile: Profile, catalog: Catalog, start: date, end: date) -> None:
        self.months = (end.year - start.year) * 12 + end.month - start.month + 1
        self.start = start
        self.artists = catalog.artists
        self.songs = [[song for album in artist.albums for song in album.songs] for artist in catalog.artists]
        self.song_weights = [list(accumulate(_weights(rng, songs))) for songs in self.songs]
        self.artist_weights = self._artist_weights(rng, profile)
        self.repeats = self._repeats(rng)

    def _artist_weights(self, rng: Random, profile: Profile) -> list[list[float]]:
        # The time of an artist's peak, its width and its height; the height of many artists is 0.
        lives = [(rng.uniform(-0.1, 1.1), rng.uniform(0.05, 0.3), _fondness(rng, artist)) for artist in self.artists]
        weights = []
        for month in range(self.months):
            t = month / self.months
            row = []
            for artist, (peak, width, height) in zip(self.artists, lives, strict=True):
                then, now = profile.first_styles.get(artist.style, 0.15), profile.last_styles.get(artist.style, 0.15)
                row.append((then + (now - then) * t) * height * (0.05 + exp(-(((t - peak) / width) ** 2))))
            weights.append(list(accumulate(row)))
        return weights

    def _repeats(self, rng: Random) -> list[list[Song]]:
        """Five songs a month that are played very often; some stay for the next month."""
        found: list[list[Song]] = []
        for month in range(self.months):
            kept = [song for song in (found[-1] if found else []) if rng.random() < 0.55]
            found.append(kept + [self.song(rng, self.artist(rng, month), month) for _ in range(5 - len(kept))])
        return found

    def month_of(self, day: date) -> int:
        return min(self.months - 1, max(0, (day.year - self.start.year) * 12 + day.month - self.start.month))

    def artist(self, rng: Random, month: int) -> int:
        weights = self.artist_weights[month]
        return bisect(weights, rng.random() * weights[-1], 0, len(weights) - 1)

    def _released(self, artist: Artist, month: int) -> Sequence[Album]:
        year, index = divmod(self.start.year * 12 + self.start.month - 1 + month, 12)
        return [album for album in artist.albums if album.released < date(year, index + 1, 1)] or artist.albums[:1]

    def song(self, rng: Random, artist: int, month: int) -> Song:
        count = sum(len(album.songs) for album in self._released(self.artists[artist], month))
        weights = self.song_weights[artist]
        return self.songs[artist][bisect(weights, rng.random() * weights[count - 1], 0, count - 1)]

    def album(self, rng: Random, artist: int, month: int) -> Album:
        """A released album; in half of the cases the newest."""
        released = self._released(self.artists[artist], month)
        return released[-1] if rng.random() < 0.5 else rng.choice(released)

    def queue(self, rng: Random, day: date, length: int) -> tuple[list[Song], bool]:
        """What one session plays, and whether on shuffle. A short album is followed by more of the artist."""
        month, mode = self.month_of(day), rng.random()
        if mode < 0.3:
            artist = self.artist(rng, month)
            songs = list(self.album(rng, artist, month).songs[:length]) if mode < 0.2 else []
            return songs + [self.song(rng, artist, month) for _ in range(length - len(songs))], not songs
        songs = [rng.choice(self.repeats[month])] * min(length, rng.randint(2, 5)) if mode < 0.33 else []
        return songs + [
            rng.choice(self.repeats[month]) if rng.random() < 0.05 else self.song(rng, self.artist(rng, month), month)
            for _ in range(length - len(songs))
        ], not songs


def _weights(rng: Random, songs: Sequence[Song]) -> Iterator[float]:
    """How much each song is liked: the same on all of its releases."""
    known: dict[tuple[str, str], float] = {}
    for song in songs:
        yield known.setdefault(song.recording, min(10.0, rng.paretovariate(1.3)))


def _fondness(rng: Random, artist: Artist) -> float:
    return artist.fame * rng.lognormvariate(0, 0.7) if rng.random() < 0.6 else 0.0


def clock_changes(zone: ZoneInfo, start: date, end: date) -> list[date]:
    """Local days between `start` and `end` on which the zone's clocks are put forward or back."""
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [day for day in days if _offset(day, zone) != _offset(day + timedelta(days=1), zone)]


def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    return datetime.combine(day, time(), zone).utcoffset()


def _session_starts(
    rng: Random, profile: Profile, start: date, end: date, plays: int
) -> Iterator[tuple[datetime, int]]:
    """Local starts and lengths of sessions that make about `plays` rows in total, in the order of their days."""
    zone = ZoneInfo(profile.timezone)
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    of_year = {year: rng.lognormvariate(0, 0.25) for year in range(start.year, end.year + 1)}
    breaks = [rng.randrange(len(days)) for _ in range(2 * len(of_year))]
    away = {start + timedelta(days=first + n) for first in breaks for n in range(rng.randint(3, 9))}
    weights = [
        0.0 if day in away else profile.weekdays[day.weekday()] * of_year[day.year] * rng.lognormvariate(0, 0.6)
        * (1 + 0.15 * cos(tau * day.timetuple().tm_yday / 365))
        for day in days
    ]  # fmt: skip
    changes, owed, total = set(clock_changes(zone, start, end)), 0.0, sum(weights)
    for day, weight in zip(days, weights, strict=True):
        owed += 1.03 * plays * weight / total  # sessions with podcasts end early
        sessions: list[tuple[time, int]] = []
        hours = profile.free_hours if day.weekday() >= 5 else profile.work_hours
        while owed > 0:
            length = min(45, max(1, round(rng.lognormvariate(2.0, 0.75))))
            owed -= length
            sessions.append((time(rng.choices(range(24), hours)[0], rng.randrange(60), rng.randrange(60)), length))
        if day in changes:  # a session through the missing or repeated hour
            owed -= 20
            sessions.append((time(1, 20, rng.randrange(60)), 20))
        for begins, length in sorted(sessions):
            yield datetime.combine(day, begins, zone), length


class _Session(NamedTuple):
    """What all plays of one session share."""

    platform: str
    country: str
    address: str
    offline: bool
    knows_start: bool
    incognito: bool
    shuffle: bool


def _heard_ms(rng: Random, seconds: int, is_patient: bool) -> tuple[int, str, bool]:
    """How long one song is heard, why it ends, and whether it was skipped."""
    luck, whole = rng.random() * (1.7 if is_patient else 1.0), seconds * 1000 - rng.randrange(400)
    if luck < 0.012:
        return 0, rng.choice(("fwdbtn", "clickrow", "unknown", "")), True
    if luck < 0.06:
        return rng.randrange(400, 5_000), "fwdbtn", True
    if luck < 0.21:
        return rng.randrange(5_000, 30_000), rng.choice(("fwdbtn", "fwdbtn", "fwdbtn", "clickrow", "backbtn")), True
    if luck < 0.31:
        end = rng.choice(("fwdbtn", "endplay", "clickrow", "unexpected-exit-while-paused", "logout", "remote"))
        return rng.randrange(30_000, max(30_001, whole)), end, end == "fwdbtn"
    return whole, "trackdone", False


def _session_shared(rng: Random, profile: Profile, progress: float, shuffle: bool, trip: str | None) -> _Session:
    platform = profile.platforms[min(len(profile.platforms) - 1, int(progress * len(profile.platforms)))]
    if rng.random() < 0.12:
        platform = rng.choice(profile.platforms[: 1 + int(progress * len(profile.platforms))])
    offline = rng.random() < (0.3 if trip else 0.03)
    country = trip or ("ZZ" if offline and rng.random() < 0.3 else profile.country)
    address = f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"
    return _Session(platform, country, address, offline, rng.random() < 0.9, rng.random() < 0.012, shuffle)


def _things(
    rng: Random, profile: Profile, catalog: Catalog, taste: Taste, day: date, length: int, progress: float
) -> tuple[list[Thing], bool, bool]:
    """What is played in one session, whether on shuffle, and whether it is video."""
    kind = rng.random()
    if kind < profile.podcasts:
        first = rng.randrange(len(catalog.episodes) - 3)
        episodes = catalog.episodes[first : first + min(length, 3)]
        return list(episodes), False, any(episode.is_video for episode in episodes)
    kind -= profile.podcasts
    if progress > 0.7 and kind < profile.audiobooks:
        first = rng.randrange(len(catalog.chapters) - 4)
        return list(catalog.chapters[first : first + min(length, 4)]), False, False
    kind -= profile.audiobooks
    if 0 <= kind < profile.videos:
        videos = [episode for episode in catalog.episodes if episode.is_video]
        return [rng.choice(videos) if rng.random() < 0.8 else None for _ in range(min(length, 2))], False, True
    songs, shuffle = taste.queue(rng, day, length)
    things: list[Thing] = [
        LocalFile(f"demo {song.title}", "my own tapes", song.seconds) if rng.random() < profile.local_files else song
        for song in songs
    ]
    if rng.random() < 0.01:
        things.append(None)
    return things, shuffle, 0 <= kind - profile.videos < 0.003


def _trips(rng: Random, profile: Profile, start: date, end: date) -> dict[date, str]:
    """Days abroad: about two trips a year, to the countries of the profile."""
    trips: dict[date, str] = {}
    for _ in range(max(1, 2 * (end - start).days // 365)):
        first, country = start + timedelta(days=rng.randrange((end - start).days)), rng.choice(profile.trips)
        trips.update((first + timedelta(days=n), country) for n in range(rng.randint(4, 16)))
    return trips


def listen(rng: Random, profile: Profile, catalog: Catalog, start: date, end: date, plays: int) -> list[Heard]:
    """About `plays` plays of one user between two dates, both included, in the order in which Spotify recorded them."""
    taste, trips = Taste(rng, profile, catalog, start, end), _trips(rng, profile, start, end)
    limit = int(datetime.combine(end + timedelta(days=1), time(), UTC).timestamp()) - 1
    span, cursor, heard = (end - start).days + 1, 0, list[Heard]()
    for begins, length in _session_starts(rng, profile, start, end, plays):
        day = begins.date()
        progress = (day - start).days / span
        things, shuffle, is_video = _things(rng, profile, catalog, taste, day, length, progress)
        shared = _session_shared(rng, profile, progress, shuffle, trips.get(day))
        cursor = max(cursor + 60_000, int(begins.timestamp()) * 1000 + rng.randrange(1000))
        session = list(_play_through(rng, things, shared, cursor, progress, is_video))
        cursor = session[-1].ended_ms
        heard += _uploaded_later(rng, session, cursor) if shared.offline else session
    heard = [_maybe_doubled(rng, play) for play in heard if play.logged_at <= limit - DOUBLED_WITHIN_S]
    heard.sort(key=lambda play: play.logged_at)
    return heard


def _play_through(
    rng: Random, things: list[Thing], shared: _Session, cursor: int, progress: float, is_video: bool
) -> Iterator[Heard]:
    reason = rng.choice(("clickrow", "clickrow", "playbtn", "appload", "remote", ""))
    for thing in things:
        ms, ends, skipped = _heard_ms(rng, thing.seconds if thing else 60, is_patient=not shared.shuffle)
        track_id = None
        if isinstance(thing, Song):
            is_relinked = thing.relinked_id is not None and progress > RELINKED_AFTER
            track_id = thing.relinked_id if is_relinked else thing.spotify_id
        paused = rng.randrange(8_000, 900_000) if ms > 30_000 and rng.random() < 0.04 else 0
        play = Heard(
            thing, track_id, cursor, paused, ms, (cursor + paused + ms + 999) // 1000, shared.platform, shared.country,
            shared.address, reason, ends, shared.shuffle, skipped, shared.offline, shared.knows_start, shared.incognito,
            is_video,
        )  # fmt: skip
        parts = (
            list(_in_parts(rng, play)) if isinstance(thing, Song) and not shared.offline and not is_video else [play]
        )
        yield from parts
        reason = ends if ends in ("trackdone", "fwdbtn", "clickrow", "backbtn") else "clickrow"
        cursor = parts[-1].ended_ms
        cursor += rng.randrange(5_000, 600_000) if rng.random() < 0.04 else rng.randrange(1200)


def _in_parts(rng: Random, play: Heard) -> Iterator[Heard]:
    """A play with a connection as Spotify writes it: rarely after its preview, or switched to its video half-way."""
    luck = rng.random()
    if luck < 0.004:
        shown = rng.randrange(600, 9_000)
        preview = play._replace(
            ms_played=shown, paused_ms=0, logged_at=(play.started_ms + shown + 999) // 1000, reason_start="unknown",
            reason_end="endplay", skipped=True, offline=None, is_video=True,
        )  # fmt: skip
        begins = preview.ended_ms + rng.randrange(2_000)
        yield preview
        yield play._replace(started_ms=begins, logged_at=(begins + play.paused_ms + play.ms_played + 999) // 1000)
    elif luck < 0.006 and play.ms_played > 60_000 and not play.paused_ms:
        before = rng.randrange(20_000, play.ms_played - 20_000)
        switched_ms = play.started_ms + before
        yield play._replace(
            ms_played=before, logged_at=(switched_ms + 999) // 1000, reason_end="endplay", skipped=False
        )
        yield play._replace(
            started_ms=switched_ms, ms_played=play.ms_played - before, reason_start="switched-to-video", is_video=True
        )
    else:
        yield play


def _uploaded_later(rng: Random, session: list[Heard], ended_ms: int) -> list[Heard]:
    """The same plays as Spotify gets them when the device is online again: hours or days later, within seconds.

    Without the device's clock they all are of one second. Plays of one song then differ in length only.
    """
    delay = rng.randrange(HOUR_MS // 2, 60 * HOUR_MS) if rng.random() < 0.8 else rng.randrange(1_000, 60_000)
    online = (ended_ms + delay) // 1000
    if session[0].knows_start:
        return [play._replace(logged_at=online + n // 5) for n, play in enumerate(session)]
    lengths: set[tuple[object, int]] = set()
    uploaded = []
    for play in session:
        ms, names = play.ms_played, play.thing.recording if isinstance(play.thing, Song) else play.thing
        while (names, ms) in lengths:
            ms += 1
        lengths.add((names, ms))
        uploaded.append(play._replace(logged_at=online, ms_played=ms))
    return uploaded


def _maybe_doubled(rng: Random, play: Heard) -> Heard:
    """Of a thousand streams Spotify exports one twice: the same length, seconds later."""
    is_dated = play.knows_start or not play.offline
    if not is_dated or play.ms_played < 3 * 1000 * DOUBLED_WITHIN_S or rng.random() > 0.0015:
        return play
    return play._replace(doubled_s=rng.randrange(1, DOUBLED_WITHIN_S))
