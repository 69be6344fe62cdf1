"""Pages that are lists side by side: discoveries, on this day, Spotify's lists, milestones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from markupsafe import Markup, escape
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Bucket, Step, activity, totals
from myi_pipelines.serving.queries.discoveries import discovered, discoveries, forgotten, obsessions, one_hit_wonders
from myi_pipelines.serving.queries.milestones import MILESTONES, Milestone, milestones, on_this_day
from myi_pipelines.serving.queries.scope import ONE_DAY, Days, Scope
from myi_pipelines.serving.queries.spotify_lists import Listed, Term, spotify_list
from myi_pipelines.serving.queries.tops import Item, Kind, Ranked, ranks
from myi_pipelines.serving.web.bar import Choice, range_phrase
from myi_pipelines.serving.web.charts.marks import Mark, Tick, count_scale
from myi_pipelines.serving.web.charts.timeline import Axes, timeline
from myi_pipelines.serving.web.links import days_text
from myi_pipelines.serving.web.page import OF_MUSIC, Page
from myi_pipelines.serving.web.pages.overview import empty
from myi_pipelines.serving.web.series import FEW, bucket_name, bucket_range, ticks
from myi_pipelines.serving.web.views import Figure, RankList, RankRow, change_of, find_covers, item_rows, plays_of
from myi_pipelines.warehouse.partitions import next_month

EACH = 10
MET_NOTE = "First heard then, with all plays since."
PACE_DAYS = 91
"""Of how many days the pace is taken that the next milestone is expected by."""
SURE_DAYS, FARTHEST_DAYS = 30, 3_653
"""How far ahead a day is named, and a month."""


class SpotifyTerm(NamedTuple):
    """A period of Spotify's lists, as an address and as people name it."""

    term: Term
    key: str
    name: str
    days: int
    """About as long, for the listener's own numbers."""


TERMS = (
    SpotifyTerm(Term.SHORT, "short", "4 weeks", 28),
    SpotifyTerm(Term.MEDIUM, "medium", "6 months", 182),
    SpotifyTerm(Term.LONG, "long", "a year", 365),
)


class Wide(NamedTuple):
    name: str
    note: str
    href: str | None
    chart: Markup


def show_discoveries(page: Page) -> Response:
    """What was met in the range and what became of it; forgotten favourites and obsessions."""
    if page.listener.first_day is None:
        return empty(page)
    formats, conn = page.formats, page.conn
    months = discoveries(conn, page.scope)
    artists, songs = sum(one.artists for one in months), sum(one.songs for one in months)
    stayed = sum(one.songs_that_stayed for one in months)
    wide = []
    if len(months) > 1:
        days = page.scope.days
        in_range = [
            Bucket(max(one.month, days.first), min(next_month(one.month) - ONE_DAY, days.last), 0, 0) for one in months
        ]
        marks = [
            Mark(
                bucket_name(page, bucket, Step.MONTH),
                one.songs,
                formats.counted(one.songs, "new song"),
                page.links.to("discoveries", range=bucket_range(page, bucket, Step.MONTH)),
                (one.month.year, one.month.month) == (page.today.year, page.today.month),
            )
            for one, bucket in zip(months, in_range, strict=True)
        ]
        many = len(months) > 14
        labels = [
            Tick(at, str(one.month.year) if many else formats.months[one.month.month - 1], not many and at % 3 != 0)
            for at, one in enumerate(months)
            if not many or one.month.month == 1
        ]
        axes = Axes(labels, formats.short, count_scale(max(one.songs for one in months)), heads=("Month", "New songs"))
        wide.append(Wide("New songs", "", None, timeline("New songs by month", marks, axes, height=180)))
    crazes = obsessions(conn, page.scope, each=EACH)
    find_covers(page, [one.track for one in crazes])
    once = one_hit_wonders(conn, page.listener, filters=page.scope.filters, each=EACH)
    lists = [
        RankList(
            "Artists",
            MET_NOTE,
            None,
            item_rows(page, discovered(conn, page.scope, Kind.ARTIST, each=EACH)),
        ),
        RankList("Songs", MET_NOTE, None, item_rows(page, discovered(conn, page.scope, Kind.SONG, each=EACH))),
        RankList("Albums", MET_NOTE, None, item_rows(page, discovered(conn, page.scope, Kind.ALBUM, each=EACH))),
        RankList(
            "Obsessions",
            "Played over and over in one month.",
            None,
            item_rows(
                page,
                [one.track for one in crazes],
                [f"{formats.number(one.play_count)} in {formats.short_month(one.month)}" for one in crazes],
                [plays_of(page.links.keeping(range=f"{one.month:%Y-%m}"), one.track) for one in crazes],
            ),
        ),
        RankList(
            "Forgotten favourites",
            "Not heard for a year. Of all time.",
            None,
            item_rows(page, forgotten(conn, page.listener, page.today, filters=page.scope.filters, each=EACH)),
        ),
        RankList(
            "One-hit wonders",
            "Artists of whom you know one song. Of all time.",
            None,
            item_rows(page, [one.song for one in once]),
        ),
    ]
    heading = (
        f"{range_phrase(page.range, formats)} you met {formats.counted(artists, 'new artist')}."
        if artists
        else f"{range_phrase(page.range, formats)} you met nobody new."
    )
    numbers = []
    if songs:
        numbers = [
            Figure(formats.number(songs), formats.noun(songs, "new song")),
            *([Figure(formats.percent(stayed / songs), "of them stayed for a month or more")] if songs >= FEW else []),
        ]
    return _lists(page, "Discoveries", heading, lists, wide=wide, numbers=numbers, reached=OF_MUSIC)


