"""What listening adds up to: discoveries, streaks, milestones, what the music is like, Spotify's own lists."""

from __future__ import annotations

from datetime import date, datetime

from myi_pipelines.serving.api.shapes.activity import WayShown
from myi_pipelines.serving.api.shapes.fields import Day, Milliseconds, Plays, Shape, said
from myi_pipelines.serving.api.shapes.music import ItemShown


class DiscoveriesShown(Shape):
    """What was played in a local month for the first time ever."""

    month: date = said("The first day of the month.", "2024-05-01")
    songs: int = said("Songs that were new.", 41)
    songs_that_stayed: int = said("Those that were played again 30 days after the first play, or later.", 9)
    artists: int = said("Artists that were new.", 12)
    artists_that_stayed: int = said("Those that were played again 30 days after the first play, or later.", 4)
    albums: int = said("Albums that were new.", 19)


class ObsessionShown(Shape):
    """A recording that was played very often in one local month."""

    track: ItemShown = said("The recording.")
    month: date = said("The first day of the month.", "2021-03-01")
    play_count: int = said("Plays in that month.", 64)
    total_ms: int = said("Time listened in that month, in milliseconds.", 13_696_000)


class OneHitWonderShown(Shape):
    """An artist of whom only one song was ever played, often."""

    artist: ItemShown = said("The artist.")
    song: ItemShown = said("The song.")


class StreakShown(Shape):
    """Local days in a row, each with plays."""

    first: Day
    last: Day
    days: int = said("How many days.", 43)
    play_count: Plays
    total_ms: Milliseconds


class DaysShown(Shape):
    """Local days in a row."""

    first: Day
    last: Day
    length: int = said("How many days.", 12)


class StreaksShown(Shape):
    """The streaks of a range."""

    longest: list[StreakShown] = said("The longest first, of equals the earliest.", [])
    current: StreakShown | None = said(
        "The one that goes on; null if the last play is longer ago than yesterday.", None
    )
    days_with_plays: int = said("Local days with a play.", 312)
    longest_silence: DaysShown | None = said("The most days in a row without a play between two plays.", None)


class MilestoneShown(Shape):
    """A play of a round number."""

    number: int = said("The how manieth play of all.", 10_000)
    day: Day
    played_at: datetime | None = said("When it ended, in UTC; null if it is in the archive.", "2019-11-02T21:14:03Z")
    track: ItemShown | None = said("The recording; null if it is in the archive.")


class NumberOneShown(Shape):
    """The most played song of a local week."""

    week: date = said("The first day of the week, as the listener's weeks begin.", "2024-04-29")
    song: ItemShown = said("The song.")
    play_count: int = said("Its plays in that week.", 11)
    total_ms: int = said("Time listened to it in that week, in milliseconds.", 2_354_000)


class TrackOfDay(Shape):
    """A recording of a day."""

    track: ItemShown = said("The recording.")
    play_count: int = said("Its plays on that day.", 3)


class DayThenShown(Shape):
    """This day in an earlier year."""

    day: Day
    play_count: int = said("Plays on that day.", 41)
    total_ms: int = said("Time listened on that day, in milliseconds.", 8_774_000)
    tracks: list[TrackOfDay] = said("The recordings that were played most.", [])


class ReleaseYearShown(Shape):
    """The plays of music that was released in a year, or in a decade."""

    year: int | None = said("The year, or the first of the decade; null: it is not known.", 1994)
    play_count: Plays
    total_ms: Milliseconds


class ReleasesShown(Shape):
    """When the music of a range was released."""

    usual_year: int | None = said("The median year of release, by plays; null if none is known.", 2009)
    years: list[ReleaseYearShown] = said("By year.", [])
    decades: list[ReleaseYearShown] = said("By the first year of each decade.", [])


class DiversityShown(Shape):
    """How plays spread over artists."""

    artists: int = said("Artists that were played.", 214)
    play_count: int = said("Plays; one counts for every credited artist.", 3_120)
    effective_artists: float = said(
        "As many artists, played equally often, would be as diverse (the exponential of Shannon's entropy).", 61.4
    )
    evenness: float = said("From 0, nearly all plays are of one artist, to 1, all are played equally often.", 0.77)
    concentration: float = said("The chance that two plays are of one artist (Simpson's index), 0 to 1.", 0.031)


class SharesHeardShown(Shape):
    """How much of the tracks was heard."""

    first_day: Day
    last_day: Day
    shares: list[WayShown] = said("Plays by the share of the track that was heard.", [])


class SpotifyRankShown(Shape):
    """A rank of Spotify's own latest list."""

    rank: int = said("The rank, from 1.", 3)
    item: ItemShown = said("The recording or the artist.")
    fetched_at: datetime = said("When the list was asked for, in UTC.", "2024-05-03T04:00:00Z")
    rank_before: int | None = said("In the latest list of before this range's first day; null: it was not in it.", 5)


class SpotifyDayShown(Shape):
    """A rank of Spotify's own list of a day."""

    day: date = said("The UTC day on which the list was asked for.", "2024-05-03")
    rank: int = said("The rank, from 1.", 3)
    item: ItemShown | None = said("The recording or the artist; null if the warehouse does not know it any more.")
