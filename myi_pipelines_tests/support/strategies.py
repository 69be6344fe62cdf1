"""Hypothesis strategies for listening histories that are as awkward as real ones, and then some.

Generators only: no expectation and no database. The rules that these histories try to break are in `reference`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import add
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from myi_pipelines.sources.exports import NOTHING, UNDATED, Context, Kind, Play, Track, submitted_play
from myi_pipelines_tests.support.reference import Landing, Polled, minute

ZONES = ("UTC", "Pacific/Apia", "America/St_Johns", "Asia/Kathmandu", "Europe/London", "America/New_York")
YEARS = (2010, 2011, 2012, 2021)
"""Few, for every month costs partitions; Samoa skipped a day between two of them, and the last begins in 2020-W53."""


class Listener(NamedTuple):
    """One user's sources: uploads that may overlap, and the rows that polling saw."""

    timezone: str
    files: tuple[tuple[Play, ...], ...]
    polled: tuple[Polled, ...]

    def __repr__(self) -> str:
        """Short enough to read a failing example."""
        files = [[described(play) for play in file] for file in self.files]
        polled = [f"{row.spotify_id[-1]} {row.played_at:%F %T.%f} {row.duration_ms} ms" for row in self.polled]
        return f"Listener({self.timezone}, {files=}, {polled=})"

    @property
    def landing(self) -> Landing:
        return Landing(self.timezone, [play for file in self.files for play in file], self.polled)

    def renamed(self, tag: str) -> "Listener":
        """The same history of tracks and artists that nobody else ever played, so that examples share a database."""
        files = tuple(tuple(play._replace(track=renamed(play.track, tag)) for play in file) for file in self.files)
        polled = tuple(row._replace(spotify_id=renamed_id(row.spotify_id, tag)) for row in self.polled)
        return Listener(self.timezone, files, polled)


def described(play: Play) -> str:
    told = f", told {play.stopped_at:%F %T}" if play.stopped_at != play.played_at else ""
    track = f"{(play.track.spotify_id or '-')[-1]} {play.track.name!r} by {play.track.artist!r} on {play.track.album!r}"
    offline = ", offline" if play.context is not None and play.context.offline else ""
    fuller = ", fuller" if play.context == FULLER else ""
    return f"{track}: {play.played_at:%F %T.%f} {play.ms_played} ms, {play.elapsed_s} s{told}{offline}{fuller}"


def renamed(track: Track, tag: str) -> Track:
    name = track.name and f"{tag} {track.name}"
    artist = track.artist and renamed_artist(track.artist, tag)
    spotify_id = track.spotify_id and renamed_id(track.spotify_id, tag)
    return track._replace(spotify_id=spotify_id, name=name, artist=artist)


def renamed_artist(artist: str, tag: str) -> str:
    return artist if artist == VARIOUS else f"{tag} {artist}"


def renamed_id(spotify_id: str, tag: str) -> str:
    return tag.rjust(10, "0") + spotify_id[10:]


# ── Tracks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def spotify_id(letter: str) -> str:
    return letter * 22


VARIOUS = "Various Artists"