def show_on_this_day(page: Page) -> Response:
    """This day in every earlier year."""
    if page.listener.first_day is None:
        return empty(page)
    found, _ = on_this_day(page.conn, page.listener, page.today)
    formats = page.formats
    lists = [
        RankList(
            str(one.day.year),
            f"{formats.plays(one.play_count)}, {formats.length(one.total_ms)}.",
            page.links.day(one.day),
            item_rows(
                page,
                [track for track, _ in one.tracks],
                [formats.plays(count) for _, count in one.tracks],
                [plays_of(page.links.unfiltered(range=one.day.isoformat()), track) for track, _ in one.tracks],
            ),
        )
        for one in found
    ]
    heading = f"{formats.short_day(page.today)}, in other years."
    nothing = "On this day nothing was played in any year before. Come back tomorrow."
    return _lists(page, "On this day", heading, lists, nothing=nothing)


def show_milestones(page: Page) -> Response:
    """The plays of round numbers on the line of all plays, and when the next is to be expected."""
    first_day = page.listener.first_day
    if first_day is None:
        return empty(page)
    formats = page.formats
    reached = milestones(page.conn, page.listener)
    named = [one for one in reversed(reached) if one.track]
    find_covers(page, [one.track for one in named if one.track])
    rows = [
        row._replace(
            place=formats.number(one.number),
            value=formats.day_and_year(one.day),
            value_href=page.links.day(one.day),
            other="",
        )
        for one, row in zip(named, item_rows(page, [one.track for one in named if one.track]), strict=True)
    ]
    scope = Scope(page.listener, Days(first_day, page.today))
    months = activity(page.conn, scope, Step.MONTH).buckets
    total = sum(one.play_count for one in months)
    recent = Days(max(first_day, page.today - timedelta(days=PACE_DAYS - 1)), page.today)
    plays = totals(page.conn, scope._replace(days=recent)).play_count
    pace = plays / recent.length if plays >= FEW else 0
    lists = [RankList("Plays of round numbers", "", None, rows, "numbered")] if rows else []
    wide = [Wide("The way there", "All your plays, added up.", None, _way(page, months, reached))]
    return _lists(
        page,
        "Milestones",
        f"{formats.plays(total)} since {formats.month(first_day)}.",
        lists,
        aside=_next_milestone(page, total, pace),
        wide=wide if len(months) > 1 else [],
        nothing="The first milestone is the first play.",
    )


def _way(page: Page, months: Sequence[Bucket], reached: Sequence[Milestone]) -> Markup:
    """The sum of all plays as a line, a bar where a round number was reached."""
    formats = page.formats
    sums = list(accumulate(one.play_count for one in months))
    numbers: dict[date, list[Milestone]] = {}
    for one in reached:
        numbers.setdefault(one.day.replace(day=1), []).append(one)
    marks = []
    for month, whole in zip(months, sums, strict=True):
        found = numbers.get(month.first.replace(day=1), [])
        plays = ", ".join(f"play {formats.number(one.number)} on {formats.short_day(one.day)}" for one in found)
        text = f"{plays}, {formats.plays(whole)} by its end" if plays else f"{formats.plays(whole)} by its end"
        href = page.links.day(found[-1].day) if found else None
        marks.append(Mark(formats.month(month.first), whole if found else 0, text, href))
    line = [float(whole) for whole in sums]
    labels = ticks(page, months, Step.MONTH)
    axes = Axes(labels, formats.short, count_scale(line[-1]), heads=("Month", "Plays so far"))
    return timeline("All plays, added up", marks, axes, before=line)


