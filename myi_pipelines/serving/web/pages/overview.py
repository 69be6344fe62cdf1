"""The overview: one sentence, then the shape of the period, its tops, its days and its week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.queries.activity import (
    Bucket,
    Compared,
    NotMusic,
    Step,
    Totals,
    activity,
    clock,
    compared,
    not_music,
    totals,
)
from myi_pipelines.serving.queries.discoveries import discovered, discoveries
from myi_pipelines.serving.queries.milestones import DayThen, on_this_day
from myi_pipelines.serving.queries.scope import NO_FILTERS, Days, RangeKind, parse_range
from myi_pipelines.serving.queries.tops import Kind, top_shows, tops
from myi_pipelines.serving.web.bar import range_label, range_name, range_phrase
from myi_pipelines.serving.web.charts.calendars import year_outline
from myi_pipelines.serving.web.formats import MINUTE
from myi_pipelines.serving.web.page import OF_MUSIC, Page
from myi_pipelines.serving.web.pages.profile import show_profile
from myi_pipelines.serving.web.series import (
    LONGEST_CALENDAR,
    NAMES,
    SHORTEST_CALENDAR,
    bars,
    busiest_hour,
    day_calendar,
    fullest,
    month_calendar,
    step_for,
    week_grid,
)
from myi_pipelines.serving.web.views import (
    Figure,
    RankRow,
    by_of,
    find_covers,
    item_rows,
    name_of,
    playing_line,
    rank_row,
    show_row,
)
from myi_pipelines.serving.web.words import listed

NOTHING_FITS = "You played nothing that fits all of the filters."
ARCHIVED = "Some months are in the archive and not counted here."
TOP = 5
MOST_SHOWS = 10
YEARS_AGO = 4
SPOKEN = {"EPISODE": "podcasts", "CHAPTER": "audiobooks"}
OTHERS = {**SPOKEN, "VIDEO": "videos", "UNIDENTIFIED": "what Spotify does not name"}
"""What is not music, in a sentence."""
LISTS = ((Kind.SONG, "Songs", "tops"), (Kind.ARTIST, "Artists", "tops/artists"), (Kind.ALBUM, "Albums", "tops/albums"))


class Then(NamedTuple):
    """This day in another year."""

    year: str
    day_href: str
    name: str
    by: str
    note: str
    href: str
    by_href: None = None


class List(NamedTuple):
    name: str
    href: str
    rows: list[RankRow]


def show_start(page: Page) -> Response:
    """``/u/{name}``: the overview for who may see it, the public profile for others."""
    return show_overview(page) if page.may(Part.STATS) else show_profile(page)


def show_overview(page: Page) -> Response:
    """One sentence first."""
    if page.listener.ever is None:
        return empty(page)
    conn, scope, now = page.conn, page.scope, page.range
    numbers = compared(conn, scope, now.days_before, now.days_year_before)
    if not numbers.totals.play_count:
        return nothing(page, "Overview", numbers.totals)
    step = step_for(now.days)
    buckets = activity(conn, scope, step).buckets
    before_buckets = []
    if now.before and step is not Step.YEAR:
        earlier = parse_range(now.before, page.today, page.listener)
        before_buckets = activity(conn, scope._replace(days=earlier.days), step).buckets[: len(buckets)]
    found = tops(conn, scope, [kind for kind, _, _ in LISTS], each=TOP)
    different = {kind: one.items for kind, one in found.items()}
    met = discovered(conn, scope, Kind.ARTIST, each=TOP)
    find_covers(page, [*(row.item for one in found.values() for row in one.rows), *met])
    then, _ = on_this_day(conn, page.listener, page.today, each=1)
    find_covers(page, [track for one in then for track, _ in one.tracks])
    months = discoveries(conn, scope)
    new, new_songs = sum(one.artists for one in months), sum(one.songs for one in months)
    lists = []
    for kind, name, path in LISTS:
        rows = found[kind].rows
        top = page.value(rows[0].play_count, rows[0].total_ms) if rows else 0
        lists.append(List(name, page.links.to(path), [rank_row(page, row, top) for row in rows]))
    week = clock(conn, scope)
    busiest = busiest_hour(week.hours, page.by_time)
    return page.render(
        "overview.html",
        "Overview",
        playing=playing_line(page),
        sentence=sentence(page, numbers, different, new),
        aside=aside(page, numbers),
        numbers=figures(page, numbers, different),
        timeline_name=NAMES[step],
        timeline_note=f"The dotted line is {before_name(page)}."
        if any(one.play_count for one in before_buckets)
        else "",
        timeline=bars(page, buckets, step, before=before_buckets) if len(buckets) > 1 else None,
        tops=[one for one in lists if one.rows],
        **_calendar(page, buckets, step),
        week=week_grid(page, week.cells),
        week_note=f"Most from {page.formats.hours_between(busiest)}." if busiest is not None else "",
        found=item_rows(page, met),
        found_note=f"{page.formats.counted(new, 'artist')}, {page.formats.counted(new_songs, 'song')}; all plays since."
        + (f" {unreached}" if (unreached := page.unreached(*OF_MUSIC)) else ""),
        years_note=page.unreached(),
        years_ago=[then_row(page, one) for one in then[:YEARS_AGO]],
    )


def empty(page: Page) -> Response:
    """The page of who has no music: what else was played, or what to do while there are no plays at all, with a picture
    of what will be here."""
    if page.listener.ever:
        page.range = page.read_range("all")
        page.scope = page.scope._replace(days=page.range.days, filters=NO_FILTERS)
        page.links = page.links.keeping(range="all")
        return nothing(page, "Overview", totals(page.conn, page.scope))
    may_upload, playing = page.may(Part.MANAGE), playing_line(page)
    return page.render("empty.html", "Welcome", may_upload=may_upload, picture=year_outline(), playing=playing)


def nothing(page: Page, title: str, now: Totals) -> Response:
    """The page of a range without music: one sentence, that leads to what there is, and podcasts and the like."""
    shows = top_shows(page.conn, page.scope, each=MOST_SHOWS) if _others(page) else []
    top = page.value(shows[0].play_count, shows[0].total_ms) if shows else 0
    return page.render(
        "nothing.html",
        title,
        sentence=nothing_played(page),
        aside=ARCHIVED if now.archived else "",
        playing=playing_line(page),
        shows=[show_row(page, row, top) for row in shows],
    )


def _others(page: Page) -> list[NotMusic]:
    """What else was played in the range; nothing where filters are set, which do not reach it."""
    first, last = page.listener.first_other_day, page.listener.last_other_day
    if first is None or last is None or page.scope.filters != NO_FILTERS:
        return []
    days = Days(max(page.range.days.first, first), min(page.range.days.last, last))
    return not_music(page.conn, page.scope._replace(days=days)) if days.length else []


def nothing_played(page: Page) -> Markup:
    """That no music was played in the range, and what else was, or when something was."""
    formats, days = page.formats, page.range.days
    start = range_phrase(page.range, formats)
    if others := _others(page):
        linked, href = Markup('<a href="{}">{}</a> of {}'), page.links.to("tops/shows")
        heard = [linked.format(href, formats.length(one.total_ms), OTHERS[one.kind]) for one in others]
        return Markup("{} you played no music, but {}.").format(start, Markup(listed(heard)))
    first, last = page.listener.ever or Days(page.today, page.today)
    if page.scope.filters != NO_FILTERS:
        if page.range.kind == "all":
            return Markup(NOTHING_FITS)
        sentence = Markup('{} you played nothing that fits; <a href="{}">all time</a> may hold something.')
        return sentence.format(start, page.links.to(page.path, range="all"))
    if days.last < first:
        text, span, then = "your plays begin in", f"{first:%Y-%m}", formats.month(first)
    elif days.first > last:
        text, span, then = "your latest plays are of", f"{last:%Y-%m}", formats.month(last)
    else:
        text, span, then = "your plays go", "all", f"from {formats.month(first)} to {formats.month(last)}"
    return Markup('{} you played nothing: {} <a href="{}">{}</a>.').format(
        start, text, page.links.to(page.path, range=span), then
    )


def _calendar(page: Page, buckets: Sequence[Bucket], step: Step) -> dict[str, Any]:
    days = page.range.days
    if days.length > LONGEST_CALENDAR:
        months = buckets if step is Step.MONTH else activity(page.conn, page.scope, Step.MONTH).buckets
        return {"calendar": month_calendar(page, months), "calendar_name": "Every month", "calendar_note": ""}
    if days.length < SHORTEST_CALENDAR:
        return {"calendar": None, "calendar_name": "", "calendar_note": ""}
    by_day = activity(page.conn, page.scope, Step.DAY).buckets
    note = ""
    if best := fullest(page, by_day):
        text = page.value_text(best.play_count, best.total_ms)
        note = f"The fullest was {page.formats.day(best.first)}: {text}."
    return {"calendar": day_calendar(page, by_day), "calendar_name": "Every day", "calendar_note": note}


def before_name(page: Page) -> str:
    """The period before, in words."""
    if not page.range.before:
        return ""
    if page.range.kind is RangeKind.ROLLING:
        return f"the {range_label(page.range, page.formats)} before"
    if page.range.kind is RangeKind.CUSTOM:
        return f"the {page.formats.counted(page.range.days.length, 'day')} before"
    return range_name(parse_range(page.range.before, page.today, page.listener), page.formats)


def in_before(page: Page) -> str:
    """When the period before was: "in 2024", "on 14 October 2025"."""
    return f"{'on' if page.range.kind is RangeKind.DAY else 'in'} {before_name(page)}"


def then_row(page: Page, one: DayThen) -> Then:
    """This day in another year."""
    track, count = one.tracks[0] if one.tracks else (None, 0)
    name = name_of(track) if track else "music"
    often = f"{page.formats.number(count)} of " if 1 < count < one.play_count else ""
    note = f"{often}{page.formats.plays(one.play_count)}, {page.formats.length(one.total_ms)}"
    by = by_of(track) if track else ""
    href = page.links.item("track", track.id) if track else page.links.day(one.day)
    return Then(str(one.day.year), page.links.day(one.day), name, by, note, href)


def sentence(page: Page, numbers: Compared, different: Mapping[Kind, int], new: int) -> Markup:
    """What the period was, in one sentence whose numbers are links."""
    formats, now = page.formats, numbers.totals
    start = range_phrase(page.range, formats)
    verb = "have listened" if page.range.is_incomplete or page.range.kind == "all" else "listened"
    head = Markup('{} you {} for <a href="{}">{}</a>').format(
        start, verb, page.links.plays(), formats.length(now.total_ms)
    )
    change = ""
    if numbers.before and page.range.days_before:
        more = formats.change(now.total_ms, numbers.before.total_ms)
        is_part = page.range.is_incomplete and page.range.kind is not RangeKind.ROLLING
        then = f"in the same part of {before_name(page)}" if is_part else in_before(page)
        change = f", {more} {then}" if more else ""
    if new and page.range.kind != "all":
        return (
            head
            + change
            + Markup(', and met <a href="{}">{}</a>.').format(
                page.links.to("discoveries"), formats.counted(new, "new artist")
            )
        )
    tail = Markup(', to <a href="{}">{}</a>.').format(
        page.links.to("tops/artists"), formats.counted(different[Kind.ARTIST], "artist")
    )
    return head + change + tail


def aside(page: Page, numbers: Compared) -> str:
    """What must be said of the numbers."""
    parts = []
    if numbers.year_before and numbers.year_before.total_ms and page.range.days_year_before != page.range.days_before:
        change = page.formats.change(numbers.totals.total_ms, numbers.year_before.total_ms)
        same = "on the same day" if page.range.kind is RangeKind.DAY else "in the same days"
        parts.append(f"That is {change} {same} a year before.")
    if numbers.totals.archived:
        parts.append(ARCHIVED)
    return " ".join(parts)


def figures(page: Page, numbers: Compared, different: Mapping[Kind, int]) -> list[Figure]:
    """A handful of large numbers."""
    formats, links, now = page.formats, page.links, numbers.totals
    days = (min(page.range.days.last, page.today) - page.range.days.first).days + 1
    note = ""
    if numbers.before:
        change = formats.change_in_number(now.play_count, numbers.before.play_count)
        note = f"{change} {in_before(page)}" if change and not page.range.is_incomplete else ""
    entries = [
        Figure(formats.number(now.play_count), formats.noun(now.play_count, "play"), links.plays(), note),
        *(
            Figure(formats.number(different[kind]), formats.noun(different[kind], kind.value), links.to(path))
            for kind, _, path in LISTS
            if different[kind]
        ),
    ]
    if days > 1:
        entries += _by_day(page, now, days)
    spoken = [one for one in _others(page) if one.kind in SPOKEN]
    spoken_ms = sum(one.total_ms for one in spoken)
    if spoken_ms >= MINUTE:
        of = f"of {listed([SPOKEN[one.kind] for one in spoken])}"
        plays = formats.plays(sum(one.play_count for one in spoken))
        entries.append(Figure(formats.length(spoken_ms), of, links.to("tops/shows"), plays))
    return entries


def _by_day(page: Page, now: Totals, days: int) -> list[Figure]:
    """How much music an average day had, if that is a minute; else how many days had any."""
    formats, habits, with_plays = page.formats, page.links.to("habits"), now.days_with_plays
    if now.total_ms >= days * MINUTE:
        note = f"with music on {formats.number(with_plays)} of {formats.counted(days, 'day')}" if with_plays else ""
        return [Figure(formats.length(now.total_ms // days), "a day on average", habits, note)]
    if not with_plays:
        return []
    label = f"{formats.noun(with_plays, 'day')} with music, of {formats.number(days)}"
    return [Figure(formats.number(with_plays), label, habits)]
