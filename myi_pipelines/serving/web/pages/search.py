"""Search: a page with a form, and the same list by itself for the bar, which asks as somebody types."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.search import search, search_shows
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.serving.web.covers import letterform
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.views import NAMES, SHOWS, by_of, cover_of, find_covers, name_of

WHILE_TYPING, ON_THE_PAGE = 8, 50


class Result(NamedTuple):
    name: str
    by: str
    href: str
    cover: Markup
    value: str
    is_round: bool


def show_search(page: Page) -> Response:
    """``/search?q=``; with ``part=list`` the list alone."""
    words = page.query.get("q", "").strip()[:200]
    is_part = page.query.get("part") == "list"
    results = found(page, words, WHILE_TYPING if is_part else ON_THE_PAGE)
    if is_part:
        return page.context.page("search_results.html", results=results)
    return page.render("search.html", "Search", heading="Search", words=words, results=results)


def found(page: Page, words: str, each: int) -> list[Result]:
    """What has all of the words in its name."""
    if not words:
        return []
    formats = page.formats
    items = search(page.conn, page.listener, words, each=each)
    find_covers(page, items)
    results = [
        Result(
            name_of(item),
            ", ".join(filter(None, (NAMES[item.kind], by_of(item)))),
            page.links.item(item.kind.value, item.id),
            cover_of(page, item),
            formats.plays(item.play_count),
            item.kind is Kind.ARTIST,
        )
        for item in items
    ]
    shows = search_shows(page.conn, page.listener, words, each=3 if each < ON_THE_PAGE else each)
    return results + [
        Result(
            show.show,
            SHOWS.get(show.kind, "show"),
            page.links.to(f"show/{show.show_key}"),
            letterform(show.show, "show"),
            formats.plays(show.play_count),
            False,
        )
        for show in shows
    ]
