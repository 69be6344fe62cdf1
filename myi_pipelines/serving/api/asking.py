"""What every question of the API begins with: who asks, about whom, which days; and ends with: an answer and its ETag.

A route takes one of the classes here as its only dependency, and reads inside ``about``: one connection, one instant.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from fastapi import Depends, Path, Query
from pydantic import AfterValidator
from starlette.requests import Request

from myi_pipelines.serving.access.permissions import NotVisible, Part, find_shown
from myi_pipelines.serving.access.viewers import Viewer
from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.problems import BAD_CURSOR, Answered, BadCursor
from myi_pipelines.serving.asgi.etags import etag_of, not_modified
from myi_pipelines.serving.context import context_of, viewer_of
from myi_pipelines.serving.queries.listeners import Freshness, freshness
from myi_pipelines.serving.queries.scope import (
    NO_FILTERS,
    Filters,
    Listener,
    Measure,
    NamedRange,
    Scope,
    parse_range,
)
from myi_pipelines.warehouse.database.connections import Connection

T = TypeVar("T")

MOST_EACH = 1_000
MOST_SKIPPED = 1_000_000
EACH = 50
BIGINT = 2**63 - 1


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds the character NUL")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Id = Annotated[int, Path(ge=1, le=BIGINT, description="Its number in this warehouse.", examples=[1204])]
ListenerName = Annotated[
    Text, Path(max_length=200, description="The listener's name, in any spelling.", examples=["ada"])
]
RangeText = Annotated[
    Text,
    Query(
        max_length=60,
        description="Local days: `7d`, `4w`, `day`, `week`, `month`, `year`, `all`, `2024`, `2024-05`, `2024-W07`, "
        "`2024-05-03` or `2024-01-03..2024-02-05`.",
        examples=["2024-05"],
    ),
]
By = Annotated[Measure, Query(description="What ranks: `plays`, or `time` listened.")]
ArtistFilter = Annotated[int | None, Query(ge=1, le=BIGINT, description="Only plays of tracks that credit it.")]
AlbumFilter = Annotated[int | None, Query(ge=1, le=BIGINT, description="Only plays from it.")]
GenreFilter = Annotated[Text | None, Query(max_length=200, description="Only plays of artists of this genre.")]
PlatformFilter = Annotated[
    Text | None, Query(max_length=60, description="Only plays on this family of platforms, such as `ios`.")
]
SkippedFilter = Annotated[
    Literal["yes", "no"] | None, Query(description="Only plays under 30 seconds (`yes`), or longer ones (`no`).")
]
Cursor = Annotated[
    Text | None, Query(max_length=600, description="Where the page begins: `page.next` of the one before.")
]
Limit = Annotated[int, Query(ge=1, le=MOST_EACH, description="Rows of a page.", examples=[50])]


RowsFormat = Annotated[
    Literal["json", "csv"] | None,
    Query(alias="format", description="`csv` gives the rows as CSV, as `Accept: text/csv` does."),
]
TracksFormat = Annotated[
    Literal["json", "csv", "uris"] | None,
    Query(description="`csv` gives the rows as CSV, as `Accept: text/csv` does; `uris` gives Spotify's track URIs."),
]
SomeRange = Annotated[
    Text | None,
    Query(max_length=60, description="Compare with this range instead of the period before.", examples=["2023"]),
]


class Asked(NamedTuple):
    """One question, allowed and being answered, over a connection that sees one instant."""

    conn: Connection
    listener: Listener
    parts: frozenset[Part]
    viewer: Viewer
    today: date
    """In the listener's time zone."""
    etag: str
    fresh: Freshness
    range: NamedRange | None
    scope: Scope | None
    asking: AskingListener
    other: Listener | None

    @property
    def days(self) -> NamedRange:
        """The range of a question that has one."""
        assert self.range is not None
        return self.range

    def range_of(self, text: str) -> NamedRange:
        """Another range of the listener's days. Raises InvalidRange."""
        return parse_range(text, self.today, self.listener)

    @property
    def about(self) -> Scope:
        """The scope of a question that has one."""
        assert self.scope is not None
        return self.scope


class _About(NamedTuple):
    """Whom a question is about, and the ETag of its answer."""

    listener: Listener
    parts: frozenset[Part]
    other: Listener | None
    today: date
    etag: str


