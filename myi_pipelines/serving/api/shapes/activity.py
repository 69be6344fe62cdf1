"""How much was played, and when."""

from __future__ import annotations

from datetime import date

from myi_pipelines.serving.api.shapes.fields import Day, Milliseconds, Plays, Shape, said


class TotalsShown(Shape):
    """How much music was played on some days."""

    first_day: Day
    last_day: Day
    play_count: Plays
    total_ms: Milliseconds
    days_with_plays: int | None = said("Local days with a play; null where filters leave plays out.", 28)


class ComparedShown(Shape):
    """How much was played in a range, and in ranges to compare it with."""

    current: TotalsShown = said("The range asked about.")
    before: TotalsShown | None = said(
        "The period before, of a period that is not over the same part of it, or the range of `against`; null where "
        "nothing was played so early."
    )
    year_before: TotalsShown | None = said(
        "The same days of the year before; null of longer ranges, and before the first play."
    )


class DistinctShown(Shape):
    """How many different ones were played."""

    songs: int = said("Songs.", 321)
    tracks: int = said("Recordings of them.", 345)
    artists: int = said("Artists.", 120)
    albums: int = said("Albums.", 210)


class NotMusicShown(Shape):
    """How much of something that is not music was played."""

    kind: str = said("EPISODE: podcasts; CHAPTER: audiobooks; VIDEO; UNIDENTIFIED.", "EPISODE")
    play_count: Plays
    total_ms: Milliseconds


class BucketShown(Shape):
    """A day, week, month or year, as far as it lies in the range."""

    first: date = said("Its first local day.", "2024-05-01")
    last: date = said("Its last local day, included.", "2024-05-31")
    play_count: Plays
    total_ms: Milliseconds


class ClockCellShown(Shape):
    """An hour of the local week in which plays ended."""

    weekday: int = said("0 is Monday, 6 is Sunday.", 4)
    hour: int = said("The hour of the local day, 0 to 23.", 18)
    play_count: Plays
    total_ms: Milliseconds


class WayShown(Shape):
    """A way of listening. The values of a dimension sum to all plays."""

    dimension: str = said(
        "PLATFORM, COUNTRY, REASON_START, REASON_END, SHUFFLE, OFFLINE, INCOGNITO, SKIP or SHARE_HEARD.", "PLATFORM"
    )
    value: str = said(
        "A family of platforms, a country (ISO 3166-1 alpha-2), a reason, true, false or a share; unknown where "
        "nothing tells it.",
        "ios",
    )
    play_count: Plays
    total_ms: Milliseconds