def _next_milestone(page: Page, total: int, pace: float) -> str:
    """The next round number, and when it comes if days go on as the last ones. `pace`: plays a day."""
    number = next((one for one in MILESTONES if one > total), None)
    if number is None:
        return ""
    formats, missing = page.formats, number - total
    away = f"The next is play {formats.number(number)}, {formats.number(missing)} away"
    days = missing / pace if pace else FARTHEST_DAYS + 1
    if days > FARTHEST_DAYS:
        return f"{away}."
    day = page.today + timedelta(days=math.ceil(days))
    when = f"on {formats.day(day)}" if days <= SURE_DAYS else f"in {formats.month(day)}"
    return f"{away}: at the pace of the last three months, {when}."


def show_spotify_lists(page: Page) -> Response:
    """What Spotify says is most played, beside what is: the listener's own plays in about the same days."""
    chosen = next((one for one in TERMS if one.key == page.query.get("term")), TERMS[0])
    page.extra = {"term": chosen.key} if chosen != TERMS[0] else {}
    days = Days(page.today - timedelta(days=chosen.days - 1), page.today)
    before = page.today - timedelta(days=7)
    found = {
        kind: spotify_list(page.conn, page.listener, kind, chosen.term, before=before)
        for kind in (Kind.TRACK, Kind.ARTIST)
    }
    wanted = {kind: [one.item.id for one in listed] for kind, listed in found.items()}
    own = ranks(page.conn, Scope(page.listener, days), wanted)
    lists = [
        _spotify_list(page, name, found[kind], own[kind], days)
        for kind, name in ((Kind.TRACK, "Recordings"), (Kind.ARTIST, "Artists"))
    ]
    tabs = [
        Choice(one.name, page.links.to("spotify", term=None if one is TERMS[0] else one.key), one == chosen)
        for one in TERMS
    ]
    nothing = "Spotify’s own lists come with a linked account: run myi login at the terminal of this installation."
    heading = "What Spotify says you play most."
    span = page.formats.between(days.first, days.last)
    aside = f"At the right is what you did play, {span}." if any(found.values()) else ""
    return _lists(page, "Spotify’s lists", heading, lists, aside=aside, tabs=tabs, nothing=nothing)


def _spotify_list(page: Page, name: str, listed: Sequence[Listed], own: Mapping[int, Ranked], days: Days) -> RankList:
    """Changes only where there was an earlier list: everything is new to the first one."""
    formats = page.formats
    has_earlier = any(one.rank_before for one in listed)
    rows = []
    for one, row in zip(listed, item_rows(page, [one.item for one in listed]), strict=True):
        before = Ranked(one.rank_before, 0, 0) if one.rank_before else None
        change, is_up = change_of(one.rank, before) if has_earlier else ("", False)
        mine = own.get(one.item.id)
        rows.append(
            row._replace(
                href=row.href if one.item.play_count else None,
                by=_artist_and_album(row, one.item),
                by_href=None,
                change=change,
                change_is_up=is_up,
                value=formats.plays(mine.play_count) if mine else "no plays",
                value_href=plays_of(page.links.unfiltered(range=days_text(days)), one.item) if mine else None,
                other=f"your #{formats.number(mine.rank)}" if mine else "",
            )
        )
    changes = "; arrows compare with a week before" if has_earlier else ""
    note = f"As of {formats.moment(listed[0].fetched_at)}{changes}." if listed else ""
    return RankList(name, note, None, rows, "moving" if has_earlier else "")


def _artist_and_album(row: RankRow, item: Item) -> str:
    """Recordings of one name and artist differ by their album."""
    artist = Markup('<a href="{}">{}</a>').format(row.by_href, row.by) if row.by_href else escape(row.by)
    return Markup(", ").join(one for one in (artist, item.album) if one) if item.kind is Kind.TRACK else ""


def _lists(
    page: Page,
    title: str,
    heading: str,
    lists: list[RankList],
    *,
    aside: str = "",
    wide: list[Wide] | None = None,
    numbers: list[Figure] | None = None,
    tabs: list[Choice] | None = None,
    nothing: str = "",
    reached: tuple[str, ...] = (),
) -> Response:
    return page.render(
        "lists.html",
        title,
        heading=heading,
        aside=aside,
        numbers=numbers or [],
        tabs=tabs or [],
        wide=wide or [],
        lists=[one for one in lists if one.rows],
        nothing=nothing,
        unreached=page.unreached(*reached),
    )