# One song under three ids, renamed under two of them; a version of it, once called otherwise; one artist in three
# spellings; an id that lost its names.
TRACKS = (
    Track(spotify_id("a"), "Song", "Artist", "Album"),
    Track(spotify_id("b"), "Song", "Artist", "Album (Deluxe)"),
    Track(spotify_id("a"), "Song - Remastered", "Artist", "Album"),
    Track(spotify_id("a"), "Song", "Artist", None),
    Track(spotify_id("c"), "Ａ  Dance", "ARTIST", "Best Of"),
    Track(spotify_id("c"), "a dance", "Various Artists", "Best Of"),
    Track(spotify_id("d"), "song", "artist ", None),
    Track(spotify_id("e"), "Études", "Björk", "Vol. 1"),
    Track(spotify_id("e"), None, None, None),
    Track(spotify_id("g"), "Song (2011 Remaster) [feat. Guest]", "Artist", "Best Of"),
    Track(spotify_id("h"), "Song - Live", "Artist", "Live"),
    Track(spotify_id("h"), "Song (Live) – Remastered", "Artist", "Live"),
)
ACCOUNT_TRACKS = (
    Track(None, "Song", "Artist", None),
    Track(None, "SONG", "artist", None),
    Track(None, "Song - Remastered", "Artist", None),
    Track(None, "A Dance", "Artist", None),
    Track(None, "A Dance", "Various Artists", None),
    Track(None, "études", "BJÖRK", None),
    Track(None, "Only Here", "Nobody Else", None),
    Track(None, "Song (feat. Guest)", "Artist", None),
    Track(None, "Song (Live)", "ARTIST", None),
)
# An episode that was renamed, a chapter without a title, a video, nothing, and local files with two names and with one.
OTHERS = (
    Track(spotify_id("x"), "Episode", "Show", None, Kind.EPISODE),
    Track(spotify_id("x"), "Episode (Rerun)", "Show", None, Kind.EPISODE),
    Track(spotify_id("y"), None, None, "Book", Kind.CHAPTER),
    Track(None, None, None, None, Kind.VIDEO),
    NOTHING,
    Track(None, "Song", None, None, Kind.UNIDENTIFIED),
    Track(None, "Song", "Artist", "Mixtape"),
)
# The third as older account data lists episodes: as music.
ACCOUNT_OTHERS = (
    Track(None, "Episode", "Show", None, Kind.EPISODE),
    Track(None, "EPISODE", "show", None, Kind.EPISODE),
    Track(None, "Episode", "Show", None),
    Track(None, None, "Author", "Book", Kind.CHAPTER),
    NOTHING,
)
POLLED_IDS = tuple(spotify_id(letter) for letter in "abcdef")

CONTEXT = Context("ios", "NZ", "trackdone", "trackdone", False, None, False, False)
FULLER = CONTEXT._replace(skipped=False)
OFFLINE = CONTEXT._replace(offline=True)
WAYS = (
    CONTEXT,
    CONTEXT._replace(shuffle=True, reason_end="fwdbtn"),
    Context("Android OS 7.0 API 24 (samsung, SM-G935F)", "ZZ", "clickrow", "", True, False, False, True),
    Context("Partner sonos_imx6 Sonos;Beam;;tpapi", "DE", "remote", "endplay", None, True, None, None),
    Context(*[None] * 8),
)
ACCOUNT = None

# ── Instants ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def offset_changes(zone: ZoneInfo, year: int) -> Iterator[datetime]:
    """The first second of every new UTC offset in that year: daylight saving, and the day that Samoa skipped."""
    day, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    while day < end:
        before, after = day, day + timedelta(days=1)
        if offset(before, zone) != offset(after, zone):
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
                before, after = (middle, after) if offset(middle, zone) == offset(before, zone) else (before, middle)
            yield after
        day += timedelta(days=1)


def offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def interesting_instants() -> list[datetime]:
    """Where days, weeks, months, years and offsets begin, in UTC and in the listeners' zones."""
    instants = set()
    for year in YEARS:
        for name in ZONES:
            zone = ZoneInfo(name)
            instants |= set(offset_changes(zone, year))
            instants |= {datetime(year, month, 1, tzinfo=zone).astimezone(UTC) for month in (1, 3)}
            monday = datetime.fromisocalendar(year, 1, 1).replace(tzinfo=zone)
            instants.add(monday.astimezone(UTC))
    return sorted(instants)


INSTANTS = interesting_instants()

# ── Plays ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Scene(NamedTuple):
    """Where and of what plays are drawn. The fewer choices, the likelier they meet."""

    instants: Sequence[datetime]
    seconds_around: st.SearchStrategy[int]
    lengths: st.SearchStrategy[int]
    tracks: Sequence[Track]
    account_tracks: Sequence[Track]
    polled_ids: Sequence[str]

    def moments(self) -> st.SearchStrategy[datetime]:
        return st.builds(
            lambda instant, off: instant + timedelta(seconds=off), st.sampled_from(self.instants), self.seconds_around
        )


@st.composite
def wide_scenes(draw: st.DrawFn) -> Scene:
    """Many tracks, days around one or two interesting instants."""
    return Scene(
        instants=draw(st.lists(st.sampled_from(INSTANTS), min_size=1, max_size=2, unique=True)),
        seconds_around=st.one_of(
            st.integers(-5, 5),
            st.integers(-300, 300),
            st.sampled_from((-60, 60, 59, -59, -3_600, 3_600)),
            st.integers(-129_600, 129_600),
        ),
        lengths=st.one_of(
            st.sampled_from((0, 4_999, 5_000, 29_999, 30_000, 60_000)),
            st.integers(5_000, 9_000),
            st.integers(30_000, 400_000),
            st.just(7_200_000),
        ),
        tracks=TRACKS + OTHERS,
        account_tracks=ACCOUNT_TRACKS + ACCOUNT_OTHERS,
        polled_ids=POLLED_IDS,
    )


