"""A year, a month or a week in review, and two listeners side by side."""

from __future__ import annotations

from datetime import date

from myi_pipelines.serving.api.shapes.activity import (
    BucketShown,
    ClockCellShown,
    ComparedShown,
    DistinctShown,
    TotalsShown,
)
from myi_pipelines.serving.api.shapes.answers import RangeShown
from myi_pipelines.serving.api.shapes.fields import Shape, said
from myi_pipelines.serving.api.shapes.findings import (
    DiscoveriesShown,
    DiversityShown,
    NumberOneShown,
    ObsessionShown,
    ReleasesShown,
    StreakShown,
)
from myi_pipelines.serving.api.shapes.music import ItemShown, RankedShown, TopGenreShown, TopRowShown
from myi_pipelines.serving.api.shapes.plays import SessionsShown


class ReviewShown(Shape):
    """A period in review."""

    of: RangeShown = said("The period.")
    totals: ComparedShown = said("How much, and how much before.")
    distinct: DistinctShown = said("How many different ones.")
    songs: list[TopRowShown] = said("The most played songs.", [])
    artists: list[TopRowShown] = said("The most played artists.", [])
    albums: list[TopRowShown] = said("The most played albums.", [])
    genres: list[TopGenreShown] = said("The most played genres.", [])
    activity: list[BucketShown] = said("By month of a longer period, else by day.", [])
    busiest_day: BucketShown | None = said("The day with the most plays; null without any.")
    clock: list[ClockCellShown] = said("By hour of the local week; hours without plays are left out.", [])
    longest_streak: StreakShown | None = said("The most days in a row with plays; null without any.")
    sessions: SessionsShown = said("Its sessions.")
    discoveries: list[DiscoveriesShown] = said("What was new, by month.", [])
    new_artists: list[ItemShown] = said("Artists first played in it, those played most since first.", [])
    new_songs: list[ItemShown] = said("Songs first played in it, those played most since first.", [])
    obsessions: list[ObsessionShown] = said("Recordings that were played very often in a month.", [])
    number_ones: list[NumberOneShown] = said("The most played song of each week.", [])
    releases: ReleasesShown = said("When its music was released.")
    diversity: DiversityShown = said("How its plays spread over artists.")


class PeriodShown(Shape):
    """A period that can be reviewed."""

    range: str = said("The range, as `review` takes it.", "2023")
    label: str = said("The range in English.", "2023")
    first_day: date = said("Its first local day.", "2023-01-01")
    last_day: date = said("Its last local day, included.", "2023-12-31")
    is_incomplete: bool = said("Whether it is not over.", False)
    play_count: int = said("Plays in it.", 12_410)
    total_ms: int = said("Time listened in it, in milliseconds.", 2_655_740_000)


class SharedShown(Shape):
    """A song or an artist that both played."""

    item: ItemShown = said("The song or the artist; its counts of all time are the first listener's.")
    mine: RankedShown = said("Its place with the first listener.")
    theirs: RankedShown = said("Its place with the other.")


class ComparisonShown(Shape):
    """What two listeners share in a range, each at their own clock."""

    other: str = said("The name of the other listener.", "bob")
    score: int = said("0 to 100: the share of the plays of the most played artists that they have in common.", 41)
    mine: TotalsShown = said("How much the first listener played.")
    theirs: TotalsShown = said("How much the other played.")
    songs: list[SharedShown] = said("Songs among the most played of both, those with the best places first.", [])
    artists: list[SharedShown] = said("Artists among the most played of both, those with the best places first.", [])
