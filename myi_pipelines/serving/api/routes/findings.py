"""What listening adds up to: discoveries, streaks, milestones, what the music is like, Spotify's own lists."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.api.answers import answered, listed
from myi_pipelines.serving.api.asking import AboutListener, AboutRange, Page, RowsFormat
from myi_pipelines.serving.api.routing import USER, many, one
from myi_pipelines.serving.api.shapes.findings import (
    DayThenShown,
    DiscoveriesShown,
    DiversityShown,
    MilestoneShown,
    NumberOneShown,
    ObsessionShown,
    OneHitWonderShown,
    ReleasesShown,
    SharesHeardShown,
    SpotifyDayShown,
    SpotifyRankShown,
    StreaksShown,
)
from myi_pipelines.serving.api.shapes.music import ItemShown
from myi_pipelines.serving.queries import discoveries as found
from myi_pipelines.serving.queries import milestones as days
from myi_pipelines.serving.queries import music
from myi_pipelines.serving.queries.spotify_lists import Term, spotify_list, spotify_list_days
from myi_pipelines.serving.queries.tops import Kind

router = APIRouter(tags=["findings"])

Ask = AboutRange
AskListener = AboutListener
AtLeast = Annotated[int, Query(ge=1, le=1_000_000, description="Plays that it takes.")]


class New(StrEnum):
    """Kinds of what can be new."""

    SONGS = "songs"
    ARTISTS = "artists"
    ALBUMS = "albums"


class SpotifyKind(StrEnum):
    """What Spotify's lists rank."""

    TRACKS = "tracks"
    ARTISTS = "artists"


class SpotifyTerm(StrEnum):
    """Of which time Spotify's lists are."""

    SHORT = "4-weeks"
    MEDIUM = "6-months"
    LONG = "year"


TERMS = {SpotifyTerm.SHORT: Term.SHORT, SpotifyTerm.MEDIUM: Term.MEDIUM, SpotifyTerm.LONG: Term.LONG}
InTerm = Annotated[SpotifyTerm, Query(description="Spotify's periods: about `4-weeks`, `6-months` or a `year`.")]


@many(router, f"{USER}/discoveries", DiscoveriesShown)
def discoveries(ask: Ask, _: RowsFormat = None) -> Response:
    """What was played for the first time ever in each local month of a range, and how much stayed.

    The filters `platform` and `skipped` do not apply.
    """
    with ask.about(Part.STATS) as asked:
        rows = found.discoveries(asked.conn, asked.about)
        return listed(asked, DiscoveriesShown, rows, items=len(rows))


@many(router, f"{USER}/discoveries/{{kind}}", ItemShown)
def discovered(
    ask: Ask, kind: Annotated[New, Path(description="`songs`, `artists` or `albums`.")], page: Page
) -> Response:
    """What was first played in a range, what was played most since first.

    The first `limit` of them: there are no further pages. The filters `platform` and `skipped` do not apply.
    """
    with ask.about(Part.STATS) as asked:
        rows = found.discovered(asked.conn, asked.about, Kind(kind.value.removesuffix("s")), each=page.limit)
        return listed(asked, ItemShown, rows)


@many(router, f"{USER}/forgotten", ItemShown)
def forgotten(ask: AskListener, page: Page, at_least: AtLeast = found.ONCE_PLAYED) -> Response:
    """Songs that were once played often, but not in the last 365 days, the most played first."""
    with ask.about(Part.STATS) as asked:
        rows = found.forgotten(asked.conn, asked.listener, asked.today, at_least=at_least, each=page.limit)
        return listed(asked, ItemShown, rows)


@many(router, f"{USER}/obsessions", ObsessionShown)
def obsessions(ask: Ask, page: Page, at_least: AtLeast = found.OBSESSION) -> Response:
    """Recordings that were played very often in one of the local months of a range, most first.

    The filters `platform` and `skipped` do not apply.
    """
    with ask.about(Part.STATS) as asked:
        rows = found.obsessions(asked.conn, asked.about, at_least=at_least, each=page.limit)
        return listed(asked, ObsessionShown, rows)


@many(router, f"{USER}/one-hit-wonders", OneHitWonderShown)
def one_hit_wonders(ask: AskListener, page: Page, at_least: AtLeast = found.ONCE_PLAYED) -> Response:
    """Artists of whom only one song was ever played, but often: the most played first."""
    with ask.about(Part.STATS) as asked:
        rows = found.one_hit_wonders(asked.conn, asked.listener, at_least=at_least, each=page.limit)
        return listed(asked, OneHitWonderShown, rows)