@st.composite
def narrow_scenes(draw: st.DrawFn) -> Scene:
    """One song of two ids and some names, seconds and minutes around a month's end: every play may be a neighbour's.
    In some of them, episodes and what has no name are played, too."""
    others, account_others = draw(st.sampled_from((((), ()), (OTHERS, ACCOUNT_OTHERS))))
    return Scene(
        instants=(draw(st.sampled_from([instant for instant in INSTANTS if instant.day == 1 and instant.hour == 0])),),
        seconds_around=st.builds(add, st.sampled_from((0, 0, 0, -60, 60, 300)), st.integers(-9, 9)),
        lengths=st.sampled_from((5_000, 6_000, 60_000, 300_000)),
        tracks=(TRACKS[0], TRACKS[0], TRACKS[1], TRACKS[2], TRACKS[0]._replace(artist="Various Artists"), *others),
        account_tracks=(ACCOUNT_TRACKS[0], ACCOUNT_TRACKS[0], ACCOUNT_TRACKS[2], *account_others),
        polled_ids=POLLED_IDS[:2],
    )


gaps = st.one_of(st.integers(0, 4), st.integers(-5, 4), st.just(-400))  # seconds; the clocks of devices overlap
delays = st.sampled_from(tuple(timedelta(seconds=s) for s in (1, 59, 3_600, 86_400, 20 * 86_400)))
milliseconds_off = st.sampled_from((0, 1, -1, 7_500, 14_999, 15_000, 15_001, -14_999, -15_000, -15_001)) | st.integers(
    -4_000, 4_000
)
pauses = st.sampled_from((0, 0, 2, 240, 3_000))  # seconds


