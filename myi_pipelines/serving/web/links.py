"""Addresses of pages. Range, measure and filters go with the reader from page to page; defaults are left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from myi_pipelines.serving.queries.scope import Days

KEPT = ("range", "by", "of", "artist", "album", "genre", "platform", "skipped")
"""Parameters that every page understands."""
DEFAULTS = {"range": "year", "by": "plays", "of": "songs"}


class Links(NamedTuple):
    """Addresses below one listener, with the parameters that a page was asked with."""

    home: str
    """``/u/ada``."""
    kept: tuple[tuple[str, str], ...] = ()
    """What stands in the address now and stays, in the order of ``KEPT``."""

    def to(self, page: str = "", /, **changes: object) -> str:
        """A page of the listener: ``to("history", range="2024-05")``. None removes a parameter."""
        values = dict(self.kept)
        for name, value in changes.items():
            values.pop(name, None)
            if value is not None and DEFAULTS.get(name) != value:
                values[name] = str(value)
        ordered = [(name, values.pop(name)) for name in KEPT if name in values]
        query = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in (*ordered, *values.items())])
        path = f"{self.home}/{page}" if page else self.home
        return f"{path}?{query}" if query else path

    def plays(self, **changes: object) -> str:
        """The plays that make a number."""
        return self.to("history", **changes)

    def day(self, day: date) -> str:
        """The page of a day."""
        return self.to("history", range=day.isoformat())

    def item(self, kind: str, number: int) -> str:
        """The page of a song, track, artist or album."""
        return self.to(f"{kind}/{number}", **{kind: None} if kind in KEPT else {})


@lru_cache(maxsize=8_192)
def _quoted(text: str) -> str:
    """A name or value of a parameter: a page has hundreds of links, of few words."""
    return quote(text, safe=",:")


def links_to(name: str, parameters: Mapping[str, str]) -> Links:
    """Addresses of a listener that keep the parameters of a request."""
    kept = tuple(
        (key, value) for key in KEPT if (value := parameters.get(key, "").strip()) and DEFAULTS.get(key) != value
    )
    return Links(f"/u/{quote(name, safe='')}", kept)


def days_text(days: Days) -> str:
    """A range of days as an address names it."""
    return days.first.isoformat() if days.first == days.last else f"{days.first}..{days.last}"