@one(router, f"{USER}/streaks", StreaksShown)
def streaks(ask: Ask) -> Response:
    """Days in a row with plays, in a range: the longest, the one that goes on, and the longest silence."""
    with ask.about(Part.LISTENING_TIME) as asked:
        found = days.streaks(asked.conn, asked.about, asked.today)
        return answered(asked, StreaksShown, found, archived=found.archived)


@many(router, f"{USER}/milestones", MilestoneShown)
def milestones(ask: AskListener, _: RowsFormat = None) -> Response:
    """The plays of round numbers that were reached: the first, the 100th, the 1,000th and so on."""
    with ask.about(Part.STATS) as asked:
        rows = days.milestones(asked.conn, asked.listener)
        return listed(asked, MilestoneShown, rows, items=len(rows))


@many(router, f"{USER}/number-ones", NumberOneShown)
def number_ones(ask: Ask, _: RowsFormat = None) -> Response:
    """The most played song of each local week of a range; of a range longer than 371 days, of the latest ones."""
    with ask.about(Part.STATS) as asked:
        rows, archived = days.weeks_at_number_one(asked.conn, asked.about)
        return listed(asked, NumberOneShown, rows, items=len(rows), archived=archived)


@many(router, f"{USER}/on-this-day", DayThenShown)
def on_this_day(ask: AskListener, _: RowsFormat = None) -> Response:
    """What was played on this day of each earlier year, the latest first."""
    with ask.about(Part.HISTORY) as asked:
        rows, archived = days.on_this_day(asked.conn, asked.listener, asked.today)
        shown = [
            one._asdict() | {"tracks": [{"track": track, "play_count": plays} for track, plays in one.tracks]}
            for one in rows
        ]
        return listed(asked, DayThenShown, shown, items=len(rows), archived=archived)


@one(router, f"{USER}/releases", ReleasesShown)
def releases(ask: Ask) -> Response:
    """When the music of a range was released, by year and decade."""
    with ask.about(Part.STATS) as asked:
        found = music.releases(asked.conn, asked.about)
        return answered(asked, ReleasesShown, found, archived=found.archived)


@one(router, f"{USER}/diversity", DiversityShown)
def diversity(ask: Ask) -> Response:
    """How the plays of a range spread over artists."""
    with ask.about(Part.STATS) as asked:
        found = music.diversity(asked.conn, asked.about)
        return answered(asked, DiversityShown, found, archived=found.archived)


@one(router, f"{USER}/share-heard", SharesHeardShown)
def share_heard(ask: Ask) -> Response:
    """How much of the tracks was heard, in the UTC months in which a range lies; of a long one, in the latest 12."""
    with ask.about(Part.STATS) as asked:
        span, shares = music.share_heard(asked.conn, asked.about)
        return answered(asked, SharesHeardShown, {"first_day": span.first, "last_day": span.last, "shares": shares})


@many(router, f"{USER}/spotify/top/{{kind}}", SpotifyRankShown)
def spotify_top(
    ask: Ask,
    kind: Annotated[SpotifyKind, Path(description="`tracks` or `artists`.")],
    term: InTerm = SpotifyTerm.SHORT,
    _: RowsFormat = None,
) -> Response:
    """Spotify's own latest list of the most played, with each rank in the list of before the range's first day.

    Empty without a linked account. The listener's numbers are in `tops`.
    """
    part = Part.TOP_TRACKS if kind is SpotifyKind.TRACKS else Part.TOP_ARTISTS
    with ask.about(part) as asked:
        rows = spotify_list(
            asked.conn,
            asked.listener,
            Kind(kind.value.removesuffix("s")),
            TERMS[term],
            before=asked.days.days.first,
        )
        return listed(asked, SpotifyRankShown, rows, items=len(rows))


@many(router, f"{USER}/spotify/top/{{kind}}/days", SpotifyDayShown)
def spotify_top_days(
    ask: Ask,
    kind: Annotated[SpotifyKind, Path(description="`tracks` or `artists`.")],
    term: InTerm = SpotifyTerm.SHORT,
    ranks: Annotated[int, Query(ge=1, le=50, description="How many of the first ranks of each day.")] = 10,
    _: RowsFormat = None,
) -> Response:
    """How the first ranks of Spotify's own list changed, UTC day by day."""
    part = Part.TOP_TRACKS if kind is SpotifyKind.TRACKS else Part.TOP_ARTISTS
    with ask.about(part) as asked:
        rows = spotify_list_days(
            asked.conn,
            asked.listener,
            Kind(kind.value.removesuffix("s")),
            TERMS[term],
            asked.days.days,
            each=ranks,
        )
        return listed(asked, SpotifyDayShown, rows, items=len(rows))
