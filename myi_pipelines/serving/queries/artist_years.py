"""The places of all artists of a listener in each local year, kept in memory as long as no commit changes them.

Finding them reads every month. The page of one artist, that of the next and the trends ask for the same.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from myi_pipelines.serving.queries.periods import years_of_life
from myi_pipelines.serving.queries.scope import Listener, Measure
from myi_pipelines.serving.queries.tops import measured_by
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

MOST_KEPT = 500_000
"""Artists of years that are kept of all listeners, the latest asked for, in 24 bytes each."""


class ArtistYear(NamedTuple):
    """The artists of a local year in the order of their places, with their plays and milliseconds."""

    artists: array[int]
    play_counts: array[int]
    total_ms: array[int]


class ArtistYears(NamedTuple):
    """All artists of a listener, year by year."""

    years: Mapping[int, ArtistYear]
    """Each local year with plays, in order."""
    are_shared: bool
    """Whether any track has several artists."""


_Key = tuple[str, int, str, int, int, Measure]
"""The database, the listener, the version of what is known of them, and what ranks."""

_kept: OrderedDict[_Key, ArtistYears] = OrderedDict()
_lock = Lock()


def artist_years(conn: Connection, listener: Listener, measure: Measure) -> ArtistYears:
    """What was played of each artist in each local year. ``listener`` is as the connection's transaction sees it."""
    server = conn.info
    key = (server.host, server.port, server.dbname, listener.id, listener.version, measure)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    asked = {"user_id": listener.id, "years": years_of_life(listener)}
    query = statement("queries/artist_years").format(**measured_by(measure))
    rows = conn.execute(query, asked, binary=True).fetchall()
    years = {
        year: ArtistYear(array("q", artists), array("q", play_counts), array("q", total_ms))
        for year, artists, play_counts, total_ms, _ in rows
    }
    found = ArtistYears(years, are_shared=any(row[-1] for row in rows))
    with _lock:
        _kept[key] = found
        while len(_kept) > 1 and sum(map(_size, _kept.values())) > MOST_KEPT:
            _kept.popitem(last=False)
    return found


def _size(found: ArtistYears) -> int:
    return sum(len(year.artists) for year in found.years.values())
