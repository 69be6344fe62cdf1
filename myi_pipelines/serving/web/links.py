"""Addresses of pages. Range, measure and filters go with the reader from page to page; defaults are left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from myi_pipelines.serving.queries.scope import Days, Listener

FILTERS = ("artist", "album", "genre", "platform", "skipped")
KEPT = ("range", "by", "of", *FILTERS)
"""Parameters that every page understands."""
DEFAULTS = {"by": "plays", "of": "songs"}
THIS_YEAR = "year"


class Links(NamedTuple):
    """Addresses below one listener, with the parameters that a page was asked with."""

    home: str
    """``/u/ada``."""
    kept: tuple[tuple[str, str], ...] = ()
    """What stands in the address now and stays, in the order of ``KEPT``."""
    range: str = THIS_YEAR
    """What an address without a range means."""

    def to(self, page: str = "", /, **changes: object) -> str:
        """A page of the listener: ``to("history", range="2024-05")``. None removes a parameter."""
        values = dict(self.kept)
        for name, value in changes.items():
            values.pop(name, None)
            if value is not None and value != self._default(name):
                values[name] = str(value)
        ordered = [(name, values.pop(name)) for name in KEPT if name in values]
        query = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in (*ordered, *values.items())])
        path = f"{self.home}/{page}" if page else self.home
        return f"{path}?{query}" if query else path

    def _default(self, name: str) -> str | None:
        return self.range if name == "range" else DEFAULTS.get(name)

    def keeping(self, **values: str | None) -> Links:
        """The same addresses with other parameters that stay. None removes one."""
        kept = {**dict(self.kept), **values}
        return self._replace(kept=tuple((name, text) for name in KEPT if (text := kept.get(name)) is not None))

    def unfiltered(self, **values: str) -> Links:
        """The same addresses without filters, but for those that are given."""
        return self.keeping(**{**dict.fromkeys(FILTERS), **values})

    def plays(self, **changes: object) -> str:
        """The plays that make a number."""
        return self.to("history", **changes)

    def day(self, day: date) -> str:
        """The plays of a day."""
        return self.plays(range=day.isoformat())

    def item(self, kind: str, number: int) -> str:
        """The page of a song, track, artist or album."""
        return self.to(f"{kind}/{number}", **{kind: None} if kind in KEPT else {})


@lru_cache(maxsize=8_192)
def _quoted(text: str) -> str:
    """A name or value of a parameter: a page has hundreds of links, of few words."""
    return quote(text, safe=",:")


def links_to(name: str, parameters: Mapping[str, str], usual: str = THIS_YEAR) -> Links:
    """Addresses of a listener that keep the parameters of a request. `usual`: the range of an address without one."""
    links = Links(f"/u/{quote(name, safe='')}", range=usual)
    texts = [(key, parameters.get(key, "").strip()) for key in KEPT]
    return links._replace(kept=tuple((key, text) for key, text in texts if text and text != links._default(key)))


def default_range(listener: Listener, today: date) -> str:
    """This year; of somebody who played nothing in it, the last year with plays."""
    ever = listener.ever
    return THIS_YEAR if ever is None or ever.last.year >= today.year else str(ever.last.year)


def days_text(days: Days) -> str:
    """A range of days as an address names it."""
    return days.first.isoformat() if days.first == days.last else f"{days.first}..{days.last}"
