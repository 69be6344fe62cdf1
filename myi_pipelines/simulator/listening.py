"""What each user plays, and which plays the API shows at a time. `payloads` decides the form of the API's answers.

Plays are made up day by day from the seed, so that they do not depend on how the clock moved. Callers can add more.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from myi_pipelines.simulator.clock import unix_ms
from myi_pipelines.simulator.simulated_users import SimulatedUser
from myi_pipelines.simulator.world import Track, World

WINDOW = 50
COUNTS_FROM_MS = 30_000
DAY_BEGINS = time(4)  # local; no session crosses it, so each day can be made up on its own
LOOKS_BACK = 400  # days
TERMS = {"short_term": timedelta(weeks=4), "medium_term": timedelta(days=182), "long_term": timedelta(days=365)}


class Play(NamedTuple):
    """``played_at`` is its end. ``track_id`` is None for a local file."""

    played_at: datetime
    track_id: str | None
    duration_ms: int
    ms_played: int
    visible_from: datetime
    from_album: bool = False


class Delay(NamedTuple):
    """Some of the plays between two times become visible late."""

    user: str | None
    share: float
    by: timedelta
    since: datetime
    until: datetime | None


class Habit:
    """One user's made-up days."""

    def __init__(self, seed: int, user: SimulatedUser, world: World) -> None:
        self.seed = f"{seed} {user.name}"
        self.user = user
        self.zone = ZoneInfo(user.timezone)
        self.world = world
        self.tracks = [list[Track]() for _ in world.artists]
        place = {artist_id: number for number, artist_id in enumerate(world.artists)}
        for track in world.tracks.values():
            self.tracks[place[track.artist_ids[0]]].append(track)
        rng, likes = Random(f"{self.seed} taste"), dict(user.habits.styles)
        self.track_weights = [list(accumulate(min(10, rng.paretovariate(1.3)) for _ in own)) for own in self.tracks]
        self.fondness = [
            likes.get(artist.style, 0.1) * artist.fame * rng.lognormvariate(0, 0.9)
            if own and rng.random() < 0.5 else 0.0
            for artist, own in zip(world.artists.values(), self.tracks, strict=True)
        ]  # fmt: skip
        self.months: dict[tuple[int, int], list[float]] = {}
        self.days: dict[date, tuple[Play, ...]] = {}

    def plays_of(self, day: date) -> tuple[Play, ...]:
        """The plays of one local day, from DAY_BEGINS on, oldest first."""
        if day not in self.days:
            self.days[day] = tuple(self._make_day(day))
        return self.days[day]

    def back_from(self, moment: datetime) -> Iterator[tuple[Play, ...]]:
        """The days up to that of ``moment``, latest first."""
        last = moment.astimezone(self.zone).date()
        for back in range(LOOKS_BACK):
            yield self.plays_of(last - timedelta(days=back))

    def back_to(self, since: datetime, until: datetime) -> Iterator[tuple[Play, ...]]:
        """The days with what was played between two times, latest first."""
        for day in self.back_from(until):
            yield day
            if day and day[0].played_at <= since:
                return

    def _month(self, day: date) -> list[float]:
        """The weights of the artists in a month, in which a few artists are played much more often."""
        key = (day.year, day.month)
        if key not in self.months:
            rng = Random(f"{self.seed} {key}")
            weights = list(self.fondness)
            liked = [number for number, weight in enumerate(weights) if weight > 0]
            for number in rng.sample(liked, 4):
                weights[number] += sum(self.fondness) / 16
            self.months[key] = list(accumulate(weights))
        return self.months[key]

    def _artist(self, rng: Random, weights: list[float]) -> int:
        return bisect(weights, rng.random() * weights[-1], 0, len(weights) - 1)

    def _track_of(self, rng: Random, artist: int) -> Track:
        weights = self.track_weights[artist]
        return self.tracks[artist][bisect(weights, rng.random() * weights[-1], 0, len(weights) - 1)]

    def _queue(self, rng: Random, weights: list[float], length: int) -> tuple[list[Track], bool]:
        mode = rng.random()
        favourite = self._track_of(rng, self._artist(rng, weights))
        if mode < 0.2:
            album = self.world.albums[favourite.album_id]
            return [self.world.tracks[id_] for id_ in album.track_ids[:length]], True
        if mode < 0.25:
            return [favourite] * min(length, rng.randint(3, 9)), False
        return [self._track_of(rng, self._artist(rng, weights)) for _ in range(length)], False

    def _heard_ms(self, rng: Random, track: Track) -> int:
        luck = rng.random()
        if luck < 0.08:
            return rng.randrange(800, COUNTS_FROM_MS)
        if rng.random() > self.user.habits.patience:
            return min(track.duration_ms, rng.randrange(COUNTS_FROM_MS + 100, 90_000))
        return track.duration_ms

    def _make_day(self, day: date) -> Iterator[Play]:
        habits, rng = self.user.habits, Random(f"{self.seed} {day}")
        if rng.random() < habits.days_off:
            return
        weights = self._month(day)
        owed = habits.plays_a_day / (1 - habits.days_off) * rng.lognormvariate(0, 0.4)
        sessions = []
        while owed > 0:
            length = max(1, round(rng.lognormvariate(2.3, 0.7)))
            hour = rng.choices(range(24), habits.hours)[0]
            after = timedelta(
                hours=(hour - DAY_BEGINS.hour) % 24, seconds=rng.randrange(3600), milliseconds=rng.randrange(1000)
            )
            sessions.append((after, length))
            owed -= length
        begins = datetime.combine(day, DAY_BEGINS, self.zone).astimezone(UTC)
        ends = datetime.combine(day + timedelta(days=1), DAY_BEGINS, self.zone).astimezone(UTC)
        cursor = begins
        for after, length in sorted(sessions):
            cursor = max(cursor, begins + after)
            queue, from_album = self._queue(rng, weights, length)
            for track in queue:
                heard = self._heard_ms(rng, track)
                cursor += timedelta(milliseconds=heard)
                if cursor >= ends:
                    return
                yield Play(cursor, track.id, track.duration_ms, heard, cursor, from_album)
                cursor += timedelta(milliseconds=rng.randrange(20, 1500))


