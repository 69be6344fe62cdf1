"""Which plays of exports are those that Spotify's recently-played list showed: one to one, nearest first.

A shown play is known by a moment only: its end, on some devices its start, rarely something between. The oldest account
data tells no more. Pure functions over rows of one user; ``events`` reads the rows and writes the events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple, TypeAlias

TOLERANCE = timedelta(seconds=15)
"""A shown moment may be this far from what an export tells. Two shown plays of one track cannot end within twice of it:
`ts` is cut to whole seconds, and clocks differ."""

SHOWN_FROM_MS = 30_000
"""Spotify's list shows no shorter play."""

LONGEST_PAUSE = timedelta(days=1)
"""A play that was shown at a moment between its start and its end may have been paused for so long."""

MINUTE = timedelta(minutes=1)
NO_TIME = timedelta(0)


class Shown(NamedTuple):
    """A play that was only shown."""

    track_id: int
    song_id: int
    name: str
    """Orders plays of different tracks that were shown at one moment."""
    played_at: datetime
    ms_played: int
    """The length of the track, which is the estimate."""
    source: str
    is_nameless: bool
    """The catalog knows no names of its track, which may be another id of a track that an export tells."""

    def length_since(self, before: datetime | None) -> int:
        """Milliseconds that it can have lasted when another play was shown before it."""
        if before is None:
            return self.ms_played
        return min(self.ms_played, max((self.played_at - before) // timedelta(milliseconds=1), SHOWN_FROM_MS))


class Exported(NamedTuple):
    """A play that an export tells."""

    stream_no: int | None
    """None in account data."""
    account_no: int | None
    song_id: int
    name: str
    played_at: datetime
    """The end; in account data the minute of the end."""
    ms_played: int
    stopped_at: datetime
    """The end as the export tells it: of an offline play, when it was uploaded."""
    elapsed_s: int | None
    before_at: datetime | None
    """The end of the play that the extended history tells before this one."""

    @property
    def length(self) -> timedelta:
        return timedelta(milliseconds=self.ms_played)

    @property
    def started_at(self) -> datetime | None:
        """The true start, where the export tells it."""
        if self.elapsed_s is None or self.elapsed_s < 0:
            return None
        return self.played_at - timedelta(seconds=self.elapsed_s)


class Match(NamedTuple):
    """A shown play, and what an export tells of it."""

    exported: Exported
    is_start: bool
    """The shown moment is the start of account data's play."""


class Play(NamedTuple):
    """A shown play with all of its showings, and the export's play that it is."""

    shown: Shown
    showings: list[Shown]
    ms_played: int
    """What it can have lasted: the track's length, capped by the time since the play before."""
    match: Match | None


_Compare: TypeAlias = Callable[[Shown, Exported], timedelta | None]
"""How far from an export's play a shown one is, in one way of looking; None where they cannot be one play."""


class _Way(NamedTuple):
    """One way to recognize a shown play."""

    order: Callable[[Exported], datetime]
    """The moment of an export's play that is compared."""
    apart: _Compare
    of_account_data: bool = False
    is_start: bool = False
    of_any_song: bool = False


def match_shown_plays(shown: Iterable[Shown], exported: Sequence[Exported]) -> list[Play]:
    """Every shown play once, in the order in which they were shown, with the export's play that it is.

    As many as possible of one song are matched in their order, nearest first, way after way: by their ends, by the true
    start, by the end less the length, by the upload of an offline play, by account data's minute, by any moment since
    the export's play before; and, where the names of a track are not known, by the end alone.
    """
    plays = _shown_once(shown)
    matches: dict[Shown, Match] = {}
    taken: set[Exported] = set()
    for way in _WAYS:
        left_shown = [play for play, _ in plays if play not in matches]
        left_exported = [
            play for play in exported if play not in taken and (play.stream_no is None) == way.of_account_data
        ]
        for play, other in _pairs(left_shown, left_exported, way):
            matches[play] = Match(other, way.is_start)
            taken.add(other)
    return list(_with_lengths(plays, matches))


def _shown_once(shown: Iterable[Shown]) -> list[tuple[Shown, list[Shown]]]:
    """The plays, each with all of its showings. The times of a page that is shown again may differ a little."""
    plays: dict[Shown, list[Shown]] = {}
    latest: dict[int, Shown] = {}
    for play in sorted(shown, key=lambda play: (play.played_at, -play.ms_played, play.source)):
        before = latest.get(play.track_id)
        if before is not None and play.played_at - before.played_at < TOLERANCE:
            plays[before].append(play)
        else:
            latest[play.track_id] = play
            plays[play] = [play]
    return list(plays.items())


def _with_lengths(plays: Sequence[tuple[Shown, list[Shown]]], matches: dict[Shown, Match]) -> Iterator[Play]:
    before: datetime | None = None
    for moment, together in groupby(plays, key=lambda play: play[0].played_at):
        for play, showings in together:
            yield Play(play, showings, play.length_since(before), matches.get(play))
        before = moment


def _pairs(shown: Sequence[Shown], exported: Sequence[Exported], way: _Way) -> Iterator[tuple[Shown, Exported]]:
    """As many pairs as possible, each play in one pair, in the order of both sides; of these the nearest."""
    by_song: dict[int, tuple[list[Shown], list[Exported]]] = defaultdict(lambda: ([], []))
    for play in shown:
        by_song[0 if way.of_any_song else play.song_id][0].append(play)
    for other in exported:
        by_song[0 if way.of_any_song else other.song_id][1].append(other)
    for some_shown, some_exported in by_song.values():
        if some_shown and some_exported:
            some_shown.sort(key=lambda play: (play.played_at, play.name))
            some_exported.sort(key=lambda other: (way.order(other), -other.ms_played, other.name))
            yield from _pairs_of_song(some_shown, some_exported, way.apart)


def _pairs_of_song(
    shown: Sequence[Shown], exported: Sequence[Exported], apart: _Compare
) -> Iterator[tuple[Shown, Exported]]:
    distances: dict[int, dict[int, timedelta]] = {}
    for row, play in enumerate(shown):
        near = {column: far for column, other in enumerate(exported) if (far := apart(play, other)) is not None}
        if near:
            distances[row] = near
    for rows in _independent(distances):
        columns = sorted({column for row in rows for column in distances[row]})
        for row, column in _best([[distances[row].get(column) for column in columns] for row in rows]):
            yield shown[rows[row]], exported[columns[column]]


def _independent(distances: dict[int, dict[int, timedelta]]) -> Iterator[list[int]]:
    """Groups of shown plays that have no candidate in common with those of another group."""
    group: list[int] = []
    reach = -1
    for row, near in distances.items():
        if group and min(near) > reach:
            yield group
            group = []
        group.append(row)
        reach = max(reach, *near)
    if group:
        yield group


def _best(distances: Sequence[Sequence[timedelta | None]]) -> Sequence[tuple[int, int]]:
    """The pairs of rows and columns that are most, then nearest together, then first; no two pairs cross."""
    columns = len(distances[0])
    nothing: tuple[int, timedelta, tuple[tuple[int, int], ...]] = (0, NO_TIME, ())
    below = [nothing] * (columns + 1)
    for row in range(len(distances) - 1, -1, -1):
        here = [nothing] * (columns + 1)
        for column in range(columns - 1, -1, -1):
            best = min(below[column], here[column + 1])
            distance = distances[row][column]
            if distance is not None:
                unpaired, total, pairs = below[column + 1]
                best = min(best, (unpaired - 1, total + distance, ((row, column), *pairs)))
            here[column] = best
        below = here
    return below[0][2]


def _near(moment: Callable[[Exported], datetime | None]) -> _Compare:
    def apart(play: Shown, other: Exported) -> timedelta | None:
        instant = moment(other)
        if instant is None:
            return None
        distance = abs(instant - play.played_at)
        return distance if distance <= TOLERANCE else None

    return apart


def _outside_minute(early: Callable[[Exported], datetime]) -> _Compare:
    def apart(play: Shown, other: Exported) -> timedelta | None:
        first = early(other)
        distance = max(first - play.played_at, play.played_at - (first + MINUTE), NO_TIME)
        return distance if distance <= TOLERANCE else None

    return apart


def _since_the_play_before(play: Shown, other: Exported) -> timedelta | None:
    waited = other.played_at - play.played_at
    is_between = NO_TIME <= waited <= LONGEST_PAUSE and (other.before_at is None or other.before_at < play.played_at)
    return waited if is_between else None


def _end_of_unknown_track(play: Shown, other: Exported) -> timedelta | None:
    return _near(_end)(play, other) if play.is_nameless and other.ms_played >= SHOWN_FROM_MS else None


def _end(other: Exported) -> datetime:
    return other.played_at


def _start(other: Exported) -> datetime:
    return other.played_at - other.length


def _upload(other: Exported) -> datetime | None:
    return other.stopped_at if other.stopped_at != other.played_at else None


_WAYS = (
    _Way(_end, _near(_end)),
    _Way(lambda other: other.started_at or other.played_at, _near(lambda other: other.started_at)),
    _Way(_start, _near(_start)),
    _Way(lambda other: other.stopped_at, _near(_upload)),
    _Way(_end, _outside_minute(_end), of_account_data=True),
    _Way(_start, _outside_minute(_start), of_account_data=True, is_start=True),
    _Way(_end, _since_the_play_before),
    _Way(_end, _end_of_unknown_track, of_any_song=True),
)