@st.composite
def sessions(draw: st.DrawFn, scene: Scene) -> list[Play]:
    """A few plays in a row, often one track on loop."""
    loop = draw(st.booleans())
    track, ms, gap = draw(st.sampled_from(scene.tracks)), draw(scene.lengths), draw(gaps)
    played_at, context = draw(scene.moments()), draw(st.sampled_from(WAYS))
    plays = []
    for _ in range(draw(st.integers(1, 4))):
        plays.append(Play(track, context, played_at, played_at, ms))
        if not loop:
            track, ms, gap = draw(st.sampled_from(scene.tracks)), draw(scene.lengths), draw(gaps)
        played_at += timedelta(seconds=max(ms // 1000 + gap, 1))
    return plays


@st.composite
def extended_plays(draw: st.DrawFn, scene: Scene) -> list[Play]:
    """Sessions, with what real exports have besides: see `further_rows`."""
    plays = [play for session in draw(st.lists(sessions(scene), max_size=4)) for play in session]
    for play in draw(some_of(plays)):
        plays += draw(further_rows(scene, play))
    return plays


@st.composite
def further_rows(draw: st.DrawFn, scene: Scene, play: Play) -> list[Play]:
    """Rows like one, as Spotify exports them: told later, told twice, in a batch without a clock, or as downloads of
    another date tell it."""
    length = play.ms_played or 0
    match draw(st.sampled_from(("offline", "undated", "same second", "near duplicate", "paused", "doubled", "fuller"))):
        case "offline":
            stopped_at = play.played_at + draw(delays)
            dated = play._replace(context=OFFLINE, stopped_at=stopped_at, elapsed_s=length // 1_000)
            older = dated._replace(played_at=stopped_at, elapsed_s=UNDATED)  # a download that did not tell the start
            return [dated, older] if draw(st.booleans()) else [dated]
        case "undated":
            lengths = draw(st.lists(scene.lengths, min_size=1, max_size=3))
            return [play._replace(context=OFFLINE, elapsed_s=UNDATED, ms_played=ms) for ms in (length, *lengths)]
        case "same second":
            return [play._replace(track=draw(st.sampled_from(scene.tracks)))]
        case "near duplicate":
            return [play._replace(ms_played=draw(scene.lengths))]
        case "paused":
            ended_at = play.played_at + timedelta(seconds=draw(pauses))
            elapsed_s = (ended_at - play.played_at) // timedelta(seconds=1) + length // 1_000
            return [play._replace(played_at=ended_at, stopped_at=ended_at, elapsed_s=elapsed_s)]
        case "doubled":
            seconds = draw(st.sampled_from((1, 2, 5)) | st.integers(1, max(length // 1_000, 1)))
            again = play.played_at + timedelta(seconds=seconds)
            started = (draw(st.booleans()) and length // 1_000) or None
            return [
                play._replace(elapsed_s=started),
                play._replace(played_at=again, stopped_at=again, elapsed_s=started and started + seconds),
            ]
        case _:
            return [play._replace(context=FULLER), play._replace(context=FULLER, elapsed_s=length // 1_000)]


def some_of(plays: Sequence[Play], at_most: int = 4) -> st.SearchStrategy[list[Play]]:
    return st.lists(st.sampled_from(plays), max_size=at_most) if plays else st.just([])


@st.composite
def account_plays(draw: st.DrawFn, scene: Scene, extended: Sequence[Play]) -> list[Play]:
    """Account data of the same plays (the minute is cut, the spelling may differ) and of others."""
    plays = []
    for play in draw(some_of(extended)):
        if play.track.name is not None and play.track.artist is not None:
            name = draw(st.sampled_from((play.track.name, play.track.name.upper())))
            ended = minute(draw(st.sampled_from((play.stopped_at, play.played_at))))
            plays.append(Play(Track(None, name, play.track.artist, None), ACCOUNT, ended, ended, play.ms_played))
        else:
            ended = minute(play.stopped_at)
            plays.append(Play(NOTHING, ACCOUNT, ended, ended, play.ms_played))
        if draw(st.booleans()):  # named otherwise when it was downloaded
            plays.append(plays[-1]._replace(track=draw(st.sampled_from(scene.account_tracks))))
            if draw(st.booleans()):
                del plays[-2]
    for _ in range(draw(st.integers(0, 4))):
        ended = minute(draw(scene.moments()))
        plays.append(Play(draw(st.sampled_from(scene.account_tracks)), ACCOUNT, ended, ended, draw(scene.lengths)))
    others = draw(some_of(plays, at_most=2))
    plays += [play._replace(ms_played=draw(scene.lengths)) for play in others]  # more plays of the same minutes
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):  # of before December 2018, without a length
        ended = draw(scene.moments())
        plays.append(Play(draw(st.sampled_from(scene.account_tracks)), ACCOUNT, ended, ended, None))
    for play in draw(some_of(extended, at_most=2)):
        track = draw(st.sampled_from(scene.account_tracks))
        plays.append(Play(track, ACCOUNT, play.stopped_at, play.stopped_at, None))
    return plays


@st.composite
def polled_rows(draw: st.DrawFn, scene: Scene, exported: Sequence[Play]) -> list[Polled]:
    """Polls of the same plays, a little off, by their ends or (some devices) their starts, and of others."""
    rows = []
    for play in draw(some_of(exported, at_most=8)):
        spotify_id = play.track.spotify_id or draw(st.sampled_from(scene.polled_ids))
        if play.track.spotify_id is None:
            moment = play.played_at + timedelta(seconds=draw(st.sampled_from((-1, 0, 30, 59, 60, 61, 62))))
        else:
            started_at = play.played_at - timedelta(milliseconds=play.ms_played or 0)
            true_start = play.played_at - timedelta(seconds=max(play.elapsed_s or 0, 0))
            moments = play.played_at, play.played_at, started_at, started_at, true_start, play.stopped_at
            moment = draw(st.sampled_from((*moments, true_start + (play.played_at - true_start) / 2)))
        moment += timedelta(milliseconds=draw(milliseconds_off))
        rows.append(Polled(spotify_id, moment, draw(durations(play.ms_played or 0))))
    for _ in range(draw(st.integers(0, 4))):
        moment = draw(scene.moments()) + timedelta(milliseconds=draw(milliseconds_off))
        rows.append(Polled(draw(st.sampled_from(scene.polled_ids)), moment, draw(durations(180_000))))
    twins = draw(st.lists(st.sampled_from(rows), max_size=2)) if rows else []
    rows += [row._replace(spotify_id=draw(st.sampled_from(scene.polled_ids))) for row in twins]
    for row in draw(st.lists(st.sampled_from(rows), max_size=2)) if rows else []:  # the same page shown again
        rows.append(row._replace(played_at=row.played_at + timedelta(milliseconds=draw(milliseconds_off))))
    return list({(row.spotify_id, row.played_at): row for row in rows}.values())  # its landing key


@st.composite
def submitted_plays(draw: st.DrawFn, scene: Scene, others: Sequence[Play]) -> list[Play]:
    """Submissions of the same plays, by their starts, a little off, with or without lengths, names or ids; and of
    others. Some are told by two services."""
    plays = []
    for play in draw(some_of(others, at_most=6)):
        length = timedelta(milliseconds=play.ms_played or 0)
        elapsed = timedelta(seconds=play.elapsed_s) if play.elapsed_s and play.elapsed_s > 0 else length
        started_at = play.played_at - draw(st.sampled_from((length, elapsed)))
        named = play.track._replace(spotify_id=None)
        spelt_otherwise = named._replace(artist=f"The {named.artist}")
        track = draw(st.sampled_from((play.track, named, spelt_otherwise, *scene.account_tracks)))
        plays.append((track, started_at, play.ms_played))
    plays += [
        (draw(st.sampled_from(scene.account_tracks)), draw(scene.moments()), draw(scene.lengths))
        for _ in range(draw(st.sampled_from((0, 1, 3))))
    ]
    plays += draw(st.lists(st.sampled_from(plays), max_size=3)) if plays else []
    found = []
    for track, started_at, ms_played in plays:
        if track.kind is not Kind.TRACK or track.name is None or track.artist is None:
            continue
        seconds_off = draw(st.sampled_from((0, 0, 0, 1, -2, 14, 15, -15, 16)) | st.integers(-4, 4))
        listened_at = started_at.replace(microsecond=0) + timedelta(seconds=seconds_off)
        length_s = draw(st.sampled_from((None, None, 200, (ms_played or 0) // 1_000 or None)))
        heard = draw(st.sampled_from((None, None, ms_played)))
        found.append(submitted_play(track, listened_at, length_s, heard))
    return found


def durations(ms_played: int) -> st.SearchStrategy[int | None]:
    return st.sampled_from((max(ms_played, 1), max(ms_played, 1), 200_000, 200_000, 4_999, 5_000, None))


@st.composite
def listeners(draw: st.DrawFn, scene: Scene) -> Listener:
    extended = draw(extended_plays(scene))
    account = draw(account_plays(scene, extended))
    polled = draw(polled_rows(scene, [play for play in (*extended, *account) if play.track.kind is Kind.TRACK]))
    some_time_ago = scene.instants[0] - timedelta(days=2)
    named = Play(scene.tracks[0], CONTEXT, some_time_ago, some_time_ago, 0)
    uploads = draw(st.sampled_from(([], [[named]])))
    uploads += draw(overlapping(extended)) + draw(overlapping(account, at_most=2))
    if draw(st.integers(0, 2)) == 0:
        uploads += draw(overlapping(draw(submitted_plays(scene, [*extended, *account])), at_most=2))
    return Listener(
        draw(st.sampled_from(ZONES)),
        tuple(tuple(plays) for plays in uploads if plays),
        tuple(draw(st.permutations(polled))),
    )


@st.composite
def overlapping(draw: st.DrawFn, plays: Sequence[Play], at_most: int = 3) -> list[list[Play]]:
    """The plays as a few uploads, shuffled; each play is in one or several of them, now and then twice in one."""
    files: list[list[Play]] = [[] for _ in range(draw(st.integers(1, at_most)))]
    for play in draw(st.permutations(plays)):
        for index in draw(st.lists(st.integers(0, len(files) - 1), min_size=1, max_size=2)):
            files[index].append(play)
    return files


any_scenes = wide_scenes() | narrow_scenes()


@st.composite
def households(
    draw: st.DrawFn, scenes: st.SearchStrategy[Scene] = any_scenes, at_most: int = 2
) -> tuple[Listener, ...]:
    """Listeners of one warehouse: what one of them plays may rename a track for the others."""
    scene = draw(scenes)
    return tuple(draw(st.lists(listeners(scene), min_size=1, max_size=at_most)))
