"""What every page of a listener begins with: who asks, whose plays, which days; and ends with: the layout around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from myi_pipelines.serving.access.permissions import NotVisible, Part, find_shown
from myi_pipelines.serving.access.viewers import Viewer
from myi_pipelines.serving.asgi.etags import etag_of, not_modified, with_etag
from myi_pipelines.serving.context import Context, context_of, viewer_of
from myi_pipelines.serving.playing_now import PlayingNow, find_playing_now
from myi_pipelines.serving.queries.listeners import Freshness, freshness
from myi_pipelines.serving.queries.scope import (
    Filters,
    InvalidRange,
    Listener,
    Measure,
    NamedRange,
    Scope,
    fairly_compared,
    parse_range,
)
from myi_pipelines.serving.queries.tops import Kind, items
from myi_pipelines.serving.web.bar import Asked, Choice, make_bar, range_label
from myi_pipelines.serving.web.formats import Formats, locale_of
from myi_pipelines.serving.web.links import KEPT, THIS_YEAR, Links, default_range, links_to
from myi_pipelines.serving.web.words import listed, value_name
from myi_pipelines.warehouse.database.connections import Connection

NAVIGATION = (
    ("", "Overview", Part.STATS),
    ("tops", "Tops", Part.STATS),
    ("history", "History", Part.HISTORY),
    ("trends", "Trends", Part.STATS),
    ("habits", "Habits", Part.STATS),
    ("review", "Review", Part.STATS),
    ("imports", "Imports", Part.MANAGE),
)
WITHOUT_MEASURE = frozenset({"imports", "corrections", "settings", "search", "on-this-day", "milestones", "spotify"})
"""Pages on which neither the range nor the measure changes anything."""
WITHOUT_RANGE = WITHOUT_MEASURE | {"trends", "review"}
"""Pages of days of their own, which they name. Their links keep the range for other pages."""
THEMES = ("light", "dark")
FILTER_NAMES = {
    "artist_id": "artist",
    "album_id": "album",
    "genre": "genre",
    "platform": "device",
    "skipped": "skips",
}
TELL_WHEN = frozenset({Part.STATS, Part.TOP_TRACKS, Part.TOP_ARTISTS, Part.LISTENING_TIME, Part.EMBED, Part.MANAGE})
"""Parts each of which tells in which years something was played."""
OF_MUSIC = ("artist_id", "album_id", "genre")
"""Filters that reach what is known of songs, artists and albums, and not of single plays."""


class Link(NamedTuple):
    name: str
    href: str


class Page:
    """One request for one page of one listener, with a connection that sees one instant."""

    def __init__(self, request: Request, conn: Connection, listener: Listener, parts: frozenset[Part]) -> None:
        self.request = request
        self.context: Context = context_of(request)
        self.viewer: Viewer = viewer_of(request)
        self.conn = conn
        self.listener = listener
        self.parts = parts
        self.query: Mapping[str, str] = {name: value.replace("\0", "") for name, value in request.query_params.items()}
        self.formats = Formats(
            locale_of(request.headers.get("accept-language", "")), listener.timezone, listener.week_starts_on
        )
        self.now = datetime.now(UTC)
        self.today: date = self.now.astimezone(listener.timezone).date()
        usual = default_range(listener, self.today) if parts & TELL_WHEN else THIS_YEAR
        self.links: Links = links_to(listener.name, self.query, usual)
        self.range: NamedRange = self.read_range(self.query.get("range") or usual)
        self.scope = Scope(listener, self.range.days, self._measure(), self._filters())
        self.chips: list[Choice] = []
        self.covers: dict[tuple[str, int], str | None] = {}
        """Keys of the pictures of albums and artists that were looked up."""
        self.playing: PlayingNow | None = None
        """What a program says is playing now: set by the routes of pages that show it."""
        self.path = ""
        """Of this page below the listener's: set by the page's route."""
        self.extra: dict[str, str] = {}
        """Parameters of this page alone, which stay when the range changes."""

    def read_range(self, text: str) -> NamedRange:
        """The range that a text names, with days to compare it with where that says something. Raises InvalidRange."""
        return fairly_compared(parse_range(text, self.today, self.listener), self.today, self.listener)

    def _measure(self) -> Measure:
        return Measure.TIME if self.query.get("by") == "time" else Measure.PLAYS

    def _filters(self) -> Filters:
        return Filters(
            artist_id=whole_number(self.query.get("artist")),
            album_id=whole_number(self.query.get("album")),
            genre=self.query.get("genre") or None,
            platform=self.query.get("platform") or None,
            skipped={"yes": True, "no": False}.get(self.query.get("skipped", "")),
        )

    @cached_property
    def fresh(self) -> Freshness:
        return freshness(self.conn, self.listener)

    @property
    def by_time(self) -> bool:
        return self.scope.measure is Measure.TIME

    @property
    def etag(self) -> str:
        """Of everything that the page depends on."""
        return etag_of(
            self.listener.version,
            self.today,
            self.context.version,
            self.viewer.key,
            self.formats.locale,
            self.request.cookies.get("theme", ""),
            self.request.url,
            self.playing.ends_at if self.playing else "",
        )

    def value_text(self, plays: int, ms: int) -> str:
        """A value by the measure, with its unit."""
        return self.formats.length(ms) if self.by_time else self.formats.plays(plays)

    def axis(self, value: float) -> str:
        """A value by the measure, for an axis."""
        return self.formats.hours(value) if self.by_time else self.formats.short(value)

    def value(self, plays: int, ms: int) -> int:
        """By the measure."""
        return ms if self.by_time else plays

    def may(self, part: Part) -> bool:
        return part in self.parts

    @property
    def asks_for_zone(self) -> bool:
        """Whether days are those of UTC, in which every listener begins, and the viewer may set a time zone."""
        return self.listener.timezone.key == "UTC" and self.may(Part.MANAGE)

    @property
    def may_show_now(self) -> bool:
        """Whether what is playing now belongs to the page: the viewer may see single plays, and the page is of all of
        them, up to now, or begins without a range."""
        days, own = self.range.days, ("before", "song", "track", "hour", "weekday")
        is_plain = self.scope.filters == Filters() and not any(name in self.query for name in own)
        is_now = not self.query.get("range") or days.first <= self.today <= days.last
        return self.may(Part.HISTORY) and is_plain and is_now

    def unreached(self, *reached: str) -> str:
        """Says which of the filters that are on do not reach a part of a page, whose own are `reached`; else empty."""
        on = [name for name, value in self.scope.filters._asdict().items() if value is not None and name not in reached]
        names = listed([FILTER_NAMES[name] for name in on])
        if not on:
            return ""
        return f"The filter{'s' if len(on) > 1 else ''} by {names} {'do' if len(on) > 1 else 'does'} not reach this."

    def render(self, template: str, /, title: str, status: int = 200, **values: Any) -> Response:
        """The page of a template, inside the layout."""
        self.chips = [*self._filter_chips(), *self.chips]
        asked = Asked(
            self.listener,
            self.today,
            self.range,
            self.path,
            tuple(self.extra.items()),
            self.chips,
            self.query.get("q", ""),
        )
        bar = make_bar(asked, self.links, self.formats)
        if self.listener.ever is None:
            bar = bar._replace(groups=[], measures=[], search="")
        if self.path in WITHOUT_RANGE:
            bar = bar._replace(groups=[])
        if self.path in WITHOUT_MEASURE:
            bar = bar._replace(measures=[])
        return self.context.page(
            template,
            status,
            title=title,
            page=self,
            listener=self.listener,
            formats=self.formats,
            links=self.links,
            range=self.range,
            range_label=range_label(self.range, self.formats),
            bar=bar if self.may(Part.STATS) else bar._replace(search=""),
            navigation=self._navigation(),
            home=self.links.to(),
            who_href=self.links.to("settings") if self.may(Part.MANAGE) else self.links.to(),
            theme=theme_of(self.request),
            as_of=self.fresh.as_of,
            deriving=deriving(self.fresh, self.formats),
            foot_links=self._foot_links(),
            **values,
        )

    def _filter_chips(self) -> list[Choice]:
        """What is filtered, each with the address without it."""
        filters = self.scope.filters
        named = []
        for key, kind, number in (("artist", Kind.ARTIST, filters.artist_id), ("album", Kind.ALBUM, filters.album_id)):
            if number is not None:
                found = items(self.conn, self.listener, kind, [number]).get(number)
                named.append((key, found.name if found else f"an unknown {key}"))
        if filters.genre:
            named.append(("genre", filters.genre))
        if filters.platform:
            named.append(("platform", value_name(self.formats, "PLATFORM", filters.platform)))
        if filters.skipped is not None:
            named.append(("skipped", "skipped" if filters.skipped else "not skipped"))
        return [Choice(name, self.links.to(self.path, **{**self.extra, key: None})) for key, name in named]

    def _navigation(self) -> list[Choice]:
        section = self.path.split("/")[0]
        return [
            Choice(name, self.links.to(path), section == path) for path, name, part in NAVIGATION if part in self.parts
        ]

    def _foot_links(self) -> list[Link]:
        stats = [
            Link("Discoveries", self.links.to("discoveries")),
            Link("On this day", self.links.to("on-this-day")),
            Link("Milestones", self.links.to("milestones")),
            Link("Spotify’s lists", self.links.to("spotify")),
        ]
        manage = [
            Link("Compare", self.links.to("compare")),
            Link("Corrections", self.links.to("corrections")),
            Link("Settings", self.links.to("settings")),
        ]
        return [
            *(stats if self.may(Part.STATS) else []),
            *(manage if self.may(Part.MANAGE) else []),
            *([Link("All listeners", "/operator")] if self.viewer.is_operator else []),
            Link("API", "/api/v1/docs"),
        ]


Endpoint = Callable[[Page], Response]


def listener_page(
    function: Endpoint, path: str, part: Part, *, has_etag: bool = True, shows_now: bool = False
) -> Callable[[Request], Response]:
    """An endpoint below ``/u/{name}``: 404 unless the viewer may see ``part`` of the listener, 304 where nothing
    changed since the browser asked last. `path`: of the page below the listener's, for the bar and the navigation.
    `shows_now`: the page shows what is playing now, a part of its ETag then."""

    def endpoint(request: Request) -> Response:
        if (custom := custom_range(request)) is not None:
            return custom
        context = context_of(request)
        playing: PlayingNow | None = None
        if has_etag:
            asked = _glance(request, context, part)
            if shows_now and asked.may_show_now:
                with context.keeping() as keeper:
                    asked.playing = playing = find_playing_now(keeper, asked.listener.id)
            if known := not_modified(request, asked.etag) or context.answers.get(asked.etag):
                return known
        with context.reading() as conn:
            page = open_page(request, conn, part)
            page.path = path.format(**request.path_params)
            page.playing = playing if page.may_show_now else None
            response = function(page)
        if has_etag and response.status_code == 200:
            context.answers.keep(page.etag, with_etag(response, page.etag))
        return response

    endpoint.__name__ = function.__name__
    return endpoint


def _glance(request: Request, context: Context, part: Part) -> Page:
    """The beginning of a page, to find out whether its answer is known. Raises as ``open_page``."""
    viewer_of(request)  # over another connection, taken before this one
    with context.glancing() as conn:
        return open_page(request, conn, part)


def open_page(request: Request, conn: Connection, part: Part) -> Page:
    """The beginning of each page. Raises NotVisible, and HTTPException 400 for a range that is none."""
    listener, parts = find_shown(conn, viewer_of(request), request.path_params["name"], part)
    try:
        page = Page(request, conn, listener, parts)
    except InvalidRange as error:
        raise HTTPException(400, str(error)) from None
    # What is shared does not become more by asking for parts of it; single plays are all there is of them.
    if page.scope.filters != Filters() and part is not Part.HISTORY and Part.STATS not in parts:
        raise NotVisible
    return page


def custom_range(request: Request) -> Response | None:
    """The form with two days sends them apart: on to the address that has them as a range."""
    first, last = request.query_params.get("from"), request.query_params.get("to")
    if not first or not last:
        return None
    first, last = sorted((first, last))
    kept = {name: value for name, value in request.query_params.items() if name not in ("from", "to", "range")}
    links = links_to(request.path_params.get("name", ""), kept)
    here = request.url.path
    others = {name: value for name, value in kept.items() if name not in KEPT}
    target = links._replace(home=here).to(**{**others, "range": first if first == last else f"{first}..{last}"})
    return RedirectResponse(target, 303)


def whole_number(text: str | None) -> int | None:
    """A number in an address; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def theme_of(request: Request) -> str | None:
    """The theme that the reader chose, or None for the system's."""
    theme = request.cookies.get("theme")
    return theme if theme in THEMES else None


def deriving(fresh: Freshness, formats: Formats) -> str:
    """What is not in the numbers yet, in words; empty if nothing is."""
    if not fresh.user_months:
        return ""
    verb = "is" if fresh.user_months == 1 else "are"
    return f"{formats.counted(fresh.user_months, 'month')} {verb} being derived"