@lru_cache(maxsize=64)
def habit_of(seed: int, user: SimulatedUser, world: World) -> Habit:
    """The habit of a user. It depends on its arguments only, so a process makes it once."""
    return Habit(seed, user, world)


class Listening:
    """The plays of all users, as they happened and as Spotify shows them."""

    def __init__(self, seed: int, users: tuple[SimulatedUser, ...], world: World, since: datetime | None) -> None:
        self.seed = seed
        self.world = world
        self.since = since
        self.users = {user.name: user for user in users}
        self.added: dict[str, list[Play]] = {user.name: [] for user in users}
        self.delays: list[Delay] = []
        self.tops: dict[tuple[str, str, date], Counter[str]] = {}

    def _habit(self, user: str) -> Habit:
        return habit_of(self.seed, self.users[user], self.world)

    def add(self, user: str, play: Play) -> None:
        self.added[user].append(play)
        self.tops.clear()

    def plays(self, user: str, since: datetime, until: datetime) -> list[Play]:
        """Everything played after ``since`` and up to ``until``, skips too, oldest first."""
        oldest = since if self.since is None else max(since, self.since)
        found = [play for play in self.added[user] if since < play.played_at <= until]
        for day in self._habit(user).back_to(oldest, until):
            found += [self._delayed(user, play) for play in day if oldest < play.played_at <= until]
        return sorted(found, key=lambda play: play.played_at)

    def shown(self, user: str, now: datetime) -> list[Play]:
        """The window: the last 50 plays that Spotify shows at a time, newest first."""
        found = [play for play in self.added[user] if _shows(play, now)]
        made_up, habit = 0, self._habit(user)
        for day in habit.back_from(now) if self.since is None else habit.back_to(self.since, now):
            plays = [self._delayed(user, play) for play in day if self.since is None or play.played_at > self.since]
            shown = [play for play in plays if _shows(play, now)]
            found += shown
            made_up += len(shown)
            if made_up >= WINDOW:
                break
        return sorted(found, key=lambda play: play.played_at, reverse=True)[:WINDOW]

    def _delayed(self, user: str, play: Play) -> Play:
        for delay in self.delays:
            if delay.user not in (None, user) or play.played_at <= delay.since:
                continue
            if delay.until is not None and play.played_at > delay.until:
                continue
            if Random(f"{self.seed} {user} {unix_ms(play.played_at)}").random() < delay.share:
                return play._replace(visible_from=play.played_at + delay.by)
        return play

    def top_tracks(self, user: str, term: str, now: datetime) -> list[str]:
        """Track ids, most played first, as of the last midnight."""
        return _ranked(self._played(user, term, now))

    def top_artists(self, user: str, term: str, now: datetime) -> list[str]:
        """Artist ids, most played first, as of the last midnight."""
        counts = Counter[str]()
        for track_id, times in self._played(user, term, now).items():
            if track := self.world.tracks.get(self.world.aliases.get(track_id, track_id)):
                counts.update(dict.fromkeys(track.artist_ids, times))
        return _ranked(counts)

    def _played(self, user: str, term: str, now: datetime) -> Counter[str]:
        today = now.astimezone(UTC).date()
        key = (user, term, today)
        if key not in self.tops:
            until = datetime.combine(today, time(), UTC)
            since, counts = until - TERMS[term], Counter[str]()
            for day in (self.added[user], *self._habit(user).back_to(since, until)):
                inside = [play for play in day if since < play.played_at <= until]
                counts.update(play.track_id for play in inside if play.track_id and play.ms_played >= COUNTS_FROM_MS)
            self.tops[key] = counts
        return self.tops[key]


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda id_: (-counts[id_], id_))


def _shows(play: Play, now: datetime) -> bool:
    return play.visible_from <= now and play.played_at <= now and play.ms_played >= COUNTS_FROM_MS