class AskingListener:
    """A question about a listener."""

    def __init__(self, request: Request, name: ListenerName) -> None:
        self.request = request
        self.name = name

    @property
    def wants_csv(self) -> bool:
        """Whether a list is wanted as CSV; an answer that is no list is JSON in any case."""
        accept = self.request.headers.get("accept", "")
        asked = self.request.query_params.get("format")
        return asked == "csv" or (not asked and "text/csv" in accept and "json" not in accept)

    @property
    def wants_uris(self) -> bool:
        """Whether a list of tracks is wanted as Spotify's addresses of them."""
        return self.request.query_params.get("format") == "uris"

    def _needs(self, part: Part) -> frozenset[Part]:
        return frozenset({part})

    def _range(self, today: date, listener: Listener) -> NamedRange | None:
        return None

    def _scope(self, listener: Listener, days: NamedRange | None) -> Scope | None:
        return None

    @cached_property
    def viewer(self) -> Viewer:
        """Who asks."""
        return viewer_of(self.request)

    @contextmanager
    def about(self, part: Part, other_name: str | None = None) -> Iterator[Asked]:
        """Answer a question inside, about a part of the listener, and of another one.

        Raises NotVisible, InvalidRange and, where the answer is known, Answered.
        """
        context, viewer = context_of(self.request), self.viewer
        if self.request.method == "GET":
            with context.glancing() as conn:
                etag = self._about(conn, part, other_name).etag
            if known := not_modified(self.request, etag) or context.answers.get(etag):
                raise Answered(known)
        with context.reading() as conn:
            found = self._about(conn, part, other_name)
            days = self._range(found.today, found.listener)
            yield Asked(
                conn,
                found.listener,
                found.parts,
                viewer,
                found.today,
                found.etag,
                freshness(conn, found.listener),
                days,
                self._scope(found.listener, days),
                self,
                found.other,
            )

    def _about(self, conn: Connection, part: Part, other_name: str | None) -> _About:
        """Whom the question is about. Raises NotVisible."""
        listener, parts = self._found(conn, self.name, part)
        other = self._found(conn, other_name, part)[0] if other_name is not None else None
        today = datetime.now(UTC).astimezone(listener.timezone).date()
        etag = etag_of(
            *(listener.version, today, context_of(self.request).version, self.viewer.key),
            *(sorted(one.name for one in parts), other.version if other else ""),
            *(self.request.url.path, self.request.url.query, self.wants_csv),
        )
        return _About(listener, parts, other, today, etag)

    def _found(self, conn: Connection, name: str, part: Part) -> tuple[Listener, frozenset[Part]]:
        """A listener and the parts that the viewer may see, if the part is among them. Raises NotVisible."""
        listener, parts = find_shown(conn, self.viewer, name, part)
        if not self._needs(part) <= parts:
            raise NotVisible
        return listener, parts


class AskingRange(AskingListener):
    """A question about a listener's plays of some days, with filters."""

    def __init__(
        self,
        request: Request,
        name: ListenerName,
        range: RangeText = "year",  # noqa: A002
        by: By = Measure.PLAYS,
        artist: ArtistFilter = None,
        album: AlbumFilter = None,
        genre: GenreFilter = None,
        platform: PlatformFilter = None,
        skipped: SkippedFilter = None,
    ) -> None:
        super().__init__(request, name)
        self.by = by
        self.text = range
        is_skip = None if skipped is None else skipped == "yes"
        self.filters = Filters(artist, album, genre or None, platform or None, is_skip)

    def _needs(self, part: Part) -> frozenset[Part]:
        """What is shared does not become more by asking for parts of it; single plays are all there is of them."""
        is_whole = self.filters == NO_FILTERS or part is Part.HISTORY
        return super()._needs(part) | (frozenset() if is_whole else {Part.STATS})

    def _range(self, today: date, listener: Listener) -> NamedRange | None:
        return parse_range(self.text, today, listener)

    def _scope(self, listener: Listener, days: NamedRange | None) -> Scope | None:
        assert days is not None
        return Scope(listener, days.days, self.by, self.filters)


class Paging:
    """Which page of a list."""

    def __init__(self, after: Cursor = None, limit: Limit = EACH, _: RowsFormat = None) -> None:
        self.after = after
        self.limit = limit

    def skipped(self, of: object) -> int:
        """How many rows of a list, which ``of`` tells from others, come before the page. Raises BadCursor."""
        if self.after is None:
            return 0
        [skip] = cursors.decoded(self.after, (int,), of)
        if not 0 <= int(skip) <= MOST_SKIPPED:
            raise BadCursor(BAD_CURSOR.text)
        return int(skip)

    def slice(self, items: int, of: object) -> tuple[int, str | None]:
        """Where the page begins in a list that was read whole, and the cursor of the next one. Raises BadCursor."""
        begins = self.skipped(of)
        ends = begins + self.limit
        return begins, cursors.encoded([ends], of) if ends < items else None


class PagingOfTracks(Paging):
    """Which page of a list of tracks, which can be had as Spotify's addresses."""

    def __init__(self, after: Cursor = None, limit: Limit = EACH, format: TracksFormat = None) -> None:  # noqa: A002
        super().__init__(after, limit)


def at_once(kind: type[T]) -> Callable[..., Awaitable[T]]:
    """A dependency that makes a question from its parameters in the event loop: a class would cost a thread's turn."""

    async def make(**values: Any) -> T:
        return kind(**values)

    make.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
    return make


AboutListener = Annotated[AskingListener, Depends(at_once(AskingListener))]
AboutRange = Annotated[AskingRange, Depends(at_once(AskingRange))]
Page = Annotated[Paging, Depends(at_once(Paging))]
PageOfTracks = Annotated[PagingOfTracks, Depends(at_once(PagingOfTracks))]
