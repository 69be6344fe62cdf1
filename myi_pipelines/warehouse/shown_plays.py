"""Which plays of exports are those that Spotify's recently-played list showed, or that programs submitted.

They are matched one to one, nearest first. A shown play is known by a moment only: its end, on some devices its start,
rarely something between. The oldest account data tells no more. A submitted play is known by its start, and by its end
where its length is given. Pure functions over rows of one user; ``events`` reads the rows and writes the events.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, groupby
from typing import NamedTuple, TypeAlias
from uuid import UUID

TOLERANCE = timedelta(seconds=15)
"""A shown moment may be this far from what an export tells. Two shown plays of one track cannot end within twice of it:
`ts` is cut to whole seconds, and clocks differ."""

SHOWN_FROM_MS = 30_000
"""Spotify's list shows no shorter play."""

LONGEST_PAUSE = timedelta(days=1)
"""A play that was shown at a moment between its start and its end may have been paused for so long."""

MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)
NO_TIME = timedelta(0)

_Total: TypeAlias = tuple[int, int, timedelta]
"""Of several pairs: how many they are, negative, and the sums of their costs."""
_NOTHING: _Total = (0, 0, NO_TIME)


class Shown(NamedTuple):
    """A play that was only shown, or submitted."""

    track_id: int
    song_id: int
    name: str
    """Orders plays of different tracks that one source shows at one moment."""
    played_at: datetime
    """The end; of a submitted play whose length is not given, its start."""
    ms_played: int
    """The length that is given, else that of the track, which is the estimate."""
    source: str
    is_nameless: bool
    """The names of its track are not known, or not those by which exports know it: it may be any track's play."""
    title: UUID | None
    """The key of the title that exports and programs tell; None of a polled play."""
    started_at: datetime | None = None
    """When a submitted play began; None of other sources."""
    has_length: bool = False
    """The submission tells how long the play or its track lasts."""
    is_exact: bool = False
    """The submission tells how long the play was heard."""

    @property
    def began_at(self) -> datetime:
        """The moment by which it is known: the start that a submission tells, else whatever was shown."""
        return self.started_at or self.played_at

    @property
    def ended_at(self) -> datetime | None:
        """The end, where it is known."""
        return self.played_at if self.started_at is None or self.has_length else None

    def length_within(self, gap: timedelta | None) -> int:
        """Milliseconds that it can have lasted when so much lies between it and the next play, or the one before."""
        if gap is None or self.is_exact:
            return self.ms_played
        return min(self.ms_played, max(gap // MILLISECOND, SHOWN_FROM_MS))


class Exported(NamedTuple):
    """A play that an export tells."""

    stream_no: int | None
    """None in account data."""
    account_no: int | None
    song_id: int
    name: str
    title: UUID | None
    """The key of the title; only of account data."""
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


class Place(NamedTuple):
    """Where a showing puts the event of its play."""

    track_id: int
    ended_at: datetime
    began_at: datetime
    """From which account data counts its length if the shown moment is the start."""


class Play(NamedTuple):
    """A play that was shown or submitted, once or more often, and the export's play that it is."""

    shown: Shown
    showings: list[Shown]
    """All of them, of one source."""
    ended_at: datetime
    ms_played: int
    """What it can have lasted: its length, capped by the time since the play before, or until the next one."""
    match: Match | None
    others: tuple[Play, ...] = ()
    """The same play as the other source tells it."""

    def places(self) -> Iterator[Place]:
        """Where each of its showings puts its event."""
        length = timedelta(milliseconds=self.ms_played)
        for one in self.showings:
            ended_at = one.played_at if one.started_at is None else one.started_at + length
            yield Place(one.track_id, ended_at, one.began_at)
        for other in self.others:
            yield from other.places()


_Compare: TypeAlias = Callable[[Shown, Exported], timedelta | None]
"""How far from an export's play a shown one is, in one way of looking; None where they cannot be one play."""

_Cost: TypeAlias = tuple[int, timedelta]
"""Of a pair: which way of looking found it, the best way first, and how far apart the two are."""


class _Pass(NamedTuple):
    """Ways of looking that are tried together, the best way first."""

    order: Callable[[Exported], datetime]
    """The moment by which the plays of exports are ordered: no shown moment is (much) later."""
    begin: Callable[[Exported], datetime]
    """No shown moment is (much) earlier."""
    ways: Sequence[_Compare]
    of_account_data: bool = False
    of_any_song: bool = False

    def cost(self, play: Shown, other: Exported) -> _Cost | None:
        for rank, apart in enumerate(self.ways):
            distance = apart(play, other)
            if distance is not None:
                return rank, distance
        return None


def match_shown_plays(shown: Iterable[Shown], exported: Sequence[Exported]) -> list[Play]:
    """Every shown or submitted play once, with the export's play that it is.

    As many as possible of one song are matched in their order; of all ways to do so the one with the better kinds of
    pairs, then with the nearest: with the extended history by their ends, by the true start, by the end less the
    length, by any moment since the play before; then by the upload of an offline play; then with account data's minute,
    by the end and by the start; where the names of a track are not known, by the end or the start alone; and with
    account data of the same title, whose artist may be spelt otherwise.

    Submitted plays and the others are matched apart. One that no export tells may still be a play that was shown.
    """
    listed, submitted = list[Shown](), list[Shown]()
    for play in shown:
        (listed if play.started_at is None else submitted).append(play)
    plays = _matched(_with_lengths(_shown_once(listed)), exported)
    return _with_submitted(plays, _matched(_with_gaps(_submitted_once(submitted)), exported))


def _matched(plays: Sequence[Play], exported: Sequence[Exported]) -> list[Play]:
    """The same plays, with what the exports tell of them."""
    if not exported:
        return list(plays)
    matches: dict[Shown, Match] = {}
    taken: set[Exported] = set()
    for each in _PASSES:
        left_shown = [play.shown for play in plays if play.shown not in matches]
        left_exported = [
            play for play in exported if play not in taken and (play.stream_no is None) == each.of_account_data
        ]
        for shown, other, rank in _pairs(left_shown, left_exported, each):
            matches[shown] = Match(other, each.of_account_data and rank > 0)
            taken.add(other)
    return [play._replace(match=matches.get(play.shown)) for play in plays]


def _with_submitted(plays: Sequence[Play], submitted: Sequence[Play]) -> list[Play]:
    """The plays that were shown, and those of the submitted ones that are no play of them."""
    if not plays:
        return list(submitted)
    of_account_data = {
        play.match.exported: number
        for number, play in enumerate(plays)
        if play.match and play.match.exported.stream_no is None
    }
    known: dict[Shown, int] = {
        play.shown: of_account_data[play.match.exported]
        for play in submitted
        if play.match and play.match.exported in of_account_data
    }
    matched = {play.match.exported for play in submitted if play.match}
    listed = [
        one
        for one, play in zip(_as_exported(plays), plays, strict=True)
        if not play.match or play.match.exported not in matched
    ]
    left = [play.shown for play in submitted if not play.match]
    for each in _PASSES_OF_SHOWN:
        pairs = {shown: other for shown, other, _ in _pairs(left, listed, each)}
        known |= {shown: other.account_no or 0 for shown, other in pairs.items()}
        taken = set(pairs.values())
        left = [shown for shown in left if shown not in pairs]
        listed = [other for other in listed if other not in taken]
    found = list(plays)
    for play in submitted:
        if play.shown in known:
            same = found[known[play.shown]]
            found[known[play.shown]] = same._replace(others=(*same.others, play))
        else:
            found.append(play)
    return found


def _as_exported(plays: Sequence[Play]) -> Iterator[Exported]:
    """Shown plays as submitted ones are compared with them: as if they were account data, with their places in the list
    as numbers."""
    before: datetime | None = None
    for at, together in groupby(enumerate(plays), key=lambda numbered: numbered[1].shown.played_at):
        for number, play in together:
            shown = play.shown
            yield Exported(None, number, shown.song_id, shown.name, None, at, play.ms_played, at, None, before)
        before = at


def _shown_once(shown: Iterable[Shown]) -> list[tuple[Shown, list[Shown]]]:
    """The plays, each with all of its showings. The times of a page that is shown again may differ a little."""
    plays: dict[Shown, list[Shown]] = {}
    latest: dict[int, Shown] = {}
    for play in sorted(shown, key=lambda play: (play.played_at, -play.ms_played, play.source, play.name)):
        before = latest.get(play.track_id)
        if before is not None and play.played_at - before.played_at < TOLERANCE:
            plays[before].append(play)
        else:
            latest[play.track_id] = play
            plays[play] = [play]
    return list(plays.items())


def _submitted_once(submitted: Iterable[Shown]) -> list[tuple[Shown, list[Shown]]]:
    """The plays in the order of their starts, each by the submission that tells most of it, with all of them.

    Several programs, or files of several services, tell of one play; their clocks and spellings differ. So plays of one
    song, or of one title, are the same where they begin at one time.
    """
    plays: list[list[Shown]] = []
    latest: dict[int | UUID, list[Shown]] = {}
    for play in sorted(submitted, key=_begins):
        known_by: list[int | UUID] = [play.song_id] if play.title is None else [play.song_id, play.title]
        near = [
            before
            for before in (latest.get(key) for key in known_by)
            if before is not None and play.began_at - before[0].began_at < TOLERANCE
        ]
        if not near:
            near = [[]]
            plays += near
        near[0].append(play)
        latest |= dict.fromkeys(known_by, near[0])
    best = [(play[0] if len(play) == 1 else min(play, key=_least_complete), play) for play in plays]
    return sorted(best, key=lambda play: _begins(play[0]))


def _begins(play: Shown) -> tuple[datetime, int, str]:
    return play.began_at, -play.ms_played, play.name


def _least_complete(play: Shown) -> tuple[bool, bool, tuple[datetime, int, str]]:
    return not play.is_exact, not play.has_length, _begins(play)


def _with_lengths(plays: Sequence[tuple[Shown, list[Shown]]]) -> list[Play]:
    found: list[Play] = []
    before: datetime | None = None
    for moment, together in groupby(plays, key=lambda play: play[0].played_at):
        for play, showings in together:
            length = play.length_within(None if before is None else moment - before)
            found.append(Play(play, showings, moment, length, None))
        before = moment
    return found


def _with_gaps(plays: Sequence[tuple[Shown, list[Shown]]]) -> list[Play]:
    """Of submitted plays the start is known, so that one lasts until the next one begins at most."""
    found: list[Play] = []
    moment: datetime | None = None
    after: datetime | None = None
    for play, members in reversed(plays):
        if play.began_at != moment:
            moment, after = play.began_at, moment
        ms_played = play.length_within(None if after is None else after - moment)
        found.append(Play(play, members, moment + timedelta(milliseconds=ms_played), ms_played, None))
    return found[::-1]


def _pairs(shown: Sequence[Shown], exported: Sequence[Exported], each: _Pass) -> Iterator[tuple[Shown, Exported, int]]:
    """The pairs of one pass, song by song, with the way that found each."""
    by_song: dict[int, tuple[list[Shown], list[Exported]]] = defaultdict(lambda: ([], []))
    for play in shown:
        by_song[0 if each.of_any_song else play.song_id][0].append(play)
    for other in exported:
        by_song[0 if each.of_any_song else other.song_id][1].append(other)
    for plays, others in by_song.values():
        plays.sort(key=lambda play: (play.began_at, play.source, play.name))
        others.sort(key=lambda other: (each.order(other), -other.ms_played, other.name))
        costs = list(_costs(plays, others, each))
        for row, column in best_pairs(costs):
            yield plays[row], others[column], costs[row][column][0]


def _costs(plays: Sequence[Shown], others: Sequence[Exported], each: _Pass) -> Iterator[dict[int, _Cost]]:
    """For each shown play what its pairs cost, by the place of the export's play. Only near plays are tried."""
    ends = [each.order(other) for other in others]
    begins = list(accumulate((each.begin(other) for other in reversed(others)), min))[
        ::-1
    ]  # of this play or later ones
    for play in plays:
        near: dict[int, _Cost] = {}
        column = bisect_left(ends, play.began_at - MINUTE - TOLERANCE)
        while column < len(others) and begins[column] <= play.played_at + TOLERANCE:
            cost = each.cost(play, others[column])
            if cost is not None:
                near[column] = cost
            column += 1
        yield near


def best_pairs(costs: Sequence[Mapping[int, _Cost]]) -> list[tuple[int, int]]:
    """Pairs of rows and columns, no two of which cross: as many as possible, then the cheapest, then the first.

    ``costs`` has what each row's pairs would cost, by column. The time that it takes grows with the number of these
    pairs, not with that of rows times columns: only columns are looked at from which a further row can go on.
    """
    rows = [(row, sorted(pairs.items())) for row, pairs in enumerate(costs) if pairs]
    first_used = list(accumulate((pairs[0][0] for _, pairs in reversed(rows)), min))[::-1]  # by this row or a later one
    starts: list[set[int]] = [{0}]
    for place, (_, pairs) in enumerate(rows[:-1], start=1):
        onward = {*starts[-1], *(column + 1 for column, _ in pairs)}
        starts.append({max(column, first_used[place]) for column in onward})
    choices: list[dict[int, int | None]] = []
    best: dict[int, _Total] = {}
    floor = 0
    for place in range(len(rows) - 1, -1, -1):
        totals: dict[int, _Total] = {}
        choice: dict[int, int | None] = {}
        for start in starts[place]:
            totals[start], choice[start] = best.get(max(start, floor), _NOTHING), None
            for column, (rank, distance) in reversed(rows[place][1]):
                if column >= start:
                    unpaired, ranks, total = best.get(max(column + 1, floor), _NOTHING)
                    paired = unpaired - 1, ranks + rank, total + distance
                    if paired <= totals[start]:
                        totals[start], choice[start] = paired, column
        best, floor = totals, first_used[place]
        choices.append(choice)
    found: list[tuple[int, int]] = []
    start = 0
    for place, (row, _) in enumerate(rows):
        start = max(start, first_used[place]) if place else 0
        chosen = choices[-1 - place][start]
        if chosen is not None:
            found.append((row, chosen))
            start = chosen + 1
    return found


def _near(shown: Callable[[Shown], datetime | None], exported: Callable[[Exported], datetime | None]) -> _Compare:
    def apart(play: Shown, other: Exported) -> timedelta | None:
        moment, instant = shown(play), exported(other)
        if moment is None or instant is None:
            return None
        distance = abs(instant - moment)
        return distance if distance <= TOLERANCE else None

    return apart


def _outside_minute(shown: Callable[[Shown], datetime | None], early: Callable[[Exported], datetime]) -> _Compare:
    def apart(play: Shown, other: Exported) -> timedelta | None:
        moment, first = shown(play), early(other)
        if moment is None:
            return None
        distance = max(first - moment, moment - (first + MINUTE), NO_TIME)
        return distance if distance <= TOLERANCE else None

    return apart


def _since_the_play_before(play: Shown, other: Exported) -> timedelta | None:
    waited = other.played_at - play.began_at
    is_after = other.before_at is None or other.before_at - TOLERANCE < play.began_at
    return waited if is_after and NO_TIME <= waited <= LONGEST_PAUSE else None


def _of_unknown_track(compare: _Compare) -> _Compare:
    def apart(play: Shown, other: Exported) -> timedelta | None:
        return compare(play, other) if play.is_nameless and other.ms_played >= SHOWN_FROM_MS else None

    return apart


def _of_same_title(compare: _Compare) -> _Compare:
    def apart(play: Shown, other: Exported) -> timedelta | None:
        return compare(play, other) if play.title is not None and play.title == other.title else None

    return apart


def _shown_end(play: Shown) -> datetime | None:
    return play.ended_at


def _shown_moment(play: Shown) -> datetime:
    return play.began_at


def _shown_start(play: Shown) -> datetime | None:
    return play.started_at


def _end(other: Exported) -> datetime:
    return other.played_at


def _true_start(other: Exported) -> datetime | None:
    return other.started_at


def _start(other: Exported) -> datetime:
    return other.played_at - other.length


def _upload(other: Exported) -> datetime | None:
    return other.stopped_at if other.stopped_at != other.played_at else None


def _begin(other: Exported) -> datetime:
    since = other.played_at - LONGEST_PAUSE
    return min(_start(other), other.started_at or other.played_at, max(other.before_at or since, since))


_ENDS = _near(_shown_end, _end)
_STARTS = (_near(_shown_moment, _true_start), _near(_shown_moment, _start))
_OF_MINUTE = (_outside_minute(_shown_end, _end), _outside_minute(_shown_moment, _start))
"""How a shown play is compared with account data, by its end or by its start."""

_PASSES = (
    _Pass(_end, _begin, (_ENDS, *_STARTS, _since_the_play_before)),
    _Pass(lambda other: other.stopped_at, lambda other: other.stopped_at, (_near(_shown_end, _upload),)),
    _Pass(_end, _start, _OF_MINUTE, of_account_data=True),
    _Pass(
        _end,
        _begin,
        tuple(
            _of_unknown_track(compare)
            for compare in (_ENDS, _near(_shown_start, _true_start), _near(_shown_start, _start))
        ),
        of_any_song=True,
    ),
    _Pass(_end, _start, tuple(map(_of_same_title, _OF_MINUTE)), of_account_data=True, of_any_song=True),
)

_PASSES_OF_SHOWN = (
    _Pass(_end, _begin, (_ENDS, _near(_shown_start, _start), _near(_shown_start, _end), _since_the_play_before)),
    _Pass(_end, _begin, (_ENDS, _near(_shown_start, _start)), of_any_song=True),
)
"""How a submitted play is compared with one that was shown, by its end or, on some devices, by its start."""
